//! A visitor is told how they get in, and what becomes of their visit then.

use chassis::input::timestamp;
use domain::names::{GrantName, PersonName, VisitName};
use domain::{GrantId, PersonId, VisitId};
use proto::access::v1::{AccessSecretMade, AccessWindow, DoorAddress, DoorTarget, Grant, VisitorArrived};
use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageKind;
use proto::notification::v1::MessageState::Sent;
use proto::workspace::v1 as pb;

use crate::adapter::LINK;
use crate::world::{World, at};

const VISITOR: &str = "eve@example.org";
const PHONE: &str = "+436640000001";

/// A visit as of a version, an hour later with each.
fn snapshot(world: &World, id: VisitId, version: i64, state: pb::VisitState) -> pb::VisitSnapshot {
    let workspace = world.workspace;
    let booked = world.snapshot(version, pb::BookingState::Confirmed);
    let booking = booked.booking.unwrap();
    let visitor = PersonName { workspace, id: PersonId::from_uuid(id.uuid()) }.to_string();
    pb::VisitSnapshot {
        visit: Some(pb::Visit {
            name: VisitName { workspace, id }.to_string(),
            start_time: booking.start_time,
            end_time: booking.end_time,
            state: state.into(),
            version,
            visitor: visitor.clone(),
            ..Default::default()
        }),
        visitor: Some(pb::Person {
            name: visitor,
            display_name: "Eve".into(),
            email: VISITOR.into(),
            phone: PHONE.into(),
            ..Default::default()
        }),
        host: booked.person,
        resource: booked.resource,
        location: booked.location,
        workspace: booked.workspace,
    }
}

fn secret_made(world: &World, id: VisitId) -> AccessSecretMade {
    let workspace = world.workspace;
    AccessSecretMade {
        grant: Some(Grant {
            name: GrantName { workspace, id: GrantId::new() }.to_string(),
            person: PersonName { workspace, id: PersonId::from_uuid(id.uuid()) }.to_string(),
            provider: "kisi".into(),
            target: Some(DoorTarget { r#ref: "1".into(), ..Default::default() }),
            ..Default::default()
        }),
        source: VisitName { workspace, id }.to_string(),
        window: Some(AccessWindow {
            start_time: Some(timestamp(at("2026-12-01T10:00:00Z"))),
            end_time: Some(timestamp(at("2026-12-01T12:00:00Z"))),
        }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_are_told_how_they_get_in_and_when_they_need_not_come_once_each() {
    let world = World::new().await;
    let id = VisitId::new();
    let expected = pb::VisitState::Expected;
    // Whichever comes first.
    world.tell(1, &secret_made(&world, id)).await;
    let announced = pb::VisitAnnounced { snapshot: Some(snapshot(&world, id, 1, expected)) };
    let told = world.tell(1, &announced).await;
    world.tell_as(told, 1, &announced).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    let mails = world.sandbox.sendgrid().messages_to(VISITOR);
    let mail = format!("{:?}", mails[0].mail);
    assert!(mail.contains(LINK) && mail.contains("Ada Lovelace expects you"), "{mail}");
    let texts = world.sandbox.twilio().messages_to(PHONE);
    assert!(texts.iter().any(|text| text.body.contains(LINK)));

    let moved = pb::VisitChanged {
        snapshot: Some(snapshot(&world, id, 2, expected)),
        previous_start_time: announced.snapshot.as_ref().unwrap().visit.as_ref().unwrap().start_time,
        previous_end_time: announced.snapshot.as_ref().unwrap().visit.as_ref().unwrap().end_time,
        previous_state: expected.into(),
    };
    world.tell(2, &moved).await;
    world.until(&[(Email, Sent), (Email, Sent), (Sms, Sent), (Sms, Sent)]).await;
    let off = pb::VisitCancelled {
        snapshot: Some(snapshot(&world, id, 3, pb::VisitState::Cancelled)),
        previous_state: expected.into(),
    };
    world.tell(3, &off).await;
    let messages = world
        .until(&[(Email, Sent), (Email, Sent), (Email, Sent), (Sms, Sent), (Sms, Sent), (Sms, Sent)])
        .await;
    let kinds: Vec<_> = messages
        .iter()
        .filter(|it| it.channel() == Email)
        .map(proto::notification::v1::Message::kind)
        .collect();
    for kind in [MessageKind::AccessReady, MessageKind::BookingRescheduled, MessageKind::BookingCancelled] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let mails = world.sandbox.sendgrid().messages_to(VISITOR);
    assert!(mails.iter().any(|mail| format!("{:?}", mail.mail).contains("your visit was cancelled")));
    world.finish().await;
}

/// That the visitor came in at a moment.
fn arrived(world: &World, id: VisitId, time: &str) -> VisitorArrived {
    let workspace = world.workspace;
    VisitorArrived {
        visit: VisitName { workspace, id }.to_string(),
        visitor: PersonName { workspace, id: PersonId::from_uuid(id.uuid()) }.to_string(),
        door: Some(DoorAddress {
            target: Some(DoorTarget { display_name: "Main entrance".into(), ..Default::default() }),
            ..Default::default()
        }),
        arrive_time: Some(timestamp(at(time))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_told_by_email_and_once_that_their_visitor_is_there() {
    let world = World::new().await;
    let (id, expected) = (VisitId::new(), pb::VisitState::Expected);
    // Whichever comes first, and twice.
    let arrival = arrived(&world, id, "2026-12-01T09:58:00Z");
    let told = world.tell(1, &arrival).await;
    world.tell(1, &pb::VisitAnnounced { snapshot: Some(snapshot(&world, id, 1, expected)) }).await;
    world.tell_as(told, 1, &arrival).await;
    let messages = world.until(&[(Email, Sent)]).await;
    let host = snapshot(&world, id, 1, expected).host.unwrap();
    assert_eq!((messages[0].kind(), &messages[0].person), (MessageKind::VisitorArrived, &host.name));
    let mails = world.sandbox.sendgrid().messages_to(&host.email);
    let mail = format!("{:?}", mails[0].mail);
    assert!(mail.contains("Eve has arrived") && mail.contains("Main entrance"), "{mail}");
    assert_eq!(world.sandbox.sendgrid().messages_to(VISITOR).len(), 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_that_is_over_is_called_off_without_a_word() {
    let world = World::new().await;
    let (id, expected) = (VisitId::new(), pb::VisitState::Expected);
    world.tell(1, &pb::VisitAnnounced { snapshot: Some(snapshot(&world, id, 1, expected)) }).await;
    let off = pb::VisitCancelled {
        snapshot: Some(snapshot(&world, id, 2, pb::VisitState::Cancelled)),
        previous_state: expected.into(),
    };
    let end = off.snapshot.as_ref().unwrap().visit.as_ref().unwrap().end_time.unwrap();
    let end = domain::Timestamp::from_timestamp(end.seconds, 0).unwrap();
    world.tell_at(domain::EventId::new(), 2, end, &off).await;
    world.heard().await;
    assert_eq!(world.messages().await, []);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_not_expected_yet_is_told_nothing() {
    let world = World::new().await;
    let id = VisitId::new();
    let pending = pb::VisitState::Pending;
    world.tell(1, &pb::VisitAnnounced { snapshot: Some(snapshot(&world, id, 1, pending)) }).await;
    let off = pb::VisitCancelled {
        snapshot: Some(snapshot(&world, id, 2, pb::VisitState::Cancelled)),
        previous_state: pending.into(),
    };
    world.tell(2, &off).await;
    world.heard().await;
    assert_eq!(world.messages().await, []);
    world.finish().await;
}
