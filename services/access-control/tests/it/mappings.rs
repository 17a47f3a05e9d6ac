//! Door mappings: what they give, what they take, and how they are asked for.

use chassis::auth::Role;
use domain::names::{DoorMappingName, LocationName, PersonName, PlanName, ResourceName};
use domain::{DoorMappingId, LocationId, PersonId, PlanId, ResourceId, WorkspaceId};
use proto::access::v1 as pb;
use proto::access::v1::access_service_client::AccessServiceClient;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::world::{World, minutes, window};

fn fields(refused: &tonic::Status) -> Vec<String> {
    let details = refused.get_details_bad_request();
    details.unwrap().field_violations.into_iter().map(|violation| violation.field).collect()
}

fn reason(refused: &tonic::Status) -> String {
    refused.get_details_error_info().unwrap().reason
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_gives_its_door_to_whoever_booked_before_and_takes_it_back() {
    let mut world = World::new().await;
    let resource = world.new_resource();
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    assert_eq!(world.quiet().await, []);
    let mapping = world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    assert_eq!(world.obey().await.window, window((8, 45), (10, 15)));
    world.delete_mapping(&mapping.name).await;
    assert_eq!(world.obey().await.window, None);
    // And once more: the grant is the same.
    world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    assert_eq!(world.obey().await.generation, 3);
    assert_eq!(world.grants().await.len(), 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_stays_as_long_as_another_mapping_leads_there() {
    let mut world = World::new().await;
    let (first, second) = (world.new_resource(), world.new_resource());
    let early = world.create_mapping(world.mapping(&first, "group-1")).await.unwrap();
    world.create_mapping(world.mapping(&second, "group-1")).await.unwrap();
    let person = world.new_person();
    world.tell(&world.booking(&person, &first, 9, 11)).await;
    world.obey().await;
    world.tell(&world.booking(&person, &second, 10, 12)).await;
    world.obey().await;
    world.delete_mapping(&early.name).await;
    assert_eq!(world.obey().await.window, window((9, 45), (12, 15)));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_mapped_for_a_whole_location_opens_for_whoever_has_booked_there() {
    let mut world = World::new().await;
    let (resource, other) = (world.new_resource(), world.new_resource());
    let here = world.location.clone();
    world.create_mapping(world.mapping(&resource, "room")).await.unwrap();
    let entrance = world.create_mapping(world.mapping_of(&here, "entrance")).await.unwrap();
    assert_eq!((entrance.subject.as_str(), entrance.resource.as_str()), (here.as_str(), ""));
    let person = world.new_person();
    let first = world.booking(&person, &resource, 9, 10);
    world.tell(&first).await;
    let mut provider = std::collections::HashMap::new();
    world.obey_all(&mut provider).await;
    assert_eq!(provider.values().copied().collect::<Vec<_>>(), [window((8, 45), (10, 15)); 2]);
    // Another room there, that has no door of its own.
    world.tell(&world.booking(&person, &other, 10, 12)).await;
    let longer = world.obey().await;
    assert_eq!(longer.target.as_ref().unwrap().r#ref, "entrance");
    assert_eq!(longer.window, window((8, 45), (12, 15)));
    world.tell(&first.cancelled()).await;
    world.obey_all(&mut provider).await;
    assert_eq!(provider[&longer.grant], window((9, 45), (12, 15)));
    world.delete_mapping(&entrance.name).await;
    world.obey_all(&mut provider).await;
    assert!(provider.values().all(Option::is_none), "{provider:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_can_be_named_as_it_was_when_there_were_no_other_subjects() {
    let world = World::new().await;
    let resource = world.new_resource();
    let as_before = pb::DoorMapping { subject: String::new(), ..world.mapping(&resource, "group-1") };
    let made = world.create_mapping(as_before).await.unwrap();
    assert_eq!((&made.resource, &made.subject), (&resource, &resource));
    let refused = world.create_mapping(world.mapping_of(&resource, "group-1")).await.unwrap_err();
    assert_eq!(reason(&refused), "DOOR_MAPPING_EXISTS");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_twice_is_one_mapping_and_another_body_is_refused() {
    let mut world = World::new().await;
    let mapping = pb::DoorMapping {
        lead: Some(minutes(30)),
        lag: Some(minutes(0)),
        ..world.mapping(&world.new_resource(), "group-1")
    };
    let mut request = pb::CreateDoorMappingRequest {
        parent: world.name.clone(),
        door_mapping: Some(mapping.clone()),
        request_id: "once".into(),
    };
    let first = world.client.create_door_mapping(request.clone()).await.unwrap().into_inner();
    let second = world.client.create_door_mapping(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, second);
    let made = first.door_mapping.unwrap();
    assert_eq!(made, pb::DoorMapping { name: made.name.clone(), ..mapping.clone() });
    assert_eq!(made.name.parse::<DoorMappingName>().unwrap().workspace, world.workspace);

    request.door_mapping.as_mut().unwrap().lead = None;
    let refused = world.client.create_door_mapping(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
    let refused = world.create_mapping(mapping).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "DOOR_MAPPING_EXISTS"));

    let delete = pb::DeleteDoorMappingRequest { name: made.name.clone(), request_id: "gone".into() };
    world.client.delete_door_mapping(delete.clone()).await.unwrap();
    world.client.delete_door_mapping(delete).await.unwrap();
    let delete = pb::DeleteDoorMappingRequest { name: made.name, request_id: String::new() };
    let refused = world.client.delete_door_mapping(delete).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "DOOR_MAPPING_NOT_FOUND"));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_field_and_leaves_nothing_behind() {
    let mut world = World::new().await;
    let good = world.mapping_of(&world.new_resource(), "group-1");
    let other = WorkspaceId::new();
    let with_target = |change: &dyn Fn(&mut pb::DoorTarget)| {
        let mut mapping = good.clone();
        change(mapping.target.as_mut().unwrap());
        mapping
    };
    let seconds = |seconds, nanos| Some(pbjson_types::Duration { seconds, nanos });
    let of = |subject: &str| pb::DoorMapping { subject: subject.into(), ..good.clone() };
    let as_before = |resource: &str| pb::DoorMapping { resource: resource.into(), ..of("") };
    let person = PersonName { workspace: world.workspace, id: PersonId::new() }.to_string();
    let cases: [(pb::DoorMapping, &str); 21] = [
        (of(""), "subject"),
        (of("room"), "subject"),
        (of(&person), "subject"),
        (of(&ResourceName { workspace: other, id: ResourceId::new() }.to_string()), "subject"),
        (of(&PlanName { workspace: other, id: PlanId::new() }.to_string()), "subject"),
        (of(&LocationName { workspace: other, id: LocationId::new() }.to_string()), "subject"),
        (as_before("room"), "resource"),
        (as_before(&ResourceName { workspace: other, id: ResourceId::new() }.to_string()), "resource"),
        (pb::DoorMapping { resource: world.new_resource(), ..good.clone() }, "resource"),
        (
            pb::DoorMapping {
                location: LocationName { workspace: other, id: LocationId::new() }.to_string(),
                ..good.clone()
            },
            "location",
        ),
        (pb::DoorMapping { provider: String::new(), ..good.clone() }, "provider"),
        (pb::DoorMapping { provider: "kisi.>".into(), ..good.clone() }, "provider"),
        (pb::DoorMapping { provider: "k".repeat(33), ..good.clone() }, "provider"),
        (pb::DoorMapping { target: None, ..good.clone() }, "target"),
        (with_target(&|target| target.kind = 0), "target.kind"),
        (with_target(&|target| target.r#ref.clear()), "target.ref"),
        (with_target(&|target| target.r#ref = "x".repeat(201)), "target.ref"),
        (with_target(&|target| target.display_name = "x".repeat(201)), "target.display_name"),
        (pb::DoorMapping { lead: seconds(-60, 0), ..good.clone() }, "lead"),
        (pb::DoorMapping { lag: seconds(90, 0), ..good.clone() }, "lag"),
        (pb::DoorMapping { lag: seconds(86_460, 0), ..good.clone() }, "lag"),
    ];
    for (mapping, field) in cases {
        let refused = world.create_mapping(mapping).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert_eq!(fields(&refused), [format!("door_mapping.{field}")]);
    }
    let nothing = pb::CreateDoorMappingRequest { parent: world.name.clone(), ..Default::default() };
    let refused = world.client.create_door_mapping(nothing).await.unwrap_err();
    assert_eq!(fields(&refused), ["door_mapping"]);
    // All that is wrong, at once.
    let refused = world
        .create_mapping(pb::DoorMapping { subject: String::new(), provider: String::new(), ..good.clone() })
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["door_mapping.subject", "door_mapping.provider"]);
    let long = pb::CreateDoorMappingRequest {
        parent: world.name.clone(),
        door_mapping: Some(good),
        request_id: "x".repeat(101),
    };
    let refused = world.client.create_door_mapping(long).await.unwrap_err();
    assert_eq!(fields(&refused), ["request_id"]);
    for parent in ["", "workspaces/x", "people/1"] {
        let request = pb::ListDoorMappingsRequest { parent: parent.into(), ..Default::default() };
        let refused = world.client.list_door_mappings(request).await.unwrap_err();
        assert_eq!(fields(&refused), ["parent"]);
    }
    let all = pb::ListDoorMappingsRequest { parent: world.name.clone(), ..Default::default() };
    assert_eq!(world.client.list_door_mappings(all).await.unwrap().into_inner().door_mappings, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mappings_and_grants_are_listed_page_by_page() {
    let mut world = World::new().await;
    let mut made = Vec::new();
    for number in 0..5 {
        let mapping = world.mapping(&world.new_resource(), &format!("group-{number}"));
        made.push(world.create_mapping(mapping).await.unwrap());
    }
    let mut request =
        pb::ListDoorMappingsRequest { parent: world.name.clone(), page_size: 2, ..Default::default() };
    let mut listed = Vec::new();
    for expected in [2, 2, 1] {
        let page = world.client.list_door_mappings(request.clone()).await.unwrap().into_inner();
        assert_eq!(page.door_mappings.len(), expected);
        listed.extend(page.door_mappings);
        request.page_token = page.next_page_token;
    }
    assert_eq!((listed, request.page_token.as_str()), (made, ""));

    let resource = world.mapped("group-1").await;
    let people = [world.new_person(), world.new_person(), world.new_person()];
    for person in &people {
        world.tell(&world.booking(person, &resource, 9, 10)).await;
        world.obey().await;
    }
    let mut request =
        pb::ListGrantsRequest { parent: world.name.clone(), page_size: 2, ..Default::default() };
    let first = world.client.list_grants(request.clone()).await.unwrap().into_inner();
    request.page_token = first.next_page_token;
    let second = world.client.list_grants(request.clone()).await.unwrap().into_inner();
    let mut seen: Vec<String> =
        first.grants.into_iter().chain(second.grants).map(|grant| grant.person).collect();
    let mut expected: Vec<String> = people.iter().map(|person| person.name.clone()).collect();
    seen.sort();
    expected.sort();
    assert_eq!((seen, second.next_page_token.as_str()), (expected, ""));
    // A token is of no use for another list.
    request.person.clone_from(&people[0].name);
    assert_eq!(world.client.list_grants(request.clone()).await.unwrap_err().code(), Code::InvalidArgument);
    request.page_token.clear();
    let of_one = world.client.list_grants(request).await.unwrap().into_inner().grants;
    assert_eq!(of_one.iter().map(|grant| &grant.person).collect::<Vec<_>>(), [&people[0].name]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_workspaces_things_are_not_there() {
    let world = World::new().await;
    let resource = world.new_resource();
    let mapping = world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    let stranger = world.harness.channel_as(&world.address, Role::Owner, WorkspaceId::new());
    let mut stranger = AccessServiceClient::new(stranger);
    let parent = world.name.clone();
    let delete = pb::DeleteDoorMappingRequest { name: mapping.name.clone(), request_id: String::new() };
    let create = pb::CreateDoorMappingRequest {
        parent: parent.clone(),
        door_mapping: Some(world.mapping(&resource, "group-2")),
        request_id: String::new(),
    };
    let settings = pb::AccessSettings { lead: Some(minutes(1)), lag: Some(minutes(1)) };
    let update = pb::UpdateAccessSettingsRequest {
        parent: parent.clone(),
        access_settings: Some(settings),
        request_id: String::new(),
    };
    let refusals = [
        stranger.delete_door_mapping(delete).await.unwrap_err(),
        stranger.create_door_mapping(create).await.unwrap_err(),
        stranger.update_access_settings(update).await.unwrap_err(),
        stranger
            .list_door_mappings(pb::ListDoorMappingsRequest { parent: parent.clone(), ..Default::default() })
            .await
            .unwrap_err(),
        stranger
            .get_access_settings(pb::GetAccessSettingsRequest { parent: parent.clone() })
            .await
            .unwrap_err(),
        stranger
            .list_grants(pb::ListGrantsRequest { parent: parent.clone(), ..Default::default() })
            .await
            .unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
    }

    // One's own name around another's id does not help.
    let mut admin = world.client.clone();
    let id = DoorMappingName { workspace: world.workspace, id: DoorMappingId::new() };
    let delete = pb::DeleteDoorMappingRequest { name: id.to_string(), request_id: String::new() };
    assert_eq!(admin.delete_door_mapping(delete).await.unwrap_err().code(), Code::NotFound);
    let theirs = domain::names::PersonName { workspace: WorkspaceId::new(), id: domain::PersonId::new() };
    let list = pb::ListGrantsRequest { parent, person: theirs.to_string(), ..Default::default() };
    assert_eq!(fields(&admin.list_grants(list).await.unwrap_err()), ["person"]);

    let member = world.harness.channel_as(&world.address, Role::Member, world.workspace);
    let list = pb::ListDoorMappingsRequest { parent: world.name.clone(), ..Default::default() };
    let refused = AccessServiceClient::new(member).list_door_mappings(list.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let nobody = world.harness.channel(&world.address, "gateway");
    let refused = AccessServiceClient::new(nobody).list_door_mappings(list.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(admin.list_door_mappings(list).await.unwrap().into_inner().door_mappings, [mapping]);
    world.harness.finish().await;
}
