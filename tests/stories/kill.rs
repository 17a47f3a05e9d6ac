//! Services are killed, while bookings come in for doors of all systems.

use std::time::Duration;

use chrono::Duration as Span;
use rand::seq::IndexedRandom as _;
use stories::checks::{messages_are_right, wanted_access};
use stories::door::System;
use stories::{SERVICES, Stage};

const LIMIT: Duration = Duration::from_secs(120);

/// Of each system: rooms, people, bookings.
const WORLDS: [(System, usize, usize, usize); 3] =
    [(System::Kisi, 5, 20, 200), (System::Relay, 2, 8, 40), (System::Unifi, 2, 8, 40)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_is_killed_again_and_again_while_280_bookings_come_in() {
    let mut stage = Stage::set(Default::default()).await;
    let mut players = Vec::new();
    for (system, rooms, people, count) in WORLDS {
        let (world, door) = system.world(&stage, rooms, people).await;
        let client = stage.client();
        players.push(tokio::spawn(async move {
            let mut bookings = Vec::with_capacity(count);
            for number in 0..count {
                bookings.push(world.book(&client, number).await);
            }
            (world, door, bookings)
        }));
    }
    // Every service once, in a random order, then again, until all bookings are in.
    let mut kills = 0;
    while !players.iter().all(|player| player.is_finished()) || kills < SERVICES.len() {
        let mut order = SERVICES.to_vec();
        while let Some(service) = order.choose(&mut rand::rng()).copied() {
            order.retain(|other| *other != service);
            stage.kill(service).await;
            stage.start(service).await;
            kills += 1;
            // Time to get into the middle of something, another one each time.
            tokio::time::sleep(Duration::from_millis(rand::random_range(50..900))).await;
        }
    }
    println!("{kills} kills");
    let mut all = Vec::new();
    for player in players {
        let (world, door, bookings) = player.await.unwrap();
        door.lets_in_exactly(|| wanted_access(&world, &bookings, Span::zero()), LIMIT).await;
        all.extend(bookings);
    }
    messages_are_right(&stage, &all, LIMIT).await;
    stage.settle(LIMIT).await;
}
