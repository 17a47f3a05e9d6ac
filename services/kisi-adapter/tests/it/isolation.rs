//! No statement of the service's, however wrong, reaches another workspace's rows.

use domain::WayInId;
use domain::names::WayInName;
use kisi_adapter::DEFINITION;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut world = World::start().await;
    let (here, there) = (world.site("Nine"), world.site("Ten"));
    for site in [&here, &there] {
        let grant = site.grant("Lock 00");
        world.send(&grant, 1, Some(world.window(1, 2))).await;
        world.success(&grant).await;
        let name = WayInName { workspace: site.workspace, id: WayInId::new() };
        world.send_way_in(name, 1, &grant, Some(world.window(0, 2))).await;
        world.way_in_answer().await;
    }
    let tried = world.harness.assert_isolated(&DEFINITION, [here.workspace, there.workspace]).await;
    assert_eq!(
        tried,
        [
            "answered",
            "door_secret",
            "held",
            "kisi_assignment",
            "kisi_lock_group",
            "kisi_user",
            "lane",
            "outbox",
            "reconciliation",
            "route",
            "used_target"
        ]
    );
    world.finish().await;
}
