//! The SendGrid twin, over HTTP as its clients see it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::TimeDelta;
use http::{HeaderMap, Method, StatusCode};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use sandbox::Config;
use sandbox::sendgrid::{
    ApiKey, EventKind, EventSwitches, MessageFilter, RateLimit, SIGNATURE_HEADER, SuppressionList,
    TIMESTAMP_HEADER,
};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Receiver, Running, at};

const KEY: &str = "SG.0123456789abcdefghijkl.0123456789abcdefghijklmnopqrstuvwxyz01234567890";
const ADA: &str = "ada@example.org";

fn config() -> Config {
    let mut config = Config::default();
    config.sendgrid.keys = vec![ApiKey::full_access(KEY)];
    config.sendgrid.senders = vec!["space.example".to_owned()];
    config
}

fn api(running: &Running) -> Client {
    Client::new(running.url("/sendgrid/v3")).authorized(format!("Bearer {KEY}"))
}

fn mail(to: &[&str]) -> Value {
    let envelope = |email: &&str| json!({ "to": [{ "email": email }], "custom_args": { "msg": "42" } });
    json!({
        "personalizations": to.iter().map(envelope).collect::<Vec<_>>(),
        "from": { "email": "desk@space.example", "name": "Desk" },
        "subject": "Your booking",
        "content": [
            { "type": "text/plain", "value": "See you" },
            { "type": "text/html", "value": "<p>See you</p>" },
        ],
        "attachments": [{
            "content": STANDARD.encode("BEGIN:VCALENDAR"), "filename": "Büro 1.ics", "type": "text/calendar",
        }],
        "categories": ["booking"],
    })
}

async fn send(running: &Running, to: &[&str]) -> String {
    let answer = api(running).post("/mail/send", mail(to)).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::ACCEPTED, ""));
    answer.header("x-message-id").unwrap().to_owned()
}

fn errors(answer: &Answer) -> Vec<(String, Value)> {
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors
        .iter()
        .map(|error| (error["message"].as_str().unwrap().to_owned(), error["field"].clone()))
        .collect()
}

/// A receiver that the settings API made known, signed; and its public key.
async fn receiver(running: &Running) -> (Receiver, String) {
    let receiver = Receiver::answering(StatusCode::OK).await;
    let mut settings = json!({ "enabled": true, "url": receiver.url });
    for kind in ["processed", "delivered", "dropped", "bounce", "deferred", "open", "click", "spam_report"] {
        settings[kind] = true.into();
    }
    let made = api(running).post("/user/webhooks/event/settings", settings).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let signed = format!("/user/webhooks/event/settings/signed/{id}");
    let key = api(running).patch(&signed, json!({ "enabled": true })).await.json()["public_key"].clone();
    assert_eq!(api(running).get(&signed).await.json()["public_key"], key);
    (receiver, key.as_str().unwrap().to_owned())
}

/// The verification that SendGrid's documentation describes.
fn is_signed(public_key: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let key = VerifyingKey::from_public_key_der(&STANDARD.decode(public_key).unwrap()).unwrap();
    let signature = STANDARD.decode(headers[SIGNATURE_HEADER].as_bytes()).unwrap();
    let signature = DerSignature::try_from(signature.as_slice()).unwrap();
    key.verify(&[headers[TIMESTAMP_HEADER].as_bytes(), body].concat(), &signature).is_ok()
}

fn events(body: &Bytes) -> Vec<Value> {
    serde_json::from_slice(body).unwrap()
}

fn kinds(body: &Bytes) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    events(body).iter().map(|event| (text(&event["event"]), text(&event["email"]))).collect()
}

fn kind(event: &str, email: &str) -> (String, String) {
    (event.to_owned(), email.to_owned())
}

#[tokio::test]
async fn an_accepted_mail_is_told_processed_and_delivered_in_a_signed_array() {
    let running = Running::start(config()).await;
    let (mut receiver, public_key) = receiver(&running).await;
    let id = send(&running, &[ADA]).await;
    assert_eq!(id.len(), 22);
    let (headers, body) = receiver.next().await;
    assert!(is_signed(&public_key, &headers, &body));
    assert_eq!(headers[TIMESTAMP_HEADER], at("08:00").timestamp().to_string());
    assert_eq!(kinds(&body), [kind("processed", ADA), kind("delivered", ADA)]);
    let event = &events(&body)[1];
    assert!(event["sg_message_id"].as_str().unwrap().starts_with(&format!("{id}.")));
    assert_eq!([&event["msg"], &event["category"]], ["42", "booking"]);
    assert_eq!(event["timestamp"], at("08:00").timestamp());
    assert!(event["smtp-id"].is_string() && event["response"].is_string());
    assert_ne!(events(&body)[0]["sg_event_id"], event["sg_event_id"]);
}

