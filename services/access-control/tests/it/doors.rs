//! Doors on demand: who may open which, and what is told of it.

use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use chrono::Duration;
use domain::names::LocationName;
use domain::{LocationId, PersonId};
use proto::access::v1 as pb;
use proto::access::v1::AccessReason as Why;
use proto::access::v1::DoorOperationState as State;
use testkit::eventually;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::control::{Doors, opened};
use crate::world::{LIMIT, World, at, at_minute, window};

/// Taps apart are operations apart.
const APART: Duration = Duration::seconds(2);

/// A room behind `group-1`, whose provider is connected.
pub(crate) async fn room(world: &World) -> String {
    let resource = world.mapped("group-1").await;
    world.account_of_workspace().await;
    world.until_mapping_is(true).await;
    eventually("the account is known", LIMIT, async || {
        let doors = world.doors().await;
        if doors.len() == 2 { Ok(()) } else { Err(format!("{doors:?}")) }
    })
    .await;
    resource
}

async fn assert_is_not_found(doors: &mut Doors, request: pb::OpenDoorRequest) {
    let refused = doors.open_door(request).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "DOOR_NOT_FOUND", "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_open_their_doors_within_the_window_and_never_else() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    world.obey().await;
    let mut doors = world.doors_as(&world.principal(&person, Role::Member));
    let mut stranger = world.doors_as(&world.principal(&world.new_person(), Role::Member));
    assert_eq!(world.seen_by(&mut doors).await, [], "a day and more ahead is nothing to see");

    world.harness.clock.set(at_minute(8, 44));
    let seen = world.seen_by(&mut doors).await;
    let names: Vec<&str> = seen
        .iter()
        .map(|door| door.address.as_ref().unwrap().target.as_ref().unwrap())
        .map(|target| target.display_name.as_str())
        .collect();
    assert_eq!(names, ["The door-1", "The door-2"]);
    for door in &seen {
        assert_eq!((door.may_open, door.reason()), (false, Why::WindowAhead));
        assert_eq!(door.window, window((8, 45), (10, 15)));
        assert!(door.abilities.is_some() && door.state_time.is_some());
    }
    assert_eq!(opened(&mut doors, world.open("door-1")).await, (State::Refused, Why::WindowAhead));
    assert_eq!(played.told(), []);

    world.harness.clock.set(at_minute(8, 45));
    let seen = world.seen_by(&mut doors).await;
    assert!(seen.iter().all(|door| door.may_open && door.reason() == Why::WindowOpen), "{seen:?}");
    assert_eq!(opened(&mut doors, world.open("door-1")).await, (State::Done, Why::DoorObeyed));
    assert_is_not_found(&mut doors, world.open("door-3")).await;
    assert_is_not_found(&mut doors, world.open("no-door")).await;
    assert_is_not_found(&mut stranger, world.open("door-1")).await;
    assert_eq!(world.seen_by(&mut stranger).await, []);
    assert_eq!(played.told(), [(pb::DoorAction::Pulse, "door-1".to_owned())]);

    world.harness.clock.set(at_minute(10, 15));
    assert_eq!(world.seen_by(&mut doors).await, []);
    assert_eq!(opened(&mut doors, world.open("door-1")).await, (State::Refused, Why::WindowOver));
    assert_eq!(played.told().len(), 1);
    world.obey().await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_paused_is_refused_and_roles_operate_directly() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let mut person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    world.obey().await;
    world.harness.clock.set(at(9));
    let mut doors = world.doors_as(&world.principal(&person, Role::Member));
    let LocationName { id: here, .. } = world.location.parse().unwrap();
    let manager = |location| {
        Principal::person(PersonId::new().to_string(), world.workspace, Role::Manager).at([location])
    };
    let (mut ours, mut elsewhere) =
        (world.doors_as(&manager(here)), world.doors_as(&manager(LocationId::new())));
    let (done, open) = ((State::Done, Why::DoorObeyed), world.open("door-1"));
    for doors in [&mut doors, &mut ours, &mut world.admin()] {
        assert_eq!(opened(doors, open.clone()).await, done);
    }
    assert_is_not_found(&mut elsewhere, open.clone()).await;
    assert_eq!(world.seen_by(&mut ours).await.len(), 2);
    assert_eq!(world.seen_by(&mut elsewhere).await, []);
    assert!(world.doors().await.iter().all(|door| door.may_open && door.window.is_none()));

    person.status = proto::workspace::v1::PersonStatus::Paused.into();
    person.version += 1;
    world.tell_person(&person).await;
    world.obey().await;
    world.harness.clock.advance(APART);
    let paused = (State::Refused, Why::PersonNotActive);
    assert_eq!(opened(&mut doors, open.clone()).await, paused);
    let mut as_admin = world.doors_as(&world.principal(&person, Role::Admin));
    world.harness.clock.advance(APART);
    assert_eq!(opened(&mut as_admin, open).await, paused, "whatever their token says still");
    assert_eq!(world.seen_by(&mut doors).await, []);
    assert_eq!(played.told().len(), 3);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taps_within_a_second_are_one_and_so_are_requests_with_one_key() {
    let (world, played) = World::with_doors().await;
    room(&world).await;
    let mut admin = world.admin();
    let open = async |doors: &mut Doors, request_id: &str| {
        let request = pb::OpenDoorRequest { request_id: request_id.into(), ..world.open("door-1") };
        doors.open_door(request).await.map(|answer| answer.into_inner().operation.unwrap().name)
    };
    let held = played.gate.write().await;
    let mut taps = JoinSet::new();
    for mut doors in [admin.clone(), admin.clone()] {
        let request = world.open("door-1");
        taps.spawn(async move { doors.open_door(request).await });
    }
    eventually("the door is told", LIMIT, async || {
        if played.told().len() == 1 { Ok(()) } else { Err(format!("{:?}", played.told())) }
    })
    .await;
    drop(held);
    let (first, second) =
        (taps.join_next().await.unwrap().unwrap(), taps.join_next().await.unwrap().unwrap());
    let name = |answer: Result<tonic::Response<pb::OpenDoorResponse>, _>| {
        let operation = answer.unwrap().into_inner().operation.unwrap();
        assert_eq!(operation.state(), State::Done);
        operation.name
    };
    let tap = name(first);
    assert_eq!(name(second), tap);
    assert_eq!(open(&mut admin, "").await.unwrap(), tap);
    let mut other = world.admin();
    assert_ne!(open(&mut other, "").await.unwrap(), tap, "someone else's");
    world.harness.clock.advance(APART);
    let with_key = open(&mut admin, "once").await.unwrap();
    assert_ne!(with_key, tap);
    world.harness.clock.advance(APART);
    assert_eq!(open(&mut admin, "once").await.unwrap(), with_key);
    let another = pb::OpenDoorRequest { request_id: "once".into(), ..world.open("door-2") };
    let refused = admin.open_door(another).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "REQUEST_ID_REUSED");
    assert_eq!(played.told().len(), 3);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_is_said_so_and_found_out_later() {
    let (world, played) = World::with_doors().await;
    room(&world).await;
    let mut admin = world.admin();
    let mut lost = async |fate: pb::OperationFate, wanted: State| {
        world.harness.clock.advance(APART);
        played.fail(Why::ProviderUnreachable, true);
        *played.fate.lock().unwrap() = pb::OperationFate::Unknown;
        let answer = admin.open_door(world.open("door-1")).await.unwrap().into_inner();
        let operation = answer.operation.unwrap();
        assert_eq!((operation.state(), operation.reason()), (State::Unknown, Why::ProviderUnreachable));
        assert_eq!(operation.detail, "what the provider said");
        *played.fate.lock().unwrap() = fate;
        world.harness.clock.advance(Duration::seconds(15));
        eventually("it is known", LIMIT, async || {
            let request = pb::GetDoorOperationRequest { name: operation.name.clone() };
            let answer = world.admin().get_door_operation(request).await.unwrap().into_inner();
            let found = answer.operation.unwrap();
            if found.state() == wanted { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        operation.name
    };
    lost(pb::OperationFate::Done, State::Done).await;
    let name = lost(pb::OperationFate::NotDone, State::Failed).await;
    let mut stranger = world.doors_as(&world.principal(&world.new_person(), Role::Member));
    let refused = stranger.get_door_operation(pb::GetDoorOperationRequest { name }).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    world.harness.clock.advance(APART);
    played.fail(Why::DoorOffline, false);
    let told = opened(&mut admin, world.open("door-2")).await;
    assert_eq!(told, (State::Failed, Why::DoorOffline), "the provider's word is passed on");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doors_are_held_and_locked_by_staff_as_far_as_they_can() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    world.obey().await;
    world.harness.clock.set(at(9));
    let hold = |minutes| pb::HoldDoorOpenRequest {
        parent: world.name.clone(),
        door: Some(world.door("door-1")),
        end_time: Some(timestamp(world.now() + Duration::minutes(minutes))),
        request_id: String::new(),
    };
    let mut admin = world.admin();
    let held = admin.hold_door_open(hold(60)).await.unwrap().into_inner().operation.unwrap();
    assert_eq!((held.state(), held.held_until_time), (State::Done, hold(60).end_time));
    world.harness.clock.advance(APART);
    let refused = admin.hold_door_open(hold(61)).await.unwrap().into_inner().operation.unwrap();
    assert_eq!((refused.state(), refused.reason()), (State::Refused, Why::DoorCannot));
    let lock = pb::LockDoorRequest {
        parent: world.name.clone(),
        door: Some(world.door("door-1")),
        request_id: String::new(),
    };
    let locked = admin.lock_door(lock.clone()).await.unwrap().into_inner().operation.unwrap();
    assert_eq!(locked.state(), State::Done);
    assert_eq!(
        played.told(),
        [(pb::DoorAction::HoldOpen, "door-1".into()), (pb::DoorAction::Lock, "door-1".into())]
    );

    let mut member = world.doors_as(&world.principal(&person, Role::Member));
    assert_eq!(member.lock_door(lock).await.unwrap_err().code(), Code::PermissionDenied);
    let mut broken = hold(5);
    broken.end_time = Some(timestamp(world.now()));
    assert_eq!(admin.hold_door_open(broken).await.unwrap_err().code(), Code::InvalidArgument);
    let mut group = world.open("group-1");
    group.door.as_mut().unwrap().target.as_mut().unwrap().kind = pb::DoorTargetKind::Group.into();
    assert_eq!(admin.open_door(group).await.unwrap_err().code(), Code::InvalidArgument);
    world.harness.finish().await;
}
