//! No statement of the service's, however wrong, reaches another workspace's rows.

use access_control::DEFINITION;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut world = World::new().await;
    let here = world.workspace;
    settle(&mut world, chrono::Duration::hours(24)).await;
    world.move_elsewhere();
    settle(&mut world, chrono::Duration::hours(1)).await;
    let tried = world.harness.assert_isolated(&DEFINITION, [here, world.workspace]).await;
    assert_eq!(
        tried,
        [
            "access_grant",
            "door_mapping",
            "drift",
            "entitlement",
            "entitlement_source",
            "location_settings",
            "outbox",
            "person",
            "preflight",
            "preflight_check",
            "reconciliation",
            "request",
            "settings"
        ]
    );
    world.harness.finish().await;
}

/// Has someone booked a room whose door is known, and has it checked so long ahead.
async fn settle(world: &mut World, ahead: chrono::Duration) {
    world.update_settings(10, 10).await;
    world.update_location_settings(&world.location, Some(5), None).await;
    let resource = world.new_resource();
    world.create_mapping_once(world.mapping(&resource, "group-1"), "a-mapping").await.unwrap();
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&stay).await;
    world.obey().await;
    world.note_drift().await;
    world.harness.clock.set(crate::world::at(9) - ahead);
    crate::preflight::checked(world, &stay.booking.name, 1).await;
}
