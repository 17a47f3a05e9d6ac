//! No statement of the service's, however wrong, reaches another workspace's rows.

use proto::auth::v1::Role;
use proto::membership::v1 as pb;
use proto::membership::v1::{contract, membership};
use workspace::DEFINITION;

use crate::world::World;

impl World {
    /// Starts a membership and a contract of a team.
    async fn sell(&self) {
        let team = self.create_team(&[&self.person]).await.name;
        let plan = self.create_plan(self.terms()).await;
        let holder = Some(membership::Holder::Team(team.clone()));
        self.start(pb::Membership { holder, ..self.membership(&plan) }).await.unwrap();
        let holder = Some(contract::Holder::Team(team));
        self.start_contract(pb::Contract { holder, ..self.contract() }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut world = World::new().await;
    let here = world.workspace;
    world.create(world.booking(9, 10)).await.unwrap();
    world.keys().create_api_key(world.new_key(Role::Guest)).await.unwrap();
    world.give_door().await;
    world.sell().await;
    world.have_pass().await;
    world.have_visit().await;
    world.move_elsewhere().await;
    world.create(world.booking(9, 10)).await.unwrap();
    world.keys().create_api_key(world.new_key(Role::Guest)).await.unwrap();
    world.give_door().await;
    world.sell().await;
    world.have_pass().await;
    world.have_visit().await;
    world.harness.books().balance(0, std::time::Duration::from_secs(20)).await;
    let tried = world.harness.assert_isolated(&DEFINITION, [here, world.workspace]).await;
    assert_eq!(
        tried,
        [
            "api_key",
            "audit_entry",
            "booking",
            "contract",
            "contract_location",
            "entitlement",
            "location",
            "membership",
            "membership_location",
            "outbox",
            "pass",
            "pass_product",
            "person",
            "plan",
            "request",
            "resource",
            "team",
            "team_person",
            "visit",
            "workspace"
        ]
    );
    world.harness.finish().await;
}
