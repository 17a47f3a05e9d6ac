//! No statement of the service's, however wrong, reaches another workspace's rows.

use integrations::DEFINITION;

use crate::adapter::GOOD_KEY;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut world = World::new().await;
    let here = world.workspace;
    settle(&mut world).await;
    world.move_elsewhere();
    settle(&mut world).await;
    let tried = world.harness.assert_isolated(&DEFINITION, [here, world.workspace]).await;
    assert_eq!(tried, ["credential", "data_key", "integration", "outbox", "request"]);
    world.harness.finish().await;
}

/// Connects Kisi.
async fn settle(world: &mut World) {
    let mut request = world.request("", GOOD_KEY);
    request.request_id = "once".into();
    world.send(request).await.unwrap();
}
