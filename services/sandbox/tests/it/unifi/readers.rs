//! Points 5 to 7: PINs, exactly in the window, and what the log has of it.

use serde_json::{Value, json};

use super::{World, data, doors};
use crate::harness::at;

#[tokio::test]
async fn a_pin_opens_exactly_the_doors_of_the_visitor_exactly_in_the_window() {
    let world = World::start().await;
    let ana = world.visitor("10:00", "12:00", doors(&["Room"])).await;
    let pin = world.pin(&ana).await;
    for (time, opens) in [("09:59", false), ("10:00", true), ("11:59", true), ("12:00", false)] {
        world.time(time);
        assert_eq!(world.console().present_pin("room", &pin), opens, "{time}");
    }
    world.time("11:00");
    assert!(!world.console().present_pin("front", &pin), "another door");
    assert!(!world.console().present_pin("room", "no pin"));
    assert!(!world.console().present_pin("cellar", &pin), "no reader there");
    let windows = world.console().access_windows("room");
    assert_eq!((windows[0].window.start(), windows[0].window.end()), (at("10:00"), at("12:00")));
    assert_eq!((windows[0].pin.as_ref(), windows[0].remarks.as_str()), (Some(&pin), "grant:1"));
    assert!(world.console().access_windows("front").is_empty());
}

#[tokio::test]
async fn groups_of_doors_let_in_at_each_of_them() {
    let world = World::start().await;
    let ana = world.visitor("08:00", "12:00", json!([{ "type": "door_group", "id": "ground" }])).await;
    let pin = world.pin(&ana).await;
    assert!(world.console().present_pin("front", &pin));
    assert!(world.console().present_pin("room", &pin));
}

#[tokio::test]
async fn hours_of_a_week_narrow_a_visit_and_seven_empty_days_are_never() {
    let world = World::start().await;
    let hours = json!([{ "start_time": "09:00:00", "end_time": "09:59:59" }]);
    // The day is a Tuesday.
    for (week, at_nine) in
        [(json!({ "tuesday": hours }), true), (json!({ "tuesday": [], "monday": hours }), false)]
    {
        let mut body = super::visitor("08:00", "12:00", doors(&["Room"]));
        body["week_schedule"] = week;
        let ana = data(&world.client, "/visitors", body).await["id"].as_str().unwrap().to_owned();
        let pin = world.pin(&ana).await;
        world.time("09:30");
        assert_eq!(world.console().present_pin("room", &pin), at_nine);
        world.time("10:00");
        assert!(!world.console().present_pin("room", &pin));
    }
}

#[tokio::test]
async fn a_pin_belongs_to_one_visitor_and_has_the_length_that_is_set() {
    let world = World::start().await;
    let [ana, bob] = [
        world.visitor("08:00", "12:00", doors(&["Room"])).await,
        world.visitor("08:00", "12:00", json!([])).await,
    ];
    let pin = world.pin(&ana).await;
    assert_eq!(pin.len(), 8);
    let give = async |to: &str, pin: &str| {
        let path = format!("/visitors/{to}/pin_codes");
        world.client.put(&path, json!({ "pin_code": pin })).await.json()["code"].clone()
    };
    let taken = "CODE_CREDS_PIN_CODE_CREDS_ALREADY_EXIST";
    assert_eq!(give(&bob, &pin).await, taken);
    assert_eq!(give(&bob, "1234").await, "CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID");
    assert_eq!(give(&bob, "1234567x").await, "CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID");
    assert_eq!(give("nobody", "12345678").await, "CODE_NOT_EXISTS");
    assert_eq!(give(&ana, &pin).await, "SUCCESS", "again");
    world.console().switch(|switches| switches.own_pin_is_taken = true);
    assert_eq!(give(&ana, &pin).await, taken);

    // Cancelled only, the visitor keeps it.
    world.client.delete(&format!("/visitors/{ana}")).await;
    assert!(!world.console().present_pin("room", &pin));
    assert_eq!(give(&bob, &pin).await, taken);
    world.client.delete(&format!("/visitors/{ana}/pin_codes")).await;
    assert_eq!(give(&bob, &pin).await, "SUCCESS");
}

#[tokio::test]
async fn openings_and_refusals_are_in_the_log() {
    let world = World::start().await;
    let ana = world.visitor("10:00", "12:00", doors(&["Room"])).await;
    let pin = world.pin(&ana).await;
    world.time("09:00");
    world.console().present_pin("room", &pin);
    world.time("10:30");
    world.console().present_pin("room", &pin);
    world.client.put("/doors/front/unlock", json!({ "actor_id": "7", "actor_name": "Eve" })).await;
    let logged = async |query: &str, wanted: Value| {
        let page = data(&world.client, &format!("/system/logs{query}"), wanted).await;
        let hits = page["hits"].as_array().unwrap().clone();
        let result = |hit: &Value| hit["_source"]["event"]["result"].as_str().unwrap().to_owned();
        (hits.iter().map(result).collect::<Vec<_>>(), page["total"].as_u64().unwrap(), hits)
    };
    let (results, total, hits) = logged("", json!({ "topic": "door_openings" })).await;
    assert_eq!((results, total), (vec!["ACCESS".into(), "ACCESS".into(), "BLOCKED".into()], 3));
    let source = &hits[1]["_source"];
    assert_eq!((&source["actor"]["id"], &source["actor"]["type"]), (&json!(ana), &json!("visitor")));
    assert_eq!(source["authentication"]["credential_provider"], "PIN_CODE");
    assert_eq!(source["event"]["published"], at("10:30").timestamp_millis());
    assert_eq!(source["target"][0]["id"], "room");
    assert_eq!(hits[0]["_source"]["authentication"]["credential_provider"], "REMOTE_THROUGH_UAH");

    let since = json!({ "topic": "all", "since": at("10:00").timestamp(), "until": at("11:00").timestamp() });
    assert_eq!(logged("", since).await.1, 2);
    assert_eq!(logged("", json!({ "topic": "all", "actor_id": "7" })).await.1, 1);
    assert_eq!(logged("", json!({ "topic": "critical" })).await.1, 0);
    let (results, total, _) = logged("?page_num=2&page_size=2", json!({ "topic": "all" })).await;
    assert_eq!((results, total), (vec!["BLOCKED".to_owned()], 3));
}
