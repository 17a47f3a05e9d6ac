//! Visitors are announced, follow their bookings, and are called off.

use chassis::auth::{Principal, Role};
use domain::names::{BookingName, LocationName, PersonName, ResourceName};
use domain::{BookingId, LocationId, PersonId, ResourceId};
use prost::Message as _;
use proto::workspace::v1 as pb;
use proto::workspace::v1::visit_service_client::VisitServiceClient;
use testkit::{Bearer, audit_line};
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;
use workspace::DEFINITION;

use crate::world::{World, at};

type Client = VisitServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    fn visits_as(&self, principal: &Principal) -> Client {
        VisitServiceClient::new(self.harness.channel_with(&self.address, principal))
    }

    fn visits(&self) -> Client {
        self.visits_as(&Principal::person(PersonId::new().to_string(), self.workspace, Role::Admin))
    }

    fn visits_of(&self, person: &str) -> Client {
        let PersonName { id, .. } = person.parse().unwrap();
        self.visits_as(&Principal::person(id.to_string(), self.workspace, Role::Member))
    }

    /// Someone who comes to the room on 2 December from 9 to 10.
    fn visitor(&self) -> pb::Visit {
        pb::Visit {
            display_name: "Eve".into(),
            email: "eve@example.org".into(),
            host: self.person.clone(),
            location: self.location.clone(),
            resource: self.resource.clone(),
            start_time: Some(at(9)),
            end_time: Some(at(10)),
            ..Default::default()
        }
    }

    fn guest(&self, booking: &str) -> pb::Visit {
        pb::Visit {
            display_name: "Eve".into(),
            phone: "+436641234567".into(),
            booking: booking.into(),
            ..Default::default()
        }
    }

    async fn announce(&self, client: &Client, visit: pb::Visit) -> Result<pb::Visit, Status> {
        let request = pb::AnnounceVisitRequest {
            parent: self.name.clone(),
            visit: Some(visit),
            request_id: String::new(),
        };
        Ok(client.clone().announce_visit(request).await?.into_inner().visit.unwrap())
    }

    /// Somebody is announced.
    pub(crate) async fn have_visit(&self) {
        self.announce(&self.visits(), self.visitor()).await.unwrap();
    }

    async fn seen(&self, client: &Client, booking: &str) -> Vec<String> {
        let request = pb::ListVisitsRequest {
            parent: self.name.clone(),
            booking: booking.into(),
            ..Default::default()
        };
        let visits = client.clone().list_visits(request).await.unwrap().into_inner().visits;
        visits.into_iter().map(|visit| visit.name).collect()
    }

    async fn call_off(&self, name: &str) {
        let cancel = pb::CancelVisitRequest { name: name.into(), request_id: String::new() };
        self.visits().cancel_visit(cancel).await.unwrap();
    }

    async fn state(&self, name: &str) -> (pb::VisitState, Option<pbjson_types::Timestamp>, i64) {
        let request = pb::GetVisitRequest { name: name.into() };
        let visit = self.visits().get_visit(request).await.unwrap().into_inner().visit.unwrap();
        (visit.state(), visit.start_time, visit.version)
    }
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, Status>) -> String {
    let status = outcome.unwrap_err();
    match status.get_details_bad_request() {
        Some(bad) if !bad.field_violations.is_empty() => bad.field_violations[0].field.clone(),
        _ => status.get_details_error_info().map(|info| info.reason).unwrap_or_default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_is_announced_and_called_off_once_and_both_are_told_and_recorded() {
    let world = World::new().await;
    let visit = world.announce(&world.visits(), world.visitor()).await.unwrap();
    assert_eq!((visit.state(), visit.version, &visit.host), (pb::VisitState::Expected, 1, &world.person));
    assert_ne!(visit.visitor, world.person);
    let cancel = pb::CancelVisitRequest { name: visit.name.clone(), request_id: String::new() };
    for _ in 0..2 {
        let off = world.visits().cancel_visit(cancel.clone()).await.unwrap().into_inner().visit.unwrap();
        assert_eq!((off.state(), off.version), (pb::VisitState::Cancelled, 2));
    }
    let told = world.told(3).await;
    let facts: Vec<&str> = told.iter().map(|(fact, ..)| fact.as_str()).collect();
    assert_eq!(facts, ["person_created", "visit_announced", "visit_cancelled"]);
    let announced: pb::VisitAnnounced = serde_json::from_slice(&told[1].2).unwrap();
    let snapshot = announced.snapshot.unwrap();
    let visitor = snapshot.visitor.unwrap();
    assert_eq!((&visitor.name, visitor.email.as_str()), (&visit.visitor, "eve@example.org"));
    assert_eq!(snapshot.host.unwrap().name, world.person);
    assert_eq!(snapshot.resource.unwrap().name, world.resource);
    assert!(snapshot.visit.unwrap().encoded_len() > 0);
    let people = pb::ListPeopleRequest { parent: world.name.clone(), ..Default::default() };
    let people = world.people.clone().list_people(people).await.unwrap().into_inner().people;
    assert_eq!(people.len(), 1, "visitors are none of the workspace's people");
    let entries = world.harness.audit_entries(&DEFINITION).await;
    let own: Vec<String> =
        entries.iter().filter(|entry| entry.subject == visit.name).map(audit_line).collect();
    let [announced, off] = own.as_slice() else { panic!("two entries, not {own:#?}") };
    assert!(announced.contains("visit.state SET expected") && !announced.contains("Eve"), "{announced}");
    assert_eq!(off, "CancelVisit: visit.state REPLACED expected -> cancelled");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_follow_their_booking_wherever_it_goes() {
    let mut world = World::new().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let member = world.visits_of(&world.person);
    let kept = world.announce(&member, world.guest(&booking.name)).await.unwrap();
    let off = world.announce(&member, world.guest(&booking.name)).await.unwrap();
    assert_eq!((kept.state(), &kept.host), (pb::VisitState::Pending, &world.person));
    assert_eq!((&kept.resource, kept.start_time), (&world.resource, Some(at(9))));
    let cancel = pb::CancelVisitRequest { name: off.name.clone(), request_id: String::new() };
    member.clone().cancel_visit(cancel).await.unwrap();
    world.confirm(&booking.name).await.unwrap();
    assert_eq!(world.state(&kept.name).await, (pb::VisitState::Expected, Some(at(9)), 2));
    let move_on = pb::RescheduleBookingRequest {
        name: booking.name.clone(),
        start_time: Some(at(11)),
        end_time: Some(at(12)),
        request_id: String::new(),
    };
    world.bookings.reschedule_booking(move_on).await.unwrap();
    assert_eq!(world.state(&kept.name).await, (pb::VisitState::Expected, Some(at(11)), 3));
    let cancel = pb::CancelBookingRequest { name: booking.name.clone(), ..Default::default() };
    world.bookings.cancel_booking(cancel).await.unwrap();
    assert_eq!(world.state(&kept.name).await, (pb::VisitState::Cancelled, Some(at(11)), 4));
    assert_eq!(world.state(&off.name).await, (pb::VisitState::Cancelled, Some(at(9)), 2), "since before");
    let told = world.facts(11).await;
    let of_visits: Vec<&str> =
        told.iter().map(|(fact, _)| fact.as_str()).filter(|fact| fact.starts_with("visit")).collect();
    assert_eq!(
        of_visits,
        [
            "visit_announced",
            "visit_announced",
            "visit_cancelled",
            "visit_changed",
            "visit_changed",
            "visit_cancelled"
        ]
    );
    // What is over, or called off, has no guests any more.
    assert_eq!(reason(world.announce(&member, world.guest(&booking.name)).await), "BOOKING_OVER");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_invite_to_their_own_bookings_and_managers_to_their_locations() {
    let mut world = World::new().await;
    let stranger = world.create_person("bob@example.org").await;
    let booking = world.create(world.booking(9, 10)).await.unwrap().name;
    let (own, other) = (world.visits_of(&world.person), world.visits_of(&stranger));
    let guest = world.announce(&own, world.guest(&booking)).await.unwrap().name;
    assert_eq!(reason(world.announce(&other, world.guest(&booking)).await), "BOOKING_NOT_FOUND");
    assert_eq!(reason(world.announce(&own, world.visitor()).await), "LOCATION_NOT_FOUND");
    let in_anothers_name = pb::Visit { host: stranger.clone(), ..world.guest(&booking) };
    assert_eq!(reason(world.announce(&own, in_anothers_name).await), "PERSON_NOT_FOUND");
    let LocationName { id: here, .. } = world.location.parse().unwrap();
    let manager = |location| {
        let principal = Principal::person(PersonId::new().to_string(), world.workspace, Role::Manager);
        world.visits_as(&principal.at([location]))
    };
    let (there, elsewhere) = (manager(here), manager(LocationId::new()));
    let visit = world.announce(&there, world.visitor()).await.unwrap().name;
    assert_eq!(reason(world.announce(&elsewhere, world.visitor()).await), "LOCATION_NOT_FOUND");
    for (client, seen) in [
        (&own, vec![guest.clone(), visit.clone()]),
        (&other, Vec::new()),
        (&there, vec![guest.clone(), visit.clone()]),
        (&elsewhere, Vec::new()),
    ] {
        assert_eq!(world.seen(client, "").await, seen);
        let get = pb::GetVisitRequest { name: guest.clone() };
        assert_eq!(client.clone().get_visit(get).await.is_ok(), !seen.is_empty());
    }
    assert_eq!(world.seen(&there, &booking).await, std::slice::from_ref(&guest));
    let cancel = pb::CancelVisitRequest { name: guest, request_id: String::new() };
    assert_eq!(reason(other.clone().cancel_visit(cancel).await), "VISIT_NOT_FOUND");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_has_no_visitors_any_more() {
    let mut world = World::new().await;
    let host = world.create_person("bob@example.org").await;
    let booking = world.create(world.booking(9, 10)).await.unwrap().name;
    let visitor = pb::Visit { host: host.clone(), ..world.visitor() };
    let visit = world.announce(&world.visits(), visitor.clone()).await.unwrap().name;
    let guest = pb::Visit { host: host.clone(), ..world.guest(&booking) };
    let guest = world.announce(&world.visits(), guest).await.unwrap().name;
    let others = world.announce(&world.visits(), world.guest(&booking)).await.unwrap().name;
    let remove = pb::RemovePersonRequest { name: host, ..Default::default() };
    world.people.remove_person(remove).await.unwrap();
    for (name, state) in [
        (&visit, pb::VisitState::Cancelled),
        (&guest, pb::VisitState::Cancelled),
        (&others, pb::VisitState::Pending),
    ] {
        assert_eq!(world.state(name).await.0, state, "{name}");
    }
    assert_eq!(reason(world.announce(&world.visits(), visitor).await), "PERSON_NOT_ACTIVE");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_to_a_person_is_paused_and_taken_up_again_with_them() {
    let mut world = World::new().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    world.announce(&world.visits(), world.visitor()).await.unwrap();
    world.announce(&world.visits(), world.guest(&booking.name)).await.unwrap();
    let off = world.announce(&world.visits(), world.visitor()).await.unwrap();
    world.call_off(&off.name).await;
    let others = world.create_person("bob@example.org").await;
    world.announce(&world.visits(), pb::Visit { host: others, ..world.visitor() }).await.unwrap();
    let before = world.told(8).await.len();
    let (name, request_id) = (world.person.clone(), String::new());
    let pause = pb::PausePersonRequest { name: name.clone(), request_id: request_id.clone() };
    world.people.pause_person(pause).await.unwrap();
    world.people.unpause_person(pb::UnpausePersonRequest { name, request_id }).await.unwrap();
    let told = world.told(before + 6).await;
    let mut seen = Vec::new();
    for (fact, _, body) in told.iter().filter(|(fact, ..)| fact == "visit_changed") {
        let changed: pb::VisitChanged = serde_json::from_slice(body).unwrap();
        let pb::VisitSnapshot { visit, visitor, .. } = changed.snapshot.clone().unwrap();
        let (visit, visitor) = (visit.unwrap(), visitor.unwrap());
        assert_eq!(changed.previous_state(), visit.state(), "{fact}");
        assert_eq!(changed.previous_start_time, visit.start_time);
        assert_eq!(visitor.version, visit.version);
        seen.push((visit.version, visitor.status()));
    }
    seen.sort();
    let (paused, active) = (pb::PersonStatus::Paused, pb::PersonStatus::Active);
    assert_eq!(seen, [(2, paused), (2, paused), (3, active), (3, active)], "theirs, and nobody else's");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_and_so_is_a_crowd() {
    let mut world = World::new().await;
    let workspace = world.workspace;
    let nowhere = LocationName { workspace, id: LocationId::new() }.to_string();
    let nothing = ResourceName { workspace, id: ResourceId::new() }.to_string();
    let unbooked = BookingName { workspace, id: BookingId::new() }.to_string();
    let good = world.visitor();
    for (asked, expected) in [
        (pb::Visit { display_name: " ".into(), ..good.clone() }, "visit.display_name"),
        (pb::Visit { email: String::new(), ..good.clone() }, "visit.email"),
        (pb::Visit { email: "eve".into(), ..good.clone() }, "visit.email"),
        (pb::Visit { phone: "12".into(), ..good.clone() }, "visit.phone"),
        (pb::Visit { location: String::new(), ..good.clone() }, "visit.location"),
        (pb::Visit { end_time: Some(at(8)), ..good.clone() }, "visit.end_time"),
        (pb::Visit { start_time: None, ..good.clone() }, "visit.start_time"),
        (pb::Visit { booking: unbooked.clone(), ..good.clone() }, "visit.booking"),
        (pb::Visit { booking: unbooked, ..world.guest("") }, "BOOKING_NOT_FOUND"),
        (pb::Visit { location: nowhere, resource: String::new(), ..good.clone() }, "LOCATION_NOT_FOUND"),
        (pb::Visit { resource: nothing, ..good.clone() }, "RESOURCE_NOT_FOUND"),
    ] {
        assert_eq!(reason(world.announce(&world.visits(), asked).await), expected);
    }
    let booking = world.create(world.booking(9, 10)).await.unwrap().name;
    for _ in 0..20 {
        world.announce(&world.visits(), world.guest(&booking)).await.unwrap();
    }
    assert_eq!(reason(world.announce(&world.visits(), world.guest(&booking)).await), "TOO_MANY_GUESTS");
    // Each of them was written to: whoever is uninvited makes room, but not for ever.
    for round in 0..40 {
        let seen = world.seen(&world.visits(), &booking).await;
        world.call_off(&seen[round]).await;
        world.announce(&world.visits(), world.guest(&booking)).await.unwrap();
    }
    let last = world.seen(&world.visits(), &booking).await.pop().unwrap();
    world.call_off(&last).await;
    assert_eq!(reason(world.announce(&world.visits(), world.guest(&booking)).await), "TOO_MANY_INVITATIONS");
    world.announce(&world.visits(), good).await.unwrap();
    world.harness.finish().await;
}
