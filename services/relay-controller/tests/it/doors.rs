//! Doors by the API: pulse, hold, renew, lock, lock down, lift; names and pulses.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Answer, World};

const SECOND: Duration = Duration::from_secs(1);

fn reason(answer: &Answer) -> (u16, &str) {
    (answer.0, answer.1["error"]["reason"].as_str().unwrap_or("no error"))
}

#[tokio::test]
async fn a_pulse_opens_for_as_long_as_it_says_or_as_the_channel_does() {
    let world = World::new().await;
    let answer = world.caller.post("/v1/channels/2/pulse", json!({ "id": "a", "ms": 100 })).await;
    let pulse = json!({ "id": "a", "action": "pulse", "channel": 2, "ms": 100, "repeated": false });
    assert_eq!(answer, (200, pulse));
    assert_eq!(world.levels().await, [false, true]);
    world.clock.advance(Duration::from_millis(100));
    assert_eq!(world.levels().await, [false, false]);

    world.caller.patch("/v1/channels/2", json!({ "default_pulse_ms": 30_000 })).await;
    let (_, answer) = world.caller.post("/v1/channels/2/pulse", json!({ "id": "b" })).await;
    assert_eq!(answer["ms"], 30_000);
    world.clock.advance(Duration::from_millis(29_999));
    assert_eq!(world.levels().await, [false, true]);
}

#[tokio::test]
async fn what_is_out_of_bounds_or_unknown_is_refused_with_its_reason_and_moves_nothing() {
    let world = World::new().await;
    let hold = |lease: u64, length: u64| json!({ "id": "a", "lease_ms": lease, "for_ms": length });
    let long = "x".repeat(65);
    for (path, body, status, said, field) in [
        ("/v1/channels/1/pulse", json!({ "id": "a", "ms": 99 }), 400, "PULSE_OUT_OF_RANGE", "ms"),
        ("/v1/channels/1/pulse", json!({ "id": "a", "ms": 30_001 }), 400, "PULSE_OUT_OF_RANGE", "ms"),
        ("/v1/channels/1/pulse", json!({ "id": "a", "ms": -1 }), 400, "REQUEST_INVALID", ""),
        ("/v1/channels/1/pulse", json!({ "id": "a b" }), 400, "ID_INVALID", "id"),
        ("/v1/channels/1/pulse", json!({ "id": long }), 400, "ID_INVALID", "id"),
        ("/v1/channels/1/pulse", json!({ "ms": 100 }), 400, "REQUEST_INVALID", ""),
        ("/v1/channels/1/pulse", json!({ "id": "a", "seconds": 3 }), 400, "REQUEST_INVALID", ""),
        ("/v1/channels/1/pulse", json!({ "id": "a", "actor": "a\nb" }), 400, "REQUEST_INVALID", "actor"),
        ("/v1/clock", json!({ "now": "+262142-12-31T00:00:00Z" }), 400, "REQUEST_INVALID", "now"),
        ("/v1/channels/1/hold", hold(999, 10_000), 400, "LEASE_OUT_OF_RANGE", "lease_ms"),
        ("/v1/channels/1/hold", hold(60_001, 10_000), 400, "LEASE_OUT_OF_RANGE", "lease_ms"),
        ("/v1/channels/1/hold", hold(1_000, 86_400_001), 400, "HOLD_OUT_OF_RANGE", "for_ms"),
        ("/v1/channels/1/renew", json!({ "hold": "a", "lease_ms": 1_000 }), 409, "HOLD_ENDED", ""),
        ("/v1/channels/0/pulse", json!({ "id": "a" }), 404, "CHANNEL_UNKNOWN", ""),
        ("/v1/channels/3/pulse", json!({ "id": "a" }), 404, "CHANNEL_UNKNOWN", ""),
        ("/v1/channels/x/pulse", json!({ "id": "a" }), 404, "CHANNEL_UNKNOWN", ""),
        ("/v1/channels/1/open", json!({ "id": "a" }), 404, "PATH_UNKNOWN", ""),
        ("/v1/state", json!({}), 405, "METHOD_WRONG", ""),
        ("/v1/channels/1/pulse", json!({ "id": "a".repeat(20_000) }), 413, "BODY_TOO_LARGE", ""),
    ] {
        let answer = world.caller.post(path, body.clone()).await;
        assert_eq!(reason(&answer), (status, said), "{path} {body}");
        assert_eq!(answer.1["error"]["field"].as_str().unwrap_or(""), field, "{path} {body}");
    }
    assert_eq!(world.simulation.changes(), []);
}

