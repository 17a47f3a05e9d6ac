//! People open their doors by a tap, and an emergency shuts all of them.

use std::time::Duration;

use chassis::auth::Role;
use proto::access::v1 as pb;
use proto::access::v1::AccessReason as Why;
use proto::access::v1::DoorOperationState as State;
use proto::workspace::v1 as workspace_pb;
use sandbox::{Action, Fault, Vendor};
use stories::Stage;
use stories::client::{Doors, insist};
use stories::door::Door;
use stories::play::World;
use testkit::eventually;
use tonic::Code;

const LIMIT: Duration = Duration::from_secs(120);

/// How often the door has opened.
fn openings(stage: &Stage, world: &World) -> usize {
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let opened = |event: &sandbox::kisi::Event| event.action == "unlock" && event.success;
    kisi.events().iter().filter(|event| opened(event)).count()
}

async fn open(doors: &Doors, world: &World, door: &pb::DoorAddress) -> pb::DoorOperation {
    let (parent, door) = (world.workspace.clone(), Some(door.clone()));
    let request = pb::OpenDoorRequest { parent, door, ..Default::default() };
    let answer = insist(doors, request, |mut c, r| async move { c.open_door(r).await }).await;
    answer.operation.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tap_opens_a_door_for_who_is_entitled_and_an_emergency_shuts_it_for_everybody() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 2).await;
    let (client, door) = (stage.client(), Door::of(&stage, &world));
    let (person, email) = world.people[0].clone();
    world.give(&client, 0, None).await;
    door.lets_in(&email).await;
    let taps = openings(&stage, &world);
    let (doors, stranger) =
        (stage.doors_of(&world, 0, Role::Member), stage.doors_of(&world, 1, Role::Member));
    let list = pb::ListDoorsRequest { parent: world.workspace.clone(), location: String::new() };
    let seen = insist(&doors, list.clone(), |mut c, r| async move { c.list_doors(r).await }).await.doors;
    let [seen] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((seen.may_open, seen.reason()), (true, Why::WindowOpen), "{seen:?}");
    let address = seen.address.clone().unwrap();
    // The answer gets lost; Kisi's log knows.
    let lost = Fault::on(Vendor::Kisi, Action::DropAfterEffect).request("POST", "/unlock$").times(1);
    stage.sandbox.faults().add(lost).unwrap();
    let admin = stage.doors_of(&world, 1, Role::Admin);
    let unknown = open(&admin, &world, &address).await;
    assert_eq!(unknown.state(), State::Unknown, "{unknown:?}");
    eventually("it is found out", LIMIT, async || {
        let request = pb::GetDoorOperationRequest { name: unknown.name.clone() };
        let found = insist(&admin, request, |mut c, r| async move { c.get_door_operation(r).await }).await;
        let found = found.operation.unwrap();
        if found.state() == State::Done { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    assert_eq!(openings(&stage, &world), taps + 1, "once");

    let opened = open(&doors, &world, &address).await;
    assert_eq!((opened.state(), opened.reason()), (State::Done, Why::DoorObeyed));
    assert_eq!(openings(&stage, &world), taps + 2);
    let request = pb::OpenDoorRequest {
        parent: world.workspace.clone(),
        door: Some(address.clone()),
        ..Default::default()
    };
    assert_eq!(stranger.clone().open_door(request).await.unwrap_err().code(), Code::NotFound);

    let request =
        pb::LockDownDoorsRequest { parent: world.workspace.clone(), location: world.location.clone() };
    let down = insist(&admin, request, |mut c, r| async move { c.lock_down_doors(r).await }).await;
    let down = down.lockdown.unwrap();
    assert!(down.operations.iter().all(|told| told.state() == State::Done), "{down:?}");
    assert!(!door.opens(&email).await, "nor at the reader");
    let refused = open(&doors, &world, &address).await;
    assert_eq!((refused.state(), refused.reason()), (State::Refused, Why::DoorLockedDown));
    let request = pb::LiftLockdownRequest { name: down.name };
    insist(&admin, request, |mut c, r| async move { c.lift_lockdown(r).await }).await;
    door.lets_in(&email).await;

    let request = workspace_pb::PausePersonRequest { name: person, request_id: "pause".into() };
    insist(&client.people, request, |mut c, r| async move { c.pause_person(r).await }).await;
    eventually("the tap of who is paused is refused", LIMIT, async || {
        let refused = open(&doors, &world, &address).await;
        if refused.reason() == Why::PersonNotActive { Ok(()) } else { Err(format!("{refused:?}")) }
    })
    .await;
    stage.settle(LIMIT).await;
}
