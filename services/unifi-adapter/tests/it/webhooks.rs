//! A console reports to us by one webhook, whatever becomes of answers.

use axum::http::Method;
use chrono::Duration;
use door_adapter::DoorProvider as _;
use door_adapter::conformance::{ControlWorld as _, World as _};
use sandbox::{Action, Fault, Vendor};
use serde_json::json;
use unifi_adapter::{UnifiProvider, Webhooks};

use crate::conformance::{UnifiWorld, keys};

const HERE: &str = "https://here.example";

fn provider(world: &UnifiWorld, public_url: &str) -> UnifiProvider {
    world.provider().with_webhooks(Webhooks::at(public_url, keys()))
}

fn endpoint(world: &UnifiWorld, public_url: &str) -> String {
    format!("{public_url}/webhooks/unifi/{}/{}", world.integration.workspace, world.integration.id)
}

#[tokio::test]
async fn a_console_is_told_once_where_to_report_and_again_if_that_was_changed() {
    let world = UnifiWorld::new().await;
    let (here, account) = (provider(&world, "https://here.example/"), world.account());
    let lost = Fault::on(Vendor::Unifi, Action::DropAfterEffect).request("POST", "/endpoints$").times(1);
    world.console.sandbox.faults().add(lost).unwrap();
    for _ in 0..2 {
        here.tend(&account).await.unwrap();
        assert_eq!(world.console.twin().webhooks(), [endpoint(&world, HERE)], "no second one");
    }
    let calls = world.calls();
    here.tend(&account).await.unwrap();
    assert_eq!(world.calls(), calls, "looked for an hour ago at the earliest");

    // Someone took it away.
    let listed = world.console.operate(Method::GET, "/webhooks/endpoints", json!({})).await;
    let path = format!("/webhooks/endpoints/{}", listed[0]["id"].as_str().unwrap());
    world.console.operate(Method::DELETE, &path, json!({})).await;
    world.advance(Duration::hours(1));
    here.tend(&account).await.unwrap();
    assert_eq!(world.console.twin().webhooks(), [endpoint(&world, HERE)]);
    // The gateway has moved.
    provider(&world, "https://there.example").tend(&account).await.unwrap();
    assert_eq!(world.console.twin().webhooks(), [endpoint(&world, "https://there.example")]);
    world.finish().await;
}

#[tokio::test]
async fn a_console_that_can_t_report_is_read_all_the_same() {
    let world = UnifiWorld::new().await;
    let (here, account) = (provider(&world, HERE), world.account());
    world.console.twin().switch(|switches| switches.version = "2.2.6".to_owned());
    here.tend(&account).await.unwrap();
    let calls = world.calls();
    here.tend(&account).await.unwrap();
    assert_eq!(world.calls(), calls, "it is not asked over and over");
    world.console.twin().switch(|switches| switches.version = "4.2.16".to_owned());
    world.advance(Duration::hours(1));
    world.console.permit(&["view:webhook"]);
    here.tend(&account).await.unwrap();
    assert_eq!(world.console.twin().webhooks(), [""; 0]);
    world.console.permit(&["view:webhook", "edit:webhook"]);
    world.advance(Duration::hours(1));
    here.tend(&account).await.unwrap();
    assert_eq!(world.console.twin().webhooks(), [endpoint(&world, HERE)]);
    // Without an address nothing is asked.
    let calls = world.calls();
    provider(&world, " ").tend(&account).await.unwrap();
    assert_eq!(world.calls(), calls);
    world.finish().await;
}
