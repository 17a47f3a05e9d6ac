//! What changes of mappings and settings leave in the audit log.

use access_control::DEFINITION;
use domain::PersonId;
use domain::names::PersonName;
use proto::access::v1 as pb;
use proto::access::v1::access_service_client::AccessServiceClient;
use proto::audit::v1 as audit;
use testkit::{CALLER_ADDRESS, audit_line};

use crate::world::{World, minutes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_leaves_one_entry_with_who_what_and_from_where() {
    let world = World::new().await;
    let (workspace, id) = (world.workspace, PersonId::new());
    let admin = chassis::auth::Principal::person(id.to_string(), workspace, chassis::auth::Role::Admin);
    let mut client = AccessServiceClient::new(world.harness.channel_with(&world.address, &admin));
    let resource = world.new_resource();
    let mapping = pb::DoorMapping { lead: Some(minutes(30)), ..world.mapping(&resource, "group-1") };
    let create = pb::CreateDoorMappingRequest {
        parent: world.name.clone(),
        door_mapping: Some(mapping),
        request_id: "once".into(),
    };
    let created = client.create_door_mapping(create.clone()).await.unwrap().into_inner();
    assert_eq!(client.create_door_mapping(create).await.unwrap().into_inner(), created, "repeated");
    let name = created.door_mapping.unwrap().name;
    let settings = |lead, lag| pb::UpdateAccessSettingsRequest {
        parent: world.name.clone(),
        access_settings: Some(pb::AccessSettings { lead: Some(minutes(lead)), lag: Some(minutes(lag)) }),
        request_id: String::new(),
    };
    // The first and the last change nothing.
    for (lead, lag) in [(15, 15), (15, 30), (5, 20), (5, 20)] {
        client.update_access_settings(settings(lead, lag)).await.unwrap();
    }
    world.set_policy_as(&mut client, pb::NoAccessAction::Suspend).await;
    world.set_policy_as(&mut client, pb::NoAccessAction::Keep).await;
    for (lag, sends_way_in) in
        [(None, false), (Some(minutes(10)), false), (Some(minutes(10)), false), (None, false), (None, true)]
    {
        let location_access_settings =
            Some(pb::LocationAccessSettings { lag, sends_way_in, ..Default::default() });
        let (name, request_id) = (world.location.clone(), String::new());
        let request = pb::UpdateLocationAccessSettingsRequest { name, location_access_settings, request_id };
        client.update_location_access_settings(request).await.unwrap();
    }
    let delete = pb::DeleteDoorMappingRequest { name: name.clone(), request_id: String::new() };
    client.delete_door_mapping(delete.clone()).await.unwrap();
    assert!(client.delete_door_mapping(delete).await.is_err(), "it is gone");

    let entries = world.harness.audit_entries(&DEFINITION).await;
    let fields = |kind: &str| {
        format!(
            "subject {kind} {resource}; location {kind} {}; provider {kind} kisi; target.kind {kind} group; \
             target.ref {kind} group-1; target.display_name {kind} Front doors; lead {kind} 1800s",
            world.location
        )
    };
    let expected = [
        (&name, format!("CreateDoorMapping: {}", fields("SET"))),
        (&world.name, "UpdateAccessSettings: access_settings.lag REPLACED 900s -> 1800s".into()),
        (
            &world.name,
            "UpdateAccessSettings: access_settings.lead REPLACED 900s -> 300s; \
             access_settings.lag REPLACED 1800s -> 1200s"
                .into(),
        ),
        (
            &world.name,
            "SetNoAccessPolicy: no_access_policy.kisi.action REPLACED keep -> suspend; \
             no_access_policy.kisi.grace SET 3600s; no_access_policy.kisi.includes_foreign_users SET false"
                .into(),
        ),
        (
            &world.name,
            "SetNoAccessPolicy: no_access_policy.kisi.action REPLACED suspend -> keep; \
             no_access_policy.kisi.grace CLEARED 3600s; no_access_policy.kisi.includes_foreign_users CLEARED false"
                .into(),
        ),
        (&world.location, "UpdateLocationAccessSettings: location_access_settings.lag SET 600s".into()),
        (&world.location, "UpdateLocationAccessSettings: location_access_settings.lag CLEARED 600s".into()),
        (
            &world.location,
            "UpdateLocationAccessSettings: location_access_settings.sends_way_in REPLACED false -> true".into(),
        ),
        (&name, format!("DeleteDoorMapping: {}", fields("CLEARED"))),
    ];
    let told: Vec<_> = entries.iter().map(|entry| (&entry.subject, audit_line(entry))).collect();
    assert_eq!(told, expected);
    let actor = audit::Actor {
        kind: audit::ActorKind::Person.into(),
        name: PersonName { workspace, id }.to_string(),
        role: proto::auth::v1::Role::Admin.into(),
        address: CALLER_ADDRESS.into(),
    };
    for entry in entries {
        assert_eq!(entry.actor.as_ref(), Some(&actor));
        assert!(entry.action.starts_with("latchkey.access.v1.AccessService/"), "{}", entry.action);
        assert_eq!(entry.time, Some(chassis::input::timestamp(world.now())));
    }
    world.harness.finish().await;
}
