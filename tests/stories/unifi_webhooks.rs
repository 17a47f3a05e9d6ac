//! A console reports by webhooks, which get lost, come twice, late and forged.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::access::v1 as pb;
use proto::workspace::v1 as workspace_pb;
use sandbox::unifi::WebhookFlaw;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{CONSOLE_DOOR as DOOR, Door};
use stories::play::World;
use stories::stage::Setting;
use testkit::eventually;

use crate::unifi::{build, told_pin};

const LIMIT: Duration = Duration::from_secs(120);

/// The console's ids of the events in the log, each as often as it stands there.
async fn logged(client: &Client, world: &World) -> Vec<String> {
    let request = pb::ListAccessLogRequest { parent: world.workspace.clone(), ..Default::default() };
    let page =
        insist(&client.access_log, request, |mut c, r| async move { c.list_access_log(r).await }).await;
    page.entries.into_iter().map(|entry| entry.event_ref).collect()
}

/// Waits until all that has happened at the console is in the log, once.
async fn all_is_logged(stage: &Stage, client: &Client, world: &World) {
    eventually("all is in the log", LIMIT, async || {
        let wanted: BTreeSet<String> =
            stage.sandbox.unifi().logs().into_iter().map(|entry| entry.id).collect();
        let mut found = logged(client, world).await;
        found.sort();
        if found == Vec::from_iter(wanted.clone()) { Ok(()) } else { Err(format!("{found:?} of {wanted:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_logged_as_it_is_reported_once_whatever_becomes_of_reports() {
    // By themselves, logs are read once an hour.
    let environment = vec![("LATCHKEY_LOG__EVERY_SECONDS", "3600".to_owned())];
    let mut stage = Stage::set(Setting { environment, ..Setting::default() }).await;
    let (world, _) = build(&stage, 1, 1).await;
    let (client, console) = (stage.client(), stage.sandbox.unifi().clone());
    eventually("the console was told where to report", LIMIT, async || {
        let told = console.webhooks();
        if told.len() == 1 && told[0].starts_with(&stage.gateway()) {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    })
    .await;
    let name = world.create(&client, 0, 0, Door::window(600, 3_000), "now").await;
    let request = workspace_pb::ConfirmBookingRequest { name, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    let pin = told_pin(&stage, &world.people[0].1).await;
    let enter = |flaw| {
        console.switch(|switches| switches.webhook_flaw = flaw);
        assert!(console.present_pin(DOOR, &pin));
    };

    enter(WebhookFlaw::None);
    all_is_logged(&stage, &client, &world).await;
    enter(WebhookFlaw::Doubled);
    all_is_logged(&stage, &client, &world).await;
    enter(WebhookFlaw::Reordered);
    enter(WebhookFlaw::Reordered);
    all_is_logged(&stage, &client, &world).await;

    // Forged ones and old ones are refused, and lost ones never come; the next good one brings all of that.
    let before = logged(&client, &world).await;
    let refused = stage.sandbox.deliveries().counts().failed;
    enter(WebhookFlaw::Dropped);
    enter(WebhookFlaw::WrongSignature);
    enter(WebhookFlaw::OldTimestamp);
    eventually("both are refused", LIMIT, async || {
        let failed = stage.sandbox.deliveries().counts().failed - refused;
        if failed == 2 { Ok(()) } else { Err(failed) }
    })
    .await;
    assert_eq!(logged(&client, &world).await, before, "nothing is read because of them");
    enter(WebhookFlaw::None);
    all_is_logged(&stage, &client, &world).await;
    stage.settle(LIMIT).await;
}
