//! No statement of the service's, however wrong, reaches another workspace's rows.

use access_control::DEFINITION;
use proto::access::v1 as pb;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let (mut world, _) = World::with_doors().await;
    let here = world.workspace;
    settle(&mut world, chrono::Duration::hours(24)).await;
    world.move_elsewhere();
    settle(&mut world, chrono::Duration::hours(1)).await;
    let tried = world.harness.assert_isolated(&DEFINITION, [here, world.workspace]).await;
    assert_eq!(
        tried,
        [
            "access_grant",
            "access_log",
            "access_log_head",
            "account_door",
            "card",
            "card_place",
            "door_listing",
            "door_mapping",
            "door_roster",
            "door_schedule",
            "door_setting",
            "drift",
            "entitlement",
            "entitlement_source",
            "group_roster",
            "holiday",
            "holiday_list",
            "integration",
            "listed_door",
            "location_settings",
            "lockdown",
            "no_access_policy",
            "operation",
            "outbox",
            "person",
            "preflight",
            "preflight_check",
            "provider_user",
            "reconciliation",
            "request",
            "settings",
            "way_in"
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
    world.set_policy(pb::NoAccessAction::Suspend).await;
    world.note_listing().await;
    world.note_drift().await;
    world.doors().await;
    for statement in [
        "insert into door_schedule (workspace_id, account_id, door_ref, id, provider, location_id,
           is_held_for_bookings, is_deleted, is_look, failures)
         values ($1, gen_random_uuid(), '7', gen_random_uuid(), 'kisi', gen_random_uuid(), true, false, false, 0)",
        "insert into door_setting values ($1, gen_random_uuid(), '7', 'Front', 500)",
        "insert into card (workspace_id, id, person_id, last_digits, state, given_at)
         values ($1, gen_random_uuid(), gen_random_uuid(), '5678', 'held', now())",
        "insert into card_place (workspace_id, card_id, account_id, provider, card_ref)
         values ($1, gen_random_uuid(), gen_random_uuid(), 'kisi', 'card-1')",
        "insert into holiday values ($1, gen_random_uuid(), '2026-12-25', '', null)",
        "insert into holiday_list values ($1, gen_random_uuid(), 1)",
    ] {
        sqlx::query(statement).bind(world.workspace.uuid()).execute(&world.pool).await.unwrap();
    }
    world.lock_down("").await;
    world.harness.clock.set(crate::world::at(9) - ahead);
    crate::preflight::checked(world, &stay.booking.name, 1).await;
    let way_in = "insert into way_in (workspace_id, id, grant_id, source_kind, source_id, source_starts_at,
           starts_at, ends_at, next_check_at)
         select workspace_id, gen_random_uuid(), id, 'booking', gen_random_uuid(), $2, $2, $3, $3
         from access_grant where workspace_id = $1";
    let (start, end) = (crate::world::at(9), crate::world::at(10));
    let insert = sqlx::query(way_in).bind(world.workspace.uuid()).bind(start).bind(end);
    insert.execute(&world.pool).await.unwrap();
}
