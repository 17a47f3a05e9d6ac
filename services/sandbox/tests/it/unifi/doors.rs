//! Points 4, 5 and 8: doors, groups, unlocking, rules, emergency.

use chrono::TimeDelta;
use sandbox::unifi::LogEntry;
use serde_json::{Value, json};

use super::{World, got, id};
use crate::harness::at;

async fn relay(world: &World, door: &str) -> Value {
    got(&world.client, &format!("/doors/{}", id(door))).await["door_lock_relay_status"].clone()
}

async fn set_rule(world: &World, rule: Value) -> Value {
    world.client.put("/doors/front/lock_rule", rule).await.json()["code"].clone()
}

fn pass(world: &World, seconds: i64) {
    world.running.clock.advance(TimeDelta::seconds(seconds));
}

#[tokio::test]
async fn doors_groups_and_devices_are_listed() {
    let world = World::start().await;
    let doors = got(&world.client, "/doors").await;
    let shown: Vec<_> =
        doors.as_array().unwrap().iter().map(|it| (&it["name"], &it["is_bind_hub"])).collect();
    let [front, cellar, room] = [json!("Front"), json!("Cellar"), json!("Room")];
    assert_eq!(shown, [(&cellar, &json!(false)), (&front, &json!(true)), (&room, &json!(true))]);
    let topology = got(&world.client, "/door_groups/topology").await;
    assert_eq!(topology[0]["type"], "building");
    assert_eq!(topology[0]["resource_topologies"][0]["resources"].as_array().unwrap().len(), 3);
    assert_eq!(topology[1]["name"], "Ground floor");
    let groups = got(&world.client, "/door_groups").await;
    assert_eq!(groups.as_array().unwrap().len(), 1, "the building is not listed");
    assert_eq!(got(&world.client, "/door_groups/ground").await, groups[0]);

    let nested = got(&world.client, "/devices?refresh=true").await;
    assert_eq!(nested[1][1]["capabilities"], json!(["is_reader", "nfc", "pin_code"]));
    assert_eq!((&nested[1][0]["location_id"], &nested[1][0]["is_online"]), (&json!("front"), &json!(true)));
    world.console().switch(|switches| switches.has_nested_devices = false);
    let flat = got(&world.client, "/devices").await;
    assert_eq!((&flat[0]["location_id"], flat[0].get("is_online")), (&json!("front"), None));
}

#[tokio::test]
async fn an_unlocked_door_locks_after_the_hubs_time() {
    let world = World::start().await;
    let answer = world.client.put("/doors/front/unlock", json!({})).await;
    assert_eq!(answer.json()["data"], "success");
    assert_eq!(relay(&world, "Front").await, "unlock");
    assert_eq!(relay(&world, "Room").await, "lock");
    pass(&world, 4);
    assert_eq!(relay(&world, "Front").await, "unlock");
    pass(&world, 1);
    assert_eq!(relay(&world, "Front").await, "lock");
}

#[tokio::test]
async fn the_actor_is_who_the_caller_names_or_the_token() {
    let world = World::start().await;
    let unlock =
        async |body: Value| world.client.put("/doors/front/unlock", body).await.json()["code"].clone();
    assert_eq!(unlock(json!({ "actor_id": "7", "actor_name": "Ada", "extra": { "a": 1 } })).await, "SUCCESS");
    assert_eq!(unlock(json!({ "actor_id": "7" })).await, "CODE_PARAMS_INVALID");
    assert_eq!(unlock(json!({ "actor_name": "Ada" })).await, "CODE_PARAMS_INVALID");
    assert_eq!(unlock(json!({})).await, "SUCCESS");
    world.console().switch(|switches| switches.version = "3.3.20".to_owned());
    assert_eq!(unlock(json!({ "actor_id": "7" })).await, "SUCCESS", "an older console does not look");
    let actor = |entry: LogEntry| (entry.actor_id, entry.actor_name);
    let actors: Vec<_> = world.console().logs().into_iter().map(actor).collect();
    let token = || (String::new(), "Latchkey".to_owned());
    assert_eq!(actors, [("7".to_owned(), "Ada".to_owned()), token(), token()]);
}

