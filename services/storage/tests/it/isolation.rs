//! No statement of the service's, however wrong, reaches another workspace's rows.

use chassis::auth::Role;
use domain::WorkspaceId;
use proto::storage::v1 as pb;
use storage::DEFINITION;

use crate::world::{World, new_file, pdf};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let world = World::start().await;
    let others = WorkspaceId::new();
    for workspace in [world.workspace, others] {
        let ada = world.person_of(workspace, Role::Member);
        let request = pb::PutFileRequest {
            parent: ada.parent.clone(),
            file: Some(new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf")),
            content: pdf(100),
            request_id: "one".into(),
        };
        ada.client.clone().put_file(request).await.unwrap();
    }
    let tried = world.harness.assert_isolated(&DEFINITION, [world.workspace, others]).await;
    assert_eq!(tried, ["file", "outbox", "request", "usage"]);
    world.harness.finish().await;
}
