//! What became of messages, by what the vendors report; and addresses that get nothing more.

use domain::BookingId;
use domain::names::{BookingName, PersonName, WorkspaceName};
use proto::notification::v1 as pb;
use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageState::{Bounced, Delivered, Failed, Opened, Sent, Undelivered};
use sandbox::sendgrid::{EventKind, EventOrder};
use sandbox::twilio::{CallbackSwitches, Inbound, Outcome, Pace, Sender};
use serde_json::Map;
use testkit::eventually;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::world::{ACCOUNT, EMAIL, LIMIT, NUMBER, PHONE, Setup, World};

async fn reported() -> World {
    World::with(Setup { has_webhook: true, ..Setup::default() }).await
}

async fn list(world: &World, recipient: &str) -> Vec<pb::Message> {
    let parent = WorkspaceName(world.workspace).to_string();
    let request = pb::ListMessagesRequest {
        parent,
        recipient: recipient.to_owned(),
        newest_first: true,
        ..Default::default()
    };
    world.ledger().list_messages(request).await.unwrap().into_inner().messages
}

async fn suppressed(world: &World) -> Vec<(String, pb::SuppressionReason)> {
    let parent = WorkspaceName(world.workspace).to_string();
    let request = pb::ListSuppressionsRequest { parent, ..Default::default() };
    let listed = world.ledger().list_suppressions(request).await.unwrap().into_inner();
    listed.suppressions.iter().map(|it| (it.address.clone(), it.reason())).collect()
}

fn lift(world: &World, channel: pb::MessageChannel, address: &str) -> pb::LiftSuppressionRequest {
    let parent = WorkspaceName(world.workspace).to_string();
    pb::LiftSuppressionRequest { parent, channel: channel.into(), address: address.to_owned() }
}

