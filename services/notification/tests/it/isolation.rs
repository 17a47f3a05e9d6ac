//! No statement of the service's, however wrong, reaches another workspace's rows.

use domain::WorkspaceId;
use notification::DEFINITION;
use proto::auth::v1::Role;
use proto::notification::v1::MessageChannel::{Email, Sms};
use proto::notification::v1::MessageState::Sent;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut world = World::new().await;
    let here = world.workspace;
    world.tell(1, &world.confirmed(1)).await;
    world.tell(1, &world.staff(Role::Admin, 1)).await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    world.workspace = WorkspaceId::new();
    world.tell(1, &world.confirmed(1)).await;
    world.tell(1, &world.staff(Role::Admin, 1)).await;
    world.heard().await;
    world.until(&[(Email, Sent), (Sms, Sent)]).await;
    let tried = world.harness.assert_isolated(&DEFINITION, [here, world.workspace]).await;
    assert_eq!(tried, ["booking", "message", "staff"]);
    world.finish().await;
}
