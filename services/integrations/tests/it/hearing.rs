//! What adapters find out by themselves.

use std::time::Duration;

use chrono::SecondsFormat;
use domain::{Clock as _, IntegrationId, Timestamp, WorkspaceId};
use proto::integrations::v1::IntegrationStatus::{Connected, Failing, NotConnected};
use serde_json::json;

use crate::adapter::GOOD_KEY;
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(10);

impl World {
    /// Says as an adapter would, as of `time`, that the provider takes or refuses the key.
    async fn say(&self, name: &str, is_accepted: bool, time: Timestamp) {
        let bus = self.harness.bus().await;
        let subject =
            bus.root().subject(&format!("event.access.provider_connection_changed.{}", self.workspace));
        let body = json!({
            "provider": "kisi",
            "integration": name,
            "isAccepted": is_accepted,
            "reason": if is_accepted { "" } else { "the key was revoked" },
        });
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("ce-time", time.to_rfc3339_opts(SecondsFormat::Micros, true).as_str());
        headers.insert("ce-id", domain::EventId::new().to_string().as_str());
        let body = body.to_string().into_bytes().into();
        bus.jetstream().publish_with_headers(subject, headers, body).await.unwrap().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_revoked_shows_at_once_and_is_told_once() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    let now = world.harness.clock.now();
    world.say(&name, false, now).await;
    world.say(&name, false, now).await;
    let refused = world.until("it is failing", |i| i.status() == Failing).await;
    assert_eq!(refused.status_reason, "the key was revoked");
    assert_eq!(refused.account.unwrap().display_name, "Acme Coworking");
    assert!(refused.is_active, "what was granted before stays wanted");
    world.say(&name, true, now + chrono::Duration::seconds(1)).await;
    world.until("it is connected", |i| i.status() == Connected).await;
    let told = ["NOT_CONNECTED", "CONNECTED", "FAILING", "CONNECTED"].map(str::to_owned);
    assert_eq!(world.facts(4).await, told.into_iter().zip(1..).collect::<Vec<_>>());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_that_is_older_than_the_last_check_changes_nothing() {
    let mut world = World::new().await;
    let before = world.harness.clock.now();
    world.harness.clock.advance(chrono::Duration::minutes(1));
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    // About the key before.
    world.say(&name, false, before).await;
    world.harness.books().balance(0, LIMIT).await;
    assert_eq!(world.list().await[0].status(), Connected);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_about_a_disconnected_integration_changes_nothing() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    world.disconnect(&name).await.unwrap();
    world.say(&name, true, world.harness.clock.now()).await;
    world.harness.books().balance(0, LIMIT).await;
    assert_eq!(world.list().await[0].status(), NotConnected);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_about_nothing_is_a_dead_letter() {
    let world = World::new().await;
    let now = world.harness.clock.now();
    let (own, other) = (world.workspace, WorkspaceId::new());
    for workspace in [own, other] {
        let name = format!("workspaces/{workspace}/integrations/{}", IntegrationId::new());
        world.say(&name, true, now).await;
    }
    world.harness.finish_with_dead_letters(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_told_once_more_is_told_as_it_is_and_once() {
    let mut world = World::new().await;
    world.connect("", GOOD_KEY).await.unwrap();
    let told = |last: &[(&str, i64)]| -> Vec<(String, i64)> {
        let told = [("NOT_CONNECTED", 1), ("CONNECTED", 2)].iter().chain(last);
        told.map(|(status, version)| ((*status).to_owned(), *version)).collect()
    };
    assert_eq!(world.facts(2).await, told(&[]));
    // As a migration does.
    sqlx::query("update integration set is_to_be_retold = true").execute(&world.pool).await.unwrap();
    assert_eq!(world.facts(3).await, told(&[("CONNECTED", 2)]));
    let name = world.list().await[0].name.clone();
    world.disconnect(&name).await.unwrap();
    assert_eq!(world.facts(4).await, told(&[("CONNECTED", 2), ("NOT_CONNECTED", 3)]));
    world.harness.finish().await;
}
