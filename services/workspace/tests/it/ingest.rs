//! Bookings of other systems, as JSON on the bus.

use events::dead_letter;
use proto::workspace::v1 as pb;
use serde_json::{Value, json};
use testkit::eventually;

use crate::world::World;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

impl World {
    pub(crate) fn telling(&self, sequence: i64, state: &str) -> Value {
        json!({
            "formatVersion": 1,
            "externalRef": "erp-7",
            "sequence": sequence,
            "resource": self.resource,
            "person": { "email": "grace@example.org", "displayName": "Grace" },
            "startTime": "2026-12-02T09:00:00Z",
            "endTime": "2026-12-02T10:00:00Z",
            "state": format!("BOOKING_UPSERT_STATE_{state}"),
            "fieldOfTheFuture": true,
        })
    }

    pub(crate) async fn tell(&self, telling: &Value) {
        self.tell_raw(telling.to_string().into_bytes()).await;
    }

    async fn tell_raw(&self, body: Vec<u8>) {
        let bus = self.harness.bus().await;
        let subject = bus.root().subject(&format!("ingest.booking.{}", self.workspace));
        bus.jetstream().publish(subject, body.into()).await.unwrap().await.unwrap();
    }

    /// Waits until the one booking looks as wanted.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&pb::Booking) -> bool) -> pb::Booking {
        let world = tokio::sync::Mutex::new(self);
        eventually(what, LIMIT, async || {
            let bookings = world.lock().await.list().await;
            match bookings.as_slice() {
                [booking] if wanted(booking) => Ok(booking.clone()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tellings_in_any_order_and_twice_end_the_same() {
    let mut world = World::new().await;
    let mut moved = world.telling(3, "CONFIRMED");
    moved["startTime"] = json!("2026-12-02T11:00:00Z");
    moved["endTime"] = json!("2026-12-02T12:00:00Z");
    for telling in [world.telling(1, "PENDING"), moved.clone(), world.telling(2, "CONFIRMED"), moved] {
        world.tell(&telling).await;
    }
    let booking = world.until("moved and confirmed", |b| b.state() == pb::BookingState::Confirmed).await;
    assert_eq!(booking.start_time.unwrap(), crate::world::at(11));
    world.tell(&world.telling(5, "CANCELLED")).await;
    world.tell(&world.telling(4, "CONFIRMED")).await;
    world.until("cancelled", |b| b.state() == pb::BookingState::Cancelled).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancellation_that_comes_first_wins() {
    let mut world = World::new().await;
    world.tell(&world.telling(2, "CANCELLED")).await;
    world.tell(&world.telling(1, "CONFIRMED")).await;
    world.until("cancelled", |b| b.state() == pb::BookingState::Cancelled).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_telling_waits_among_the_dead_letters_with_its_reason_and_hinders_no_other() {
    let mut world = World::new().await;
    let mut no_end = world.telling(1, "CONFIRMED");
    no_end["endTime"] = json!("2026-12-02T08:00:00Z");
    let mut unknown = world.telling(1, "CONFIRMED");
    unknown["resource"] = json!(format!("{}/resources/{}", world.name, domain::ResourceId::new()));
    world.tell(&no_end).await;
    world.tell_raw(b"{ not json".to_vec()).await;
    world.tell(&unknown).await;
    world.tell(&world.telling(1, "CONFIRMED")).await;
    world.until("confirmed", |b| b.state() == pb::BookingState::Confirmed).await;
    let bus = world.harness.bus().await;
    let letters = eventually("three dead letters", LIMIT, async || {
        let letters = dead_letter::list(&bus, 1, 10).await.map_err(|e| e.to_string())?;
        if letters.len() == 3 { Ok(letters) } else { Err(format!("{letters:?}")) }
    })
    .await;
    let mut reasons: Vec<String> = letters.iter().map(|letter| letter.reason.clone()).collect();
    reasons.sort();
    assert!(reasons[0].starts_with("RESOURCE_NOT_FOUND: resource"), "{reasons:?}");
    assert!(reasons[1].starts_with("body is not valid JSON"), "{reasons:?}");
    assert_eq!(reasons[2], "endTime must be after startTime");
    world.harness.finish_with_dead_letters(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_replayed_once_its_cause_is_mended() {
    let mut world = World::new().await;
    let blocker = world.create(world.booking(9, 10)).await.unwrap();
    world.tell(&world.telling(1, "CONFIRMED")).await;
    let bus = world.harness.bus().await;
    let letter = eventually("a dead letter", LIMIT, async || {
        let letters = dead_letter::list(&bus, 1, 10).await.map_err(|e| e.to_string())?;
        letters.into_iter().next().ok_or("none").map_err(str::to_owned)
    })
    .await;
    assert!(letter.reason.starts_with("RESOURCE_TAKEN"), "{}", letter.reason);
    let request =
        pb::CancelBookingRequest { name: blocker.name, reason: String::new(), request_id: String::new() };
    world.bookings.cancel_booking(request).await.unwrap();
    dead_letter::replay(&bus, letter.number).await.unwrap();
    let world_cell = tokio::sync::Mutex::new(&mut world);
    eventually("the booking is taken", LIMIT, async || {
        let bookings = world_cell.lock().await.list().await;
        if bookings.iter().any(|b| b.external_ref == "erp-7") { Ok(()) } else { Err(format!("{bookings:?}")) }
    })
    .await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_over_there_stands_once_it_does_and_when_it_does() {
    let mut world = World::new().await;
    world.tell(&world.telling(1, "FAILED")).await;
    world.until("failed", |b| b.state() == pb::BookingState::Failed).await;
    let mut paid = world.telling(2, "CONFIRMED");
    paid["startTime"] = json!("2026-12-02T11:00:00Z");
    paid["endTime"] = json!("2026-12-02T12:00:00Z");
    world.tell(&paid).await;
    world.tell(&paid).await;
    let booking = world.until("confirmed", |b| b.state() == pb::BookingState::Confirmed).await;
    assert_eq!(booking.start_time, Some(crate::world::at(11)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_and_was_cancelled_then_no_older_telling_revives() {
    let mut world = World::new().await;
    let mut next = world.telling(1, "CONFIRMED");
    next["externalRef"] = json!("erp-8");
    for telling in
        [world.telling(1, "FAILED"), world.telling(3, "CANCELLED"), world.telling(2, "CONFIRMED"), next]
    {
        world.tell(&telling).await;
    }
    let world_cell = tokio::sync::Mutex::new(&mut world);
    let bookings = eventually("all are taken", LIMIT, async || {
        let bookings = world_cell.lock().await.list().await;
        if bookings.iter().any(|b| b.external_ref == "erp-8") {
            Ok(bookings)
        } else {
            Err(format!("{bookings:?}"))
        }
    })
    .await;
    let cancelled = bookings.iter().find(|b| b.external_ref == "erp-7").unwrap();
    assert_eq!(cancelled.state(), pb::BookingState::Cancelled);
    world.harness.finish().await;
}
