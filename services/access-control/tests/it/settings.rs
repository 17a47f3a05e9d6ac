//! Lead and lag.

use proto::access::v1 as pb;
use tonic_types::StatusExt as _;

use crate::world::{World, minutes, window};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_follow_the_settings_unless_their_mapping_says_otherwise() {
    let mut world = World::new().await;
    let get = pb::GetAccessSettingsRequest { parent: world.name.clone() };
    let settings = world.client.get_access_settings(get.clone()).await.unwrap().into_inner().access_settings;
    let usual = pb::AccessSettings { lead: Some(minutes(15)), lag: Some(minutes(15)) };
    assert_eq!(settings, Some(usual));

    let plain = world.mapped("plain").await;
    let special = world.new_resource();
    let mapping = pb::DoorMapping { lead: Some(minutes(60)), ..world.mapping(&special, "special") };
    world.create_mapping(mapping).await.unwrap();
    let person = world.new_person();
    world.tell(&world.booking(&person, &plain, 9, 10)).await;
    let of_plain = world.obey().await;
    world.tell(&world.booking(&person, &special, 12, 13)).await;
    let of_special = world.obey().await;
    assert_eq!(of_special.window, window((11, 0), (13, 15)));

    world.update_settings(5, 30).await;
    let settings = world.client.get_access_settings(get).await.unwrap().into_inner().access_settings;
    assert_eq!(settings, Some(pb::AccessSettings { lead: Some(minutes(5)), lag: Some(minutes(30)) }));
    let mut after = [world.obey().await, world.obey().await];
    after.sort_by_key(|command| command.grant != of_plain.grant);
    let told = after.map(|command| (command.grant, command.generation, command.window));
    assert_eq!(
        told,
        [(of_plain.grant, 2, window((8, 55), (10, 30))), (of_special.grant, 2, window((11, 0), (13, 30))),]
    );
    // The same again changes nothing.
    world.update_settings(5, 30).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_wins_over_its_location_and_that_over_the_workspace() {
    let mut world = World::new().await;
    let person = world.new_person();
    let plain = world.mapped("plain").await;
    let special = world.new_resource();
    let mapping = pb::DoorMapping { lead: Some(minutes(60)), ..world.mapping(&special, "special") };
    world.create_mapping(mapping).await.unwrap();
    world.tell(&world.booking(&person, &plain, 9, 10)).await;
    world.tell(&world.booking(&person, &special, 9, 10)).await;
    world.tell_manual(&world.manual(&person, "given", 9, Some(10)), &person).await;
    let mut provider = std::collections::HashMap::new();
    let here = world.location.clone();
    for (location, workspace, (plain, special, given)) in [
        ((None, None), (15, 15), ((15, 15), (60, 15), (15, 15))),
        ((Some(0), Some(30)), (15, 15), ((0, 30), (60, 30), (0, 30))),
        ((Some(0), None), (5, 20), ((0, 20), (60, 20), (0, 20))),
        ((None, None), (5, 20), ((5, 20), (60, 20), (5, 20))),
    ] {
        world.update_location_settings(&here, location.0, location.1).await;
        world.update_location_settings(&world.elsewhere(), Some(1), Some(1)).await;
        world.update_settings(workspace.0, workspace.1).await;
        let get = pb::GetLocationAccessSettingsRequest { name: here.clone() };
        let told = world.client.get_location_access_settings(get).await.unwrap().into_inner();
        let told = told.location_access_settings.unwrap();
        assert_eq!((told.lead, told.lag), (location.0.map(minutes), location.1.map(minutes)));
        world.obey_all(&mut provider).await;
        let windows = world.grants().await.into_iter().map(|grant| {
            let window = provider[&grant.name].unwrap();
            (
                grant.target.unwrap().r#ref,
                window.start_time.unwrap().seconds,
                window.end_time.unwrap().seconds,
            )
        });
        let mut windows: Vec<(String, i64, i64)> = windows.collect();
        windows.sort();
        let (start, end) = (crate::world::at(9).timestamp(), crate::world::at(10).timestamp());
        let window =
            |door: &str, (lead, lag): (i64, i64)| (door.to_owned(), start - lead * 60, end + lag * 60);
        assert_eq!(windows, [window("given", given), window("plain", plain), window("special", special)]);
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_settings_of_a_location_have_nothing_looked_at_that_is_elsewhere() {
    let mut world = World::new().await;
    let (here, there) = (world.location.clone(), world.elsewhere());
    let room = world.new_resource();
    for (subject, location, group) in [(&world.mapped("here").await, &here, "here"), (&room, &there, "there")]
    {
        if location != &here {
            let mapping = pb::DoorMapping { location: location.clone(), ..world.mapping(subject, group) };
            world.create_mapping(mapping).await.unwrap();
        }
        world.tell(&world.booking(&world.new_person(), subject, 9, 10)).await;
        world.obey().await;
    }
    let given_to = world.new_person();
    world.tell_manual(&world.manual(&given_to, "given", 9, Some(10)), &given_to).await;
    world.obey().await;
    assert_eq!(world.quiet().await, []);
    let later = world.now() + chrono::Duration::days(1);
    let rest = "update access_grant set next_check_at = $1 where provider = 'kisi'";
    sqlx::query(rest).bind(later).execute(&world.pool).await.unwrap();
    world.update_location_settings(&here, Some(0), Some(0)).await;
    let mut told = [world.obey().await, world.obey().await].map(|command| command.target.unwrap().r#ref);
    told.sort();
    assert_eq!(told, ["given", "here"]);
    let resting = "select target_ref from access_grant where next_check_at = $1 and provider = 'kisi'";
    let left: Vec<String> = sqlx::query_scalar(resting).bind(later).fetch_all(&world.pool).await.unwrap();
    assert_eq!(left, ["there"]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_a_location_that_make_no_sense_or_are_of_another_workspace_are_refused() {
    let mut world = World::new().await;
    let good = pb::LocationAccessSettings { lead: Some(minutes(1)), ..Default::default() };
    let cases = [
        (None, "location_access_settings"),
        (
            Some(pb::LocationAccessSettings { lead: Some(minutes(1_441)), ..good }),
            "location_access_settings.lead",
        ),
        (Some(pb::LocationAccessSettings { lag: Some(minutes(-1)), ..good }), "location_access_settings.lag"),
    ];
    for (location_access_settings, field) in cases {
        let request = pb::UpdateLocationAccessSettingsRequest {
            name: world.location.clone(),
            location_access_settings,
            request_id: String::new(),
        };
        let refused = world.client.update_location_access_settings(request).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    let theirs = world.location.clone();
    world.move_elsewhere();
    let get = pb::GetLocationAccessSettingsRequest { name: theirs.clone() };
    let update = pb::UpdateLocationAccessSettingsRequest {
        name: theirs,
        location_access_settings: Some(good),
        request_id: String::new(),
    };
    for refused in [
        world.client.get_location_access_settings(get).await.unwrap_err(),
        world.client.update_location_access_settings(update).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), tonic::Code::NotFound, "{refused:?}");
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_longer_lag_opens_the_door_again_for_whom_it_lets_in() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    world.obey().await;
    world.harness.clock.set(crate::world::at_minute(10, 20));
    assert_eq!(world.obey().await.window, None);
    world.update_settings(15, 45).await;
    assert_eq!(world.obey().await.window, window((8, 45), (10, 45)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_make_no_sense_are_refused_by_field() {
    let mut world = World::new().await;
    let good = pb::AccessSettings { lead: Some(minutes(1)), lag: Some(minutes(1)) };
    let cases = [
        (None, "access_settings"),
        (Some(pb::AccessSettings { lead: None, ..good }), "access_settings.lead"),
        (Some(pb::AccessSettings { lag: None, ..good }), "access_settings.lag"),
        (Some(pb::AccessSettings { lead: Some(minutes(1_441)), ..good }), "access_settings.lead"),
        (Some(pb::AccessSettings { lag: Some(minutes(-1)), ..good }), "access_settings.lag"),
    ];
    for (access_settings, field) in cases {
        let request = pb::UpdateAccessSettingsRequest {
            parent: world.name.clone(),
            access_settings,
            request_id: String::new(),
        };
        let refused = world.client.update_access_settings(request).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    // A day is the most.
    world.update_settings(1_440, 0).await;
    world.harness.finish().await;
}
