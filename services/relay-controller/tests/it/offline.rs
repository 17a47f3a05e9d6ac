//! The promise that is kept without a network.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::world::{World, list, morning, pin};

const MINUTE: Duration = Duration::from_secs(60);

fn opened(answer: &Value) -> &str {
    if answer["opened"] == true { "opened" } else { answer["reason"].as_str().unwrap() }
}

async fn give(world: &World, version: u64, pins: &[Value]) {
    let list = list(world.controller.id(), version, morning(), pins);
    let (status, answer) = world.caller.put("/v1/offline-list", world.caller.sign(&list)).await;
    assert_eq!((status, &answer["version"]), (200, &json!(version)), "{answer}");
}

/// The entries of PINs: channel, outcome, whose, minutes after the morning, whether that is sure.
fn pins(log: &[Value]) -> Vec<(u64, String, String, i64, bool)> {
    let told = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let pins = log.iter().filter(|entry| entry["action"] == "pin").map(|entry| {
        let at: DateTime<Utc> = entry["at"].as_str().unwrap().parse().unwrap();
        let outcome = if entry["outcome"] == "done" { "done".into() } else { told(&entry["reason"]) };
        let minutes = (at - morning()).num_minutes();
        (
            entry["channel"].as_u64().unwrap(),
            outcome,
            told(&entry["credential"]),
            minutes,
            entry["sure"] == true,
        )
    });
    pins.collect()
}

#[tokio::test]
async fn a_pin_works_within_its_window_and_not_after_and_the_log_comes_later_complete() {
    let mut world = World::new().await;
    world.tell_time(0).await;
    give(&world, 1, &[pin("booking of ada", "493817", 1, 30..90)]).await;
    let before = world.caller.log(0, 3).await;
    let cursor = before.last().unwrap()["seq"].as_u64().unwrap();
    world.caller.post("/v1/log/acknowledge", json!({ "through": cursor })).await;

    world.cut_network().await;
    world.clock.advance(MINUTE * 29);
    assert_eq!(opened(&world.enter(1, "493817").await), "PIN_NOT_NOW");
    world.clock.advance(MINUTE);
    assert_eq!(opened(&world.enter(1, "493817").await), "opened");
    assert_eq!(world.levels().await, [true, false]);
    world.clock.advance(Duration::from_secs(3));
    assert_eq!(world.levels().await, [false, false]);
    assert_eq!(opened(&world.enter(2, "493817").await), "PIN_NOT_HERE");
    assert_eq!(opened(&world.enter(1, "111111").await), "PIN_WRONG");
    world.clock.advance(MINUTE * 60 - Duration::from_secs(4));
    assert_eq!(opened(&world.enter(1, "493817").await), "opened");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(opened(&world.enter(1, "493817").await), "PIN_NOT_NOW");

    world.mend_network().await;
    let after = world.caller.log(cursor, 6).await;
    let ada = || "booking of ada".to_owned();
    let none = || "-".to_owned();
    assert_eq!(
        pins(&after),
        [
            (1, "PIN_NOT_NOW".to_owned(), none(), 29, true),
            (1, "done".to_owned(), ada(), 30, true),
            (2, "PIN_NOT_HERE".to_owned(), none(), 30, true),
            (1, "PIN_WRONG".to_owned(), none(), 30, true),
            (1, "done".to_owned(), ada(), 89, true),
            (1, "PIN_NOT_NOW".to_owned(), none(), 90, true),
        ]
    );
    let numbers = after.iter().map(|entry| entry["seq"].as_u64().unwrap());
    assert!(numbers.eq(cursor + 1..=cursor + 6), "nothing twice, nothing missing");
}

