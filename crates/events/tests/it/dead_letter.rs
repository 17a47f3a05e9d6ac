//! What failed for good: listed, read, replayed.

use events::PublisherConfig;
use events::dead_letter::{self, DeadLetterError};
use events::subject::StreamKind;

use crate::recorder::{Recorder, config};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_from_a_number_on_and_read_one_by_one() {
    let mut world = World::new().await;
    world.run_publisher(PublisherConfig::default()).await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    assert!(dead_letter::list(&world.bus, 1, 10).await.unwrap().is_empty());
    let fact = world.fact("never 1");
    let mut conn = world.pool.acquire().await.unwrap();
    events::outbox::append(&mut conn, std::slice::from_ref(&fact)).await.unwrap();
    drop(conn);
    world.dead_letters(1).await;
    world.write(["never 2"]).await;
    world.dead_letters(2).await;
    world.write(["never 3"]).await;
    let all = world.dead_letters(3).await;
    let numbers: Vec<u64> = all.iter().map(|letter| letter.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let reasons = async |from, limit| {
        let letters = dead_letter::list(&world.bus, from, limit).await.unwrap();
        letters.into_iter().map(|letter| letter.reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(2, 10).await, ["never 2 makes no sense", "never 3 makes no sense"]);
    assert_eq!(reasons(0, 1).await, ["never 1 makes no sense"]);
    assert!(reasons(4, 10).await.is_empty());

    let letter = dead_letter::get(&world.bus, 1).await.unwrap();
    assert_eq!(letter.consumer, "test-recorder");
    assert_eq!(letter.subject, world.subject());
    assert_eq!(letter.deliveries, 1);
    let header = |name: &str| letter.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    assert_eq!(header("ce-id"), Some(fact.id().to_string().as_str()));
    assert_eq!(header("ce-type"), Some("latchkey.workspace.v1.PersonCreated"));
    assert!(String::from_utf8_lossy(&letter.payload).contains("never 1"));
    for unknown in [0, 4, 400] {
        let refused = dead_letter::get(&world.bus, unknown).await.unwrap_err();
        assert!(matches!(refused, DeadLetterError::NotFound(number) if number == unknown), "{refused:?}");
    }
    world.finish_with_dead_letters(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_letter_reaches_its_consumer_and_leaves_the_dead() {
    let mut world = World::new().await;
    let recorder = Recorder::default();
    world.run_publisher(PublisherConfig::default()).await;
    world.run_consumer(config("test-recorder"), recorder.clone());
    world.write(["never", "fine"]).await;
    let letters = world.dead_letters(1).await;
    recorder.forgive("never");
    // JetStream saw its message id seconds ago.
    let replayed = dead_letter::replay(&world.bus, letters[0].number).await.unwrap();
    assert_eq!(replayed.reason, "never makes no sense");
    world.applied(["fine", "never"]).await;
    let again = dead_letter::replay(&world.bus, letters[0].number).await.unwrap_err();
    assert!(matches!(again, DeadLetterError::NotFound(_)), "{again:?}");
    // Not necessarily the last of its calls: on a busy machine it is delivered once more, beside the letter.
    assert!(recorder.calls_with("fine").iter().any(|(_, together)| *together == 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_is_replayed_too_early_comes_back() {
    let mut world = World::new().await;
    let recorder = Recorder::default();
    world.run_publisher(PublisherConfig::default()).await;
    world.run_consumer(config("test-recorder"), recorder.clone());
    world.write(["never"]).await;
    let first = world.dead_letters(1).await.remove(0);
    dead_letter::replay(&world.bus, first.number).await.unwrap();
    let second = testkit::eventually("it is back", crate::world::LIMIT, async || {
        let letters = dead_letter::list(&world.bus, 1, 10).await.map_err(|error| error.to_string())?;
        letters.into_iter().find(|letter| letter.number > first.number).ok_or("none".to_owned())
    })
    .await;
    assert_eq!((second.reason.as_str(), &second.payload), ("never makes no sense", &first.payload));
    recorder.forgive("never");
    dead_letter::replay(&world.bus, second.number).await.unwrap();
    world.applied(["never"]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_of_one_consumer_does_not_trouble_those_who_have_applied_it() {
    let mut world = World::new().await;
    let (failing, other) = (Recorder::default(), Recorder::default());
    other.forgive("never");
    world.run_publisher(PublisherConfig::default()).await;
    world.run_consumer(config("test-failing"), failing.clone());
    world.run_consumer(config("test-other"), other.clone());
    world.write(["never"]).await;
    let letters = world.dead_letters(1).await;
    world.applied(["never"]).await;
    failing.forgive("never");
    dead_letter::replay(&world.bus, letters[0].number).await.unwrap();
    world.applied(["never", "never"]).await;
    world.books.balance(0, crate::world::LIMIT).await;
    assert_eq!(other.calls_with("never").len(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_message_that_a_stream_takes_has_room_among_the_dead() {
    let mut world = World::new().await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    let publish = async |bytes: usize| {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("ce-type", "latchkey.workspace.v1.PersonCreated");
        let body = vec![b'x'; bytes];
        let jetstream = world.bus.jetstream();
        let sent = jetstream.publish_with_headers(world.subject(), headers, body.into()).await;
        match sent {
            Ok(ack) => ack.await.is_ok(),
            Err(_) => false,
        }
    };
    // Halfway again and again, until the largest that is taken is known.
    let (mut taken, mut refused) = (events::outbox::BODY_BYTES_MAX, 2 << 20);
    let mut count = 0;
    while refused - taken > 1 {
        let bytes = taken.midpoint(refused);
        if publish(bytes).await {
            taken = bytes;
            count += 1;
        } else {
            refused = bytes;
        }
    }
    let letters = world.dead_letters(count).await;
    assert_eq!(letters.iter().map(|letter| letter.payload.len()).max(), Some(taken));
    world.finish_with_dead_letters(count as u64).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_their_stream_letters_wait_until_it_is_made_again() {
    let mut world = World::new().await;
    let name = world.bus.root().stream(StreamKind::Dead);
    world.run_publisher(PublisherConfig::default()).await;
    world.run_consumer(config("test-recorder"), Recorder::default());
    world.write(["a"]).await;
    world.applied(["a"]).await;
    world.bus.jetstream().delete_stream(name).await.unwrap();
    world.write(["never", "b"]).await;
    world.applied(["a", "b"]).await;
    world.books.balance(1, crate::world::LIMIT).await;
    world.finish_with_dead_letters(1).await;
}