#[tokio::test]
async fn the_same_request_again_is_one_over_restarts_too() {
    let world = World::new().await;
    let pulse = json!({ "id": "a", "ms": 1_000 });
    world.caller.post("/v1/channels/1/pulse", pulse.clone()).await;
    world.clock.advance(SECOND * 2);
    let (status, again) = world.caller.post("/v1/channels/1/pulse", pulse.clone()).await;
    assert_eq!((status, &again["repeated"]), (200, &json!(true)));
    assert_eq!(world.levels().await, [false, false]);
    let other = world.caller.post("/v1/channels/2/pulse", pulse.clone()).await;
    assert_eq!(reason(&other), (409, "ID_REUSED"));

    let world = world.restart().await;
    let (_, again) = world.caller.post("/v1/channels/1/pulse", pulse).await;
    assert_eq!((&again["repeated"], &again["ms"]), (&json!(true), &json!(1_000)));
    assert_eq!(world.caller.get("/v1/requests/a").await, (200, again));
    assert_eq!(reason(&world.caller.get("/v1/requests/b").await), (404, "REQUEST_UNKNOWN"));
    assert_eq!(world.levels().await, [false, false]);
}

#[tokio::test]
async fn a_hold_lasts_while_it_is_renewed_and_ends_by_itself() {
    let world = World::new().await;
    let hold = json!({ "id": "h", "lease_ms": 30_000, "for_ms": 60_000, "actor": "grace" });
    world.caller.post("/v1/channels/1/hold", hold).await;
    let renew = json!({ "hold": "h", "lease_ms": 30_000 });
    for _ in 0..5 {
        world.clock.advance(SECOND * 10);
        let (status, answer) = world.caller.post("/v1/channels/1/renew", renew.clone()).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(world.levels().await, [true, false]);
    }
    let channel = world.caller.channel(1).await;
    assert_eq!(channel["hold"], json!({ "id": "h", "lease_ms_left": 10_000, "ms_left": 10_000 }));
    assert_eq!(channel["last"], json!({ "id": "h", "action": "hold", "ms_ago": 50_000 }));
    world.clock.advance(SECOND * 10);
    assert_eq!(world.levels().await, [false, false]);
    assert_eq!(reason(&world.caller.post("/v1/channels/1/renew", renew).await), (409, "HOLD_ENDED"));
    let log = world.caller.log(0, 3).await;
    assert_eq!((&log[1]["action"], &log[1]["actor"]), (&json!("hold"), &json!("grace")));
    assert_eq!((&log[2]["action"], &log[2]["reason"]), (&json!("ended"), &json!("TIME_OVER")));
}

#[tokio::test]
async fn a_network_that_is_cut_ends_a_hold_within_its_lease() {
    let mut world = World::new().await;
    world
        .caller
        .post("/v1/channels/1/hold", json!({ "id": "h", "lease_ms": 30_000, "for_ms": 3_600_000 }))
        .await;
    world.cut_network().await;
    world.clock.advance(Duration::from_millis(29_999));
    assert_eq!(world.levels().await, [true, false]);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.levels().await, [false, false]);
    world.mend_network().await;
    let renew = json!({ "hold": "h", "lease_ms": 30_000 });
    assert_eq!(reason(&world.caller.post("/v1/channels/1/renew", renew).await), (409, "HOLD_ENDED"));
    assert_eq!(world.levels().await, [false, false], "nothing is taken up again");
}

#[tokio::test]
async fn a_lock_ends_pulse_and_hold_and_no_more() {
    let world = World::new().await;
    world
        .caller
        .post("/v1/channels/1/hold", json!({ "id": "h", "lease_ms": 30_000, "for_ms": 3_600_000 }))
        .await;
    world.caller.post("/v1/channels/2/pulse", json!({ "id": "p" })).await;
    world.caller.post("/v1/channels/1/lock", json!({ "id": "l" })).await;
    assert_eq!(world.levels().await, [false, true]);
    world.caller.post("/v1/channels/1/pulse", json!({ "id": "q" })).await;
    assert_eq!(world.levels().await, [true, true]);
}

#[tokio::test]
async fn a_lock_down_holds_over_power_cuts_until_it_is_lifted() {
    let world = World::new().await;
    world
        .caller
        .post("/v1/channels/1/hold", json!({ "id": "h", "lease_ms": 30_000, "for_ms": 3_600_000 }))
        .await;
    let (_, answer) = world.caller.post("/v1/lock-down", json!({ "id": "d" })).await;
    assert_eq!(answer, json!({ "id": "d", "action": "lock_down", "channel": null, "repeated": false }));
    assert_eq!(world.levels().await, [false, false]);

    let world = world.power_cut().await;
    let pulse = |id: &str| json!({ "id": id });
    assert_eq!(reason(&world.caller.post("/v1/channels/1/pulse", pulse("p")).await), (409, "LOCKED_DOWN"));
    world.caller.post("/v1/channels/1/lift", pulse("u")).await;
    assert_eq!(world.levels().await, [false, false], "what ran before is over");

    let world = world.power_cut().await;
    assert_eq!(world.caller.post("/v1/channels/1/pulse", pulse("p")).await.0, 200);
    assert_eq!(reason(&world.caller.post("/v1/channels/2/pulse", pulse("q")).await), (409, "LOCKED_DOWN"));
}