/// Has the twin of Twilio go on until the messages stand so.
async fn texts_until(world: &World, wanted: &[pb::MessageState]) -> Vec<pb::Message> {
    eventually("the texts stand as wanted", LIMIT, async || {
        world.sandbox.twilio().advance();
        let messages = world.messages().await;
        let states: Vec<_> = messages.iter().map(|message| message.state()).collect();
        if states == wanted { Ok(messages) } else { Err(format!("{messages:#?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_she_got_the_mail_is_one_call_and_its_way_is_another() {
    let mut world = reported().await;
    world.phone = "";
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Delivered)]).await;
    let id = world.sandbox.sendgrid().messages_to(EMAIL).remove(0).id;
    let opened = EventOrder { message_id: id, email: None, event: EventKind::Open, fields: Map::new() };
    world.sandbox.sendgrid().happen(&opened).unwrap();
    world.until(&[(Email, Opened)]).await;

    let found = list(&world, "ADA@example.org").await;
    assert_eq!((found.len(), found[0].state()), (1, Opened));
    assert!(list(&world, "bob@example.org").await.is_empty());

    let request = pb::GetMessageRequest { name: found[0].name.clone() };
    let shown = world.ledger().get_message(request).await.unwrap().into_inner();
    let steps: Vec<_> = shown.steps.iter().map(|step| step.kind()).collect();
    use pb::MessageStepKind as Step;
    let all = [Step::Caused, Step::Queued, Step::Sent, Step::Processed, Step::Delivered, Step::Opened];
    assert_eq!(steps, all);
    assert_eq!((shown.recipient.as_str(), shown.message.as_ref()), (EMAIL, Some(&found[0])));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_by_person_newest_first_and_by_one_thing_at_a_time() {
    let mut world = World::new().await;
    world.phone = "";
    let first = world.booking;
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent)]).await;
    world.booking = BookingId::new();
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent), (Email, Sent)]).await;
    let workspace = world.workspace;
    let name = |id| BookingName { workspace, id }.to_string();
    let mut request = pb::ListMessagesRequest {
        parent: WorkspaceName(workspace).to_string(),
        person: PersonName { workspace, id: world.person }.to_string(),
        newest_first: true,
        page_size: 1,
        ..Default::default()
    };
    let mut bookings = Vec::new();
    loop {
        let page = world.ledger().list_messages(request.clone()).await.unwrap().into_inner();
        bookings.extend(page.messages.into_iter().map(|message| message.booking));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(bookings, [name(world.booking), name(first)]);
    let both = pb::ListMessagesRequest { recipient: EMAIL.to_owned(), page_token: String::new(), ..request };
    let refused = world.ledger().list_messages(both).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_does_not_exist_gets_nothing_more_until_that_is_lifted() {
    let mut world = reported().await;
    world.phone = "";
    world.sandbox.sendgrid().set_outcome(EMAIL, EventKind::Bounce);
    world.tell(1, &world.confirmed(1)).await;
    let bounced = world.until(&[(Email, Bounced)]).await;
    assert!(!bounced[0].report_detail.is_empty());
    assert_eq!(suppressed(&world).await, [(EMAIL.to_owned(), pb::SuppressionReason::Bounced)]);

    world.booking = BookingId::new();
    world.tell(1, &world.confirmed(1)).await;
    let messages = world.until(&[(Email, Bounced), (Email, Failed)]).await;
    assert!(messages[1].last_error.starts_with("SUPPRESSED: "), "{}", messages[1].last_error);
    assert_eq!(world.taken().0, 1);

    world.sandbox.sendgrid().set_outcome(EMAIL, EventKind::Delivered);
    for _ in 0..2 {
        world.ledger().lift_suppression(lift(&world, Email, "Ada@Example.org")).await.unwrap();
    }
    assert!(suppressed(&world).await.is_empty());
    world.booking = BookingId::new();
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Bounced), (Email, Failed), (Email, Delivered)]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_text_is_told_with_what_to_do() {
    let mut world = reported().await;
    world.email = "";
    world.tell(1, &world.confirmed(1)).await;
    texts_until(&world, &[Delivered]).await;
    world.booking = BookingId::new();
    world.sandbox.twilio().set_outcome(PHONE, Outcome::Undelivered(30003));
    world.tell(1, &world.confirmed(1)).await;
    let messages = texts_until(&world, &[Delivered, Undelivered]).await;
    assert!(messages[1].report_detail.contains("out of reach"), "{}", messages[1].report_detail);
    assert!(suppressed(&world).await.is_empty(), "it may be on again");
    world.booking = BookingId::new();
    world.sandbox.twilio().set_outcome(PHONE, Outcome::Undelivered(30006));
    world.tell(1, &world.confirmed(1)).await;
    texts_until(&world, &[Delivered, Undelivered, Undelivered]).await;
    assert_eq!(suppressed(&world).await, [(PHONE.to_owned(), pb::SuppressionReason::Bounced)]);
    assert_eq!(list(&world, PHONE).await.len(), 3);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_is_not_twilios_changes_nothing() {
    let mut world = reported().await;
    world.email = "";
    let switches = CallbackSwitches { has_wrong_token: true, ..CallbackSwitches::default() };
    world.sandbox.twilio().set_callbacks(switches);
    world.tell(1, &world.confirmed(1)).await;
    eventually("its callbacks were refused", LIMIT, async || {
        world.sandbox.twilio().advance();
        let failed = world.sandbox.deliveries().counts().failed;
        if failed > 0 { Ok(()) } else { Err(format!("{failed} refused")) }
    })
    .await;
    world.until(&[(Sms, Sent)]).await;
    world.finish().await;
}

fn write(world: &World, body: &str) {
    let (account, from, to) = (ACCOUNT.to_owned(), PHONE.to_owned(), NUMBER.to_owned());
    world.sandbox.twilio().receive(Inbound { account, from, to, body: body.to_owned() }).unwrap();
}

async fn until_suppressed(world: &World, wanted: &[(String, pb::SuppressionReason)]) {
    eventually("the wish is heard", LIMIT, async || {
        let found = suppressed(world).await;
        if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_stop_gets_no_texts_until_they_write_start() {
    let mut world = reported().await;
    world.email = "";
    // What becomes of texts is not of interest here.
    world.sandbox.twilio().set_pace(Pace { to_sent_ms: u32::MAX, to_end_ms: 0 });
    let mut account = world.sandbox.twilio().account(ACCOUNT).unwrap();
    let inbound_url = Some(world.twilio_webhook.clone());
    account.senders.insert(NUMBER.to_owned(), Sender { inbound_url });
    world.sandbox.twilio().put_account(account);
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Sms, Sent)]).await;

    write(&world, "stop");
    until_suppressed(&world, &[(PHONE.to_owned(), pb::SuppressionReason::Stopped)]).await;
    let refused = world.ledger().lift_suppression(lift(&world, Sms, PHONE)).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "SUPPRESSED_BY_PERSON");
    world.booking = BookingId::new();
    world.tell(1, &world.confirmed(1)).await;
    let messages = world.until(&[(Sms, Sent), (Sms, Failed)]).await;
    assert!(messages[1].last_error.contains("STOP"), "{}", messages[1].last_error);

    write(&world, "START");
    until_suppressed(&world, &[]).await;
    world.booking = BookingId::new();
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Sms, Sent), (Sms, Failed), (Sms, Sent)]).await;
    world.finish().await;
}
