//! Visitors get in for their visit, as guests, and for nothing else.

use chassis::input::timestamp;
use chrono::Duration;
use domain::names::{PersonName, VisitName};
use domain::{PersonId, VisitId};
use proto::access::v1 as pb;
use proto::workspace::v1 as told;
use testkit::eventually;

use crate::door_events::{account, tap};
use crate::world::{LIMIT, World, at, window};

impl World {
    /// A visit to a resource from nine to ten.
    fn visit(
        &self,
        id: VisitId,
        resource: &str,
        state: told::VisitState,
        version: i64,
    ) -> told::VisitSnapshot {
        let workspace = self.workspace;
        let visitor = PersonName { workspace, id: PersonId::from_uuid(id.uuid()) }.to_string();
        told::VisitSnapshot {
            visit: Some(told::Visit {
                name: VisitName { workspace, id }.to_string(),
                location: self.location.clone(),
                resource: resource.into(),
                start_time: Some(chassis::input::timestamp(at(9))),
                end_time: Some(chassis::input::timestamp(at(10))),
                state: state.into(),
                version,
                visitor: visitor.clone(),
                ..Default::default()
            }),
            visitor: Some(told::Person {
                name: visitor,
                display_name: "Eve".into(),
                email: "eve@example.org".into(),
                status: told::PersonStatus::Active.into(),
                version,
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_is_let_in_as_a_guest_and_is_out_at_once_when_the_visit_is_called_off() {
    use told::VisitState::{Cancelled, Expected, Pending};
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let id = VisitId::new();
    let name = VisitName { workspace: world.workspace, id }.to_string();
    let snapshot = |world: &World, state, version| Some(world.visit(id, &resource, state, version));
    let announced = told::VisitAnnounced { snapshot: snapshot(&world, Pending, 1) };
    world.send(&world.message(&name, 1, &announced)).await;
    assert_eq!(world.quiet().await, [], "its booking is not confirmed");
    let changed = told::VisitChanged { snapshot: snapshot(&world, Expected, 2), ..Default::default() };
    let message = world.message(&name, 2, &changed);
    // Twice, and what came before once more after it.
    world.send(&message).await;
    world.send(&message).await;
    world.send(&world.message(&name, 1, &announced)).await;
    let command = world.obey().await;
    assert!(command.is_guest);
    assert_eq!(command.window, window((8, 45), (10, 15)));
    assert_eq!(command.person.unwrap().email, "eve@example.org");
    assert_eq!(world.quiet().await, []);
    let cancelled = told::VisitCancelled { snapshot: snapshot(&world, Cancelled, 3), ..Default::default() };
    world.send(&world.message(&name, 3, &cancelled)).await;
    let command = world.obey().await;
    assert!(command.is_guest);
    assert_eq!(command.window, None);
    world.told(&["granted", "revoked"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_whose_host_is_paused_is_out_at_once_and_back_when_the_host_is() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let id = VisitId::new();
    let name = VisitName { workspace: world.workspace, id }.to_string();
    let (paused, active) = (told::PersonStatus::Paused, told::PersonStatus::Active);
    for (version, status, expected) in
        [(1, active, window((8, 45), (10, 15))), (2, paused, None), (3, active, window((8, 45), (10, 15)))]
    {
        let mut snapshot = world.visit(id, &resource, told::VisitState::Expected, version);
        snapshot.visitor.as_mut().unwrap().status = status.into();
        let changed = told::VisitChanged { snapshot: Some(snapshot), ..Default::default() };
        world.send(&world.message(&name, version, &changed)).await;
        assert_eq!(world.obey().await.window, expected, "{status:?}");
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_a_visitor_has_come_is_told_once_when_they_first_get_in() {
    let (mut world, _) = World::with_doors().await;
    let account = account(&world).await;
    let resource = world.mapped("group-2").await;
    let id = VisitId::new();
    let name = VisitName { workspace: world.workspace, id }.to_string();
    let snapshot = world.visit(id, &resource, told::VisitState::Expected, 1);
    let visitor = snapshot.visitor.as_ref().unwrap().name.clone();
    let announced = told::VisitAnnounced { snapshot: Some(snapshot) };
    world.send(&world.message(&name, 1, &announced)).await;
    world.obey().await;
    let member = world.new_person();
    world.tell(&world.booking(&member, &resource, 9, 10)).await;
    world.obey().await;
    let by = |event_ref: &str, person: &str, minute| pb::DoorEventLogged {
        person: person.into(),
        source: pb::AccessLogSource::Pin.into(),
        ..tap(account, event_ref, "door-1", at(9) + Duration::minutes(minute))
    };
    let refused = pb::DoorOperationState::Refused.into();
    let exit = pb::PassageDirection::Exit.into();
    let events = [
        pb::DoorEventLogged { outcome: refused, ..by("e-1", &visitor, 0) },
        pb::DoorEventLogged { direction: exit, ..by("e-2", &visitor, 1) },
        by("e-3", &member.name, 2),
        by("e-4", &visitor, 3),
        by("e-5", &visitor, 4),
    ];
    for (number, event) in events.iter().enumerate() {
        // One after the other, as they happened; and twice.
        let message = world.logged(event);
        world.send(&message).await;
        world.send(&message).await;
        world.entries(number + 1).await;
    }
    let arrivals = eventually("the arrival is told", LIMIT, async || {
        let told = world.bodies_told().await.into_iter().filter(|(fact, _)| fact == "visitor_arrived");
        let told: Vec<_> = told.collect();
        if told.is_empty() { Err("nothing is told yet") } else { Ok(told) }
    })
    .await;
    let [(_, body)] = &arrivals[..] else { panic!("once: {arrivals:?}") };
    let arrival: pb::VisitorArrived = serde_json::from_value(body.clone()).unwrap();
    assert_eq!((&arrival.visit, &arrival.visitor), (&name, &visitor));
    assert_eq!(arrival.arrive_time, Some(timestamp(at(9) + Duration::minutes(3))));
    assert_eq!(arrival.door.unwrap().target.unwrap().display_name, "Their door-1");
    world.harness.finish().await;
}
