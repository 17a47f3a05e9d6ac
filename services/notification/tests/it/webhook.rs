//! SendGrid's events are taken from SendGrid only.

use chassis::auth::Role;
use proto::notification::v1::MessageChannel::Email;
use proto::notification::v1::MessageState::{Delivered, Sent};
use proto::notification::v1::MessageStepKind as Step;
use proto::notification::v1::MessageStepKind::{Caused, Processed, Queued};
use proto::notification::v1::webhook_service_client::WebhookServiceClient;
use proto::notification::v1::{GetMessageRequest, ReceiveSendGridEventsRequest};
use sandbox::sendgrid::EventSwitches;
use sandbox::{Action, Vendor};
use testkit::eventually;
use tonic::Code;

use crate::world::{LIMIT, Setup, World};

#[tokio::test(flavor = "multi_thread")]
async fn events_with_a_wrong_or_old_signature_change_nothing() {
    let mut world = World::with(Setup { has_webhook: true, ..Setup::default() }).await;
    world.phone = "";
    for (nth, switches) in [
        EventSwitches { has_bad_signature: true, ..EventSwitches::default() },
        EventSwitches { has_old_timestamp: true, ..EventSwitches::default() },
    ]
    .into_iter()
    .enumerate()
    {
        world.booking = domain::BookingId::new();
        world.sandbox.sendgrid().set_switches(switches);
        world.fail(Vendor::SendGrid, Action::DropAfterEffect, Some(1));
        world.tell(1, &world.confirmed(1)).await;
        eventually("SendGrid's posts were refused", LIMIT, async || {
            let failed = world.sandbox.deliveries().counts().failed;
            if failed > nth as u64 { Ok(()) } else { Err(format!("{failed} refused")) }
        })
        .await;
        assert!(world.messages().await.iter().all(|message| message.state() != Sent));
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_twice_late_and_out_of_order_are_told_once_and_in_order() {
    let mut world = World::with(Setup { has_webhook: true, ..Setup::default() }).await;
    world.phone = "";
    world.sandbox.sendgrid().set_switches(EventSwitches { is_held: true, ..EventSwitches::default() });
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent)]).await;
    world.sandbox.sendgrid().set_switches(EventSwitches {
        is_doubled: true,
        is_reversed: true,
        has_trailing_crlf: true,
        ..EventSwitches::default()
    });
    assert!(world.sandbox.sendgrid().flush() >= 2);
    eventually("both posts were taken", LIMIT, async || {
        let delivered = world.sandbox.deliveries().counts().delivered;
        if delivered == 2 { Ok(()) } else { Err(format!("{delivered} taken")) }
    })
    .await;
    let name = world.until(&[(Email, Delivered)]).await.remove(0).name;
    let shown = world.ledger().get_message(GetMessageRequest { name }).await.unwrap().into_inner();
    let steps: Vec<_> = shown.steps.iter().map(|step| step.kind()).collect();
    assert_eq!(steps, [Caused, Queued, Step::Sent, Processed, Step::Delivered]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_gateway_may_bring_events_and_only_if_they_can_be_verified() {
    let world = World::new().await;
    let request = ReceiveSendGridEventsRequest { body: b"[]".to_vec(), ..Default::default() };
    let admin = world.harness.channel_as(&world.address, Role::Admin, world.workspace);
    let status =
        WebhookServiceClient::new(admin).receive_send_grid_events(request.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let service = world.harness.channel(&world.address, "gateway");
    let status = WebhookServiceClient::new(service).receive_send_grid_events(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("sendgrid.webhook_public_key"), "{}", status.message());
    world.finish().await;
}
