//! What is known is told once more as it is, and once.

use std::collections::HashMap;

use chrono::Duration;
use proto::workspace::v1 as pb;
use serde_json::Value;
use testkit::eventually;
use workspace::DEFINITION;

use crate::world::World;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

impl World {
    /// Has all told once more, as a migration may, and waits until it was.
    async fn retell(&self) {
        let owner = testkit::owner(self.harness.database_url(), DEFINITION.schema).await.unwrap();
        sqlx::query(
            "insert into retelling (kind)
             values ('booking'), ('contract'), ('entitlement'), ('membership'), ('pass'), ('person')",
        )
        .execute(&owner)
        .await
        .unwrap();
        eventually("all was told", LIMIT, async || {
            let left = sqlx::query_scalar("select count(*) from retelling").fetch_one(&owner).await;
            let left: i64 = left.unwrap();
            if left == 0 { Ok(()) } else { Err(format!("{left} kinds are left")) }
        })
        .await;
    }
}

/// What facts of one kind say, by what they are about.
fn told_of(told: &[(String, i64, Value)], is_retold: bool) -> HashMap<(&str, String), (i64, &Value)> {
    let mut found = HashMap::new();
    for (fact, version, body) in told.iter().filter(|(fact, ..)| fact.ends_with("_retold") == is_retold) {
        let (kind, _) = fact.split_once('_').unwrap();
        let name = ["", "/snapshot"].iter().find_map(|at| body.pointer(&format!("{at}/{kind}/name")));
        // The newest stays.
        found.insert((kind, name.unwrap().to_string()), (*version, body));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_not_over_is_told_once_more_as_it_was_told_last() {
    let mut world = World::new().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    world.confirm(&booking.name).await.unwrap();
    let cancelled = world.create(world.booking(10, 11)).await.unwrap();
    let cancel = pb::CancelBookingRequest { name: cancelled.name, ..Default::default() };
    world.bookings.cancel_booking(cancel).await.unwrap();
    world.give_door().await;
    world.have_pass().await;
    let plan = world.create_plan(world.terms()).await;
    world.start(world.membership(&plan)).await.unwrap();
    world.start_contract(world.contract()).await.unwrap();
    // A person, two bookings in two steps each, a door, a pass, a membership, a contract.
    let before = 9;
    world.told(before).await;
    world.retell().await;
    let read = |told: Vec<(String, i64, Vec<u8>)>| -> Vec<(String, i64, Value)> {
        let read = |(fact, version, body): (String, i64, Vec<u8>)| {
            (fact, version, serde_json::from_slice(&body).unwrap())
        };
        told.into_iter().map(read).collect()
    };
    let told = read(world.told(before + 7).await);
    let (first, again) = (told_of(&told, false), told_of(&told, true));
    assert_eq!(again.len(), 7);
    for (about, (version, body)) in &again {
        let (told_version, told_body) = first[about];
        assert_eq!((version, body.get("snapshot")), (&told_version, told_body.get("snapshot")), "{about:?}");
    }

    // Of what is long over only what has no end is told.
    world.harness.clock.advance(Duration::days(120));
    // The booking is completed.
    world.told(before + 7 + 1).await;
    world.retell().await;
    let later = read(world.told(before + 7 + 2).await).split_off(before + 7);
    let facts: Vec<&str> = later.iter().map(|(fact, ..)| fact.as_str()).collect();
    assert_eq!(facts, ["booking_completed", "person_retold"], "{later:#?}");
    world.harness.finish().await;
}
