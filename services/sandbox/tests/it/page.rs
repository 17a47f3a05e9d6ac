//! The page at `/` and what feeds it.

use http::StatusCode;
use sandbox::Config;
use sandbox::kisi::{NewOrganization, NewPlace, Tap};
use sandbox::sendgrid::ApiKey;
use serde_json::{Value, json};

use crate::harness::{Client, Running};

fn config() -> Config {
    let mut config = Config::default();
    config.sendgrid.keys = vec![ApiKey::full_access("SG.page.secret")];
    config.sendgrid.senders = vec!["space.example".to_owned()];
    config.kisi.organizations = vec![NewOrganization {
        name: "Demo Space".to_owned(),
        api_key: Some("demo-key".to_owned()),
        places: vec![NewPlace {
            name: "Main".to_owned(),
            locks: vec!["Front".to_owned()],
            ..NewPlace::default()
        }],
        ..NewOrganization::default()
    }];
    config
}

#[tokio::test]
async fn the_page_stands_alone_and_runs_only_its_own_script() {
    let running = Running::start(config()).await;
    let page = running.client().get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for foreign in ["src=", "http://", "https://", "@import", "url(", "innerHTML", "{style}", "{script}"] {
        assert!(!page.text.contains(foreign), "{foreign}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("script-src 'unsafe-inline'"), "{policy}");
}

#[tokio::test]
async fn the_feed_shows_what_came_in_newest_first() {
    let running = Running::start(config()).await;
    let api = Client::new(running.url("/sendgrid/v3")).authorized("Bearer SG.page.secret");
    for subject in ["First", "<b>Second</b>"] {
        let mail = json!({
            "personalizations": [
                { "to": [{ "email": "ada@example.org", "name": "Ada" }] },
                { "to": [{ "email": "bob@example.org" }] },
            ],
            "from": { "email": "desk@space.example" },
            "subject": subject,
            "content": [{ "type": "text/plain", "value": "x" }],
        });
        assert_eq!(api.post("/mail/send", mail).await.status, StatusCode::ACCEPTED);
    }
    let feed = running.client().get("/_page/feed").await.json();
    assert_eq!(feed["mails_accepted"], 2);
    assert_eq!([&feed["mails"][0]["subject"], &feed["mails"][1]["subject"]], ["<b>Second</b>", "First"]);
    assert_eq!(feed["mails"][0]["to"], json!(["Ada <ada@example.org>", "bob@example.org"]));
    assert_eq!(feed["mails"][0]["standing"], json!({ "delivered": 2 }));
    assert_eq!(feed["texts"], json!([]));
}

#[tokio::test]
async fn the_feed_shows_who_may_open_which_door_and_who_tried() {
    let running = Running::start(config()).await;
    let organization = running.sandbox.kisi().organizations().remove(0);
    let lock = organization.locks().remove(0);
    let api = Client::new(running.url("/kisi")).authorized("KISI-LOGIN demo-key");
    let create = async |path: &str, body: Value| {
        let answer = api.post(path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["id"].clone()
    };
    let group = create("/groups", json!({ "group": { "name": "Room 1", "place_id": lock.place_id } })).await;
    create("/group_locks", json!({ "group_lock": { "group_id": group, "lock_id": lock.id } })).await;
    let user = json!({ "user": { "email": "ada@example.org", "send_emails": false, "confirm": true } });
    let user = create("/users", user).await;
    let window = json!({ "role_assignment": {
        "user_id": user, "role_id": "group_basic", "group_id": group,
        "valid_from": "2026-12-01T07:00:00Z", "valid_until": "2026-12-01T08:30:00Z",
    } });
    create("/role_assignments", window).await;
    let feed = async || running.client().get("/_page/feed").await.json();
    let access = &feed().await["access"][0];
    assert_eq!([&access["email"], &access["door"], &access["state"]], ["ada@example.org", "Front", "now"]);
    assert_eq!(access["until"], "2026-12-01T08:30:00Z");

    organization.tap(&Tap::of("ada@example.org", lock.id)).unwrap();
    running.clock.advance(chrono::TimeDelta::minutes(30));
    organization.tap(&Tap::of("ada@example.org", lock.id)).unwrap();
    let feed = feed().await;
    assert_eq!(feed["access"][0]["state"], "over");
    let taps = feed["taps"].as_array().unwrap();
    assert_eq!([&taps[0]["is_open"], &taps[1]["is_open"]], [false, true]);
    assert_eq!([&taps[0]["door"], &taps[1]["reason"]], [&json!("Front"), &Value::Null]);
    assert!(taps[0]["reason"].is_string());
}