#[tokio::test]
async fn a_lift_that_comes_again_late_lifts_no_newer_lock_down() {
    let world = World::new().await;
    world.caller.post("/v1/lock-down", json!({ "id": "first" })).await;
    world.caller.post("/v1/lift", json!({ "id": "lift" })).await;
    world.caller.post("/v1/lock-down", json!({ "id": "second" })).await;
    let (_, again) = world.caller.post("/v1/lift", json!({ "id": "lift" })).await;
    assert_eq!(again["repeated"], true);
    let world = world.restart().await;
    for number in [1, 2] {
        assert_eq!(world.caller.channel(number).await["locked_down"], true);
    }
    // And the other way round.
    world.caller.post("/v1/lift", json!({ "id": "another" })).await;
    world.caller.post("/v1/lock-down", json!({ "id": "second" })).await;
    let world = world.restart().await;
    assert_eq!(world.caller.channel(1).await["locked_down"], false);
}

#[tokio::test]
async fn lock_downs_and_lifts_at_the_same_moment_leave_doors_and_memory_of_one_mind() {
    let world = World::new().await;
    for round in 0..20 {
        let (down, up) = (format!("down-{round}"), format!("up-{round}"));
        let calls = [("/v1/lock-down", down), ("/v1/lift", up)].map(async |(path, id)| {
            assert_eq!(world.caller.post(path, json!({ "id": id })).await.0, 200);
        });
        let [down, up] = calls;
        tokio::join!(down, up);
    }
    let before = world.caller.channel(1).await["locked_down"].clone();
    let world = world.restart().await;
    assert_eq!(world.caller.channel(1).await["locked_down"], before);
}

#[tokio::test]
async fn names_and_default_pulses_are_kept_over_power_cuts() {
    let world = World::new().await;
    let change = json!({ "name": "Straßentür", "default_pulse_ms": 700 });
    let (status, channel) = world.caller.patch("/v1/channels/1", change).await;
    assert_eq!((status, &channel["name"]), (200, &json!("Straßentür")));
    for (body, said, field) in [
        (json!({ "name": "" }), "NAME_INVALID", "name"),
        (json!({ "name": "x".repeat(65) }), "NAME_INVALID", "name"),
        (json!({ "name": "a\u{7}" }), "NAME_INVALID", "name"),
        (json!({ "default_pulse_ms": 50 }), "PULSE_OUT_OF_RANGE", "default_pulse_ms"),
    ] {
        let answer = world.caller.patch("/v1/channels/1", body).await;
        assert_eq!(reason(&answer), (400, said));
        assert_eq!(answer.1["error"]["field"], field);
    }
    let world = world.power_cut().await;
    let channel = world.caller.channel(1).await;
    assert_eq!((&channel["name"], &channel["default_pulse_ms"]), (&json!("Straßentür"), &json!(700)));
    assert_eq!(world.caller.channel(2).await["name"], "Door 2");
}

#[tokio::test]
async fn a_relay_that_fails_is_told_and_shown() {
    let world = World::new().await;
    world.simulation.fail(0, true);
    let answer = world.caller.post("/v1/channels/1/pulse", json!({ "id": "a" })).await;
    assert_eq!(reason(&answer), (500, "RELAY_FAILED"));
    assert_eq!(world.caller.channel(1).await["fault"], "RELAY_FAILED");
    assert_eq!(world.caller.channel(2).await["fault"], Value::Null);
}

#[tokio::test]
async fn it_describes_itself() {
    let world = World::new().await;
    let (_, described) = world.caller.get("/v1/describe").await;
    let (_, state) = world.caller.get("/v1/state").await;
    assert_eq!((&described["channels"], &described["board"]), (&json!(2), &json!("simulated")));
    assert_eq!(described["limits"]["pulse_ms"], json!([100, 30_000]));
    assert_eq!(described["controller"], state["controller"]);
    assert_eq!(state["clock"]["sure"], false);
    let controller = state["controller"].clone();
    let world = world.power_cut().await;
    assert_eq!(world.caller.get("/v1/state").await.1["controller"], controller);
}
