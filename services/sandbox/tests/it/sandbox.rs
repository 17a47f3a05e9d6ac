//! What all twins share: faults, clock, request log, reset, state file. Shown on the Kisi twin.

use std::time::Duration;

use chrono::TimeDelta;
use http::{Method, StatusCode};
use sandbox::kisi::{NewOrganization, NewPlace};
use sandbox::{Action, Config, Fault, Phase, ServeError, StateError, Vendor};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Client, Running, START, at, within};

fn config() -> Config {
    let mut config = Config::default();
    config.kisi.rate_limit = Some(false);
    config.kisi.organizations = vec![NewOrganization {
        name: "Demo Space".to_owned(),
        api_key: Some("demo-key".to_owned()),
        places: vec![NewPlace {
            name: "Main".to_owned(),
            locks: vec!["Front".to_owned(), "Back".to_owned()],
            ..NewPlace::default()
        }],
        ..NewOrganization::default()
    }];
    config
}

fn kisi(running: &Running) -> Client {
    Client::new(running.url("/kisi")).authorized("KISI-LOGIN demo-key")
}

fn user(email: &str) -> serde_json::Value {
    json!({ "user": { "email": email, "send_emails": false, "confirm": true } })
}

#[tokio::test]
async fn a_connection_is_dropped_before_or_after_the_effect() {
    let running = Running::start(config()).await;
    let client = kisi(&running);
    let users = || running.sandbox.kisi().organizations()[0].counts().users;
    let fault = |action| Fault::on(Vendor::Kisi, action).request("POST", "^/users$").times(1);

    running.sandbox.faults().add(fault(Action::DropBeforeEffect)).unwrap();
    let body = user("ada@example.org").to_string();
    let error = client.send(Method::POST, "/users", Some(body.clone())).await.unwrap_err();
    assert!(error.is_request(), "{error}");
    assert_eq!(users(), 1, "only the owner");

    running.sandbox.faults().add(fault(Action::DropAfterEffect)).unwrap();
    client.send(Method::POST, "/users", Some(body.clone())).await.unwrap_err();
    assert_eq!(users(), 2);

    let retry = client.send(Method::POST, "/users", Some(body)).await.unwrap();
    assert_eq!(retry.status, StatusCode::CONFLICT, "the retry meets its own duplicate");
    let statuses: Vec<_> =
        running.sandbox.requests().of(Vendor::Kisi).iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, None, Some(409)]);
}

