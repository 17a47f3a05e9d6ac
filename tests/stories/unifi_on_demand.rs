//! A console's doors on demand.

use std::time::Duration;

use chassis::auth::Role;
use chassis::input::timestamp;
use domain::{Clock as _, SystemClock};
use proto::access::v1 as pb;
use proto::access::v1::AccessReason as Why;
use proto::access::v1::DoorOperationState as State;
use proto::workspace::v1 as workspace_pb;
use sandbox::Vendor;
use stories::Stage;
use stories::client::{Doors, insist};
use stories::door::{CONSOLE_DOOR, Door, System};
use stories::play::World;
use testkit::eventually;
use tonic::Code;

const LIMIT: Duration = Duration::from_secs(120);

async fn open(doors: &Doors, world: &World, door: &pb::DoorAddress) -> pb::DoorOperation {
    let (parent, door) = (world.workspace.clone(), Some(door.clone()));
    let request = pb::OpenDoorRequest { parent, door, ..Default::default() };
    insist(doors, request, |mut c, r| async move { c.open_door(r).await }).await.operation.unwrap()
}

/// The only door that someone sees.
async fn seen(doors: &Doors, world: &World) -> pb::Door {
    let request = pb::ListDoorsRequest { parent: world.workspace.clone(), location: String::new() };
    let mut listed = insist(doors, request, |mut c, r| async move { c.list_doors(r).await }).await.doors;
    listed.retain(|door| {
        door.address.as_ref().is_some_and(|it| it.target.as_ref().unwrap().r#ref == CONSOLE_DOOR)
    });
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed.remove(0)
}

fn is_unlocked(stage: &Stage) -> bool {
    stage.sandbox.unifi().doors().iter().any(|door| door.id == CONSOLE_DOOR && door.is_unlocked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_opens_a_consoles_door_within_the_booking_and_never_else() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, door) = System::Unifi.world(&stage, 1, 2).await;
    let client = stage.client();
    let (doors, stranger) =
        (stage.doors_of(&world, 0, Role::Member), stage.doors_of(&world, 1, Role::Member));
    let window = Door::window(8, 25);
    let booking = world.create(&client, 0, 0, window, "now").await;
    let request = workspace_pb::ConfirmBookingRequest { name: booking, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    door.knows(&world.people[0].1).await;
    let address = eventually("the door is seen", LIMIT, async || {
        let request = pb::ListDoorsRequest { parent: world.workspace.clone(), location: String::new() };
        let listed = doors.clone().list_doors(request).await.map_err(|status| status.to_string())?;
        let first = listed.into_inner().doors.into_iter().next();
        first.and_then(|door| door.address).ok_or_else(|| "none".to_owned())
    })
    .await;
    let unlocks = || stage.sandbox.unifi().logs().iter().filter(|entry| entry.is_open).count();
    let early = open(&doors, &world, &address).await;
    if SystemClock.now() < window.start() {
        assert_eq!((early.state(), unlocks()), (State::Refused, 0), "{early:?}");
    }
    eventually("it opens once the booking has begun", LIMIT, async || {
        let opened = open(&doors, &world, &address).await;
        if opened.state() == State::Done { Ok(()) } else { Err(format!("{opened:?}")) }
    })
    .await;
    assert!(SystemClock.now() >= window.start());
    let log = stage.sandbox.unifi().logs();
    let opening = log.iter().rfind(|entry| entry.is_open).unwrap();
    assert_eq!(opening.door_id, CONSOLE_DOOR);
    assert!(world.people[0].0.ends_with(&opening.actor_id), "{opening:?}");
    let request = pb::OpenDoorRequest {
        parent: world.workspace.clone(),
        door: Some(address.clone()),
        ..Default::default()
    };
    assert_eq!(stranger.clone().open_door(request).await.unwrap_err().code(), Code::NotFound);
    let before = eventually("it stays shut once the booking is over", LIMIT, async || {
        let before = unlocks();
        match doors
            .clone()
            .open_door(pb::OpenDoorRequest {
                parent: world.workspace.clone(),
                door: Some(address.clone()),
                ..Default::default()
            })
            .await
        {
            Err(status) if status.code() == Code::NotFound => Ok(before),
            Ok(answer) if answer.get_ref().operation.as_ref().unwrap().state() == State::Refused => {
                Ok(before)
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(SystemClock.now() >= window.end());
    assert_eq!(unlocks(), before, "what is refused opens nothing");
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_ends_holds_in_time_and_locks_all_doors_down_until_that_is_lifted() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, _) = System::Unifi.world(&stage, 1, 1).await;
    let admin = stage.doors_of(&world, 0, Role::Admin);
    let door = seen(&admin, &world).await;
    let abilities = door.abilities.unwrap();
    assert!(abilities.hold_max.is_some() && abilities.can_lock, "{abilities:?}");
    let address = door.address.unwrap();
    let console = stage.sandbox.unifi().clone();

    // Held until the middle of a minute; the console ends it by itself at the end of that.
    let until = SystemClock.now() + chrono::Duration::seconds(6);
    let hold = |until| pb::HoldDoorOpenRequest {
        parent: world.workspace.clone(),
        door: Some(address.clone()),
        end_time: Some(timestamp(until)),
        request_id: format!("hold-{until}"),
    };
    let held = insist(&admin, hold(until), |mut c, r| async move { c.hold_door_open(r).await }).await;
    let held = held.operation.unwrap();
    assert_eq!(held.state(), State::Done, "{held:?}");
    assert!(is_unlocked(&stage));
    assert!(held.held_until_time.is_some_and(|end| end.seconds >= until.timestamp()), "{held:?}");
    // What remembers the end is not in the memory of who was told.
    stage.kill("unifi-adapter").await;
    stage.start("unifi-adapter").await;
    eventually("the hold is over", LIMIT, async || if is_unlocked(&stage) { Err("held") } else { Ok(()) })
        .await;
    assert!(SystemClock.now() >= until);
    let rules = stage.sandbox.requests().of(Vendor::Unifi);
    let told = rules.iter().filter(|it| it.method == "PUT" && it.path.ends_with("/lock_rule")).count();
    assert_eq!(told, 2, "once to hold it, once to end that");

    let until = SystemClock.now() + chrono::Duration::hours(1);
    insist(&admin, hold(until), |mut c, r| async move { c.hold_door_open(r).await }).await;
    assert!(is_unlocked(&stage));
    let request =
        pb::LockDownDoorsRequest { parent: world.workspace.clone(), location: world.location.clone() };
    let down = insist(&admin, request, |mut c, r| async move { c.lock_down_doors(r).await }).await;
    let down = down.lockdown.unwrap();
    eventually("all doors are locked down", LIMIT, async || {
        if console.is_locked_down() && !is_unlocked(&stage) { Ok(()) } else { Err("not yet") }
    })
    .await;
    let refused = open(&admin, &world, &address).await;
    assert_eq!((refused.state(), refused.reason()), (State::Refused, Why::DoorLockedDown));
    let request = pb::LiftLockdownRequest { name: down.name };
    insist(&admin, request, |mut c, r| async move { c.lift_lockdown(r).await }).await;
    eventually("that is lifted", LIMIT, async || if console.is_locked_down() { Err("down") } else { Ok(()) })
        .await;
    let request = pb::LockDoorRequest {
        parent: world.workspace.clone(),
        door: Some(address.clone()),
        request_id: "lock".into(),
    };
    let locked = insist(&admin, request, |mut c, r| async move { c.lock_door(r).await }).await;
    assert_eq!(locked.operation.unwrap().state(), State::Done);
    assert!(!is_unlocked(&stage));
    let opened = open(&admin, &world, &address).await;
    assert_eq!((opened.state(), is_unlocked(&stage)), (State::Done, true), "for a moment");
    stage.settle(LIMIT).await;
}
