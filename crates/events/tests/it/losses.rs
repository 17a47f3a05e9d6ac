//! Servers and streams that go away, come back, and may have forgotten.

use std::process::Command;
use std::time::Duration;

use events::PublisherConfig;
use events::subject::StreamKind;
use testkit::eventually;

use crate::recorder::{Recorder, config};
use crate::world::{LIMIT, Servers, World, names};

fn quick() -> PublisherConfig {
    PublisherConfig { stream_check: Duration::from_millis(200), ..Default::default() }
}

impl World {
    /// Deletes the events stream, as an admin by mistake.
    async fn delete_stream(&self) {
        let name = self.bus.root().stream(StreamKind::Event);
        self.bus.jetstream().delete_stream(name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_written_while_nats_is_down_go_out_once_it_is_back() {
    let mut world = World::on(Servers::OwnNats).await;
    world.run_publisher(PublisherConfig::default()).await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.write(names(0, 5)).await;
    world.applied(names(0, 5)).await;
    world.nats().kill().await;
    for chunk in 1..5 {
        world.write(names(chunk * 5, 5)).await;
    }
    world.nats().restart().await.unwrap();
    world.applied(names(0, 25)).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_nats_took_and_never_answered_goes_out_again_without_waiting_for_each_row() {
    let mut world = World::on(Servers::OwnNats).await;
    // One that does not look at the streams just then.
    let config = PublisherConfig { stream_check: Duration::from_secs(3_600), ..Default::default() };
    world.run_publisher(config).await;
    let pid = world.nats().pid().unwrap().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    world.write(names(0, 40)).await;
    eventually("the publisher has the rows in hand", LIMIT, async || {
        let free: i64 =
            sqlx::query_scalar("select count(*) from (select from outbox for update skip locked) as free")
                .fetch_one(&world.pool)
                .await
                .unwrap();
        if free == 0 { Ok(()) } else { Err(format!("{free} rows free")) }
    })
    .await;
    world.nats().kill().await;
    world.nats().restart().await.unwrap();
    world.stored(40).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_may_have_swallowed_goes_out_again_with_the_next_connection() {
    let mut world = World::on(Servers::OwnNats).await;
    world.run_publisher(PublisherConfig::default()).await;
    world.write(names(0, 5)).await;
    world.stored(5).await;
    // As if it had acknowledged and not flushed: the stream stands, its messages are gone.
    world.stream(StreamKind::Event).await.purge().await.unwrap();
    world.nats().kill().await;
    world.nats().restart().await.unwrap();
    world.stored(5).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_its_data_gets_all_rows_again_and_each_is_applied_once() {
    let mut world = World::on(Servers::OwnNats).await;
    world.run_publisher(PublisherConfig::default()).await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.write(names(0, 20)).await;
    world.applied(names(0, 20)).await;
    // Long ago: what is not flushed is not the reason that it goes out again.
    sqlx::query("update outbox set published_at = published_at - interval '1 day'")
        .execute(&world.pool)
        .await
        .unwrap();
    world.nats().kill().await;
    world.nats().wipe().unwrap();
    world.nats().restart().await.unwrap();
    world.stored(20).await;
    world.write(names(20, 5)).await;
    world.stored(25).await;
    world.applied(names(0, 25)).await;
    // Those who fail find a place, too.
    world.publish(&[("ce-type", "latchkey.workspace.v1.PersonCreated")], "{ not json").await;
    world.finish_with_dead_letters(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_someone_deleted_is_made_again_with_all_rows() {
    let mut world = World::new().await;
    world.run_publisher(quick()).await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.write(names(0, 10)).await;
    world.applied(names(0, 10)).await;
    world.delete_stream().await;
    world.write(names(10, 1)).await;
    world.stored(11).await;
    world.applied(names(0, 11)).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_stream_is_filled_again_even_if_nothing_new_is_told() {
    let mut world = World::new().await;
    world.run_publisher(quick()).await;
    world.write(names(0, 10)).await;
    world.stored(10).await;
    world.delete_stream().await;
    world.stored(10).await;
    // A consumer that comes first makes an empty one.
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.applied(names(0, 10)).await;
    world.delete_stream().await;
    world.bus.ensure_streams().await.unwrap();
    world.stored(10).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_goes_on_after_its_stream_or_itself_was_deleted() {
    let mut world = World::new().await;
    world.run_publisher(quick()).await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.write(names(0, 3)).await;
    world.applied(names(0, 3)).await;
    world.stream(StreamKind::Event).await.delete_consumer("test-recorder").await.unwrap();
    world.write(names(3, 3)).await;
    world.applied(names(0, 6)).await;
    world.delete_stream().await;
    world.write(names(6, 3)).await;
    world.applied(names(0, 9)).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_postgres_stops_neither_publisher_nor_consumer() {
    let mut world = World::on(Servers::OwnPostgres).await;
    world.run_publisher(PublisherConfig::default()).await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    for round in 0..3 {
        world.write(names(round * 5, 5)).await;
        world.applied(names(0, round * 5 + 5)).await;
        if round == 1 {
            world.postgres().kill().await;
        }
        world.postgres().restart().await.unwrap();
    }
    world.write(names(15, 5)).await;
    world.applied(names(0, 20)).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_away_a_consumer_holds_its_messages_and_none_is_counted() {
    let mut world = World::on(Servers::OwnPostgres).await;
    let config = events::ConsumerConfig { deliveries_max: 2, ..config("test-recorder") };
    let ack_wait = config.ack_wait;
    let facts = names(0, 10);
    for what in &facts {
        let body = serde_json::json!({ "person": { "displayName": what } }).to_string();
        world.publish(&[("ce-type", "latchkey.workspace.v1.PersonCreated")], body).await;
    }
    world.postgres().kill().await;
    world.run_consumer(config, Recorder::default());
    eventually("the consumer has them in hand", LIMIT, async || {
        let info = world.consumer_info("test-recorder").await?;
        if info.num_ack_pending == 10 { Ok(()) } else { Err(format!("{info:?}")) }
    })
    .await;
    // Several times as long as a silent consumer would be waited for.
    let start = tokio::time::Instant::now();
    eventually("the outage is long", LIMIT, async || {
        let info = world.consumer_info("test-recorder").await?;
        assert_eq!(info.num_redelivered, 0, "{info:?}");
        if start.elapsed() > ack_wait * 4 { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    world.postgres().restart().await.unwrap();
    world.applied(facts).await;
    world.finish().await;
}
