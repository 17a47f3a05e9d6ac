//! Each fact is told once on each channel, as soon as it can be.

use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageState::{Expired, Failed, Sent};
use proto::workspace::v1 as pb;
use sandbox::sendgrid::ApiKey;
use sandbox::{Action, Vendor};
use testkit::eventually;

use crate::world::{ACCOUNT, EMAIL, KEY, LIMIT, NUMBER, PHONE, Setup, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_booking_is_told_by_email_and_text_once() {
    let world = World::new().await;
    world.tell(1, &world.confirmed(1)).await;
    let messages = world.until(&[(Email, Sent), (Sms, Sent)]).await;

    let mail = &world.sandbox.sendgrid().messages_to(EMAIL)[0];
    assert_eq!(mail.subjects().next(), Some("Booking confirmed: Meeting Room 4, Tuesday, 1 December 2026"));
    assert_eq!(mail.mail.from.email, "bookings@latchkey.example");
    assert_eq!(mail.mail.from.name.as_deref(), Some("Space One"));
    assert_eq!(mail.mail.reply_to[0].email, "desk@space.example");
    assert!(mail.text().unwrap().contains("Tuesday, 1 December 2026, 11:00 to 13:00 (Europe/Vienna)"));
    let file = &mail.mail.attachments[0];
    assert_eq!(file.media_type.as_deref(), Some("text/calendar; charset=utf-8; method=REQUEST"));
    assert!(String::from_utf8_lossy(&file.content).contains("DTSTART:20261201T100000Z"));
    assert_eq!(
        world.texts(),
        ["Confirmed: Meeting Room 4, Main Street. Tue 1 Dec 2026, 11:00-13:00 (Europe/Vienna). Space One"]
    );
    let email = messages.iter().find(|message| message.channel() == Email).unwrap();
    assert_eq!(email.vendor_ref, mail.id);
    assert_eq!(mail.custom_arg("message"), email.name.rsplit('/').next());
    assert_eq!(world.taken(), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_and_cancelled_bookings_are_told_if_they_were_confirmed() {
    let world = World::new().await;
    let (confirmed, pending) = (pb::BookingState::Confirmed, pb::BookingState::Pending);
    world.tell(2, &world.rescheduled(2, pending)).await;
    world.tell(3, &world.cancelled(3, pending)).await;
    world.heard().await;
    assert!(world.messages().await.is_empty());

    world.tell(4, &world.rescheduled(4, confirmed)).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    world.tell(5, &world.cancelled(5, confirmed)).await;
    world.until(&[(Email, Sent), (Email, Sent), (Sms, Sent), (Sms, Sent)]).await;
    let subjects = world.subjects();
    assert!(
        subjects[0].starts_with("Booking moved") && subjects[1].starts_with("Booking cancelled"),
        "{subjects:?}"
    );
    let file = &world.sandbox.sendgrid().messages_to(EMAIL)[1].mail.attachments[0];
    assert!(file.media_type.as_deref().unwrap().ends_with("method=CANCEL"));
    let text = String::from_utf8_lossy(&file.content).into_owned();
    assert!(text.contains("STATUS:CANCELLED") && text.contains("SEQUENCE:5"), "{text}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_is_delivered_again_sends_nothing_again() {
    let world = World::new().await;
    let fact = world.confirmed(1);
    let id = world.tell(1, &fact).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    world.tell_as(id, 1, &fact).await;
    world.heard().await;
    // Even if the inbox has forgotten it: the ledger has not.
    sqlx::query("delete from inbox").execute(&world.pool).await.unwrap();
    world.tell_as(id, 1, &fact).await;
    world.heard().await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    assert_eq!(world.taken(), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_phone_gets_an_email_only_and_one_without_email_a_text_only() {
    let mut world = World::new().await;
    world.phone = "";
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent)]).await;
    (world.email, world.phone) = ("", PHONE);
    world.tell(2, &world.rescheduled(2, pb::BookingState::Confirmed)).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    assert_eq!(world.taken(), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_for_a_channel_that_is_off() {
    let world = World::with(Setup { is_sms_off: true, ..Setup::default() }).await;
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent)]).await;
    assert_eq!(world.taken(), (1, 0));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_takes_nothing_for_now_gets_it_later() {
    let world = World::new().await;
    world.fail(Vendor::SendGrid, Action::status(429), None);
    world.fail(Vendor::Twilio, Action::status(429), None);
    world.tell(1, &world.confirmed(1)).await;
    world.tried(2).await;
    world.sandbox.faults().clear();
    let messages = world.later_until(chrono::Duration::minutes(1), &[(Email, Sent), (Sms, Sent)]).await;
    assert!(messages.iter().all(|message| message.last_error.is_empty()));
    assert_eq!(world.taken(), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_sent_before_the_booking_ended_expires() {
    let world = World::new().await;
    world.fail(Vendor::SendGrid, Action::status(429), None);
    world.fail(Vendor::Twilio, Action::status(429), None);
    world.tell(1, &world.confirmed(1)).await;
    world.tried(2).await;
    let messages = world.later_until(chrono::Duration::hours(5), &[(Email, Expired), (Sms, Expired)]).await;
    assert!(messages.iter().all(|message| message.last_error.starts_with("EXPIRED")), "{messages:?}");
    world.sandbox.faults().clear();
    // A cancellation is news for a day.
    world.tell(2, &world.cancelled(2, pb::BookingState::Confirmed)).await;
    world.until(&[(Email, Expired), (Email, Sent), (Sms, Expired), (Sms, Sent)]).await;
    assert_eq!(world.taken(), (1, 1));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_fails_with_a_reason_for_people() {
    let mut world = World::new().await;
    // A number that is valid, but whose owner has written STOP.
    let mut twilio = world.sandbox.twilio().account(ACCOUNT).unwrap();
    twilio.opt_outs.insert((NUMBER.into(), PHONE.into()));
    world.sandbox.twilio().put_account(twilio);
    world.email = "";
    world.tell(1, &world.confirmed(1)).await;
    let messages = world.until(&[(Sms, Failed)]).await;
    assert!(messages[0].last_error.starts_with("OPTED_OUT: the person has written STOP"), "{messages:?}");
    assert_eq!(messages[0].attempts, 1);
    assert!(!messages[0].last_error.contains("664"), "no number in {:?}", messages[0].last_error);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_work_fails_no_message() {
    let world = World::with(Setup { is_sms_off: true, ..Setup::default() }).await;
    world.sandbox.sendgrid().revoke_key(KEY);
    world.tell(1, &world.confirmed(1)).await;
    eventually("it was tried", LIMIT, async || {
        let messages = world.messages().await;
        let reason = messages.first().map(|message| message.last_error.clone()).unwrap_or_default();
        if reason.starts_with("KEY_REFUSED") { Ok(()) } else { Err(reason) }
    })
    .await;
    world.sandbox.sendgrid().put_key(ApiKey::full_access(KEY));
    world.later_until(chrono::Duration::minutes(1), &[(Email, Sent)]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_fails_and_hinders_no_other() {
    let mut world = World::new().await;
    world.fail(Vendor::SendGrid, Action::status(429), None);
    world.phone = "";
    world.tell(1, &world.confirmed(1)).await;
    world.tried(1).await;
    sqlx::query("update message set content = '{}'").execute(&world.pool).await.unwrap();
    world.sandbox.faults().clear();
    world.booking = domain::BookingId::new();
    world.tell(1, &world.confirmed(1)).await;
    let messages = world.later_until(chrono::Duration::minutes(1), &[(Email, Failed), (Email, Sent)]).await;
    assert!(messages.iter().any(|message| message.last_error.starts_with("CONTENT_INVALID")));
    world.finish().await;
}