#[tokio::test]
async fn mails_are_found_by_recipient_subject_and_argument_with_their_attachments() {
    let running = Running::start(config()).await;
    let id = send(&running, &[ADA, "bob@example.org"]).await;
    let sendgrid = running.sandbox.sendgrid();
    let found = sendgrid.messages_to("ADA@example.org");
    assert_eq!(found[0].mail.attachments[0].content, b"BEGIN:VCALENDAR");
    assert_eq!([found[0].text(), found[0].html()], [Some("See you"), Some("<p>See you</p>")]);
    assert_eq!(found[0].custom_arg("msg"), Some("42"));
    let by = |filter| sendgrid.messages(&filter).len();
    let arg = |value: &str| Some(("msg".to_owned(), value.to_owned()));
    assert_eq!(by(MessageFilter { custom_arg: arg("42"), ..MessageFilter::default() }), 1);
    assert_eq!(by(MessageFilter { custom_arg: arg("43"), ..MessageFilter::default() }), 0);
    assert_eq!(by(MessageFilter { subject: Some("book".to_owned()), ..MessageFilter::default() }), 1);
    assert_eq!(sendgrid.messages_to("eve@example.org").len(), 0);

    let control = running.client();
    let query = "/_control/sendgrid/messages?recipient=bob@example.org&subject=Your&arg=msg:42&limit=5";
    let listed = control.get(query).await.json();
    assert_eq!(listed["messages"][0]["id"], id);
    assert_eq!(listed["messages"][0]["mail"]["attachments"][0]["bytes"], 15);
    assert_eq!(listed["accepted"], 1);
    let file = control.get(&format!("/_control/sendgrid/messages/{id}/attachments/0")).await;
    assert_eq!(file.text, "BEGIN:VCALENDAR");
    assert_eq!(file.header("content-disposition"), Some("attachment; filename*=UTF-8''B%C3%BCro%201.ics"));
}