#[tokio::test]
async fn a_dropped_connection_carries_not_one_byte() {
    let running = Running::start(config()).await;
    running.sandbox.faults().add(Fault::on(Vendor::Kisi, Action::Outage)).unwrap();
    let mut stream = TcpStream::connect(running.url("").trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET /kisi/user HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // A reset is as good as an end.
    within(stream.read_to_end(&mut answer)).await.ok();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn an_outage_of_one_account_leaves_the_others_alone() {
    let running = Running::start(config()).await;
    let other = running
        .sandbox
        .kisi()
        .create_organization(NewOrganization { name: "Other".to_owned(), ..NewOrganization::default() })
        .unwrap();
    let id = running.sandbox.kisi().organizations()[0].id();
    running.sandbox.faults().add(Fault::on(Vendor::Kisi, Action::Outage).account(id)).unwrap();
    kisi(&running).send(Method::GET, "/user", None).await.unwrap_err();
    let other = kisi(&running).authorized(format!("KISI-LOGIN {}", other.api_key.secret));
    assert_eq!(other.get("/user").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_is_replaced_with_or_without_the_effect() {
    let running = Running::start(config()).await;
    let control = running.client();
    let client = kisi(&running);
    let fault = json!({
        "vendor": "kisi", "method": "POST", "path": "^/users$", "times": 1,
        "action": {
            "kind": "status", "code": 502, "body": "<html>Bad gateway</html>", "retry_after": 7,
            "phase": "after_effect",
        },
    });
    assert_eq!(control.post("/_control/faults", fault).await.status, StatusCode::OK);
    let answer = client.post("/users", user("ada@example.org")).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.text, "<html>Bad gateway</html>");
    assert_eq!(client.post("/users", user("ada@example.org")).await.status, StatusCode::CONFLICT);

    // Without a body, the vendor's own.
    running.sandbox.faults().add(Fault::on(Vendor::Kisi, Action::status(429)).every(2)).unwrap();
    assert_eq!(client.get("/user").await.status, StatusCode::OK);
    let storm = client.get("/user").await;
    assert_eq!(storm.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(storm.json()["code"], "000429");
}

#[tokio::test]
async fn faults_are_listed_and_removed_over_the_control_api() {
    let running = Running::start(config()).await;
    let control = running.client();
    let outage = json!({ "vendor": "kisi", "action": { "kind": "outage" } });
    let id = control.post("/_control/faults", outage.clone()).await.json()["id"].clone();
    control.post("/_control/faults", outage).await;
    assert_eq!(control.get("/_control/faults").await.json().as_array().unwrap().len(), 2);
    let one = format!("/_control/faults/{id}");
    assert_eq!(control.delete(&one).await.status, StatusCode::NO_CONTENT);
    assert_eq!(control.delete(&one).await.status, StatusCode::NOT_FOUND);
    assert_eq!(control.delete("/_control/faults").await.status, StatusCode::NO_CONTENT);
    assert_eq!(control.get("/_control/faults").await.json(), json!([]));
    let wrong = json!({ "vendor": "kisi", "path": "(", "action": { "kind": "outage" } });
    assert_eq!(control.post("/_control/faults", wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_slow_answer_comes_late_but_comes() {
    let running = Running::start(config()).await;
    let delay = Fault::on(Vendor::Kisi, Action::Delay { delay_ms: 80 });
    running.sandbox.faults().add(delay).unwrap();
    let started = tokio::time::Instant::now();
    assert_eq!(kisi(&running).get("/user").await.status, StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn the_clock_is_the_given_one_plus_an_offset() {
    let running = Running::start(config()).await;
    let control = running.client();
    assert_eq!(control.get("/_control/clock").await.json(), json!({ "now": START, "offset_seconds": 0.0 }));
    let ahead = control.post("/_control/clock", json!({ "advance_seconds": 3600 })).await;
    assert_eq!(ahead.json(), json!({ "now": "2026-12-01T09:00:00Z", "offset_seconds": 3600.0 }));
    control.post("/_control/clock", json!({ "set": "2026-12-24T18:00:00Z" })).await;
    running.clock.advance(TimeDelta::minutes(5));
    let created = kisi(&running).post("/users", user("ada@example.org")).await.json();
    assert_eq!(created["created_at"], "2026-12-24T18:05:00Z");
    assert_eq!(control.post("/_control/reset", json!({})).await.status, StatusCode::OK);
    assert_eq!(control.get("/_control/clock").await.json()["offset_seconds"], 0.0);
}

#[tokio::test]
async fn every_request_is_in_the_log_with_its_account() {
    let running = Running::start(config()).await;
    let id = running.sandbox.kisi().organizations()[0].id().to_string();
    kisi(&running).get("/users?email=ada%40example.org").await;
    Client::new(running.url("/kisi")).get("/nowhere").await;
    let log = running.client().get("/_control/requests?vendor=kisi").await.json();
    assert_eq!(
        log,
        json!([
            {
                "vendor": "kisi", "method": "GET", "path": "/users", "query": "email=ada%40example.org",
                "account": id, "status": 200, "at": START,
            },
            {
                "vendor": "kisi", "method": "GET", "path": "/nowhere", "query": null, "account": null,
                "status": 404, "at": START,
            },
        ])
    );
    running.client().delete("/_control/requests").await;
    assert_eq!(running.sandbox.requests().count(Vendor::Kisi, |_| true), 0);
}

#[tokio::test]
async fn a_reset_goes_back_to_what_is_configured() {
    let running = Running::start(config()).await;
    kisi(&running).post("/users", user("ada@example.org")).await;
    running.sandbox.faults().add(Fault::on(Vendor::Kisi, Action::Outage)).unwrap();
    let before: Vec<_> =
        running.sandbox.kisi().organizations()[0].locks().iter().map(|lock| lock.id).collect();
    running.client().post("/_control/reset", json!({})).await;
    assert_eq!(kisi(&running).get("/users").await.header("x-collection-range"), Some("0-49/1"));
    let after: Vec<_> =
        running.sandbox.kisi().organizations()[0].locks().iter().map(|lock| lock.id).collect();
    assert_eq!(before, after, "ids are as they were");
}

#[tokio::test]
async fn the_state_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { state_file: Some(folder.path().join("sandbox/state.json")), ..config() };
    let running = Running::start(config.clone()).await;
    let created = kisi(&running).post("/users", user("ada@example.org")).await.json();
    running.sandbox.clock().set(at("10:00"));
    running.stop().await.unwrap();

    let running = Running::start(config).await;
    let found = kisi(&running).get("/users?email=ADA@example.org").await.json();
    assert_eq!(found[0]["id"], created["id"]);
    assert_eq!(running.client().get("/_control/clock").await.json()["now"], "2026-12-01T10:00:00Z");
    let next = kisi(&running).post("/users", user("bob@example.org")).await.json();
    assert!(next["id"].as_i64() > created["id"].as_i64(), "ids go on");
    running.stop().await.unwrap();
    let files = std::fs::read_dir(folder.path().join("sandbox")).unwrap();
    assert_eq!(files.count(), 1, "no temporary file stays");
}

#[tokio::test]
async fn the_state_is_saved_before_anyone_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let running = Running::start(Config { state_file: Some(path.clone()), ..config() }).await;
    kisi(&running).post("/users", user("ada@example.org")).await;
    within(async {
        while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains("ada@example.org")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_state_file_that_cannot_be_read_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    std::fs::write(&path, "{ half").unwrap();
    let config = Config { state_file: Some(path.clone()), ..config() };
    let error = Running::start(config).await.ended().await.unwrap_err();
    assert!(matches!(error, ServeError::State(StateError::Unreadable { .. })));
    assert!(error.to_string().contains(&path.display().to_string()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{ half", "left as it was");
}

#[tokio::test]
async fn a_fault_answers_in_its_phase_only() {
    let running = Running::start(config()).await;
    let refused = Action::Status {
        code: 503,
        body: None,
        content_type: None,
        retry_after: None,
        phase: Phase::BeforeEffect,
    };
    running.sandbox.faults().add(Fault::on(Vendor::Kisi, refused).times(1)).unwrap();
    let answer = kisi(&running).post("/users", user("ada@example.org")).await;
    assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("000503")));
    assert_eq!(kisi(&running).post("/users", user("ada@example.org")).await.status, StatusCode::OK);
}
