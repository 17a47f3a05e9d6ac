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
