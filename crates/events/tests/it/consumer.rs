//! From the bus to the effect, exactly once.

use std::time::Duration;

use events::{ConsumerConfig, PublisherConfig, dead_letter};
use testkit::eventually;
use tokio_util::sync::CancellationToken;

use crate::recorder::{Recorder, config};
use crate::world::{LIMIT, World, names};

const TYPE: (&str, &str) = ("ce-type", "latchkey.workspace.v1.PersonCreated");

fn body(what: &str) -> String {
    serde_json::json!({ "person": { "displayName": what, "fieldOfTheFuture": [1] } }).to_string()
}

impl World {
    /// Waits until so many letters are there, and gives them.
    pub(crate) async fn dead_letters(&self, count: usize) -> Vec<dead_letter::DeadLetter> {
        eventually("the dead letters are there", LIMIT, async || {
            let letters = dead_letter::list(&self.bus, 1, 100).await.map_err(|e| e.to_string())?;
            if letters.len() == count { Ok(letters) } else { Err(format!("{letters:?}")) }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_applied_in_batches_a_transaction_each() {
    let mut world = World::new().await;
    for what in names(0, 60) {
        world.publish(&[TYPE], body(&what)).await;
    }
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.applied(names(0, 60)).await;
    let transactions: i64 = sqlx::query_scalar("select count(distinct xmin::text) from effect")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert!(transactions <= 20, "{transactions} transactions");
    let inbox: i64 = sqlx::query_scalar("select count(*) from inbox where consumer = 'test-recorder'")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(inbox, 60);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_twice_is_applied_once() {
    let mut world = World::new().await;
    let id = domain::EventId::new().to_string();
    let twice = [("ce-id", id.as_str()), TYPE];
    // Together, so that they may be in one batch.
    world.publish(&twice, body("twice")).await;
    world.publish(&twice, body("twice")).await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.applied(["twice"]).await;
    // And again, long after.
    world.publish(&twice, body("twice")).await;
    // Without an id the same subject and body are the same message.
    world.publish(&[TYPE], body("bare")).await;
    world.publish(&[TYPE], body("bare")).await;
    world.publish(&[TYPE], body("last")).await;
    world.applied(["twice", "bare", "last"]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_the_messages_and_apply_each_once() {
    let mut world = World::new().await;
    let config = ConsumerConfig { batch: 5, ..config("test-recorder") };
    for _ in 0..3 {
        world.run_consumer(config.clone(), Recorder::default());
    }
    world.run_publisher(PublisherConfig::default()).await;
    for chunk in 0..10 {
        world.write(names(chunk * 20, 20)).await;
    }
    world.applied(names(0, 200)).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_of_different_names_each_apply_everything() {
    let mut world = World::new().await;
    world.run_consumer(config("test-one"), Recorder::default());
    world.run_consumer(config("test-two"), Recorder::default());
    world.publish(&[TYPE], body("both")).await;
    world.applied(["both", "both"]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_go_later_is_delivered_again_after_a_wait_and_then_is_a_dead_letter() {
    let mut world = World::new().await;
    let recorder = Recorder::default();
    let config = config("test-recorder");
    let delay = config.redelivery_delays[0];
    world.run_consumer(config, recorder.clone());
    world.publish(&[TYPE], body("later")).await;
    let letters = world.dead_letters(1).await;
    assert_eq!(letters[0].reason, "later has to wait");
    assert_eq!((letters[0].consumer.as_str(), letters[0].deliveries), ("test-recorder", 3));
    let calls = recorder.calls_with("later");
    assert_eq!(calls.len(), 3);
    for pair in calls.windows(2) {
        let wait = pair[1].0 - pair[0].0;
        assert!(wait >= delay, "delivered again after {wait:?}");
    }
    assert_eq!(world.effects().await, [""; 0], "a failed transaction leaves nothing behind");

    // One whose cause goes away in between is applied.
    world.publish(&[TYPE], body("later, but not dead")).await;
    eventually("a first attempt", LIMIT, async || {
        if recorder.calls_with("later, but not dead").is_empty() { Err("none") } else { Ok(()) }
    })
    .await;
    recorder.forgive("later, but not dead");
    world.applied(["later, but not dead"]).await;
    world.finish_with_dead_letters(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_will_never_go_is_a_dead_letter_at_once_and_hinders_no_other() {
    let mut world = World::new().await;
    let recorder = Recorder::default();
    for what in ["a", "b", "never", "c"] {
        world.publish(&[TYPE], body(what)).await;
    }
    world.run_consumer(config("test-recorder"), recorder.clone());
    world.applied(["a", "b", "c"]).await;
    let letters = world.dead_letters(1).await;
    let letter = &letters[0];
    assert_eq!((letter.reason.as_str(), letter.deliveries), ("never makes no sense", 1));
    assert_eq!(
        (letter.subject.as_str(), letter.payload.as_slice()),
        (world.subject().as_str(), body("never").as_bytes())
    );
    assert_eq!(recorder.calls_with("never").last().map(|(_, together)| *together), Some(1));
    world.finish_with_dead_letters(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_a_dead_letter_and_what_is_for_others_is_not() {
    let mut world = World::new().await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.publish(&[("ce-type", "latchkey.workspace.v1.OfTheFuture")], "whatever").await;
    world.publish(&[TYPE], "{ not json").await;
    world.publish(&[TYPE], "{}").await;
    let nobodys = world.bus.root().subject("event.workspace.person_created.nobody");
    world.bus.jetstream().publish(nobodys.clone(), "{}".into()).await.unwrap().await.unwrap();
    world.publish(&[TYPE], body("fine")).await;
    world.applied(["fine"]).await;
    let letters = world.dead_letters(3).await;
    assert!(letters[0].reason.starts_with("body is not valid JSON of its type: "), "{}", letters[0].reason);
    assert_eq!(letters[1].reason, "the person is missing");
    assert_eq!(letters[2].reason, "the subject does not end with a workspace id");
    assert_eq!(letters[2].subject, nobodys);
    world.finish_with_dead_letters(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_nobody_survives_is_a_dead_letter_in_the_end() {
    let world = World::new().await;
    let config = ConsumerConfig { ack_wait: Duration::from_millis(500), ..config("test-recorder") };
    world.publish(&[TYPE], body("deadly")).await;
    // One after the other takes it and dies with it.
    let mut deaths = 0;
    let letter = loop {
        sqlx::query("truncate inbox, effect").execute(&world.owner().await).await.unwrap();
        let consumer = world.consumer(config.clone(), Recorder::dying());
        let life = tokio::spawn(consumer.run(CancellationToken::new()));
        let letter = eventually("it dies, or buries the message", LIMIT, async || {
            let letters = dead_letter::list(&world.bus, 1, 10).await.map_err(|e| e.to_string())?;
            match letters.into_iter().next() {
                None if life.is_finished() => Ok(None),
                None => Err("it lives".to_owned()),
                letter => Ok(letter),
            }
        })
        .await;
        match letter {
            None => deaths += 1,
            Some(letter) => {
                life.abort();
                break letter;
            }
        }
    };
    assert!((1..=3).contains(&deaths), "{deaths}");
    assert_eq!(letter.reason, format!("delivered {} times without an outcome", letter.deliveries));
    assert!(letter.deliveries > config.deliveries_max, "{letter:?}");
    world.finish_with_dead_letters(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_dies_between_commit_and_acknowledgement_has_applied_it_for_the_next() {
    let mut world = World::new().await;
    let config = config("test-recorder");
    world.publish(&[TYPE], body("once")).await;
    let dying = Recorder::dying();
    let consumer = world.consumer(config.clone(), dying);
    assert!(tokio::spawn(consumer.run(CancellationToken::new())).await.unwrap_err().is_panic());
    assert_eq!(world.effects().await, ["once"]);
    assert_eq!(world.consumer_info("test-recorder").await.unwrap().num_ack_pending, 1);
    let next = Recorder::default();
    world.run_consumer(config, next.clone());
    world.publish(&[TYPE], body("then")).await;
    world.applied(["once", "then"]).await;
    eventually("both are acknowledged", LIMIT, async || {
        let info = world.consumer_info("test-recorder").await?;
        if info.num_ack_pending == 0 { Ok(()) } else { Err(format!("{info:?}")) }
    })
    .await;
    assert_eq!(next.calls_with("once"), []);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_work_is_neither_given_to_others_nor_counted() {
    let mut world = World::new().await;
    let config = ConsumerConfig { deliveries_max: 1, ..config("test-recorder") };
    let slow: Vec<String> = names(0, 9).iter().map(|name| format!("slow {name}")).collect();
    for what in slow.iter().map(String::as_str).chain(["never"]) {
        world.publish(&[TYPE], body(what)).await;
    }
    world.run_consumer(config.clone(), Recorder::default());
    world.run_consumer(config, Recorder::default());
    world.applied(slow).await;
    let letters = world.dead_letters(1).await;
    assert_eq!(letters[0].reason, "never makes no sense");
    world.finish_with_dead_letters(1).await;
}
