//! A day and more at a door, by a clock that is moved, in a process of its own whose memory is looked at.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

#[path = "it/world.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod world;

use std::time::Duration;

use serde_json::{Value, json};

use world::{World, list, morning, pin};

/// A step is two minutes; a hold is renewed in the middle of it, or not.
const HALF_STEP: Duration = Duration::from_secs(60);
const STEPS_A_DAY: u64 = 24 * 30;
/// By then everything that is filled once is full: pools, the log's files, what is remembered of requests.
const WARM: u64 = STEPS_A_DAY / 2;
/// The memory of a process breathes by some pages. What would be lost at each of 720 steps is seen from 730 bytes on.
const GROWTH_MOST_KIB: i64 = 512;

/// What the process has in memory.
fn resident_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What happens at a busy door in two minutes.
async fn step(world: &World, n: u64, cursor: &mut u64) {
    let caller = &world.caller;
    let minutes = i64::try_from(n * 2).unwrap();
    world.tell_time(minutes).await;
    assert_eq!(caller.get("/v1/state").await.0, 200);
    let (_, pulse) =
        caller.post("/v1/channels/1/pulse", json!({ "id": format!("p-{n}"), "actor": "ada" })).await;
    assert_eq!(pulse["repeated"], false);
    if n.is_multiple_of(10) {
        let now = morning() + chrono::TimeDelta::minutes(minutes);
        let pins = [pin("ada", "493817", 1, minutes..minutes + 600)];
        let list = list(world.controller.id(), n + 1, now, &pins);
        assert_eq!(caller.put("/v1/offline-list", caller.sign(&list)).await.0, 200);
        assert_eq!(world.enter(1, "493817").await["opened"], true);
        assert_eq!(world.enter(1, "000000").await["opened"], false);
        caller.patch("/v1/channels/1", json!({ "name": format!("Door of {n}") })).await;
        caller.post("/v1/lock-down", json!({ "id": format!("d-{n}") })).await;
        caller.post("/v1/lift", json!({ "id": format!("l-{n}") })).await;
    }
    let hold = json!({ "id": format!("h-{n}"), "lease_ms": 60_000, "for_ms": 240_000 });
    assert_eq!(caller.post("/v1/channels/2/hold", hold).await.0, 200);
    let (_, page) = caller.get(&format!("/v1/log?after={cursor}")).await;
    assert_eq!(page["missing"], 0);
    if let Some(last) = page["entries"].as_array().unwrap().last() {
        *cursor = last["seq"].as_u64().unwrap();
        caller.post("/v1/log/acknowledge", json!({ "through": *cursor })).await;
    }
    world.clock.advance(HALF_STEP / 2);
    if n.is_multiple_of(2) {
        let renew = json!({ "hold": format!("h-{n}"), "lease_ms": 60_000 });
        assert_eq!(caller.post("/v1/channels/2/renew", renew).await.0, 200);
    }
    world.clock.advance(HALF_STEP / 2);
    assert_eq!(world.levels().await, [false, n.is_multiple_of(2)]);
    world.clock.advance(HALF_STEP);
}

#[tokio::test]
async fn a_day_of_use_takes_no_more_memory_in_the_end() {
    let world = World::new().await;
    let mut cursor = 0;
    for n in 0..WARM {
        step(&world, n, &mut cursor).await;
    }
    let before = resident_kib();
    for n in WARM..WARM + STEPS_A_DAY {
        step(&world, n, &mut cursor).await;
    }
    let after = resident_kib();
    println!("{before} KiB before the day, {after} KiB after it; {cursor} entries were taken over");
    assert!(after - before <= GROWTH_MOST_KIB, "{before} KiB before the day, {after} KiB after it");
    let (_, state) = world.caller.get("/v1/state").await;
    assert_eq!(state["log"]["dropped"], Value::from(0));
}