#[tokio::test]
async fn keys_and_scopes_are_checked_before_anything_else() {
    let running = Running::start(config()).await;
    let mut narrow = ApiKey::full_access("SG.narrow.secret");
    narrow.scopes = ["mail.send".to_owned()].into();
    running.sandbox.sendgrid().put_key(narrow);
    let base = Client::new(running.url("/sendgrid/v3"));

    for client in [base.clone(), base.authorized("Bearer SG.x.y"), base.authorized(format!("Basic {KEY}"))] {
        let answer = client.post("/mail/send", json!({})).await;
        assert_eq!((answer.status, &errors(&answer)[0].1), (StatusCode::UNAUTHORIZED, &Value::Null));
    }
    let narrow = base.authorized("Bearer SG.narrow.secret");
    assert_eq!(narrow.get("/scopes").await.json(), json!({ "scopes": ["mail.send"] }));
    assert_eq!(narrow.post("/mail/send", mail(&[ADA])).await.status, StatusCode::ACCEPTED);
    assert_eq!(narrow.get("/suppression/bounces").await.status, StatusCode::FORBIDDEN);
    let scopes = api(&running).get("/scopes").await.json();
    assert!(scopes["scopes"].as_array().unwrap().contains(&json!("mail.send")));

    assert!(running.sandbox.sendgrid().revoke_key("SG.narrow.secret"));
    assert_eq!(narrow.get("/scopes").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_its_status() {
    let running = Running::start(config()).await;
    let api = api(&running);
    let with = |name: &str, value: Value| {
        let mut body = mail(&[ADA]);
        body[name] = value;
        body
    };
    let answer = api.post("/mail/send", with("from", json!({ "email": "x@other.example" }))).await;
    assert_eq!((answer.status, &errors(&answer)[0].1), (StatusCode::FORBIDDEN, &json!("from")));
    let answer = api.post("/mail/send", with("personalizations", json!([{}]))).await;
    assert_eq!(
        (answer.status, &errors(&answer)[0].1),
        (StatusCode::BAD_REQUEST, &json!("personalizations.0.to"))
    );
    let broken = api.send(Method::POST, "/mail/send", Some("{".to_owned())).await.unwrap();
    assert_eq!((broken.status, &errors(&broken)[0].1), (StatusCode::BAD_REQUEST, &Value::Null));

    // 30 MB are read, if only to be no JSON; one byte more is not.
    let blank =
        async |bytes: usize| api.send(Method::POST, "/mail/send", Some(" ".repeat(bytes))).await.unwrap();
    assert_eq!(blank(30 << 20).await.status, StatusCode::BAD_REQUEST);
    let large = blank((30 << 20) + 1).await;
    assert_eq!((large.status, errors(&large).len()), (StatusCode::PAYLOAD_TOO_LARGE, 1));

    assert_eq!(api.get("/mail/send").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(errors(&api.get("/nowhere").await)[0].1, Value::Null);
    let typeless = reqwest::Client::builder().build().unwrap();
    let typeless = typeless.post(running.url("/sendgrid/v3/mail/send")).bearer_auth(KEY).body("{}");
    assert_eq!(typeless.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(running.sandbox.sendgrid().accepted(), 0);
}

#[tokio::test]
async fn sandbox_mode_answers_200_and_sends_nothing() {
    let running = Running::start(config()).await;
    let (_receiver, _) = receiver(&running).await;
    let mut body = mail(&[ADA]);
    body["mail_settings"] = json!({ "sandbox_mode": { "enable": true } });
    let answer = api(&running).post("/mail/send", body).await;
    assert_eq!((answer.status, answer.header("x-message-id")), (StatusCode::OK, None));
    assert_eq!(running.sandbox.sendgrid().accepted(), 0);
    assert_eq!(running.sandbox.deliveries().counts().pending, 0);
}

#[tokio::test]
async fn every_answer_has_rate_headers_and_a_full_window_refuses() {
    let running = Running::start(config()).await;
    let api = api(&running);
    let limit = json!({ "requests": 2, "window_s": 60 });
    running.client().put("/_control/sendgrid/rate-limit", limit).await;
    let first = api.get("/scopes").await;
    assert_eq!(
        [first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")],
        [Some("2"), Some("1")]
    );
    assert_eq!(first.header("x-ratelimit-reset"), Some(at("08:01").timestamp().to_string().as_str()));
    assert_eq!(api.post("/mail/send", mail(&[ADA])).await.status, StatusCode::ACCEPTED);
    let over = api.post("/mail/send", mail(&[ADA])).await;
    assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(errors(&over), [("too many requests".to_owned(), Value::Null)]);
    assert_eq!(over.header("x-ratelimit-remaining"), Some("0"));
    running.clock.advance(TimeDelta::minutes(1));
    assert_eq!(api.post("/mail/send", mail(&[ADA])).await.status, StatusCode::ACCEPTED);

    running.sandbox.sendgrid().set_rate_limit(Some(RateLimit { requests: 0, window_s: 1 }));
    assert_eq!(api.get("/scopes").await.status, StatusCode::TOO_MANY_REQUESTS);
    running.sandbox.sendgrid().set_rate_limit(None);
    assert_eq!(api.get("/scopes").await.header("x-ratelimit-limit"), None);
}

#[tokio::test]
async fn suppressed_addresses_are_dropped_although_the_mail_is_accepted() {
    let running = Running::start(config()).await;
    let (mut receiver, _) = receiver(&running).await;
    let sendgrid = running.sandbox.sendgrid();
    let lists = [
        (SuppressionList::Bounces, "bounced@example.org", "Bounced Address"),
        (SuppressionList::SpamReports, "spam@example.org", "Spam Reporting Address"),
        (SuppressionList::Unsubscribes, "left@example.org", "Unsubscribed Address"),
        (SuppressionList::InvalidEmails, "invalid@example.org", "Invalid"),
    ];
    for (list, email, reason) in lists {
        sendgrid.suppress(list, &email.to_uppercase());
        send(&running, &[email]).await;
        let (_, body) = receiver.next().await;
        assert_eq!(kinds(&body), [kind("dropped", email)]);
        assert_eq!(events(&body)[0]["reason"], reason);
    }
    // A block is about one mail; the next is tried.
    sendgrid.suppress(SuppressionList::Blocks, "blocked@example.org");
    send(&running, &["blocked@example.org", "left@example.org"]).await;
    let expected = [
        kind("processed", "blocked@example.org"),
        kind("dropped", "left@example.org"),
        kind("delivered", "blocked@example.org"),
    ];
    assert_eq!(kinds(&receiver.next().await.1), expected);

    let mut body = mail(&["left@example.org"]);
    body["mail_settings"] = json!({ "bypass_unsubscribe_management": { "enable": true } });
    api(&running).post("/mail/send", body).await;
    let delivered = [kind("processed", "left@example.org"), kind("delivered", "left@example.org")];
    assert_eq!(kinds(&receiver.next().await.1), delivered);
}

#[tokio::test]
async fn suppression_lists_are_read_and_emptied_over_the_api() {
    let running = Running::start(config()).await;
    let (api, control) = (api(&running), running.client());
    for email in ["a@example.org", "b@example.org", "c@example.org"] {
        let entry = json!({ "email": email, "reason": "550 no", "status": "5.1.1" });
        control.post("/_control/sendgrid/suppressions/bounces", entry).await;
    }
    let all = api.get("/suppression/bounces").await.json();
    let first = json!({
        "email": "a@example.org", "created": at("08:00").timestamp(), "reason": "550 no", "status": "5.1.1",
    });
    assert_eq!((all.as_array().unwrap().len(), &all[0]), (3, &first));
    let page = api.get("/suppression/bounces?limit=1&offset=1").await.json();
    assert_eq!(page[0]["email"], "b@example.org");
    assert_eq!(api.get("/suppression/bounces?end_time=1").await.json(), json!([]));
    assert_eq!(api.get("/suppression/bounces/A@example.org").await.json(), json!([first]));
    assert_eq!(api.delete("/suppression/bounces/a@example.org").await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.delete("/suppression/bounces/a@example.org").await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.get("/suppression/bounces/a@example.org").await.json(), json!([]));
    let delete = async |body: Value| {
        api.send(Method::DELETE, "/suppression/bounces", Some(body.to_string())).await.unwrap().status
    };
    assert_eq!(delete(json!({})).await, StatusCode::BAD_REQUEST);
    assert_eq!(delete(json!({ "emails": ["b@example.org"] })).await, StatusCode::NO_CONTENT);
    assert_eq!(api.get("/suppression/bounces").await.json().as_array().unwrap().len(), 1);
    assert_eq!(delete(json!({ "delete_all": true })).await, StatusCode::NO_CONTENT);
    assert_eq!(api.get("/suppression/bounces").await.json(), json!([]));

    let left = api.post("/asm/suppressions/global", json!({ "recipient_emails": [ADA] })).await;
    assert_eq!((left.status, left.json()["recipient_emails"][0].clone()), (StatusCode::CREATED, json!(ADA)));
    assert_eq!(api.get("/suppression/unsubscribes").await.json()[0]["email"], ADA);
    let address = format!("/asm/suppressions/global/{ADA}");
    assert_eq!(api.get(&address).await.json(), json!({ "recipient_email": ADA }));
    assert_eq!(api.delete(&address).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(&address).await.json(), json!({}));
}

#[tokio::test]
async fn leaving_a_group_stops_only_its_mail() {
    let running = Running::start(config()).await;
    let api = api(&running);
    let group = api.post("/asm/groups", json!({ "name": "News", "description": "Monthly" })).await.json();
    let id = group["id"].as_i64().unwrap();
    let path = format!("/asm/groups/{id}/suppressions");
    assert_eq!(api.post(&path, json!({ "recipient_emails": [ADA] })).await.status, StatusCode::CREATED);
    assert_eq!(api.get(&path).await.json(), json!([ADA]));
    let last_event = async |group_id: Option<i64>| {
        let mut body = mail(&[ADA]);
        if let Some(group_id) = group_id {
            body["asm"] = json!({ "group_id": group_id });
        }
        api.post("/mail/send", body).await;
        running.sandbox.sendgrid().messages_to(ADA).pop().unwrap().trail.pop().unwrap().event
    };
    assert_eq!(last_event(Some(id)).await, EventKind::Dropped);
    assert_eq!(last_event(Some(id + 1)).await, EventKind::Delivered);
    assert_eq!(last_event(None).await, EventKind::Delivered);
    assert_eq!(api.delete(&format!("{path}/{ADA}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(last_event(Some(id)).await, EventKind::Delivered);
}

#[tokio::test]
async fn later_events_happen_on_demand_and_have_their_effect() {
    let running = Running::start(config()).await;
    let (mut receiver, _) = receiver(&running).await;
    let id = send(&running, &[ADA, "bob@example.org"]).await;
    receiver.next().await;
    let control = running.client();
    let mut happen = async |order: Value| {
        let answer = control.post("/_control/sendgrid/events", order).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        receiver.next().await.1
    };
    let order = |event: &str, fields: Value| json!({ "message_id": id, "email": "ADA@example.org", "event": event, "fields": fields });
    let bounce = happen(order("bounce", json!({ "reason": "550 gone" }))).await;
    assert_eq!(events(&bounce)[0]["type"], "bounce");
    let blocked = happen(order("bounce", json!({ "type": "blocked" }))).await;
    assert_eq!(kinds(&blocked), [kind("bounce", ADA)]);
    assert_eq!(events(&happen(order("deferred", json!({}))).await)[0]["attempt"], "1");
    let click = happen(order("click", json!({ "url": "https://space.example/x" }))).await;
    assert_eq!(events(&click)[0]["url"], "https://space.example/x");
    assert_eq!(events(&happen(order("open", json!({}))).await)[0]["sg_machine_open"], false);
    happen(order("spamreport", json!({}))).await;
    let both = happen(json!({ "message_id": id, "event": "open" })).await;
    assert_eq!(kinds(&both), [kind("open", ADA), kind("open", "bob@example.org")]);

    let sendgrid = running.sandbox.sendgrid();
    assert_eq!(sendgrid.suppressed(SuppressionList::Bounces)[0].reason.as_deref(), Some("550 gone"));
    assert_eq!(sendgrid.suppressed(SuppressionList::Blocks).len(), 1);
    assert_eq!(sendgrid.suppressed(SuppressionList::SpamReports)[0].email, ADA);
    let unknown = json!({ "message_id": "AAAAAAAAAAAAAAAAAAAAAA", "event": "open" });
    assert_eq!(control.post("/_control/sendgrid/events", unknown).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_address_can_bounce_from_the_start() {
    let running = Running::start(config()).await;
    running.client().put(&format!("/_control/sendgrid/outcomes/{ADA}"), json!({ "event": "bounce" })).await;
    let id = send(&running, &[ADA]).await;
    let trail = running.sandbox.sendgrid().message(&id).unwrap().trail;
    let happened: Vec<EventKind> = trail.iter().map(|entry| entry.event).collect();
    assert_eq!(happened, [EventKind::Processed, EventKind::Bounce]);
    assert_eq!(running.sandbox.sendgrid().suppressed(SuppressionList::Bounces).len(), 1);
}

#[tokio::test]
async fn event_posts_misbehave_on_demand() {
    let running = Running::start(config()).await;
    let (mut receiver, public_key) = receiver(&running).await;
    let switch = |switches| running.sandbox.sendgrid().set_switches(switches);

    switch(EventSwitches { is_doubled: true, ..Default::default() });
    send(&running, &[ADA]).await;
    let (first, second) = (receiver.next().await.1, receiver.next().await.1);
    assert_eq!(first, second, "the same event ids");

    switch(EventSwitches { has_bad_signature: true, ..Default::default() });
    send(&running, &[ADA]).await;
    let (headers, body) = receiver.next().await;
    assert!(!is_signed(&public_key, &headers, &body));

    switch(EventSwitches { has_old_timestamp: true, ..Default::default() });
    send(&running, &[ADA]).await;
    let (headers, body) = receiver.next().await;
    assert!(is_signed(&public_key, &headers, &body));
    let age = at("08:00").timestamp() - headers[TIMESTAMP_HEADER].to_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(age, 24 * 60 * 60);

    switch(EventSwitches { has_trailing_crlf: true, ..Default::default() });
    send(&running, &[ADA]).await;
    let (headers, body) = receiver.next().await;
    assert!(body.ends_with(b"]\r\n"));
    assert!(is_signed(&public_key, &headers, &body));
    assert!(!is_signed(&public_key, &headers, body.trim_ascii_end()));

    switch(EventSwitches { is_held: true, is_reversed: true, ..Default::default() });
    send(&running, &[ADA]).await;
    send(&running, &["bob@example.org"]).await;
    assert_eq!(running.client().post("/_control/sendgrid/flush", json!({})).await.json()["events"], 4);
    let (_, mixed) = receiver.next().await;
    let reversed = [
        kind("delivered", "bob@example.org"),
        kind("processed", "bob@example.org"),
        kind("delivered", ADA),
        kind("processed", ADA),
    ];
    assert_eq!(kinds(&mixed), reversed);
    assert_eq!(running.sandbox.sendgrid().flush(), 0);
}

#[tokio::test]
async fn webhook_settings_are_made_changed_and_removed() {
    let running = Running::start(config()).await;
    let api = api(&running);
    let base = "/user/webhooks/event/settings";
    let mut receiver = Receiver::answering(StatusCode::OK).await;
    assert_eq!(errors(&api.post(base, json!({ "enabled": true })).await)[0].1, "url");
    assert_eq!(errors(&api.post(base, json!({ "url": "x" })).await)[0].1, "url");
    let made =
        api.post(base, json!({ "url": receiver.url, "enabled": true, "delivered": true })).await.json();
    assert_eq!(
        [&made["delivered"], &made["spam_report"], &made["public_key"]],
        [&json!(true), &json!(false), &Value::Null]
    );
    let path = format!("{base}/{}", made["id"].as_str().unwrap());

    // Only what is switched on is told, unsigned until the signature is.
    send(&running, &[ADA]).await;
    let (headers, body) = receiver.next().await;
    assert_eq!(kinds(&body), [kind("delivered", ADA)]);
    assert!(!headers.contains_key(SIGNATURE_HEADER));

    let changed = api.patch(&path, json!({ "enabled": false, "friendly_name": "Latchkey" })).await.json();
    assert_eq!([&changed["enabled"], &changed["delivered"]], [&json!(false), &json!(true)]);
    assert_eq!(api.get(&path).await.json(), changed);
    let pending = running.sandbox.deliveries().counts().pending;
    send(&running, &[ADA]).await;
    assert_eq!(running.sandbox.deliveries().counts().pending, pending);

    let test = json!({ "url": receiver.url, "id": made["id"] });
    assert_eq!(api.post("/user/webhooks/event/test", test).await.status, StatusCode::NO_CONTENT);
    assert_eq!(events(&receiver.next().await.1).len(), EventKind::ALL.len());

    assert_eq!(api.get(&format!("{base}/all")).await.json()["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(api.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test]
async fn a_scheduled_mail_is_delivered_when_its_time_has_come() {
    let running = Running::start(config()).await;
    let (mut receiver, _) = receiver(&running).await;
    let mut body = mail(&[ADA]);
    body["send_at"] = at("09:00").timestamp().into();
    assert_eq!(api(&running).post("/mail/send", body).await.status, StatusCode::ACCEPTED);
    let (_, processed) = receiver.next().await;
    assert_eq!(kinds(&processed), [kind("processed", ADA)]);
    assert_eq!(events(&processed)[0]["send_at"], at("09:00").timestamp());
    running.clock.advance(TimeDelta::hours(1));
    let (_, delivered) = receiver.next().await;
    assert_eq!(events(&delivered)[0]["timestamp"], at("09:00").timestamp());
}

#[tokio::test]
async fn only_the_newest_mails_are_kept_but_all_are_counted() {
    let mut config = config();
    config.sendgrid.messages_kept_max = 2;
    let running = Running::start(config).await;
    let ids = [send(&running, &[ADA]).await, send(&running, &[ADA]).await, send(&running, &[ADA]).await];
    let kept: Vec<String> =
        running.sandbox.sendgrid().messages_to(ADA).into_iter().map(|mail| mail.id).collect();
    assert_eq!(kept, ids[1..]);
    assert_eq!(running.sandbox.sendgrid().accepted(), 3);
}

#[tokio::test]
async fn mails_and_the_signing_key_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.state_file = Some(folder.path().join("state.json"));
    let running = Running::start(config.clone()).await;
    running.sandbox.sendgrid().suppress(SuppressionList::Bounces, "bob@example.org");
    let (id, public_key) = (send(&running, &[ADA]).await, running.sandbox.sendgrid().public_key());
    let before = running.sandbox.sendgrid().message(&id).unwrap();
    running.stop().await.unwrap();

    let again = Running::start(config).await;
    // Only once a request is answered has the state been read.
    assert_eq!(api(&again).get("/suppression/bounces").await.json()[0]["email"], "bob@example.org");
    assert_eq!(again.sandbox.sendgrid().message(&id).unwrap(), before);
    assert_eq!(again.sandbox.sendgrid().public_key(), public_key);
    again.sandbox.reset();
    assert_eq!(again.sandbox.sendgrid().accepted(), 0);
    assert_eq!(again.sandbox.sendgrid().public_key(), public_key, "who has fetched it can go on");
}
