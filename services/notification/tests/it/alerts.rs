//! What checks ahead find becomes a message to those who can do something about it.

use chassis::input::timestamp;
use domain::names::{BookingName, DisputeName, LocationName, PersonName};
use domain::{BookingId, DisputeId, EventId, LocationId, PersonId};
use proto::access::v1::{AccessPreflightFailed, DoorAddress, DoorTarget};
use proto::access::v1::{PreflightCheck, PreflightFinding, PreflightStage};
use proto::auth::v1::Role;
use proto::billing::v1 as billing;
use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageState::{Expired, Queued, Sent};
use proto::notification::v1::{Message, MessageKind};
use proto::workspace::v1 as pb;
use sandbox::{Action, Vendor};

use crate::world::{World, at};

/// Someone of the workspace who can be reached by email, and by phone.
fn person(world: &World, role: Role, locations: &[LocationId], version: i64) -> (PersonId, pb::Person) {
    let (workspace, id) = (world.workspace, PersonId::new());
    let locations = locations.iter().map(|&id| LocationName { workspace, id }.to_string());
    let person = pb::Person {
        name: PersonName { workspace, id }.to_string(),
        display_name: "Grace Hopper".into(),
        email: format!("{id}@space.example"),
        phone: "+436767654321".into(),
        role: role.into(),
        status: pb::PersonStatus::Active.into(),
        locations: locations.collect(),
        version,
        ..Default::default()
    };
    (id, person)
}

fn created(person: &pb::Person) -> pb::PersonCreated {
    pb::PersonCreated { person: Some(person.clone()) }
}

fn updated(person: pb::Person) -> pb::PersonUpdated {
    pb::PersonUpdated { person: Some(person) }
}

/// A check, at the moment, of the booking as of its first version.
fn alert(world: &World, location: LocationId, stage: PreflightStage) -> AccessPreflightFailed {
    let workspace = world.workspace;
    let finding = PreflightFinding {
        person: PersonName { workspace, id: world.person }.to_string(),
        door: Some(DoorAddress {
            location: LocationName { workspace, id: location }.to_string(),
            provider: "kisi".into(),
            target: Some(DoorTarget {
                display_name: "Main entrance".into(),
                r#ref: "1".into(),
                ..Default::default()
            }),
        }),
        sentence: "The provider can't be reached. Be ready to let them in by hand.".into(),
        ..Default::default()
    };
    let check = PreflightCheck {
        source: BookingName { workspace, id: world.booking }.to_string(),
        stage: stage.into(),
        start_time: Some(timestamp(at("2026-12-01T10:00:00Z"))),
        check_time: Some(timestamp(world.now())),
        findings: vec![finding],
        ..Default::default()
    };
    AccessPreflightFailed { check: Some(check) }
}

