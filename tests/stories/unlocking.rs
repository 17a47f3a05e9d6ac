//! Doors that are unlocked and locked by themselves: a console's, and a relay's. Kisi's can't be.

use std::time::Duration;

use chassis::auth::Role;
use chrono::{Datelike as _, Duration as Span, Timelike as _};
use domain::{Clock as _, SystemClock, Timestamp};
use proto::access::v1 as access;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{CONSOLE_DOOR, Door, RelayDoor, System};
use stories::play::World;
use testkit::eventually;
use tonic::Code;
use tonic_types::StatusExt as _;

const LIMIT: Duration = Duration::from_secs(240);

/// A door of the world's at its location.
fn address(world: &World, door: &Door) -> access::DoorAddress {
    access::DoorAddress {
        location: world.location.clone(),
        provider: door.system().provider().into(),
        target: Some(door.target()),
    }
}

/// From a few minutes ago until a whole minute, as clocks in UTC show them.
fn hours(until: Timestamp) -> access::WeeklyHours {
    let minute = |time: Timestamp| i32::try_from(time.hour() * 60 + time.minute()).unwrap();
    let from = until - Span::minutes(10);
    let day = i32::try_from(from.weekday().number_from_monday()).unwrap();
    let end_minute = if minute(until) == 0 { 1_440 } else { minute(until) };
    access::WeeklyHours {
        intervals: vec![access::WeeklyInterval { day, start_minute: minute(from), end_minute }],
    }
}

async fn set(client: &Client, world: &World, schedule: access::DoorSchedule) {
    let request = access::SetDoorScheduleRequest {
        parent: world.workspace.clone(),
        door_schedule: Some(schedule),
        request_id: String::new(),
    };
    insist(&client.schedules, request, |mut c, r| async move { c.set_door_schedule(r).await }).await;
}

/// Waits until both doors are unlocked, or locked.
async fn are_unlocked(stage: &Stage, relay: &RelayDoor, wanted: bool) {
    eventually(&format!("the doors are unlocked: {wanted}"), LIMIT, async || {
        let doors = stage.sandbox.unifi().doors();
        let at_console = doors.iter().find(|door| door.id == CONSOLE_DOOR).unwrap().is_unlocked;
        let both = [at_console, relay.machine().is_on(1)];
        if both == [wanted; 2] { Ok(()) } else { Err(format!("{both:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doors_open_and_close_at_their_hours_and_for_a_booking_and_a_lockdown_comes_first() {
    let mut stage = Stage::set(Default::default()).await;
    let (mut world, console) = System::Unifi.world(&stage, 0, 1).await;
    let client = stage.client();
    let relay = RelayDoor::put_up(&stage, &world).await;
    let (behind_relay, kisi) = (Door::from(relay.clone()), Door::of(&stage, &world));
    world.add_room_behind(&client, &[&console, &behind_relay]).await;
    let now = SystemClock.now();
    let until = Timestamp::from_timestamp(now.timestamp() / 60 * 60, 0).unwrap() + Span::minutes(2);
    let at_hours = |door: &Door| access::DoorSchedule {
        door: Some(address(&world, door)),
        hours: Some(hours(until)),
        time_zone: "UTC".into(),
        ..Default::default()
    };
    let (parent, door_schedule) = (world.workspace.clone(), Some(at_hours(&kisi)));
    let request = access::SetDoorScheduleRequest { parent, door_schedule, request_id: String::new() };
    let refused = client.schedules.clone().set_door_schedule(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "DOOR_CANNOT_HOLD");

    for door in [&console, &behind_relay] {
        set(&client, &world, at_hours(door)).await;
    }
    are_unlocked(&stage, &relay, true).await;
    let admin = stage.doors_of(&world, 0, Role::Admin);
    let (parent, location) = (world.workspace.clone(), world.location.clone());
    let request = access::LockDownDoorsRequest { parent, location };
    let down = insist(&admin, request, |mut c, r| async move { c.lock_down_doors(r).await }).await;
    assert!(stage.sandbox.unifi().is_locked_down() && !relay.machine().is_on(1));
    let request = access::LiftLockdownRequest { name: down.lockdown.unwrap().name };
    insist(&admin, request, |mut c, r| async move { c.lift_lockdown(r).await }).await;
    are_unlocked(&stage, &relay, true).await;
    are_unlocked(&stage, &relay, false).await;
    assert!(until <= SystemClock.now(), "they were locked too early");

    for door in [&console, &behind_relay] {
        let door = Some(address(&world, door));
        let for_bookings = access::DoorSchedule { door, is_held_for_bookings: true, ..Default::default() };
        set(&client, &world, for_bookings).await;
    }
    let window = Door::window(5, 20);
    let booking = world.create(&client, 0, 0, window, "held").await;
    let request = pb::ConfirmBookingRequest { name: booking, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    are_unlocked(&stage, &relay, true).await;
    assert!(window.start() <= SystemClock.now(), "they were unlocked too early");
    are_unlocked(&stage, &relay, false).await;
    assert!(window.end() <= SystemClock.now(), "they were locked too early");
    stage.settle(LIMIT).await;
}