#[tokio::test]
async fn the_log_is_taken_over_by_a_cursor_whatever_gets_lost() {
    let world = World::new().await;
    for n in 0..10 {
        world.caller.post("/v1/channels/1/lock", json!({ "id": n.to_string() })).await;
    }
    world.caller.log(0, 11).await;
    let world = world.power_cut().await;
    let (mut cursor, mut seen) = (0, Vec::new());
    loop {
        // An answer that got lost is asked for again.
        let lost = world.caller.get(&format!("/v1/log?after={cursor}&limit=4")).await;
        let (_, page) = world.caller.get(&format!("/v1/log?after={cursor}&limit=4")).await;
        assert_eq!(lost.1["entries"], page["entries"]);
        assert_eq!(page["missing"], 0);
        for entry in page["entries"].as_array().unwrap() {
            cursor = entry["seq"].as_u64().unwrap();
            seen.extend(entry["id"].as_str().map(ToOwned::to_owned));
        }
        world.caller.post("/v1/log/acknowledge", json!({ "through": cursor })).await;
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(seen, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_a_power_cut_without_a_network_no_pin_opens_until_the_time_is_known() {
    let world = World::new().await;
    world.tell_time(0).await;
    give(&world, 1, &[pin("ada", "493817", 1, 0..90)]).await;
    let world = world.power_cut().await;
    assert_eq!(opened(&world.enter(1, "493817").await), "CLOCK_UNSURE");
    world.clock.set(morning() + TimeDelta::minutes(10), true);
    assert_eq!(opened(&world.enter(1, "493817").await), "opened", "the network has set it");

    let world = world.power_cut().await;
    world.tell_time(20).await;
    assert_eq!(opened(&world.enter(1, "493817").await), "opened", "the platform has");
    let world = world.restart().await;
    assert_eq!(
        opened(&world.enter(1, "493817").await),
        "opened",
        "and a restart of the daemon forgets it not"
    );
}

#[tokio::test]
async fn who_lost_their_access_is_out_with_the_next_list_and_an_old_one_comes_not_back() {
    let world = World::new().await;
    world.tell_time(0).await;
    let ada = [pin("ada", "493817", 1, 0..90)];
    give(&world, 1, &ada).await;
    give(&world, 2, &[]).await;
    assert_eq!(opened(&world.enter(1, "493817").await), "PIN_WRONG");
    let old = world.caller.sign(&list(world.controller.id(), 1, morning(), &ada));
    let (status, answer) = world.caller.put("/v1/offline-list", old).await;
    assert_eq!((status, &answer["error"]["reason"]), (409, &json!("LIST_OUTDATED")));
    let mut forged = world.caller.sign(&list(world.controller.id(), 3, morning(), &ada));
    forged["mac"] = json!("00".repeat(32));
    let (status, answer) = world.caller.put("/v1/offline-list", forged).await;
    assert_eq!((status, &answer["error"]["reason"]), (400, &json!("LIST_MAC_WRONG")));
    assert_eq!(opened(&world.enter(1, "493817").await), "PIN_WRONG");
}

#[tokio::test]
async fn the_largest_list_is_taken_and_opens_no_door_that_is_locked_down() {
    let world = World::new().await;
    world.tell_time(0).await;
    let mut one = pin(&"a".repeat(128), "493817", 1, 0..90);
    one["channels"] = (1..=64).collect();
    let mut all = vec![one; 4_000];
    for (n, pin) in all.iter_mut().enumerate().skip(1) {
        pin["hash"] = json!(format!("{n:064x}"));
    }
    give(&world, 1, &all).await;
    world.caller.post("/v1/channels/1/lock-down", json!({ "id": "d" })).await;
    assert_eq!(opened(&world.enter(1, "493817").await), "LOCKED_DOWN");
    world.caller.post("/v1/lift", json!({ "id": "l" })).await;
    assert_eq!(opened(&world.enter(1, "493817").await), "opened");
}

#[tokio::test]
async fn whoever_presses_the_same_again_and_again_pushes_nothing_out_of_the_log() {
    let world = World::new().await;
    world.tell_time(0).await;
    for _ in 0..100 {
        assert_eq!(opened(&world.enter(1, "493817").await), "LIST_MISSING");
    }
    world.clock.advance(MINUTE);
    world.enter(1, "493817").await;
    world.caller.post("/v1/channels/1/lock", json!({ "id": "last" })).await;
    let log = world.caller.log(0, 5).await;
    let words: Vec<_> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(words, ["started", "clock", "pin", "pin", "lock"]);
}
