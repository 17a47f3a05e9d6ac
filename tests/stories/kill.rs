//! Services are killed.

use std::time::Duration;

use rand::seq::IndexedRandom as _;
use stories::checks::{doors_are_right, messages_are_right};
use stories::play::World;
use stories::{SERVICES, Stage};

const LIMIT: Duration = Duration::from_secs(120);
const BOOKINGS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_is_killed_again_and_again_while_200_bookings_come_in() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 5, 20).await;
    let client = stage.client();
    let player = {
        let world = world.clone();
        tokio::spawn(async move {
            let mut bookings = Vec::with_capacity(BOOKINGS);
            for number in 0..BOOKINGS {
                bookings.push(world.book(&client, number).await);
            }
            bookings
        })
    };
    // Every service once, in a random order, then again, until all bookings are in.
    let mut kills = 0;
    while !player.is_finished() || kills < SERVICES.len() {
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
    let bookings = player.await.unwrap();
    println!("{kills} kills");
    doors_are_right(&stage, &world, &bookings, LIMIT).await;
    messages_are_right(&stage, &bookings, LIMIT).await;
    stage.settle(LIMIT).await;
}
