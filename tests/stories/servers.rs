//! NATS and Postgres are killed, and NATS loses all it had.

use std::time::Duration;

use stories::Stage;
use stories::checks::{doors_are_right, messages_are_right};
use stories::play::World;

const LIMIT: Duration = Duration::from_secs(120);

const BOOKINGS: usize = 60;

/// Bookings come in while `trouble` is made; in the end all is right.
async fn survives(trouble: impl AsyncFnOnce(&mut Stage)) {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 3, 10).await;
    let (third, has_third) = tokio::sync::oneshot::channel();
    let player = {
        let (world, client) = (world.clone(), stage.client());
        tokio::spawn(async move {
            let mut third = Some(third);
            let mut done = Vec::with_capacity(BOOKINGS);
            for number in 0..BOOKINGS {
                if number == BOOKINGS / 3 {
                    third.take().unwrap().send(()).unwrap();
                }
                done.push(world.book(&client, number).await);
            }
            done
        })
    };
    has_third.await.unwrap();
    trouble(&mut stage).await;
    let bookings = player.await.unwrap();
    doors_are_right(&stage, &world, &bookings, LIMIT).await;
    messages_are_right(&stage, &bookings, LIMIT).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_is_killed_and_comes_back() {
    survives(async |stage| {
        stage.nats.kill().await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        stage.nats.restart().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_comes_back_without_anything_it_had() {
    survives(async |stage| {
        stage.nats.kill().await;
        stage.nats.wipe().unwrap();
        tokio::time::sleep(Duration::from_millis(700)).await;
        stage.nats.restart().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_killed_and_comes_back() {
    survives(async |stage| {
        stage.postgres.kill().await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        stage.postgres.restart().await.unwrap();
    })
    .await;
}
