//! From the call to confirm until Kisi has the role assignment, at 20 bookings a second.

use std::collections::HashMap;
use std::time::Duration;

use domain::{Clock as _, SystemClock, Timestamp};
use proto::workspace::v1 as pb;
use testkit::eventually;
use tokio::time::Instant;

use super::{Times, analyze};
use crate::Stage;
use crate::client::{Client, insist};
use crate::play::{Lane, World};

/// Bookings a second.
pub const RATE: u64 = 20;

/// Measures with people whom Kisi knows already, over several accounts.
pub async fn measure(stage: &Stage, worlds: &[World], bookings: usize) -> Times {
    let client = stage.client();
    make_known(stage, &client, worlds, bookings).await;
    let mut names = Vec::with_capacity(bookings);
    for number in 0..bookings {
        let world = &worlds[number % worlds.len()];
        let local = number / worlds.len();
        let window = world.slot(local, Lane::Latency);
        let key = format!("latency-{number}");
        let person = local % world.people.len();
        let name = world.create(&client, local % world.rooms.len(), person, window, &key).await;
        names.push((name, world, world.people[person].1.clone()));
    }
    analyze(stage).await;
    let mut confirmed: HashMap<(i64, String), Timestamp> = HashMap::with_capacity(bookings);
    let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / RATE));
    for (name, world, email) in &names {
        ticks.tick().await;
        confirmed.insert((world.kisi.organization, email.clone()), SystemClock.now());
        let request = pb::ConfirmBookingRequest { name: name.clone(), request_id: String::new() };
        let confirm = client.bookings.clone();
        tokio::spawn(async move {
            insist(&confirm, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
        });
    }
    let start = Instant::now();
    loop {
        let mut times = Vec::with_capacity(bookings);
        for world in worlds {
            let kisi = stage.sandbox.kisi().organization(world.kisi.organization).expect("it was made");
            let emails: HashMap<i64, String> =
                kisi.users().into_iter().map(|user| (user.record.id, user.record.email)).collect();
            for assignment in kisi.role_assignments() {
                let Some(email) = emails.get(&assignment.user_id) else { continue };
                let asked = confirmed.get(&(world.kisi.organization, email.clone()));
                if let Some(asked) = asked.filter(|asked| **asked < assignment.created_at) {
                    times.push(
                        (assignment.created_at - *asked).num_microseconds().unwrap_or(0) as f64 / 1_000.0,
                    );
                }
            }
        }
        if times.len() >= bookings || start.elapsed() > Duration::from_secs(60) {
            return Times::of(times);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Has Kisi know the people, by a later booking of each.
async fn make_known(stage: &Stage, client: &Client, worlds: &[World], bookings: usize) {
    let each = bookings.div_ceil(worlds.len());
    for world in worlds {
        for person in 0..each {
            let window = world.slot(person, Lane::Known);
            let key = format!("known-{person}");
            let name = world.create(client, person % world.rooms.len(), person, window, &key).await;
            let request = pb::ConfirmBookingRequest { name, request_id: String::new() };
            insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
        }
    }
    eventually("Kisi knows everyone", Duration::from_secs(60), async || {
        let known: usize = worlds
            .iter()
            .filter_map(|world| stage.sandbox.kisi().organization(world.kisi.organization))
            .map(|kisi| kisi.access_windows().iter().filter(|window| window.valid_from.is_some()).count())
            .sum();
        if known >= each * worlds.len() { Ok(()) } else { Err(known.to_string()) }
    })
    .await;
}
