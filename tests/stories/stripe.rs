//! The twin of Stripe, as Stripe's own library and tool see it.

use std::sync::Arc;
use std::time::Duration;

use domain::SystemClock;
use sandbox::Sandbox;
use sandbox::stripe::{Account, Key};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
/// As long as the tool wants keys to be.
const SECRET: &str = "sk_test_0123456789abcdef0123456789abcdef";
/// For a script.
const LIMIT: Duration = Duration::from_secs(180);

/// What a script prints that has the twin for itself.
async fn script(name: &str) -> Value {
    chassis::install_crypto();
    let mut config = sandbox::Config::default();
    let keys = [(SECRET.to_owned(), Key::default())].into();
    config.stripe.accounts = vec![Account { id: "acct_library".to_owned(), keys, ..Default::default() }];
    let sandbox = Sandbox::new(config, Arc::new(SystemClock));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let output = async {
        let output = Command::new("node")
            .arg(name)
            .current_dir(WEB)
            .env("STRIPE", format!("http://{address}/stripe"))
            .env("SECRET_KEY", SECRET)
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(LIMIT, output).await;
        shutdown.cancel();
        output.expect("it came to an end").expect("node is there")
    };
    let (served, output) = tokio::join!(sandbox.serve(listener, shutdown.clone()), output);
    served.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_library_of_stripe_takes_the_twin_for_stripe() {
    assert_eq!(
        script("stripe.mjs").await,
        json!({
            "paid": "succeeded",
            "charge": "succeeded",
            "isSame": true,
            "refunded": 99,
            "declined": ["StripeCardError", "insufficient_funds", "requires_payment_method"],
            "debit": "processing",
            "customers": 5,
            "verified": ["payment_intent.succeeded", "refund.created"],
        })
    );
}

#[tokio::test]
async fn the_tool_of_stripe_triggers_events_of_the_twin() {
    let triggered = script("stripe-cli.mjs").await;
    let failed: Vec<_> = triggered.as_object().unwrap().iter().filter(|(_, came)| **came != "told").collect();
    assert_eq!(failed, []);
}
