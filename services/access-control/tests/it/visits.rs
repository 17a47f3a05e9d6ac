//! Visitors get in for their visit, as guests, and for nothing else.

use domain::names::{PersonName, VisitName};
use domain::{PersonId, VisitId};
use proto::workspace::v1 as told;

use crate::world::{World, at, window};

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
