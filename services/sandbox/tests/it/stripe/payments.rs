//! Cards: paid, declined, authenticated, refunded, disputed.

use http::Method;
use serde_json::json;

use super::shop::{LIVE, RESTRICTED, SECRET, Shop, text};

#[tokio::test]
async fn a_saved_card_is_charged_when_its_holder_is_not_there() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_visa").await;
    let intent = shop.charge((&customer, &card), 1_099).await.json();
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("succeeded"), &json!(1_099)));
    let charge = shop.get(&format!("/charges/{}", text(&intent["latest_charge"])), "").await;
    assert_eq!(
        (&charge["status"], &charge["paid"], &charge["customer"]),
        (&json!("succeeded"), &json!(true), &json!(customer))
    );
    assert_eq!(
        shop.told().await,
        [
            "customer.created",
            "payment_method.attached",
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded"
        ]
    );
}

#[tokio::test]
async fn a_decline_says_why_and_has_made_an_intent() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    for (card, code, decline_code) in [
        ("pm_card_chargeDeclined", "card_declined", json!("generic_decline")),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", json!("insufficient_funds")),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", json!(null)),
    ] {
        let answer = shop.charge((&customer, card), 500).await;
        assert_eq!(answer.status, 402);
        let error = &answer.json()["error"];
        assert_eq!((&error["type"], &error["code"]), (&json!("card_error"), &json!(code)));
        assert_eq!(error["decline_code"], decline_code);
        let intent = &error["payment_intent"];
        assert_eq!(intent["status"], "requires_payment_method");
        let known = shop.get(&format!("/payment_intents/{}", text(&intent["id"])), "").await;
        assert_eq!(known["last_payment_error"]["code"], code);
        let charge = shop.get(&format!("/charges/{}", text(&error["charge"])), "").await;
        assert_eq!((&charge["status"], &charge["failure_code"]), (&json!("failed"), &json!(code)));
    }
}

#[tokio::test]
async fn a_card_that_is_declined_is_not_saved_but_one_that_fails_later_is() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let declined =
        shop.post("/payment_methods/pm_card_chargeDeclined/attach", &format!("customer={customer}")).await;
    assert_eq!(declined.status, 402);
    let (customer, card) = shop.saved("pm_card_chargeCustomerFail").await;
    assert_eq!(shop.charge((&customer, &card), 500).await.status, 402);
}

#[tokio::test]
async fn authentication_is_asked_for_until_the_card_was_set_up() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_authenticationRequiredOnSetup").await;
    let refused = shop.charge((&customer, &card), 500).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]["code"]),
        (402, &json!("authentication_required"))
    );

    let form = format!(
        "customer={customer}&payment_method={card}&confirm=true&return_url=https://shop.example/back"
    );
    let intent = shop.made("/setup_intents", &form).await;
    assert_eq!(intent["status"], "requires_action");
    assert_eq!(intent["next_action"]["type"], "redirect_to_url");
    assert!(shop.running.sandbox.stripe().authenticate(&text(&intent["id"]), true));
    assert!(!shop.running.sandbox.stripe().authenticate(&text(&intent["id"]), true));
    let paid = shop.charge((&customer, &card), 500).await.json();
    assert_eq!(paid["status"], "succeeded");
}

#[tokio::test]
async fn a_holder_who_is_there_authenticates_and_pays_or_does_not() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_authenticationRequired").await;
    let form = format!("amount=500&currency=usd&customer={customer}&payment_method={card}&confirm=true");
    for (has_succeeded, status) in [(true, "succeeded"), (false, "requires_payment_method")] {
        let intent = shop.made("/payment_intents", &form).await;
        assert_eq!(
            (&intent["status"], &intent["next_action"]["type"]),
            (&json!("requires_action"), &json!("use_stripe_sdk"))
        );
        shop.running.sandbox.stripe().authenticate(&text(&intent["id"]), has_succeeded);
        let intent = shop.get(&format!("/payment_intents/{}", text(&intent["id"])), "").await;
        assert_eq!(intent["status"], status);
    }
    let refused = shop.post("/payment_intents", &format!("{form}&error_on_requires_action=true")).await;
    assert_eq!(refused.json()["error"]["code"], "authentication_required");
}

#[tokio::test]
async fn no_more_is_refunded_than_was_paid() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_visa").await;
    let intent = text(&shop.charge((&customer, &card), 1_000).await.json()["id"]);
    let refund =
        async |amount: i64| shop.post("/refunds", &format!("payment_intent={intent}&amount={amount}")).await;
    assert_eq!(refund(400).await.json()["status"], "succeeded");
    let too_much = refund(601).await;
    assert_eq!((too_much.status.as_u16(), &too_much.json()["error"]["param"]), (400, &json!("amount")));
    assert_eq!(shop.made("/refunds", &format!("payment_intent={intent}")).await["amount"], 600);
    let again = refund(1).await;
    assert_eq!(again.json()["error"]["code"], "charge_already_refunded");
    let charges = shop.get("/charges", &format!("payment_intent={intent}")).await;
    let charge = &charges["data"][0];
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(1_000), &json!(true)));
}

