//! From the outbox to the bus.

use std::time::Duration;

use domain::EventId;
use events::outbox::{self, About, BODY_BYTES_MAX, OutboxError};
use events::{Outgoing, PublisherConfig};
use futures::StreamExt as _;
use proto::workspace::v1::{Person, PersonCreated};
use serde_json::Value;

use crate::world::{LIMIT, World, names};

/// One that finds nothing by looking, only by being called.
fn rarely_looking() -> PublisherConfig {
    PublisherConfig { poll: Duration::from_secs(60), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_go_out_in_the_order_of_their_commits_with_all_attributes() {
    let mut world = World::new().await;
    world.write(["a", "b"]).await;
    let before_start = world.fact("c");
    let mut tx = world.pool.begin().await.unwrap();
    outbox::append(&mut tx, std::slice::from_ref(&before_start)).await.unwrap();
    tx.commit().await.unwrap();
    world.run_publisher(PublisherConfig::default()).await;
    world.write(["d"]).await;
    world.write(["e"]).await;

    let messages = world.stored(5).await;
    let mut told = Vec::new();
    for message in &messages {
        let body: Value = serde_json::from_slice(&message.payload).unwrap();
        told.push(body["person"]["displayName"].as_str().unwrap().to_owned());
    }
    assert_eq!(told, ["a", "b", "c", "d", "e"]);

    let message = &messages[2];
    let header = |name: &str| message.headers.get(name).map(|value| value.as_str().to_owned());
    let body: Value = serde_json::from_slice(&message.payload).unwrap();
    let id = before_start.id().to_string();
    let person = body["person"]["name"].as_str().unwrap().to_owned();
    assert_eq!(message.subject.as_str(), world.subject());
    for (name, value) in [
        ("Nats-Msg-Id", id.clone()),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", id.clone()),
        ("ce-type", "latchkey.workspace.v1.PersonCreated".to_owned()),
        ("ce-source", "/latchkey/test".to_owned()),
        ("ce-subject", person.clone()),
        ("ce-time", "2026-12-01T08:00:00.250000Z".to_owned()),
        ("ce-datacontenttype", "application/json".to_owned()),
        ("ce-dataschema", "urn:latchkey:proto:latchkey.workspace.v1.PersonCreated".to_owned()),
        ("ce-workspaceid", world.workspace.to_string()),
        ("ce-partitionkey", person),
        ("ce-sequence", "0000000000000000007".to_owned()),
        ("ce-correlationid", id),
    ] {
        assert_eq!(header(name), Some(value), "{name}");
    }
    assert_eq!(header("traceparent"), None, "nobody recorded a trace");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rolled_back_is_never_told() {
    let mut world = World::new().await;
    world.run_publisher(PublisherConfig::default()).await;
    let mut everything = world.eavesdrop().await;
    let mut tx = world.pool.begin().await.unwrap();
    outbox::append(&mut tx, &[world.fact("rolled back")]).await.unwrap();
    tx.rollback().await.unwrap();
    world.write(["committed"]).await;
    let first = everything.next().await.unwrap();
    assert!(String::from_utf8_lossy(&first.payload).contains("\"committed\""));
    world.stored(1).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_wakes_the_publisher() {
    let mut world = World::new().await;
    world.run_publisher(rarely_looking()).await;
    for round in 1..=5 {
        world.write(["someone"]).await;
        world.stored(round).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_nobody_called_for_is_found_all_the_same() {
    let mut world = World::new().await;
    let config = PublisherConfig { poll: Duration::from_millis(100), ..Default::default() };
    world.run_publisher(config).await;
    sqlx::query("alter table outbox disable trigger outbox_notify")
        .execute(&world.owner().await)
        .await
        .unwrap();
    world.write(["quiet"]).await;
    world.stored(1).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_the_bus_would_not_take_is_refused_before_it_is_written() {
    let mut world = World::new().await;
    let body = |bytes: usize| {
        let person = Person { display_name: "x".repeat(bytes), ..Default::default() };
        let about = About {
            workspace: world.workspace,
            name: "workspaces/w".into(),
            version: 1,
            time: chrono::DateTime::UNIX_EPOCH,
        };
        Outgoing::event("test", about, &PersonCreated { person: Some(person) })
    };
    let around = r#"{"person":{"displayName":""}}"#.len();
    let (largest, too_large) = (body(BODY_BYTES_MAX - around), body(BODY_BYTES_MAX - around + 1));
    let mut tx = world.pool.begin().await.unwrap();
    let refused = outbox::append(&mut tx, &[world.fact("small"), too_large]).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "latchkey.workspace.v1.PersonCreated of 921601 bytes is larger than the bus takes (921600)"
    );
    assert!(matches!(refused, OutboxError::TooLarge { bytes: 921_601, .. }));
    outbox::append(&mut tx, &[largest]).await.unwrap();
    tx.commit().await.unwrap();
    world.run_publisher(PublisherConfig::default()).await;
    let stored = world.stored(1).await;
    assert_eq!(stored[0].payload.len(), BODY_BYTES_MAX);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishers_of_one_outbox_share_the_work_and_nothing_goes_out_twice() {
    let mut world = World::new().await;
    let config = PublisherConfig { batch: 20, ..Default::default() };
    world.run_publisher(config.clone()).await;
    world.run_publisher(config).await;
    let everything = world.eavesdrop().await;
    for chunk in 0..20 {
        world.write(names(chunk * 50, 50)).await;
    }
    world.books.balance(0, LIMIT).await;
    let mut ids: Vec<String> = everything
        .take(1_000)
        .map(|message| message.headers.unwrap().get("ce-id").unwrap().as_str().to_owned())
        .collect()
        .await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1_000);
    world.stored(1_000).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_refused_holds_up_no_other_and_has_nothing_sent_again() {
    let mut world = World::new().await;
    // No stream takes the one, and the other is larger than NATS takes.
    for (subject, bytes) in [("nowhere.at.all", 1), ("event.test.large.x", 2 << 20)] {
        sqlx::query(
            "insert into outbox (id, workspace_id, subject, headers, payload)
             values ($1, $2, $3, '{}', $4)",
        )
        .bind(EventId::new().uuid())
        .bind(world.workspace.uuid())
        .bind(subject)
        .bind(vec![b' '; bytes])
        .execute(&world.pool)
        .await
        .unwrap();
    }
    let mut everything = world.eavesdrop().await;
    let publisher = world.publisher(PublisherConfig::default());
    world.run(|shutdown| publisher.run(shutdown));
    world.write(["first"]).await;
    world.stored(1).await;
    // Later, the publisher has tried the two many times over.
    for count in 2..=6 {
        world.write(["more"]).await;
        world.stored(count).await;
    }
    let mut ids = Vec::new();
    for _ in 1..=6 {
        let message = everything.next().await.unwrap();
        ids.push(message.headers.unwrap().get("ce-id").unwrap().as_str().to_owned());
    }
    let distinct: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 6, "{ids:?}");

    // The two that NATS does not take wait for good; without them nothing is left.
    let gone =
        sqlx::query("delete from outbox where published_at is null").execute(&world.pool).await.unwrap();
    assert_eq!(gone.rows_affected(), 2);
    world.finish().await;
}
