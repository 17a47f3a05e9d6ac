//! Nobody hears of an older version of a booking after a newer one.

use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageState::{Expired, Sending, Sent};
use proto::workspace::v1 as pb;
use sandbox::{Action, Vendor};
use testkit::eventually;

use crate::world::{EMAIL, LIMIT, Setup, World};

const CONFIRMED: pb::BookingState = pb::BookingState::Confirmed;

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_that_comes_after_the_cancellation_is_not_sent() {
    let world = World::new().await;
    world.tell(2, &world.cancelled(2, CONFIRMED)).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    world.tell(1, &world.confirmed(1)).await;
    let messages = world.until(&[(Email, Expired), (Email, Sent), (Sms, Expired), (Sms, Sent)]).await;
    let late = messages.iter().filter(|message| message.send_time.is_none());
    assert!(late.clone().count() == 2 && late.clone().all(|m| m.last_error.starts_with("SUPERSEDED")));
    assert_eq!(world.taken(), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_gives_way_to_a_newer_one() {
    let world = World::new().await;
    world.fail(Vendor::SendGrid, Action::status(429), None);
    world.fail(Vendor::Twilio, Action::status(429), None);
    world.tell(1, &world.confirmed(1)).await;
    // One that is on its way would be sent: what has ended and waits is what gives way.
    world.tried(2).await;
    world.tell(3, &world.cancelled(3, CONFIRMED)).await;
    world.heard().await;
    world.tell(2, &world.rescheduled(2, CONFIRMED)).await;
    world.heard().await;
    world.sandbox.faults().clear();
    world
        .later_until(
            chrono::Duration::minutes(1),
            &[(Email, Expired), (Email, Expired), (Email, Sent), (Sms, Expired), (Sms, Expired), (Sms, Sent)],
        )
        .await;
    assert!(world.subjects()[0].starts_with("Booking cancelled"));
    assert_eq!(world.taken(), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_in_any_order_and_twice_end_with_the_newest() {
    let mut world = World::with(Setup { is_twofold: true, ..Setup::default() }).await;
    let orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];
    // One after the other, each sent before the next is told, and then all at once.
    for (is_slow, order) in
        orders.map(|order| (true, order)).into_iter().chain(orders.map(|order| (false, order)))
    {
        world.booking = domain::BookingId::new();
        let ids = [(); 3].map(|()| domain::EventId::new());
        for version in order.into_iter().chain(order) {
            let id = ids[usize::try_from(version - 1).unwrap()];
            match version {
                1 => world.tell_as(id, 1, &world.confirmed(1)).await,
                2 => world.tell_as(id, 2, &world.rescheduled(2, CONFIRMED)).await,
                _ => world.tell_as(id, 3, &world.cancelled(3, CONFIRMED)).await,
            }
            if is_slow {
                all_ended(&world).await;
            }
        }
    }
    all_ended(&world).await;

    // What the person saw of each booking only grew, and ended with the cancellation.
    let mut sequences: std::collections::BTreeMap<String, Vec<u32>> = Default::default();
    for mail in world.sandbox.sendgrid().messages_to(EMAIL) {
        let file = String::from_utf8_lossy(&mail.mail.attachments[0].content).into_owned();
        let line = |start: &str| file.lines().find_map(|line| line.strip_prefix(start)).unwrap().to_owned();
        sequences.entry(line("UID:")).or_default().push(line("SEQUENCE:").parse().unwrap());
    }
    assert_eq!(sequences.len(), 2 * orders.len());
    for seen in sequences.values() {
        assert!(seen.is_sorted_by(|a, b| a < b) && seen.last() == Some(&3), "{sequences:?}");
    }
    world.finish().await;
}

async fn all_ended(world: &World) {
    world.heard().await;
    eventually("all have ended", LIMIT, async || {
        let messages = world.messages().await;
        let open: Vec<_> = messages.iter().filter(|m| ![Sent, Expired].contains(&m.state())).collect();
        // A message that waits, for its turn or to be tried again, looks after a while: time goes on as it
        // does, and faster while none is on its way.
        let is_under_way = open.iter().any(|message| message.state() == Sending);
        world.harness.clock.advance(chrono::Duration::milliseconds(if is_under_way { 20 } else { 500 }));
        if open.is_empty() { Ok(()) } else { Err(format!("open: {open:#?}")) }
    })
    .await;
}
