//! Bookings open doors of every system alike, and of all systems at once.

use std::time::Duration;

use chassis::input::timestamp;
use chrono::Duration as Span;
use domain::Window;
use futures::future::join_all;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{Door, System};
use stories::play::World;

const LIMIT: Duration = Duration::from_secs(120);

async fn confirm(client: &Client, booking: &str) {
    let request = pb::ConfirmBookingRequest { name: booking.to_owned(), request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
}

async fn reschedule(client: &Client, booking: &str, window: Window, key: &str) {
    let request = pb::RescheduleBookingRequest {
        name: booking.to_owned(),
        start_time: Some(timestamp(window.start())),
        end_time: Some(timestamp(window.end())),
        request_id: key.to_owned(),
    };
    insist(&client.bookings, request, |mut c, r| async move { c.reschedule_booking(r).await }).await;
}

async fn cancel(client: &Client, booking: &str) {
    let request = pb::CancelBookingRequest { name: booking.to_owned(), ..Default::default() };
    insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_is_moved_or_called_off_takes_its_access_along() {
    let mut stage = Stage::set(Default::default()).await;
    join_all(System::ALL.map(|system| plans_change(&stage, system))).await;
    stage.settle(LIMIT).await;
}

async fn plans_change(stage: &Stage, system: System) {
    let (world, door) = system.world(stage, 2, 2).await;
    let client = stage.client();
    let [ada, bo] = [0, 1].map(|person| world.people[person].1.as_str());
    // Under way, moved to later, and back.
    let now = Door::window(-60, 3_600);
    let booking = world.create(&client, 0, 0, now, "moved").await;
    let other = world.create(&client, 1, 1, now, "stays").await;
    confirm(&client, &booking).await;
    confirm(&client, &other).await;
    door.lets_in(ada).await;
    door.lets_in(bo).await;
    let hour = Span::hours(1);
    let later = Window::new(now.start() + hour, now.end() + hour).unwrap();
    reschedule(&client, &booking, later, "later").await;
    door.keeps_out(ada).await;
    door.knows(ada).await;
    reschedule(&client, &booking, now, "back").await;
    door.lets_in(ada).await;
    // Who is paused meanwhile is kept out.
    let person = world.people[0].0.clone();
    let request = pb::PausePersonRequest { name: person.clone(), request_id: "pause".into() };
    insist(&client.people, request, |mut c, r| async move { c.pause_person(r).await }).await;
    door.keeps_out(ada).await;
    let request = pb::UnpausePersonRequest { name: person, request_id: "unpause".into() };
    insist(&client.people, request, |mut c, r| async move { c.unpause_person(r).await }).await;
    door.lets_in(ada).await;
    cancel(&client, &booking).await;
    door.keeps_out(ada).await;
    door.forgets(ada).await;
    assert!(door.opens(bo).await, "what another has booked is theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_booking_opens_doors_of_all_systems_in_its_window_and_shuts_them_all_when_it_is_called_off() {
    let mut stage = Stage::set(Default::default()).await;
    let client = stage.client();
    let mut world = World::build(&stage, 0, 2).await;
    world.without_margins(&client).await;
    let mut doors = Vec::new();
    for system in System::ALL {
        doors.push(system.connect(&stage, &world).await);
    }
    world.add_room_behind(&client, &doors.iter().collect::<Vec<_>>()).await;
    let [ada, bo] = [0, 1].map(|person| world.people[person].1.as_str());
    let window = Door::window(15, 20);
    let booking = world.create(&client, 0, 0, window, "soon").await;
    confirm(&client, &booking).await;
    join_all(doors.iter().map(|door| door.obeys(ada, window))).await;

    let next = world.create(&client, 0, 0, Door::window(0, 3_600), "next").await;
    confirm(&client, &next).await;
    join_all(doors.iter().map(|door| door.lets_in(ada))).await;
    for door in &doors {
        assert!(!door.opens(bo).await, "nobody has invited them");
    }
    cancel(&client, &next).await;
    join_all(doors.iter().map(|door| door.keeps_out(ada))).await;
    stage.settle(LIMIT).await;
}