#[tokio::test]
async fn a_door_without_a_hub_or_with_one_that_is_offline_is_not_operated() {
    let world = World::start().await;
    world.console().set_online("room", false);
    for (door, code) in [
        ("cellar", "CODE_OPERATION_FORBIDDEN"),
        ("room", "CODE_DEVICE_DEVICE_OFFLINE"),
        ("nowhere", "CODE_NOT_EXISTS"),
    ] {
        let unlocked = world.client.put(&format!("/doors/{door}/unlock"), json!({})).await;
        assert_eq!(unlocked.json()["code"], code);
        let held = json!({ "type": "custom", "interval": 5 });
        let ruled = world.client.put(&format!("/doors/{door}/lock_rule"), held).await;
        assert_eq!(ruled.json()["code"], code);
    }
    assert_eq!(relay(&world, "Room").await, "lock");
}

#[tokio::test]
async fn a_custom_rule_ends_by_itself_and_can_be_read() {
    let world = World::start().await;
    let none = json!({ "type": "", "ended_time": 0 });
    assert_eq!(got(&world.client, "/doors/front/lock_rule").await, none);
    for wrong in
        [json!({ "type": "custom" }), json!({ "type": "custom", "interval": 0 }), json!({ "type": "open" })]
    {
        assert_eq!(set_rule(&world, wrong).await, "CODE_PARAMS_INVALID");
    }
    assert_eq!(set_rule(&world, json!({ "type": "custom", "interval": 10 })).await, "SUCCESS");
    let until = at("08:10").timestamp();
    let rule = got(&world.client, "/doors/front/lock_rule").await;
    assert_eq!(rule, json!({ "type": "custom", "ended_time": until }));
    pass(&world, 599);
    assert_eq!(relay(&world, "Front").await, "unlock");
    pass(&world, 1);
    assert_eq!(relay(&world, "Front").await, "lock");
    assert_eq!(got(&world.client, "/doors/front/lock_rule").await, none);
}

#[tokio::test]
async fn rules_hold_until_they_are_reset_or_the_door_is_locked_now() {
    let world = World::start().await;
    for (ends_by, rule) in [("reset", "keep_unlock"), ("lock_now", "keep_unlock"), ("reset", "custom")] {
        assert_eq!(set_rule(&world, json!({ "type": rule, "interval": 60 })).await, "SUCCESS");
        assert_eq!(relay(&world, "Front").await, "unlock");
        assert_eq!(set_rule(&world, json!({ "type": ends_by })).await, "SUCCESS");
        assert_eq!(relay(&world, "Front").await, "lock");
    }
    set_rule(&world, json!({ "type": "keep_lock" })).await;
    let rule = got(&world.client, "/doors/front/lock_rule").await;
    assert_eq!(rule["type"], "keep_lock");
    assert!(rule["ended_time"].as_i64().unwrap() > at("08:00").timestamp() + 1_000_000_000, "decades ahead");
    world.client.put("/doors/front/unlock", json!({})).await;
    assert_eq!(set_rule(&world, json!({ "type": "lock_now" })).await, "SUCCESS");
    assert_eq!(relay(&world, "Front").await, "lock", "the moment's unlock ended as well");
}

#[tokio::test]
async fn an_emergency_is_above_all_rules() {
    let world = World::start().await;
    set_rule(&world, json!({ "type": "keep_unlock" })).await;
    let set = async |change: Value| {
        world.client.put("/doors/settings/emergency", change).await;
        got(&world.client, "/doors/settings/emergency").await
    };
    let down = set(json!({ "lockdown": true })).await;
    assert_eq!(down, json!({ "lockdown": true, "evacuation": false }));
    world.client.put("/doors/front/unlock", json!({})).await;
    assert_eq!(relay(&world, "Front").await, "lock");
    set(json!({ "lockdown": false, "evacuation": true })).await;
    assert_eq!(relay(&world, "Room").await, "unlock");
    set(json!({ "evacuation": false })).await;
    assert_eq!((relay(&world, "Front").await, relay(&world, "Room").await), (json!("unlock"), json!("lock")));
}
