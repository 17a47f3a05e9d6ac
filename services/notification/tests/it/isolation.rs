//! No statement of the service's, however wrong, reaches another workspace's rows.

use domain::WorkspaceId;
use notification::DEFINITION;
use proto::auth::v1::Role;
use proto::notification::v1::MessageChannel::Email;
use proto::notification::v1::MessageState::Bounced;
use sandbox::sendgrid::EventKind;

use crate::world::{Setup, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut world = World::with(Setup { has_webhook: true, ..Setup::default() }).await;
    world.phone = "";
    world.sandbox.sendgrid().set_outcome(world.email, EventKind::Bounce);
    let here = world.workspace;
    world.tell(1, &world.confirmed(1)).await;
    world.tell(1, &world.staff(Role::Admin, 1)).await;
    world.until(&[(Email, Bounced)]).await;
    world.workspace = WorkspaceId::new();
    // SendGrid itself drops what is sent to an address that bounced.
    world.email = "bob@example.org";
    world.sandbox.sendgrid().set_outcome(world.email, EventKind::Bounce);
    world.tell(1, &world.confirmed(1)).await;
    world.tell(1, &world.staff(Role::Admin, 1)).await;
    world.heard().await;
    world.until(&[(Email, Bounced)]).await;
    let tried = world.harness.assert_isolated(&DEFINITION, [here, world.workspace]).await;
    assert_eq!(tried, ["booking", "message", "message_report", "staff", "suppression"]);
    world.finish().await;
}
