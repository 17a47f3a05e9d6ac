//! What pages do with a publishable key.

use http::{Method, StatusCode};
use serde_json::json;

use super::shop::{PUBLISHABLE, SECRET, Shop, text};

const CARD: &str =
    "type=card&card[number]=4242 4242 4242 4242&card[exp_month]=8&card[exp_year]=2031&card[cvc]=314";

#[tokio::test]
async fn numbers_of_cards_are_taken_from_pages_alone() {
    let shop = Shop::open().await;
    let refused = shop.post("/payment_methods", CARD).await;
    assert_eq!(refused.json()["error"]["param"], "card[number]");
    let made = shop.call(PUBLISHABLE, Method::POST, "/payment_methods", CARD, None).await.json();
    assert_eq!((&made["card"]["last4"], &made["card"]["exp_year"]), (&json!("4242"), &json!(2031)));
    for (method, path) in [(Method::POST, "/customers"), (Method::GET, "/payment_intents")] {
        let refused = shop.call(PUBLISHABLE, method, path, "", None).await;
        assert_eq!(refused.json()["error"]["code"], "secret_key_required");
    }
}

#[tokio::test]
async fn a_page_confirms_an_intent_whose_secret_it_knows() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let intent =
        shop.made("/setup_intents", &format!("customer={customer}&payment_method_types[]=card")).await;
    let path = format!("/setup_intents/{}/confirm", text(&intent["id"]));
    let data = "payment_method_data[type]=card&payment_method_data[card][number]=4242424242424242";
    for secret in ["", "&client_secret=seti_another"] {
        let refused = shop.call(PUBLISHABLE, Method::POST, &path, &format!("{data}{secret}"), None).await;
        assert_eq!(refused.json()["error"]["param"], "client_secret");
    }
    let form = format!("{data}&client_secret={}", text(&intent["client_secret"]));
    let saved = shop.call(PUBLISHABLE, Method::POST, &path, &form, None).await.json();
    assert_eq!(saved["status"], "succeeded");
    let methods = shop.get(&format!("/customers/{customer}/payment_methods"), "type=card").await;
    assert_eq!(methods["data"][0]["id"], saved["payment_method"]);
}

#[tokio::test]
async fn the_banks_page_sends_back_to_the_shop() {
    let shop = Shop::open().await;
    let form = "amount=500&currency=usd&payment_method=pm_card_authenticationRequired&confirm=true\
                &return_url=https://shop.example/back?order%3D7";
    let intent = shop.made("/payment_intents", form).await;
    let page = text(&intent["next_action"]["redirect_to_url"]["url"]);
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let shown = http.get(&page).send().await.unwrap();
    assert!(shown.text().await.unwrap().contains("Complete authentication"));
    let press = async || {
        let request = http.post(&page).header("content-type", "application/x-www-form-urlencoded");
        request.body("answer=complete").send().await.unwrap()
    };
    let back = press().await;
    assert_eq!(back.status(), StatusCode::SEE_OTHER);
    let location = back.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("https://shop.example/back?order=7&payment_intent=pi_"), "{location}");
    assert!(location.ends_with("redirect_status=succeeded"), "{location}");
    let path = format!("/payment_intents/{}", text(&intent["id"]));
    assert_eq!(shop.call(SECRET, Method::GET, &path, "", None).await.json()["status"], "succeeded");
    assert_eq!(press().await.status(), StatusCode::CONFLICT);
    let wrong = page.replace("client_secret=", "client_secret=x");
    assert_eq!(http.get(wrong).send().await.unwrap().status(), StatusCode::NOT_FOUND);
}
