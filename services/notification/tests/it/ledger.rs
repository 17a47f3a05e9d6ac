//! The ledger as operators read it.

use chassis::auth::Role;
use domain::names::{BookingName, WorkspaceName};
use domain::{BookingId, WorkspaceId};
use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageState::Sent;
use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::notification::v1::{ListMessagesRequest, MessageKind};
use tonic::Code;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_listed_in_pages_by_booking_for_those_who_manage() {
    let mut world = World::new().await;
    let first = world.booking;
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    world.booking = BookingId::new();
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent), (Email, Sent), (Sms, Sent), (Sms, Sent)]).await;

    let workspace = world.workspace;
    let channel = world.harness.channel_as(&world.address, Role::Admin, workspace);
    let mut client = NotificationServiceClient::new(channel);
    let mut request = ListMessagesRequest {
        parent: WorkspaceName(workspace).to_string(),
        page_size: 3,
        ..Default::default()
    };
    let page = client.list_messages(request.clone()).await.unwrap().into_inner();
    request.page_token = page.next_page_token;
    let rest = client.list_messages(request.clone()).await.unwrap().into_inner();
    assert_eq!((page.messages.len(), rest.messages.len(), rest.next_page_token.as_str()), (3, 1, ""));

    let booking = BookingName { workspace, id: first }.to_string();
    (request.page_token, request.booking) = (String::new(), booking.clone());
    let of_booking = client.list_messages(request.clone()).await.unwrap().into_inner().messages;
    assert_eq!(of_booking.len(), 2);
    assert!(of_booking.iter().all(|m| m.booking == booking && m.kind() == MessageKind::BookingConfirmed));
    assert!(!format!("{of_booking:?}").contains("ada@"), "no addresses in the list");

    request.booking = BookingName { workspace: WorkspaceId::new(), id: first }.to_string();
    assert_eq!(client.list_messages(request.clone()).await.unwrap_err().code(), Code::InvalidArgument);
    request.booking.clear();
    for (role, of, code) in
        [(Role::Member, workspace, Code::PermissionDenied), (Role::Admin, WorkspaceId::new(), Code::NotFound)]
    {
        let channel = world.harness.channel_as(&world.address, role, of);
        let status =
            NotificationServiceClient::new(channel).list_messages(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), code);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_makes_no_sense_waits_among_the_dead_letters() {
    let world = World::new().await;
    let mut fact = world.confirmed(1);
    fact.snapshot.as_mut().unwrap().location.as_mut().unwrap().time_zone = "Mars/Olympus".into();
    world.tell(1, &fact).await;
    world.harness.finish_with_dead_letters(1).await;
}