async fn alerts(world: &World) -> Vec<Message> {
    let messages = world.messages().await;
    messages.into_iter().filter(|message| message.kind() == MessageKind::StaffAlert).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_admins_are_told_of_a_dispute_once() {
    let world = World::new().await;
    let (owner, told) = person(&world, Role::Owner, &[], 1);
    world.tell(1, &created(&told)).await;
    for role in [Role::Manager, Role::Member] {
        world.tell(1, &created(&person(&world, role, &[], 1).1)).await;
    }
    world.heard().await;
    let name = DisputeName { workspace: world.workspace, id: DisputeId::new() }.to_string();
    let dispute = billing::Dispute {
        name: name.clone(),
        amount: Some(billing::Money { minor_units: 11_613, currency: "EUR".into() }),
        reason: "product_not_received".into(),
        state: billing::DisputeState::Open.into(),
        dispute_ref: "du_1".into(),
        version: 1,
        ..Default::default()
    };
    let invoice = billing::Invoice {
        number: "INV-000012".into(),
        bill_to: Some(billing::BillTo { display_name: "Ada Lovelace".into(), ..Default::default() }),
        ..Default::default()
    };
    let opened = billing::DisputeOpened { dispute: Some(dispute), invoice: Some(invoice) };
    world.tell(1, &opened).await;
    let message = world.until(&[(Email, Sent)]).await.remove(0);
    let workspace = world.workspace;
    assert_eq!(
        (message.kind(), message.booking, message.person),
        (MessageKind::DisputeOpened, name, PersonName { workspace, id: owner }.to_string())
    );
    let mail = world.sandbox.sendgrid().messages_to(&format!("{owner}@space.example")).pop().unwrap();
    assert_eq!(mail.subjects().next().unwrap(), "A payment is disputed: 116.13 EUR, Ada Lovelace");
    let text = format!("{:?}", mail.mail);
    for expected in ["Hello Grace Hopper", "INV-000012", "product not received", "du_1"] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_admins_and_managers_of_the_location_are_told_and_nobody_else() {
    let mut world = World::new().await;
    // Whom the booking is for is told nothing by text or email.
    (world.email, world.phone) = ("", "");
    let (here, elsewhere) = (LocationId::new(), LocationId::new());
    let (owner, told) = person(&world, Role::Owner, &[], 1);
    world.tell(1, &created(&told)).await;
    let (admin, told) = person(&world, Role::Member, &[], 1);
    world.tell(1, &created(&told)).await;
    let raised = pb::Person { role: Role::Admin.into(), version: 2, ..told };
    world.tell(2, &updated(raised)).await;
    let (manager, told) = person(&world, Role::Manager, &[elsewhere, here], 1);
    world.tell(1, &created(&told)).await;
    for (role, locations) in [(Role::Manager, &[elsewhere][..]), (Role::Member, &[]), (Role::Guest, &[])] {
        world.tell(1, &created(&person(&world, role, locations, 1).1)).await;
    }
    let (_, told) = person(&world, Role::Owner, &[], 1);
    world.tell(1, &created(&told)).await;
    let paused = pb::Person { status: pb::PersonStatus::Paused.into(), version: 2, ..told };
    world.tell(2, &updated(paused)).await;
    world.tell(1, &world.confirmed(1)).await;
    world.heard().await;

    world.tell(1, &alert(&world, here, PreflightStage::Day)).await;
    let messages = world.until(&[(Email, Sent); 3]).await;
    let workspace = world.workspace;
    let mut told: Vec<_> = messages.iter().map(|message| message.person.clone()).collect();
    let mut expected = [owner, admin, manager].map(|id| PersonName { workspace, id }.to_string());
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    assert!(messages.iter().all(|message| message.kind() == MessageKind::StaffAlert));
    let mail = world.sandbox.sendgrid().messages_to(&format!("{owner}@space.example")).pop().unwrap();
    assert_eq!(
        mail.subjects().next().unwrap(),
        "Not everybody will be let in: Meeting Room 4, Tuesday, 1 December 2026"
    );
    assert!(mail.mail.attachments.is_empty(), "nothing for a calendar");
    let text = format!("{:?}", mail.mail);
    for expected in ["Hello Grace Hopper", "Ada Lovelace", "Main entrance", "be ready to let them in by hand"]
    {
        assert!(text.to_lowercase().contains(&expected.to_lowercase()), "no {expected:?} in {text}");
    }

    // An hour ahead an email alone may not be read in time.
    world.tell(2, &alert(&world, here, PreflightStage::Hour)).await;
    world
        .until(&[
            (Email, Sent),
            (Email, Sent),
            (Email, Sent),
            (Email, Sent),
            (Email, Sent),
            (Email, Sent),
            (Sms, Sent),
            (Sms, Sent),
            (Sms, Sent),
        ])
        .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_once_more_is_known_and_no_news() {
    let world = World::new().await;
    let (owner, told) = person(&world, Role::Owner, &[], 3);
    world.tell(3, &pb::PersonRetold { person: Some(told) }).await;
    let snapshot = world.confirmed(1).snapshot;
    world.tell(1, &pb::BookingRetold { snapshot }).await;
    world.heard().await;
    world.tell(1, &alert(&world, LocationId::new(), PreflightStage::Day)).await;
    let messages = world.until(&[(Email, Sent)]).await;
    assert_eq!(messages[0].person, PersonName { workspace: world.workspace, id: owner }.to_string());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_come_twice_and_reversed_tell_the_same() {
    let mut world = World::new().await;
    (world.email, world.phone) = ("", "");
    let here = LocationId::new();
    let (manager, told) = person(&world, Role::Manager, &[here], 3);
    let (_, no_more) = person(&world, Role::Admin, &[], 1);
    let lowered = pb::Person { role: Role::Member.into(), version: 2, ..no_more.clone() };
    let before = pb::Person { role: Role::Guest.into(), locations: Vec::new(), version: 2, ..told.clone() };
    let ids = [(); 2].map(|()| EventId::new());
    for _ in 0..2 {
        world.tell(3, &updated(told.clone())).await;
        world.tell(2, &updated(before.clone())).await;
        world.tell(2, &updated(lowered.clone())).await;
        world.tell(1, &created(&no_more)).await;
    }
    world.heard().await;
    // The check comes before what it is of.
    let check = alert(&world, here, PreflightStage::Minutes);
    for _ in 0..2 {
        world.tell_as(ids[0], 1, &check).await;
    }
    for _ in 0..2 {
        world.tell_as(ids[1], 1, &world.confirmed(1)).await;
    }
    let messages = world.until(&[(Email, Sent), (Sms, Sent)]).await;
    let manager = PersonName { workspace: world.workspace, id: manager }.to_string();
    assert!(messages.iter().all(|message| message.person == manager), "{messages:?}");
    world.tell_as(ids[0], 1, &check).await;
    world.heard().await;
    assert_eq!((alerts(&world).await.len(), world.taken()), (2, (1, 1)));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_or_called_off_since_is_told_to_nobody() {
    let mut world = World::new().await;
    (world.email, world.phone) = ("", "");
    let here = LocationId::new();
    world.tell(1, &created(&person(&world, Role::Admin, &[], 1).1)).await;
    let check = alert(&world, here, PreflightStage::Day);
    world.advance(chrono::Duration::seconds(1));
    world.tell(1, &world.confirmed(1)).await;
    world.tell(2, &world.rescheduled(2, pb::BookingState::Confirmed)).await;
    world.heard().await;
    world.tell(1, &check).await;
    world.booking = BookingId::new();
    let check = alert(&world, here, PreflightStage::Day);
    world.advance(chrono::Duration::seconds(1));
    world.tell(1, &world.cancelled(1, pb::BookingState::Pending)).await;
    world.heard().await;
    world.tell(2, &check).await;
    world.heard().await;
    assert_eq!(alerts(&world).await, []);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_neither_overtakes_news_of_the_booking_nor_is_overtaken() {
    let mut world = World::new().await;
    world.phone = "";
    let here = LocationId::new();
    // Both are the same person: a manager who has booked.
    let told = pb::Person {
        role: Role::Manager.into(),
        locations: vec![LocationName { workspace: world.workspace, id: here }.to_string()],
        ..world.staff(Role::Manager, 1).person.unwrap()
    };
    world.tell(1, &updated(told)).await;
    world.fail(Vendor::SendGrid, Action::status(429), None);
    world.tell(1, &world.confirmed(1)).await;
    world.heard().await;
    world.tell(9, &alert(&world, here, PreflightStage::Day)).await;
    world.tried(2).await;
    world.tell(2, &world.cancelled(2, pb::BookingState::Confirmed)).await;
    world.heard().await;
    // The alert and the cancellation: the confirmation has expired by now.
    world.tried(2).await;
    let alert = alerts(&world).await.pop().unwrap();
    assert_eq!(alert.state(), Queued, "it waits for SendGrid alone");
    world.sandbox.faults().clear();
    world.later_until(chrono::Duration::minutes(10), &[(Email, Expired), (Email, Sent), (Email, Sent)]).await;
    assert_eq!(alerts(&world).await[0].state(), Sent);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_comes_too_late_is_not_sent() {
    let mut world = World::new().await;
    (world.email, world.phone) = ("", "");
    let here = LocationId::new();
    world.tell(1, &created(&person(&world, Role::Admin, &[], 1).1)).await;
    world.tell(1, &world.confirmed(1)).await;
    world.heard().await;
    let check = alert(&world, here, PreflightStage::Hour);
    // The last check has its own say.
    world.advance(chrono::Duration::minutes(115));
    world.tell(1, &check).await;
    world.until(&[(Email, Expired), (Sms, Expired)]).await;
    world.finish().await;
}