#[tokio::test]
async fn a_refund_can_fail_after_it_succeeded() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_refundFail").await;
    let intent = text(&shop.charge((&customer, &card), 1_000).await.json()["id"]);
    let refund = shop.made("/refunds", &format!("payment_intent={intent}")).await;
    assert_eq!(refund["status"], "succeeded");
    shop.pass(24 * 3_600);
    let refund = shop.get(&format!("/refunds/{}", text(&refund["id"])), "").await;
    assert_eq!(
        (&refund["status"], &refund["failure_reason"]),
        (&json!("failed"), &json!("expired_or_canceled_card"))
    );
    assert!(shop.told().await.contains(&"refund.failed".to_owned()));
    assert_eq!(
        shop.get("/charges", &format!("payment_intent={intent}")).await["data"][0]["amount_refunded"],
        0
    );
}

#[tokio::test]
async fn a_dispute_takes_the_money_until_it_is_won() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_createDispute").await;
    let intent = text(&shop.charge((&customer, &card), 1_000).await.json()["id"]);
    let disputes = shop.get("/disputes", &format!("payment_intent={intent}")).await;
    let dispute = &disputes["data"][0];
    assert_eq!((&dispute["status"], &dispute["reason"]), (&json!("needs_response"), &json!("fraudulent")));
    let refund = shop.post("/refunds", &format!("payment_intent={intent}")).await;
    assert_eq!(refund.json()["error"]["code"], "charge_disputed");
    let path = format!("/disputes/{}", text(&dispute["id"]));
    let won = shop.made(&path, "evidence[uncategorized_text]=winning_evidence&submit=true").await;
    assert_eq!(won["status"], "won");
    assert_eq!(shop.made("/refunds", &format!("payment_intent={intent}")).await["status"], "succeeded");
    assert_eq!(shop.post(&format!("{path}/close"), "").await.status, 400);
    let told = shop.told().await;
    for kind in ["created", "funds_withdrawn", "updated", "funds_reinstated", "closed"] {
        assert!(told.contains(&format!("charge.dispute.{kind}")), "{kind}: {told:?}");
    }
}

#[tokio::test]
async fn amounts_and_currencies_are_checked_before_anything_is_made() {
    let shop = Shop::open().await;
    for (form, param, code) in [
        ("currency=usd", "amount", json!("parameter_missing")),
        ("amount=500", "currency", json!("parameter_missing")),
        ("amount=-1&currency=usd", "amount", json!("parameter_invalid_integer")),
        ("amount=10.5&currency=usd", "amount", json!(null)),
        ("amount=49&currency=usd", "amount", json!("amount_too_small")),
        ("amount=100000000&currency=usd", "amount", json!("amount_too_large")),
        ("amount=5001&currency=kwd", "amount", json!("parameter_invalid_integer")),
        ("amount=500&currency=dollars", "currency", json!(null)),
        (
            "amount=500&currency=eur&payment_method_types[]=us_bank_account",
            "payment_method_types",
            json!(null),
        ),
        ("amount=500&currency=usd&tip=5", "tip", json!("parameter_unknown")),
        ("amount=500&currency=usd&off_session=true", "off_session", json!(null)),
    ] {
        let refused = shop.post("/payment_intents", form).await;
        assert_eq!(refused.status, 400, "{form}");
        let error = &refused.json()["error"];
        assert_eq!((&error["param"], &error["code"]), (&json!(param), &code), "{form}");
    }
    assert_eq!(shop.get("/payment_intents", "").await["data"], json!([]));
}

#[tokio::test]
async fn a_payment_method_is_one_customers_and_none_once_it_was_taken_away() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_visa").await;
    let another = shop.customer().await;
    let foreign = shop.charge((&another, &card), 500).await;
    assert_eq!(foreign.json()["error"]["code"], "payment_method_unexpected_state");
    shop.made(&format!("/customers/{customer}"), &format!("invoice_settings[default_payment_method]={card}"))
        .await;
    shop.made(&format!("/payment_methods/{card}/detach"), "").await;
    let shown = shop.get(&format!("/customers/{customer}"), "").await;
    assert_eq!(shown["invoice_settings"]["default_payment_method"], json!(null));
    let spent = shop.post(&format!("/payment_methods/{card}/attach"), &format!("customer={customer}")).await;
    assert_eq!(spent.status, 400);
    assert_eq!(shop.charge((&customer, &card), 500).await.status, 400);
}

