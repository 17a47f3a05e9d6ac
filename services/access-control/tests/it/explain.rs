//! Why someone is let in, or is not.

use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use domain::names::{LocationName, PersonName};
use domain::{LocationId, Timestamp};
use proto::access::v1 as pb;
use proto::access::v1::access_service_client::AccessServiceClient;
use proto::access::v1::explain_access_request::Where;
use proto::access::v1::{AccessDecision, AccessReason, AccessStep};
use proto::workspace::v1 as told;
use tonic::Code;

use crate::adapter::failure;
use crate::world::{Client, World, at, ended};

/// Asks about a resource.
fn about(
    world: &World,
    person: &told::Person,
    resource: &str,
    at: Option<Timestamp>,
) -> pb::ExplainAccessRequest {
    pb::ExplainAccessRequest {
        parent: world.name.clone(),
        person: person.name.clone(),
        r#where: Some(Where::Resource(resource.into())),
        time: at.map(timestamp),
    }
}

/// Asks about a group.
fn about_group(world: &World, person: &told::Person, group: &str) -> pb::ExplainAccessRequest {
    let pb::DoorMapping { location, provider, target, .. } = world.mapping("", group);
    let door = Where::Door(pb::DoorAddress { location, provider, target });
    pb::ExplainAccessRequest { r#where: Some(door), ..about(world, person, "", None) }
}

async fn ask(client: &Client, request: pb::ExplainAccessRequest) -> Result<Vec<pb::DoorExplanation>, Code> {
    let answer = client.clone().explain_access(request).await;
    answer.map(|answer| answer.into_inner().doors).map_err(|status| status.code())
}

/// Which group a door is.
fn group(door: &pb::DoorExplanation) -> String {
    door.door.as_ref().unwrap().target.as_ref().unwrap().r#ref.clone()
}

/// What the one door does, and the code that decides.
async fn verdict(world: &World, request: pb::ExplainAccessRequest) -> (AccessDecision, AccessReason) {
    let doors = ask(&world.client, request).await.unwrap();
    let [door] = doors.as_slice() else { panic!("one door, not {doors:?}") };
    (door.decision(), door.reason())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_explained_from_a_room_without_a_door_until_it_is_over() {
    let mut world = World::new().await;
    let (person, stranger) = (world.new_person(), world.new_person());
    let resource = world.new_resource();
    let now = |world: &World| about(world, &person, &resource, None);
    assert_eq!(verdict(&world, now(&world)).await.1, AccessReason::PersonUnknown);
    let stay = world.booking(&person, &resource, 9, 10);
    world.tell(&stay).await;
    assert_eq!(world.quiet().await, []);
    let unmapped = verdict(&world, now(&world)).await;
    assert_eq!(unmapped, (AccessDecision::MayNotEnter, AccessReason::MappingNone));

    let mapping = world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    let command = world.command().await;
    let under_way = about(&world, &person, &resource, Some(at(9)));
    let will = AccessDecision::WillEnter;
    assert_eq!(verdict(&world, under_way.clone()).await, (will, AccessReason::GrantUnderWay));
    world.applied(&command).await;
    world.settled(&command).await;
    assert_eq!(verdict(&world, now(&world)).await, (will, AccessReason::WindowAhead));
    let doors = ask(&world.client, under_way).await.unwrap();
    assert_eq!((doors[0].decision(), &doors[0].grant), (AccessDecision::MayEnter, &command.grant));
    let link = |step| doors[0].chain.iter().find(|link| link.step() == step).unwrap();
    assert_eq!(link(AccessStep::Entitlement).about, stay.booking.name);
    assert_eq!(link(AccessStep::Mapping).about, mapping.name);
    assert_eq!(link(AccessStep::Window).time, Some(timestamp(at(10) + chrono::Duration::minutes(15))));
    assert_eq!(link(AccessStep::Next).reason(), AccessReason::NextEnds);

    world.tell(&world.booking(&stranger, &world.new_resource(), 9, 10)).await;
    assert_eq!(world.quiet().await, []);
    let not_theirs = verdict(&world, about(&world, &stranger, &resource, None)).await;
    assert_eq!(not_theirs, (AccessDecision::MayNotEnter, AccessReason::EntitlementNone));
    world.tell(&stay.cancelled()).await;
    world.obey().await;
    let cancelled = verdict(&world, about(&world, &person, &resource, Some(at(9)))).await;
    assert_eq!(cancelled, (AccessDecision::MayNotEnter, AccessReason::EntitlementNone));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_two_locations_have_by_one_integration_is_explained_alike_at_both() {
    let mut world = World::new().await;
    let person = world.new_person();
    let (here, there) = (world.mapped("group-1").await, world.new_resource());
    let elsewhere = pb::DoorMapping { location: world.elsewhere(), ..world.mapping(&there, "group-1") };
    world.create_mapping(elsewhere).await.unwrap();
    world.tell(&world.booking(&person, &there, 9, 10)).await;
    let command = world.obey().await;
    for resource in [here, there] {
        let doors = ask(&world.client, about(&world, &person, &resource, Some(at(9)))).await.unwrap();
        assert_eq!((doors[0].decision(), &doors[0].grant), (AccessDecision::MayEnter, &command.grant));
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_has_its_code_in_explanations_grants_and_events() {
    let mut world = World::new().await;
    let person = world.new_person();
    let given = world.manual(&person, "group-1", 9, Some(10));
    world.tell_manual(&given, &person).await;
    let command = world.command().await;
    world.failed(&command, failure(pb::AccessFailureKind::NotFound, "there is no group 1")).await;
    let code = AccessReason::ProviderLacksDoor;
    let grant = world.grant("it is failing", |grant| grant.reason() == code).await;
    assert_eq!(grant.last_error, "there is no group 1");
    let doors = ask(&world.client, about_group(&world, &person, "group-1")).await.unwrap();
    assert_eq!((doors[0].decision(), doors[0].reason()), (AccessDecision::MayNotEnter, code));
    let said = doors[0].chain.iter().find(|link| link.step() == AccessStep::Provider).unwrap();
    assert_eq!(said.detail, "there is no group 1");
    world.told(&["failing"]).await;
    assert_eq!(world.grants_told().await[0].1["reason"], code.as_str_name());
    world.tell_manual(&ended(&given), &person).await;
    assert_eq!(world.obey().await.window, None, "it may have been given all the same");
    world.grant("nothing is wanted", |grant| grant.reason() == AccessReason::GrantAtRest).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_door_of_a_room_has_a_chain_of_its_own() {
    let mut world = World::new().await;
    let person = world.new_person();
    let resource = world.mapped("front").await;
    world.create_mapping(world.mapping(&resource, "room")).await.unwrap();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    for command in [world.command().await, world.command().await] {
        if command.target.as_ref().unwrap().r#ref == "front" {
            world.applied(&command).await;
            world.settled(&command).await;
        } else {
            world.failed(&command, failure(pb::AccessFailureKind::Unreachable, "no answer")).await;
        }
    }
    testkit::eventually("both are answered", crate::world::LIMIT, async || {
        let doors = ask(&world.client, about(&world, &person, &resource, Some(at(9)))).await.unwrap();
        let mut said: Vec<_> = doors.iter().map(|door| (group(door), door.reason())).collect();
        said.sort();
        let expected = [
            ("front".to_owned(), AccessReason::ProviderHolds),
            ("room".to_owned(), AccessReason::ProviderUnreachable),
        ];
        if said == expected { Ok(()) } else { Err(format!("{said:?}")) }
    })
    .await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_ask_about_themselves_and_managers_about_their_doors() {
    let mut world = World::new().await;
    let person = world.new_person();
    world.tell_manual(&world.manual(&person, "group-1", 9, Some(10)), &person).await;
    let command = world.command().await;
    world.failed(&command, failure(pb::AccessFailureKind::Unauthorized, "the key is refused")).await;
    world.grant("it is failing", |grant| !grant.last_error.is_empty()).await;
    let PersonName { id, .. } = person.name.parse().unwrap();
    let LocationName { id: location, .. } = world.location.parse().unwrap();
    let own = Principal::person(id.to_string(), world.workspace, Role::Member);
    let manager = Principal::person("someone", world.workspace, Role::Manager);
    let request = about_group(&world, &person, "group-1");
    let details = async |principal: Principal| {
        let client = AccessServiceClient::new(world.harness.channel_with(&world.address, &principal));
        let doors = ask(&client, request.clone()).await?;
        Ok(doors[0].chain.iter().map(|link| link.detail.clone()).collect::<String>())
    };
    assert_eq!(details(own).await, Ok(String::new()), "what the provider said is for staff");
    assert_eq!(details(manager.clone().at([location])).await, Ok("the key is refused".into()));
    assert_eq!(details(manager.at([LocationId::new()])).await, Err(Code::NotFound));
    let another = Principal::person(domain::PersonId::new().to_string(), world.workspace, Role::Member);
    assert_eq!(details(another).await, Err(Code::NotFound));
    let as_staff_elsewhere = Principal::person(id.to_string(), world.workspace, Role::Manager);
    let answer = details(as_staff_elsewhere.at([LocationId::new()])).await;
    assert_eq!(answer, Ok(String::new()), "managers are people, too");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_learns_nothing_of_another_locations_door_by_saying_that_it_is_theirs() {
    let mut world = World::new().await;
    let person = world.new_person();
    let resource = world.mapped("group-1").await;
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    world.obey().await;
    let elsewhere = world.elsewhere();
    let LocationName { id: location, .. } = elsewhere.parse().unwrap();
    let manager = Principal::person("someone", world.workspace, Role::Manager).at([location]);
    let client = AccessServiceClient::new(world.harness.channel_with(&world.address, &manager));
    let pb::DoorMapping { provider, target, .. } = world.mapping("", "group-1");
    let door = Where::Door(pb::DoorAddress { location: elsewhere.clone(), provider, target });
    let request = pb::ExplainAccessRequest { r#where: Some(door), ..about(&world, &person, "", None) };
    assert_eq!(ask(&client, request.clone()).await, Err(Code::NotFound));
    // It is one of theirs, too.
    let there = world.new_resource();
    let shared = pb::DoorMapping { location: elsewhere, ..world.mapping(&there, "group-1") };
    world.create_mapping(shared).await.unwrap();
    let doors = ask(&client, request).await.unwrap();
    assert_eq!(doors[0].decision(), AccessDecision::WillEnter);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let (person, resource) = (world.new_person(), world.new_resource());
    let whole = about(&world, &person, &resource, None);
    let over = world.now() - chrono::Duration::minutes(6);
    for broken in [
        pb::ExplainAccessRequest { r#where: None, ..whole.clone() },
        pb::ExplainAccessRequest { person: "Ada".into(), ..whole.clone() },
        pb::ExplainAccessRequest { time: Some(timestamp(over)), ..whole.clone() },
        about_group(&world, &person, ""),
    ] {
        assert_eq!(ask(&world.client, broken.clone()).await, Err(Code::InvalidArgument), "{broken:?}");
    }
    let slow = pb::ExplainAccessRequest {
        time: Some(timestamp(world.now() - chrono::Duration::minutes(4))),
        ..whole
    };
    assert!(ask(&world.client, slow).await.is_ok(), "clocks differ");
    world.harness.finish().await;
}
