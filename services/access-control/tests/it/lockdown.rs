//! Emergencies: nobody gets in until it is lifted, whatever becomes of telling it.

use chrono::Duration;
use proto::access::v1 as pb;
use proto::access::v1::AccessReason as Why;
use proto::access::v1::DoorAction::{LiftLockdown, LockDown};
use proto::access::v1::DoorOperationState as State;
use testkit::eventually;
use tokio::task::JoinSet;

use crate::control::{Played, opened};
use crate::world::{LIMIT, World};

/// Door 1 and 2 here by a group, door 3 and 4 elsewhere.
async fn two_locations(world: &World) -> String {
    let elsewhere = world.elsewhere();
    world.mapped("group-1").await;
    for door in ["door-3", "door-4"] {
        let mut mapping = world.mapping(&world.new_resource(), door);
        mapping.location = elsewhere.clone();
        mapping.target.as_mut().unwrap().kind = pb::DoorTargetKind::Lock.into();
        world.create_mapping(mapping).await.unwrap();
    }
    world.account_of_workspace().await;
    eventually("the account is known", LIMIT, async || {
        let doors = world.doors().await;
        if doors.len() == 4 { Ok(()) } else { Err(format!("{doors:?}")) }
    })
    .await;
    elsewhere
}

fn sorted(played: &Played) -> Vec<(pb::DoorAction, String)> {
    let mut told = played.told();
    played.told.lock().unwrap().clear();
    told.sort_by_key(|(action, spot)| (*action as i32, spot.clone()));
    told
}

fn told(action: pb::DoorAction, spots: &[&str]) -> Vec<(pb::DoorAction, String)> {
    spots.iter().map(|spot| (action, (*spot).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_opens_a_door_until_the_lockdown_is_lifted() {
    let (world, played) = World::with_doors().await;
    two_locations(&world).await;
    let here = world.location.clone();
    let mut admin = world.admin();
    assert_eq!(opened(&mut admin, world.open("door-1")).await, (State::Done, Why::DoorObeyed));
    sorted(&played);
    let lockdown = world.lock_down(&here).await;
    assert_eq!((lockdown.location.as_str(), lockdown.lift_time), (here.as_str(), None));
    assert!(lockdown.operations.iter().all(|told| told.state() == State::Done), "{lockdown:?}");
    assert_eq!(sorted(&played), told(LockDown, &["north"]), "the place as a whole, once");
    // Within a second of the tap before: not the same one.
    assert_eq!(opened(&mut admin, world.open("door-1")).await, (State::Refused, Why::DoorLockedDown));
    let doors = world.doors().await;
    let locked: Vec<bool> = doors.iter().map(|door| door.is_locked_down).collect();
    assert_eq!(locked.iter().filter(|&&locked| locked).count(), 2, "{doors:?}");
    assert!(doors.iter().all(|door| door.may_open != door.is_locked_down));
    assert_eq!(sorted(&played), []);

    let again = world.lock_down(&here).await;
    assert_eq!(again.name, lockdown.name, "twice is once");
    assert_eq!(sorted(&played), told(LockDown, &["north"]), "and is told again");
    let lifted = world.lift(&lockdown).await;
    assert!(lifted.lift_time.is_some());
    assert_eq!(sorted(&played), told(LiftLockdown, &["north"]));
    assert_eq!(opened(&mut admin, world.open("door-1")).await, (State::Done, Why::DoorObeyed));
    assert_ne!(world.lock_down(&here).await.name, lockdown.name, "another emergency");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lockdown_is_told_again_until_each_door_says_that_it_is_so() {
    let (world, played) = World::with_doors().await;
    two_locations(&world).await;
    for _ in 0..4 {
        played.fail(Why::ProviderUnreachable, true);
    }
    let lockdown = world.lock_down("").await;
    let states: Vec<State> = lockdown.operations.iter().map(pb::DoorOperation::state).collect();
    assert_eq!(states, [State::Unknown; 3], "{lockdown:?}");
    assert_eq!(sorted(&played), told(LockDown, &["door-4", "north", "south"]));
    let mut admin = world.admin();
    let open = world.open("door-1");
    assert_eq!(opened(&mut admin, open).await, (State::Refused, Why::DoorLockedDown), "it stands already");
    for _ in 0..2 {
        world.harness.clock.advance(Duration::seconds(5));
        eventually("it is told again", LIMIT, async || {
            let count = played.told().len();
            if count >= 1 { Ok(()) } else { Err(count) }
        })
        .await;
    }
    eventually("all doors say so", LIMIT, async || {
        let states: Vec<String> =
            sqlx::query_scalar("select state from operation where lockdown_id is not null")
                .fetch_all(&world.pool)
                .await
                .unwrap();
        if states == ["done"; 3] {
            Ok(())
        } else {
            world.harness.clock.advance(Duration::seconds(5));
            Err(format!("{states:?}"))
        }
    })
    .await;
    world.lift(&lockdown).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lockdown_waits_for_no_door_that_is_being_opened() {
    let (world, played) = World::with_doors().await;
    two_locations(&world).await;
    let held = played.gate.write().await;
    let (mut admin, request) = (world.admin(), world.open("door-1"));
    let mut calls = JoinSet::new();
    calls.spawn(async move { admin.open_door(request).await.map(|_| ()) });
    eventually("the door is told", LIMIT, async || {
        if played.told().len() == 1 { Ok(()) } else { Err(played.told().len()) }
    })
    .await;
    let (mut admin, parent) = (world.admin(), world.name.clone());
    let request = pb::LockDownDoorsRequest { parent, location: String::new() };
    calls.spawn(async move { admin.lock_down_doors(request).await.map(|_| ()) });
    eventually("all doors are told", LIMIT, async || {
        if played.told().len() == 4 { Ok(()) } else { Err(played.told().len()) }
    })
    .await;
    drop(held);
    for ended in calls.join_all().await {
        ended.unwrap();
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lifting_one_leaves_what_another_holds() {
    let (world, played) = World::with_doors().await;
    let elsewhere = two_locations(&world).await;
    let there = world.lock_down(&elsewhere).await;
    assert_eq!(sorted(&played), told(LockDown, &["door-4", "south"]));
    let all = world.lock_down("").await;
    assert_eq!(sorted(&played), told(LockDown, &["door-4", "north", "south"]));
    world.lift(&all).await;
    assert_eq!(sorted(&played), told(LiftLockdown, &["north"]));
    let mut admin = world.admin();
    assert_eq!(opened(&mut admin, world.open("door-1")).await, (State::Done, Why::DoorObeyed));
    let mut open = world.open("door-3");
    open.door.as_mut().unwrap().location = elsewhere;
    assert_eq!(opened(&mut admin, open).await, (State::Refused, Why::DoorLockedDown));
    let lifted = world.lift(&there).await;
    assert!(lifted.operations.iter().filter(|told| told.action() == LiftLockdown).count() == 2);
    world.harness.finish().await;
}
