//! Another way in is sent to whom it is for, and to nobody else.

use std::sync::atomic::Ordering;

use chassis::input::timestamp;
use domain::names::{BookingName, GrantName, LocationName, PersonName, WayInName};
use domain::{EventId, GrantId, LocationId, PersonId, WayInId};
use proto::access::v1::{
    AccessSecretMade, AccessWayInReady, AccessWindow, DoorAddress, DoorTarget, Grant, WayIn,
};
use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageKind;
use proto::notification::v1::MessageState::{Expired, Failed, Queued, Sent};
use proto::workspace::v1 as pb;

use crate::adapter::LINK;
use crate::world::{EMAIL, World, at};

/// A way in of the booking as of its first version, for one of its people.
fn ready(world: &World, person: PersonId) -> AccessWayInReady {
    let workspace = world.workspace;
    let target = DoorTarget { display_name: "Main entrance".into(), r#ref: "1".into(), ..Default::default() };
    let way_in = WayIn {
        name: WayInName { workspace, id: WayInId::new() }.to_string(),
        person: PersonName { workspace, id: person }.to_string(),
        door: Some(DoorAddress {
            location: LocationName { workspace, id: LocationId::new() }.to_string(),
            provider: "kisi".into(),
            target: Some(target),
        }),
        source: BookingName { workspace, id: world.booking }.to_string(),
        start_time: Some(timestamp(at("2026-12-01T10:00:00Z"))),
        window: Some(AccessWindow {
            start_time: Some(timestamp(at("2026-12-01T09:55:00Z"))),
            end_time: Some(timestamp(at("2026-12-01T12:00:00Z"))),
        }),
    };
    AccessWayInReady { way_in: Some(way_in), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_by_email_and_text_once_whatever_comes_first() {
    let world = World::new().await;
    let (id, fact) = (EventId::new(), ready(&world, world.person));
    for _ in 0..2 {
        world.tell_as(id, 1, &fact).await;
    }
    let confirmed = EventId::new();
    for _ in 0..2 {
        world.tell_as(confirmed, 1, &world.confirmed(1)).await;
    }
    let messages = world.until(&[(Email, Sent), (Email, Sent), (Sms, Sent), (Sms, Sent)]).await;
    let ways_in: Vec<_> =
        messages.into_iter().filter(|message| message.kind() == MessageKind::WayIn).collect();
    let person = PersonName { workspace: world.workspace, id: world.person }.to_string();
    assert!(ways_in.len() == 2 && ways_in.iter().all(|message| message.person == person), "{ways_in:?}");
    assert!(world.texts().iter().any(|text| text.contains(LINK)), "{:?}", world.texts());
    let mails = world.sandbox.sendgrid().messages_to(EMAIL);
    assert!(mails.iter().any(|mail| format!("{:?}", mail.mail).contains(LINK)));
    assert_eq!(world.subjects().iter().filter(|it| it.starts_with("Your way in: Meeting Room 4")).count(), 1);
    world.tell_as(id, 1, &fact).await;
    world.heard().await;
    assert_eq!(world.taken(), (2, 2));
    let rows: Vec<String> =
        sqlx::query_scalar("select message::text from message").fetch_all(&world.pool).await.unwrap();
    assert!(rows.len() == 4 && rows.iter().all(|row| !row.contains(LINK)), "no row has the link");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_the_adapter_and_is_not_sent_once_that_has_it_no_more() {
    let world = World::new().await;
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    world.adapter.is_away.store(true, Ordering::SeqCst);
    world.tell(1, &ready(&world, world.person)).await;
    world.until(&[(Email, Sent), (Email, Queued), (Sms, Sent), (Sms, Queued)]).await;
    world.adapter.is_away.store(false, Ordering::SeqCst);
    world.advance(chrono::Duration::seconds(10));
    world.until(&[(Email, Sent), (Email, Sent), (Sms, Sent), (Sms, Sent)]).await;
    assert!(world.texts().iter().any(|text| text.contains(LINK)));
    world.adapter.has_none.store(true, Ordering::SeqCst);
    world.tell(1, &ready(&world, world.person)).await;
    let messages = world
        .until(&[(Email, Failed), (Email, Sent), (Email, Sent), (Sms, Failed), (Sms, Sent), (Sms, Sent)])
        .await;
    let failed = messages.iter().filter(|message| message.state() == Failed);
    assert!(
        failed.clone().count() == 2 && failed.into_iter().all(|it| it.last_error.starts_with("WITHDRAWN")),
        "{messages:?}"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_sent_to_nobody_once_it_is_withdrawn_and_to_no_stranger() {
    let world = World::new().await;
    let fact = ready(&world, world.person);
    world.tell(1, &ready(&world, PersonId::new())).await;
    let withdrawn = EventId::new();
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    world.heard().await;
    let told_before = world.now();
    world.advance(chrono::Duration::seconds(1));
    world.tell(2, &world.cancelled(2, pb::BookingState::Confirmed)).await;
    world.until(&[(Email, Sent), (Email, Sent), (Sms, Sent), (Sms, Sent)]).await;
    // As of before the cancellation, but heard after it.
    world.tell_at(withdrawn, 1, told_before, &fact).await;
    world.heard().await;
    let messages = world.messages().await;
    assert!(messages.iter().all(|message| message.kind() != MessageKind::WayIn), "{messages:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_sent_after_its_end() {
    let world = World::new().await;
    world.tell(1, &world.confirmed(1)).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    world.advance(chrono::Duration::hours(4));
    world.tell(1, &ready(&world, world.person)).await;
    world.until(&[(Email, Expired), (Email, Sent), (Sms, Expired), (Sms, Sent)]).await;
    world.finish().await;
}

/// A PIN of the person's own access to the booking, made before anybody was told.
fn made(world: &World, source: &str) -> AccessSecretMade {
    let way_in = ready(world, world.person).way_in.unwrap();
    let door = way_in.door.unwrap();
    let grant = Grant {
        name: GrantName { workspace: world.workspace, id: GrantId::new() }.to_string(),
        person: way_in.person,
        provider: door.provider,
        target: door.target,
        ..Default::default()
    };
    AccessSecretMade { grant: Some(grant), source: source.into(), window: way_in.window }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lets_people_in_themselves_is_told_for_a_booking_whatever_comes_first() {
    let world = World::new().await;
    let booking = BookingName { workspace: world.workspace, id: world.booking }.to_string();
    let (id, fact) = (EventId::new(), made(&world, &booking));
    for _ in 0..2 {
        world.tell_as(id, 1, &fact).await;
    }
    world.tell(1, &world.confirmed(1)).await;
    let messages = world.until(&[(Email, Sent), (Email, Sent), (Sms, Sent), (Sms, Sent)]).await;
    let ready = messages.iter().filter(|message| message.kind() == MessageKind::AccessReady);
    assert_eq!(ready.count(), 2, "{messages:?}");
    assert!(world.texts().iter().any(|text| text.starts_with("Your access to") && text.contains(LINK)));
    // Of other sources there is nothing to say.
    world.tell(1, &made(&world, &format!("workspaces/{}/memberships/1", world.workspace))).await;
    world.heard().await;
    assert_eq!(world.taken(), (2, 2));
    world.finish().await;
}
