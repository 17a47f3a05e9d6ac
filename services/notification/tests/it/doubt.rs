//! A message whose fate is not known is not sent blindly again.

use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageState::{Delivered, Sending, Sent};
use sandbox::{Action, Fault, Vendor};
use testkit::eventually;

use crate::world::{LIMIT, Setup, World};

/// Longer than both channels wait for news.
const SETTLED: chrono::Duration = chrono::Duration::seconds(130);

/// Waits until all messages have an error, so that their attempts have ended.
async fn in_doubt(world: &World) {
    eventually("the attempts have ended", LIMIT, async || {
        let messages = world.messages().await;
        let is_over =
            !messages.is_empty() && messages.iter().all(|m| m.state() == Sending && !m.last_error.is_empty());
        if is_over { Ok(()) } else { Err(format!("{messages:#?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_whose_answer_was_lost_is_found_and_not_sent_again() {
    let mut world = World::new().await;
    world.email = "";
    world.fail(Vendor::Twilio, Action::DropAfterEffect, Some(1));
    world.tell(1, &world.confirmed(1)).await;
    in_doubt(&world).await;
    let messages = world.later_until(SETTLED, &[(Sms, Sent)]).await;
    assert_eq!(world.taken(), (0, 1));
    assert_eq!(messages[0].vendor_ref, world.sandbox.twilio().messages_to(world.phone)[0].sid);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_reported_while_it_is_looked_for_is_not_taken_for_another() {
    let mut world = World::new().await;
    world.email = "";
    world.fail(Vendor::Twilio, Action::DropAfterEffect, Some(1));
    world.tell(1, &world.confirmed(1)).await;
    in_doubt(&world).await;
    let looking =
        Fault::on(Vendor::Twilio, Action::Delay { delay_ms: 2_000 }).request("GET", "Messages.json$");
    world.sandbox.faults().add(looking).unwrap();
    world.advance(SETTLED);
    // As Twilio's report leaves it.
    let sid = world.sandbox.twilio().messages_to(world.phone)[0].sid.clone();
    eventually("it is reported while it is looked for", LIMIT, async || {
        let report =
            "update message set state = 'sent', vendor_ref = $1, due_at = null where state = 'sending'";
        let reported = sqlx::query(report).bind(&sid).execute(&world.pool).await.unwrap().rows_affected();
        if reported == 1 { Ok(()) } else { Err("it is not looked for yet".to_owned()) }
    })
    .await;
    let sandbox = world.sandbox.clone();
    // What is on its way is waited for.
    world.finish().await;
    assert_eq!(sandbox.twilio().taken(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_lost_on_its_way_is_sent_again() {
    let mut world = World::new().await;
    world.email = "";
    world.fail(Vendor::Twilio, Action::DropBeforeEffect, Some(1));
    world.tell(1, &world.confirmed(1)).await;
    in_doubt(&world).await;
    let messages = world.later_until(SETTLED, &[(Sms, Sent)]).await;
    assert_eq!((world.taken(), messages[0].attempts), ((0, 1), 2));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_another_message_was_is_not_taken_for_the_lost_one() {
    let mut world = World::new().await;
    world.email = "";
    // The same person books, loses and books the same room at the same time: the texts are the same.
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Sms, Sent)]).await;
    world.booking = domain::BookingId::new();
    world.fail(Vendor::Twilio, Action::DropBeforeEffect, Some(1));
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Sms, Sent), (Sms, Sending)]).await;
    eventually("the attempt has ended", LIMIT, async || {
        let messages = world.messages().await;
        if messages.iter().any(|m| !m.last_error.is_empty()) { Ok(()) } else { Err(format!("{messages:?}")) }
    })
    .await;
    let messages = world.later_until(SETTLED, &[(Sms, Sent), (Sms, Sent)]).await;
    assert_ne!(messages[0].vendor_ref, messages[1].vendor_ref);
    assert_eq!(world.taken(), (0, 2));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_whose_answer_was_lost_is_known_by_its_event() {
    let mut world = World::with(Setup { has_webhook: true, ..Setup::default() }).await;
    world.phone = "";
    world.fail(Vendor::SendGrid, Action::DropAfterEffect, Some(1));
    world.tell(1, &world.confirmed(1)).await;
    let messages = world.until(&[(Email, Delivered)]).await;
    assert_eq!(messages[0].vendor_ref, world.sandbox.sendgrid().messages_to(world.email)[0].id);
    world.advance(SETTLED);
    world.until(&[(Email, Delivered)]).await;
    assert_eq!((world.taken(), messages[0].attempts), ((1, 0), 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_of_which_no_event_tells_is_sent_again_once_it_has_settled() {
    let mut world = World::with(Setup { has_webhook: true, ..Setup::default() }).await;
    world.phone = "";
    world.fail(Vendor::SendGrid, Action::DropBeforeEffect, Some(1));
    world.tell(1, &world.confirmed(1)).await;
    in_doubt(&world).await;
    world.advance(chrono::Duration::seconds(100));
    assert_eq!(world.taken(), (0, 0));
    let messages = world.later_until(chrono::Duration::seconds(30), &[(Email, Delivered)]).await;
    assert_eq!((world.taken(), messages[0].attempts), ((1, 0), 2));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sender_left_behind_is_asked_for_and_then_sent() {
    let world = World::new().await;
    world.fail(Vendor::SendGrid, Action::status(429), None);
    world.fail(Vendor::Twilio, Action::status(429), None);
    world.tell(1, &world.confirmed(1)).await;
    world.tried(2).await;
    world.sandbox.faults().clear();
    // As a process that was killed in the middle leaves them.
    sqlx::query(
        "update message set state = 'sending', due_at = $1 - interval '1 second',
           in_doubt_since = $1 - interval '61 seconds'",
    )
    .bind(world.now())
    .execute(&world.pool)
    .await
    .unwrap();
    in_doubt_by(&world, "the attempt was cut off").await;
    assert_eq!(world.taken(), (0, 0));
    world.later_until(SETTLED, &[(Email, Sent), (Sms, Sent)]).await;
    assert_eq!(world.taken(), (1, 1));
    world.finish().await;
}

async fn in_doubt_by(world: &World, reason: &str) {
    eventually("the messages are in doubt", LIMIT, async || {
        let messages = world.messages().await;
        if messages.iter().all(|m| m.last_error.starts_with(reason)) {
            Ok(())
        } else {
            Err(format!("{messages:#?}"))
        }
    })
    .await;
}
