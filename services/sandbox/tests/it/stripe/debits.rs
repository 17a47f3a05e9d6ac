//! Bank accounts: days on their way, verified by small deposits, returned.

use serde_json::json;

use super::shop::{Shop, text};

const DAYS: i64 = 24 * 3_600;
const MANDATE: &str = "mandate_data[customer_acceptance][type]=offline";

/// A customer with a saved account; the ids of both.
async fn saved(shop: &Shop, test_id: &str) -> (String, String) {
    let customer = shop.customer().await;
    let form = format!(
        "customer={customer}&payment_method={test_id}&payment_method_types[]=us_bank_account&confirm=true&{MANDATE}"
    );
    let intent = shop.made("/setup_intents", &form).await;
    assert_eq!(intent["status"], "succeeded");
    let mandate = shop.get(&format!("/mandates/{}", text(&intent["mandate"])), "").await;
    assert_eq!(mandate["status"], "active");
    (customer, text(&intent["payment_method"]))
}

#[tokio::test]
async fn a_debit_is_on_its_way_for_days() {
    let shop = Shop::open().await;
    let (customer, account) = saved(&shop, "pm_usBankAccount_success").await;
    let intent = shop.charge((&customer, &account), 5_000).await.json();
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("processing"), &json!(0)));
    let path = format!("/payment_intents/{}", text(&intent["id"]));
    shop.pass(3 * DAYS - 1);
    assert_eq!(shop.get(&path, "").await["status"], "processing");
    shop.pass(1);
    assert_eq!(shop.get(&path, "").await["status"], "succeeded");
    let told = shop.told().await;
    let of_charge: Vec<&str> =
        told.iter().map(String::as_str).filter(|kind| kind.starts_with("charge.")).collect();
    assert_eq!(of_charge, ["charge.pending", "charge.succeeded"]);
    assert!(told.contains(&"payment_intent.processing".to_owned()));
}

#[tokio::test]
async fn a_debit_that_is_returned_leaves_the_intent_without_a_method() {
    let shop = Shop::open().await;
    for (account, code, is_blocked) in [
        ("pm_usBankAccount_insufficientFunds", "insufficient_funds", false),
        ("pm_usBankAccount_accountClosed", "account_closed", true),
        ("pm_usBankAccount_debitNotAuthorized", "debit_not_authorized", true),
    ] {
        let (customer, account) = saved(&shop, account).await;
        let intent = shop.charge((&customer, &account), 5_000).await.json();
        shop.pass(3 * DAYS);
        let intent =
            shop.get(&format!("/payment_intents/{}", text(&intent["id"])), "expand[]=latest_charge").await;
        assert_eq!(intent["status"], "requires_payment_method");
        assert_eq!(intent["latest_charge"]["failure_code"], code);
        assert_eq!(intent["last_payment_error"]["decline_code"], code);
        let method = shop.get(&format!("/payment_methods/{account}"), "").await;
        assert_eq!(method["us_bank_account"]["status_details"].is_object(), is_blocked, "{code}");
    }
    assert!(shop.told().await.contains(&"mandate.updated".to_owned()));
}

#[tokio::test]
async fn a_paid_debit_can_come_back_as_a_lost_dispute() {
    let shop = Shop::open().await;
    let (customer, account) = saved(&shop, "pm_usBankAccount_dispute").await;
    let intent = text(&shop.charge((&customer, &account), 5_000).await.json()["id"]);
    shop.pass(3 * DAYS);
    assert_eq!(shop.get(&format!("/payment_intents/{intent}"), "").await["status"], "succeeded");
    let disputes = shop.get("/disputes", &format!("payment_intent={intent}")).await;
    assert_eq!(disputes["data"][0]["status"], "lost");
    assert_eq!(shop.get("/charges", &format!("payment_intent={intent}")).await["data"][0]["disputed"], true);
}

#[tokio::test]
async fn a_debit_wants_a_mandate_and_dollars() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let refused = shop.charge((&customer, "pm_usBankAccount_success"), 5_000).await;
    assert_eq!(refused.json()["error"]["code"], "payment_intent_mandate_invalid");
    let form = format!(
        "amount=5000&currency=eur&customer={customer}&payment_method=pm_usBankAccount_success&confirm=true&{MANDATE}"
    );
    assert_eq!(shop.post("/payment_intents", &form).await.json()["error"]["param"], "payment_method");
}

#[tokio::test]
async fn an_account_that_was_typed_is_verified_by_two_small_deposits() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let form = format!(
        "customer={customer}&payment_method_types[]=us_bank_account&confirm=true&{MANDATE}\
         &payment_method_data[type]=us_bank_account&payment_method_data[billing_details][name]=Ana\
         &payment_method_data[us_bank_account][account_number]=000123456789\
         &payment_method_data[us_bank_account][routing_number]=110000000"
    );
    let intent = shop.made("/setup_intents", &form).await;
    assert_eq!(intent["next_action"]["type"], "verify_with_microdeposits");
    let path = format!("/setup_intents/{}/verify_microdeposits", text(&intent["id"]));
    for (amounts, reason) in [
        ("1&amounts[]=2", "amounts_mismatch"),
        ("10&amounts[]=11", "attempts_exceeded"),
        ("40&amounts[]=41", "timeout"),
    ] {
        let refused = shop.post(&path, &format!("amounts[]={amounts}")).await;
        let code = text(&refused.json()["error"]["code"]);
        assert!(code.ends_with(reason), "{code}");
    }
    assert_eq!(shop.made(&path, "amounts[]=32&amounts[]=45").await["status"], "succeeded");
    let account = text(&intent["payment_method"]);
    assert_eq!(shop.charge((&customer, &account), 500).await.json()["status"], "processing");
    let named = form.replace("[name]=Ana", "[email]=a@example.com");
    assert_eq!(shop.post("/setup_intents", &named).await.json()["error"]["code"], "parameter_missing");
}

#[tokio::test]
async fn a_debit_can_be_taken_back_for_a_short_while() {
    let shop = Shop::open().await;
    let (customer, account) = saved(&shop, "pm_usBankAccount_processing").await;
    let early = text(&shop.charge((&customer, &account), 500).await.json()["id"]);
    let late = text(&shop.charge((&customer, &account), 500).await.json()["id"]);
    assert_eq!(shop.made(&format!("/payment_intents/{early}/cancel"), "").await["status"], "canceled");
    shop.pass(30 * DAYS);
    assert_eq!(shop.post(&format!("/payment_intents/{late}/cancel"), "").await.status, 400);
    assert_eq!(shop.get(&format!("/payment_intents/{late}"), "").await["status"], "processing");
}

#[tokio::test]
async fn a_refund_of_a_debit_is_pending_first() {
    let shop = Shop::open().await;
    let (customer, account) = saved(&shop, "pm_usBankAccount_success").await;
    let intent = text(&shop.charge((&customer, &account), 5_000).await.json()["id"]);
    let early = shop.post("/refunds", &format!("payment_intent={intent}")).await;
    assert_eq!(early.json()["error"]["code"], "charge_not_refundable");
    shop.pass(3 * DAYS);
    let refund = shop.made("/refunds", &format!("payment_intent={intent}")).await;
    assert_eq!(refund["status"], "pending");
    shop.pass(DAYS);
    assert_eq!(shop.get(&format!("/refunds/{}", text(&refund["id"])), "").await["status"], "succeeded");
}
