//! No statement of the service's, however wrong, reaches another workspace's rows.

use proto::auth::v1::Role;
use workspace::DEFINITION;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut world = World::new().await;
    let here = world.workspace;
    world.create(world.booking(9, 10)).await.unwrap();
    world.keys().create_api_key(world.new_key(Role::Guest)).await.unwrap();
    world.give_door().await;
    world.have_pass().await;
    world.move_elsewhere().await;
    world.create(world.booking(9, 10)).await.unwrap();
    world.keys().create_api_key(world.new_key(Role::Guest)).await.unwrap();
    world.give_door().await;
    world.have_pass().await;
    world.harness.books().balance(0, std::time::Duration::from_secs(20)).await;
    let tried = world.harness.assert_isolated(&DEFINITION, [here, world.workspace]).await;
    assert_eq!(
        tried,
        [
            "api_key",
            "audit_entry",
            "booking",
            "entitlement",
            "location",
            "outbox",
            "pass",
            "pass_product",
            "person",
            "request",
            "resource",
            "workspace"
        ]
    );
    world.harness.finish().await;
}