#[tokio::test]
async fn what_is_paid_is_not_cancelled_and_what_is_cancelled_not_paid() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_visa").await;
    let paid = text(&shop.charge((&customer, &card), 500).await.json()["id"]);
    let refused = shop.post(&format!("/payment_intents/{paid}/cancel"), "").await;
    assert_eq!(refused.json()["error"]["code"], "payment_intent_unexpected_state");
    assert_eq!(refused.json()["error"]["payment_intent"]["id"], paid);
    let form = format!("amount=500&currency=usd&customer={customer}&payment_method={card}");
    let open = text(&shop.made("/payment_intents", &form).await["id"]);
    let cancelled =
        shop.made(&format!("/payment_intents/{open}/cancel"), "cancellation_reason=abandoned").await;
    assert_eq!(cancelled["status"], "canceled");
    assert_eq!(shop.post(&format!("/payment_intents/{open}/confirm"), "").await.status, 400);
}

#[tokio::test]
async fn test_and_live_and_accounts_never_meet() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let live = shop.call(LIVE, Method::GET, &format!("/customers/{customer}"), "", None).await;
    assert_eq!((live.status.as_u16(), &live.json()["error"]["code"]), (404, &json!("resource_missing")));
    let form = "amount=500&currency=usd&payment_method=pm_card_visa&confirm=true";
    assert_eq!(shop.call(LIVE, Method::POST, "/payment_intents", form, None).await.status, 404);
    let balance = shop.call(LIVE, Method::GET, "/balance", "", None).await;
    assert_eq!(balance.json()["livemode"], true);
}

#[tokio::test]
async fn whoever_may_write_may_read() {
    let shop = Shop::open().await;
    let key = format!("/_control/stripe/accounts/{}/keys/{RESTRICTED}", super::shop::ACCOUNT);
    let give = async |permission: &str| {
        shop.running.client().put(&key, json!({ "permissions": [permission] })).await;
    };
    let read = async || shop.call(RESTRICTED, Method::GET, "/customers", "", None).await.status.as_u16();
    let write = async || shop.call(RESTRICTED, Method::POST, "/customers", "", None).await;
    assert_eq!(read().await, 403);
    give("rak_customer_read").await;
    assert_eq!(read().await, 200);
    let refused = write().await;
    assert!(refused.text.contains("'rak_customer_write' permission"), "{}", refused.text);
    give("rak_customer_write").await;
    assert_eq!((read().await, write().await.status.as_u16()), (200, 200));
}

#[tokio::test]
async fn lists_come_page_by_page_newest_first() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, shop.customer().await);
        shop.pass(60);
    }
    let page = async |query: &str| {
        let list = shop.get("/customers", query).await;
        let ids: Vec<String> = list["data"].as_array().unwrap().iter().map(|row| text(&row["id"])).collect();
        (ids, list["has_more"].as_bool().unwrap())
    };
    assert_eq!(page("limit=2").await, (ids[..2].to_vec(), true));
    assert_eq!(page(&format!("limit=2&starting_after={}", ids[1])).await, (ids[2..4].to_vec(), true));
    assert_eq!(page(&format!("limit=2&starting_after={}", ids[3])).await, (ids[4..].to_vec(), false));
    assert_eq!(page(&format!("limit=2&ending_before={}", ids[4])).await, (ids[2..4].to_vec(), true));
    let created = shop.get(&format!("/customers/{}", ids[2]), "").await["created"].as_i64().unwrap();
    assert_eq!(page(&format!("created[gte]={created}")).await, (ids[..3].to_vec(), false));
    let wrong = shop.call(SECRET, Method::GET, "/customers", "limit=0", None).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn ids_are_expanded_along_their_paths() {
    let shop = Shop::open().await;
    let (customer, card) = shop.saved("pm_card_visa").await;
    let intent = text(&shop.charge((&customer, &card), 500).await.json()["id"]);
    let query = "expand[]=latest_charge&expand[]=customer&expand[]=latest_charge.payment_method";
    let shown = shop.get(&format!("/payment_intents/{intent}"), query).await;
    assert_eq!(shown["customer"]["id"], customer);
    assert_eq!(shown["latest_charge"]["payment_method"]["card"]["last4"], "4242");
    let list = shop.get("/payment_intents", "expand[]=data.latest_charge").await;
    assert_eq!(list["data"][0]["latest_charge"]["amount"], 500);
    let wrong = shop
        .call(SECRET, Method::GET, &format!("/payment_intents/{intent}"), "expand[]=amount.x", None)
        .await;
    assert_eq!(wrong.status, 400);
}
