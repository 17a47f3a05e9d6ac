//! What became of a message is read in one place, from what it tells of to the person's mailbox.

use std::time::Duration;

use proto::notification::v1 as pb;
use proto::notification::v1::MessageStepKind as Step;
use proto::workspace::v1 as workspace_pb;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{Door, System};
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

/// The message to an address, once it was delivered.
async fn delivered(stage: &Stage, client: &Client, workspace: &str, recipient: &str) -> pb::Message {
    eventually("it was delivered", LIMIT, async || {
        stage.sandbox.twilio().advance();
        let request = pb::ListMessagesRequest {
            parent: workspace.to_owned(),
            recipient: recipient.to_owned(),
            newest_first: true,
            ..Default::default()
        };
        let call = |mut client: MessagesClient, request| async move { client.list_messages(request).await };
        let listed = insist(&client.messages, request, call).await.messages;
        let found = listed.iter().find(|it| it.kind() == pb::MessageKind::BookingConfirmed);
        match found {
            Some(message) if message.state() == pb::MessageState::Delivered => Ok(message.clone()),
            _ => Err(format!("{listed:#?}")),
        }
    })
    .await
}

type MessagesClient =
    pb::notification_service_client::NotificationServiceClient<chassis::rpc::OperatorChannel>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_followed_from_the_confirmation_to_the_mailbox_in_one_place() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, _) = System::Kisi.world(&stage, 1, 1).await;
    let client = stage.client();
    let booking = world.create(&client, 0, 0, Door::window(3_600, 3_600), "followed").await;
    let request = workspace_pb::ConfirmBookingRequest { name: booking.clone(), request_id: "confirm".into() };
    let confirmed =
        insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    let (person, email) = &world.people[0];
    let request = workspace_pb::GetPersonRequest { name: person.clone() };
    let person = insist(&client.people, request, |mut c, r| async move { c.get_person(r).await }).await;
    let phone = person.person.unwrap().phone;

    for recipient in [email, &phone] {
        let message = delivered(&stage, &client, &world.workspace, recipient).await;
        assert_eq!(message.booking, booking);
        let request = pb::GetMessageRequest { name: message.name };
        let call = |mut client: MessagesClient, request| async move { client.get_message(request).await };
        let shown = insist(&client.messages, request, call).await;
        let steps: Vec<_> = shown.steps.iter().map(|step| step.kind()).collect();
        assert_eq!(steps, [Step::Caused, Step::Queued, Step::Sent, Step::Processed, Step::Delivered]);
        assert_eq!((&shown.recipient, shown.trace.len()), (recipient, 32));
        let caused = shown.steps[0].time.as_ref().unwrap();
        let updated = confirmed.booking.as_ref().unwrap().update_time.as_ref().unwrap();
        assert_eq!(caused.seconds, updated.seconds, "it is that confirmation");
    }
    stage.settle(LIMIT).await;
}
