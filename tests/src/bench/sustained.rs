//! Confirmed bookings a second, each with all its vendor calls done: Kisi's user found missing and made,
//! the role assignment, the email, the text.

use std::sync::Arc;
use std::time::Duration;

use proto::workspace::v1 as pb;
use sandbox::Vendor;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::analyze;
use crate::Stage;
use crate::client::insist;
use crate::play::{Lane, PEOPLE_KNOWN, World};

/// Calls under way at once.
const IN_FLIGHT: usize = 32;

/// How fast it went.
#[derive(Debug, Clone, Copy)]
pub struct Sustained {
    /// Bookings confirmed and carried through, a second.
    pub bookings_per_second: f64,
    /// The same, until the last confirmation was answered.
    pub confirms_per_second: f64,
    /// Calls that the vendors got for each booking.
    pub calls_per_booking: f64,
}

/// Confirms pending bookings as fast as it goes, and waits until the vendors have everything.
pub async fn measure(stage: &Stage, worlds: &[World], bookings: usize) -> Sustained {
    let client = stage.client();
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut tasks = Vec::with_capacity(bookings);
    for number in 0..bookings {
        let world = worlds[number % worlds.len()].clone();
        let local = number / worlds.len();
        let (client, places) = (client.clone(), places.clone());
        tasks.push(tokio::spawn(async move {
            let _place = places.acquire().await.expect("never closed");
            let window = world.slot(local, Lane::Sustained);
            // Everyone's first booking: Kisi does not know them yet.
            let person = PEOPLE_KNOWN + local;
            world
                .create(&client, local % world.rooms.len(), person, window, &format!("sustained-{number}"))
                .await
        }));
    }
    let mut names = Vec::with_capacity(bookings);
    for task in tasks {
        names.push(task.await.expect("no panic"));
    }

    analyze(stage).await;
    let (mails, texts) = (stage.sandbox.sendgrid().accepted(), stage.sandbox.twilio().taken());
    stage.sandbox.requests().clear();
    let start = Instant::now();
    let tasks: Vec<_> = names
        .into_iter()
        .map(|name| {
            let (bookings, places) = (client.bookings.clone(), places.clone());
            tokio::spawn(async move {
                let _place = places.acquire().await.expect("never closed");
                let request = pb::ConfirmBookingRequest { name, request_id: String::new() };
                insist(&bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let confirmed = start.elapsed().as_secs_f64();
    let wanted = bookings as u64;
    loop {
        let is_sent = stage.sandbox.sendgrid().accepted() >= mails + wanted
            && stage.sandbox.twilio().taken() >= texts + wanted;
        let assignments = stage
            .sandbox
            .requests()
            .count(Vendor::Kisi, |r| r.method == "POST" && r.path == "/role_assignments");
        if is_sent && assignments >= bookings || start.elapsed() > Duration::from_secs(180) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = start.elapsed().as_secs_f64();
    let calls: usize = [Vendor::Kisi, Vendor::SendGrid, Vendor::Twilio]
        .map(|v| stage.sandbox.requests().count(v, |_| true))
        .iter()
        .sum();
    Sustained {
        bookings_per_second: bookings as f64 / took,
        confirms_per_second: bookings as f64 / confirmed,
        calls_per_booking: calls as f64 / bookings as f64,
    }
}
