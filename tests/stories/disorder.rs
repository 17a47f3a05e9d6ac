//! Every event comes twice, and the last one first.

use std::time::Duration;

use events::subject::{Root, StreamKind};
use events::{Bus, Connection};
use stories::Stage;
use stories::checks::{doors_are_right, messages_are_right};
use stories::play::World;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

/// Every message of the event stream, as it was published.
async fn events(bus: &Bus) -> Vec<async_nats::jetstream::message::StreamMessage> {
    let mut stream = bus.stream(StreamKind::Event).await.unwrap();
    let state = stream.info().await.unwrap().state.clone();
    let mut messages = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        messages.push(stream.get_raw_message(sequence).await.unwrap());
    }
    messages
}

/// Publishes messages again, the last one first, each of them twice. Without their message ids:
/// JetStream would take them for duplicates.
async fn publish_reversed_and_doubled(bus: &Bus, messages: &[async_nats::jetstream::message::StreamMessage]) {
    for message in messages.iter().rev().flat_map(|message| [message, message]) {
        let mut headers = async_nats::HeaderMap::new();
        for (name, values) in message.headers.iter() {
            let name: &str = name.as_ref();
            if name != "Nats-Msg-Id" {
                headers.insert(name, values[0].as_str());
            }
        }
        let ack = bus
            .jetstream()
            .publish_with_headers(message.subject.clone(), headers, message.payload.clone())
            .await
            .unwrap();
        ack.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_come_twice_and_in_reverse_order_end_the_same() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 3, 10).await;
    let root = Root::new("latchkey").unwrap();
    let bus = Bus::connect(Connection::new(stage.nats.url().into(), root), "story").await.unwrap();
    // Those who listen are away; what they would have heard piles up…
    for service in ["access-control", "notification", "kisi-adapter"] {
        stage.kill(service).await;
    }
    let before = events(&bus).await.len();
    let client = stage.client();
    let mut bookings = Vec::new();
    for number in 0..40 {
        bookings.push(world.book(&client, number).await);
    }
    let steps: usize = bookings.iter().map(|booking| booking.steps).sum();
    let told = eventually("everything is told", LIMIT, async || {
        let told = events(&bus).await;
        // Each booking is also told when it is made.
        if told.len() == before + steps + bookings.len() { Ok(told) } else { Err(told.len().to_string()) }
    })
    .await;
    // …and comes in another order: the stream begins anew with the last event first, each twice.
    let stream = bus.stream(StreamKind::Event).await.unwrap();
    stream.purge().await.unwrap();
    publish_reversed_and_doubled(&bus, &told).await;
    for service in ["access-control", "notification", "kisi-adapter"] {
        stage.start(service).await;
    }
    doors_are_right(&stage, &world, &bookings, LIMIT).await;
    messages_are_right(&stage, &bookings, LIMIT).await;
    stage.settle(LIMIT).await;

    // Once more with all that was told since, the adapters' results among it.
    let all = events(&bus).await;
    publish_reversed_and_doubled(&bus, &all).await;
    stage.settle(LIMIT).await;
    doors_are_right(&stage, &world, &bookings, LIMIT).await;
    messages_are_right(&stage, &bookings, LIMIT).await;
}
