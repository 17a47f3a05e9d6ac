//! The Twilio twin, over HTTP as its clients see it.

mod receiver;

use chrono::TimeDelta;
use domain::Clock as _;
use http::{Method, StatusCode};
use sandbox::Config;
use sandbox::twilio::{
    Account, AccountKind, ApiKey, CallbackSwitches, MessagingService, Outcome, Pace, RefuseNext, Sender,
    Status,
};
use serde_json::{Value, json};

use crate::harness::{Answer, Running, within};
use receiver::{CallbackReceiver, Posted};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const OTHER: &str = "AC00000000000000000000000000000002";
const TEST: &str = "AC00000000000000000000000000000003";
const KEY: &str = "SK00000000000000000000000000000001";
const SERVICE: &str = "MG00000000000000000000000000000001";
const TOKEN: &str = "0123456789abcdef";
const OURS: &str = "+43720000001";
const ADA: &str = "+436641234567";

fn account(sid: &str, kind: AccountKind) -> Account {
    let pool = MessagingService { senders: vec![OURS.into()], status_callback: None };
    Account {
        sid: sid.into(),
        auth_token: TOKEN.into(),
        friendly_name: "Demo Space".into(),
        kind,
        api_keys: [(KEY.into(), ApiKey { secret: "secret".into(), is_main: false })].into(),
        senders: [(OURS.into(), Sender::default())].into(),
        services: [(SERVICE.into(), pool)].into(),
        verified: [].into(),
        blocked_prefixes: [].into(),
        opt_outs: [].into(),
    }
}

fn config() -> Config {
    let mut config = Config::default();
    let other = Account { api_keys: [].into(), ..account(OTHER, AccountKind::Full) };
    let test = Account { api_keys: [].into(), ..account(TEST, AccountKind::Test) };
    config.twilio.accounts = vec![account(ACCOUNT, AccountKind::Full), other, test];
    config
}

/// A client of an account's API, below its path.
struct Api {
    http: reqwest::Client,
    base: String,
    credentials: Option<(String, String)>,
}

impl Api {
    async fn send(&self, method: Method, path: &str, form: Option<String>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some((user, password)) = &self.credentials {
            request = request.basic_auth(user, Some(password));
        }
        if let Some(form) = form {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        }
        let response = within(request.send()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        self.send(Method::POST, path, Some(form.to_owned())).await
    }
}

fn client(running: &Running, user: &str, password: &str, account: &str) -> Api {
    let base = running.url(&format!("/twilio/2010-04-01/Accounts/{account}"));
    let credentials = Some((user.to_owned(), password.to_owned()));
    Api { http: reqwest::Client::builder().build().unwrap(), base, credentials }
}

fn owner(running: &Running) -> Api {
    client(running, ACCOUNT, TOKEN, ACCOUNT)
}

async fn create(client: &Api, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("To", ADA), ("From", OURS), ("Body", "Your door code is 1234")];
    all.retain(|(name, _)| fields.iter().all(|(other, _)| other != name));
    all.extend(fields);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
    client.post("/Messages.json", &body).await
}

async fn sid(client: &Api, fields: &[(&str, &str)]) -> String {
    let answer = create(client, fields).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()["sid"].as_str().unwrap().to_owned()
}

fn refusal(answer: &Answer) -> (u16, u64) {
    let body = answer.json();
    assert_eq!(body["status"], answer.status.as_u16());
    assert!(body["more_info"].as_str().unwrap().ends_with(&body["code"].to_string()));
    (answer.status.as_u16(), body["code"].as_u64().unwrap())
}

#[tokio::test]
async fn a_text_is_queued_then_delivered_and_each_change_is_posted_with_a_signature() {
    let running = Running::start(config()).await;
    let mut receiver = CallbackReceiver::start().await;
    let callback = receiver.url("/twilio/status?msg=42&ws=a%20b");
    let answer = create(&owner(&running), &[("StatusCallback", &callback)]).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let created = answer.json();
    assert_eq!(created["status"], "queued");
    assert_eq!(created["num_segments"], "1");
    assert_eq!(created["num_media"], "0");
    assert_eq!(created["date_created"], "Tue, 01 Dec 2026 08:00:00 +0000");
    assert_eq!(created["date_sent"], Value::Null);
    let sid = created["sid"].as_str().unwrap();
    assert!(sid.starts_with("SM") && sid.len() == 34);

    let (sent, delivered) = (receiver.next().await, receiver.next().await);
    assert_eq!([sent.field("MessageStatus"), delivered.field("MessageStatus")], ["sent", "delivered"]);
    for posted in [&sent, &delivered] {
        assert_eq!(posted.path_and_query, "/twilio/status?msg=42&ws=a%20b");
        assert_eq!(posted.signature(), posted.signed_by_hand(&callback, TOKEN));
        assert_eq!([posted.field("MessageSid"), posted.field("SmsSid")], [sid, sid]);
        assert_eq!(
            [posted.field("To"), posted.field("From"), posted.field("AccountSid")],
            [ADA, OURS, ACCOUNT]
        );
    }
    assert_eq!(delivered.field("RawDlrDoneDate"), "2612010800");
    assert!(!sent.has("RawDlrDoneDate") && !delivered.has("ErrorCode"));

    let shown = owner(&running).get(&format!("/Messages/{sid}.json")).await.json();
    assert_eq!(shown["status"], "delivered");
    assert_eq!(shown["date_sent"], "Tue, 01 Dec 2026 08:00:00 +0000");
    assert_eq!(running.sandbox.twilio().messages_to(ADA)[0].body, "Your door code is 1234");
}

#[tokio::test]
async fn callbacks_come_twice_or_reversed_or_falsely_signed_or_as_json_or_not_at_all() {
    let running = Running::start(config()).await;
    let mut receiver = CallbackReceiver::start().await;
    let callback = receiver.url("/t?x=1");
    let twilio = running.sandbox.twilio();
    let mut with = async |switches: CallbackSwitches, count: usize| {
        twilio.set_callbacks(switches);
        create(&owner(&running), &[("StatusCallback", &callback)]).await;
        let mut posted = Vec::new();
        for _ in 0..count {
            posted.push(receiver.next().await);
        }
        posted
    };
    let statuses = |posted: &[Posted]| {
        posted.iter().map(|post| post.field("MessageStatus").to_owned()).collect::<Vec<_>>()
    };

    let twice = with(CallbackSwitches { is_doubled: true, ..Default::default() }, 4).await;
    assert_eq!(statuses(&twice), ["sent", "sent", "delivered", "delivered"]);

    let reversed = with(CallbackSwitches { is_reversed: true, ..Default::default() }, 2).await;
    assert_eq!(statuses(&reversed), ["delivered", "sent"]);

    let wrong = with(CallbackSwitches { has_wrong_token: true, ..Default::default() }, 2).await;
    assert_ne!(wrong[0].signature(), wrong[0].signed_by_hand(&callback, TOKEN));

    let as_json = with(CallbackSwitches { is_json: true, ..Default::default() }, 2).await;
    let body: Value = serde_json::from_slice(&as_json[1].body).unwrap();
    assert_eq!(body["MessageStatus"], "delivered");
    let called = receiver_url(&callback, &as_json[1].path_and_query);
    assert!(called.ends_with(&format!("/t?x=1&bodySHA256={}", as_json[1].body_hash())), "{called}");
    // The form's fields are not part of what is signed.
    assert_eq!(as_json[1].signature(), Posted::sign_by_hand(&called, TOKEN));

    let before = running.sandbox.deliveries().counts();
    with(CallbackSwitches { is_dropped: true, ..Default::default() }, 0).await;
    let after = running.sandbox.deliveries().counts();
    assert_eq!(
        after.pending + after.delivered + after.failed,
        before.pending + before.delivered + before.failed
    );
}

fn receiver_url(callback: &str, path_and_query: &str) -> String {
    let origin = callback.split("/t?").next().unwrap();
    format!("{origin}{path_and_query}")
}

#[tokio::test]
async fn messages_move_by_the_sandbox_clock_and_end_as_their_number_wants_it() {
    let running = Running::start(config()).await;
    let twilio = running.sandbox.twilio();
    twilio.set_pace(Pace { to_sent_ms: 2_000, to_end_ms: 60_000 });
    twilio.set_outcome("+436640000003", Outcome::Undelivered(30003));
    twilio.set_outcome("+436640000001", Outcome::Failed(30001));
    let api = owner(&running);
    let mut sids = Vec::new();
    for to in [ADA, "+436640000003", "+436640000001"] {
        sids.push(sid(&api, &[("To", to)]).await);
    }
    let statuses = async || {
        let mut statuses = Vec::new();
        for sid in &sids {
            let shown = api.get(&format!("/Messages/{sid}.json")).await.json();
            statuses.push((shown["status"].as_str().unwrap().to_owned(), shown["error_code"].as_u64()));
        }
        statuses
    };
    let expect = |status: &str, code| (status.to_owned(), code);
    running.clock.advance(TimeDelta::milliseconds(1_999));
    assert_eq!(statuses().await, [expect("queued", None), expect("queued", None), expect("queued", None)]);
    running.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(statuses().await, [expect("sent", None), expect("sent", None), expect("failed", Some(30001))]);
    running.clock.advance(TimeDelta::minutes(1));
    let end = [expect("delivered", None), expect("undelivered", Some(30003)), expect("failed", Some(30001))];
    assert_eq!(statuses().await, end);
}

#[tokio::test]
async fn a_failed_text_tells_its_error_code() {
    let running = Running::start(config()).await;
    let mut receiver = CallbackReceiver::start().await;
    let outcome = json!({ "status": "undelivered", "error_code": 30005 });
    let set = running.client().put(&format!("/_control/twilio/outcomes/{ADA}"), outcome).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT);
    sid(&owner(&running), &[("StatusCallback", &receiver.url("/t"))]).await;
    assert!(!receiver.next().await.has("ErrorCode"));
    let end = receiver.next().await;
    assert_eq!([end.field("MessageStatus"), end.field("ErrorCode")], ["undelivered", "30005"]);
}

#[tokio::test]
async fn a_service_accepts_and_chooses_its_sender_later() {
    let running = Running::start(config()).await;
    let api = owner(&running);
    let answer = create(&api, &[("From", ""), ("MessagingServiceSid", SERVICE)]).await.json();
    assert_eq!(answer["status"], "accepted");
    assert_eq!(answer["from"], Value::Null);
    assert_eq!(answer["num_segments"], "0");
    let shown = api.get(&format!("/Messages/{}.json", answer["sid"].as_str().unwrap())).await.json();
    assert_eq!(shown["from"], OURS);
    assert_eq!(shown["num_segments"], "1");
    assert_eq!(shown["messaging_service_sid"], SERVICE);
}

#[tokio::test]
async fn credentials_fit_their_account_and_standard_keys_only_its_messages() {
    let running = Running::start(config()).await;
    let wrong = client(&running, ACCOUNT, "wrong", ACCOUNT);
    assert_eq!(refusal(&wrong.get("/Messages.json").await), (401, 20003));
    let none = Api { credentials: None, ..owner(&running) };
    assert_eq!(refusal(&none.get(".json").await), (401, 20003));
    let foreign = client(&running, ACCOUNT, TOKEN, OTHER);
    assert_eq!(refusal(&foreign.get("/Messages.json").await), (404, 20404));
    assert_eq!(refusal(&create(&foreign, &[]).await), (404, 20404));

    let key = client(&running, KEY, "secret", ACCOUNT);
    assert_eq!(create(&key, &[]).await.status, StatusCode::CREATED);
    assert_eq!(refusal(&key.get(".json").await), (401, 20003));
    let shown = owner(&running).get(".json").await.json();
    assert_eq!([&shown["sid"], &shown["status"], &shown["type"]], [ACCOUNT, "active", "Full"]);
    assert_eq!(refusal(&owner(&running).get("/Calls.json").await), (404, 20404));
}

#[tokio::test]
async fn a_bare_plus_in_a_form_is_a_space_and_no_number() {
    let running = Running::start(config()).await;
    let body = format!("To={ADA}&From=%2B43720000001&Body=x");
    let answer = owner(&running).post("/Messages.json", &body).await;
    assert_eq!(refusal(&answer), (400, 21211));
}

#[tokio::test]
async fn a_json_body_is_not_read() {
    let running = Running::start(config()).await;
    let api = owner(&running);
    let request = api.http.post(format!("{}/Messages.json", api.base)).basic_auth(ACCOUNT, Some(TOKEN));
    let answer = request.json(&json!({ "To": ADA, "From": OURS, "Body": "x" })).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], 21604);
}

#[tokio::test]
async fn test_credentials_answer_but_send_nothing() {
    let running = Running::start(config()).await;
    let api = client(&running, TEST, TOKEN, TEST);
    let callback = [("From", "+15005550006"), ("StatusCallback", "http://127.0.0.1:9/t")];
    let sid = sid(&api, &callback).await;
    assert_eq!(api.get(&format!("/Messages/{sid}.json")).await.json()["status"], "queued");
    assert_eq!(running.sandbox.deliveries().counts().pending, 0);
    let refused = create(&api, &[("From", "+15005550006"), ("To", "+15005550009")]).await;
    assert_eq!(refusal(&refused), (400, 21614));
}

#[tokio::test]
async fn lists_are_filtered_and_paged_newest_first() {
    let running = Running::start(config()).await;
    let api = owner(&running);
    let mut sids = Vec::new();
    for n in 0..5 {
        sids.push(sid(&api, &[("Body", &n.to_string())]).await);
        running.clock.advance(TimeDelta::days(1));
    }
    sid(&api, &[("To", "+436640000001")]).await;
    sids.reverse();

    let mut listed = Vec::new();
    let mut next = Some(format!("/Messages.json?PageSize=2&To={}", ADA.replace('+', "%2B")));
    let root = format!("/2010-04-01/Accounts/{ACCOUNT}");
    let mut pages = 0;
    while let Some(path) = next {
        let page = api.get(&path).await.json();
        let messages = page["messages"].as_array().unwrap();
        listed.extend(messages.iter().map(|message| message["sid"].as_str().unwrap().to_owned()));
        next = page["next_page_uri"].as_str().map(|uri| uri.strip_prefix(&root).unwrap().to_owned());
        pages += 1;
    }
    assert_eq!((pages, &listed), (3, &sids));

    let count = async |query: &str| {
        let page = api.get(&format!("/Messages.json?{query}")).await.json();
        page["messages"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 6);
    assert_eq!(count("DateSent=2026-12-02").await, 1);
    assert_eq!(count("DateSent%3E=2026-12-03&DateSent%3C=2026-12-04").await, 2);
    assert_eq!(count("From=%2B1").await, 0);
    assert_eq!(refusal(&api.get("/Messages.json?DateSent=soon").await), (400, 20001));
}

#[tokio::test]
async fn stop_ends_the_messages_of_that_sender_and_start_renews_them() {
    let running = Running::start(config()).await;
    let mut receiver = CallbackReceiver::start().await;
    let inbound_url = receiver.url("/inbound");
    let mut account = account(ACCOUNT, AccountKind::Full);
    account.senders.insert(OURS.into(), Sender { inbound_url: Some(inbound_url.clone()) });
    let control = running.client();
    assert_eq!(control.put("/_control/twilio/accounts", json!(account)).await.status, StatusCode::NO_CONTENT);
    let says = |body: &str| json!({ "account": ACCOUNT, "from": ADA, "to": OURS, "body": body });

    assert_eq!(control.post("/_control/twilio/inbound", says(" stop ")).await.status, StatusCode::CREATED);
    let posted = receiver.next().await;
    assert_eq!(
        [posted.field("OptOutType"), posted.field("From"), posted.field("Body")],
        ["STOP", ADA, " stop "]
    );
    assert_eq!(posted.signature(), posted.signed_by_hand(&inbound_url, TOKEN));
    let api = owner(&running);
    assert_eq!(refusal(&create(&api, &[]).await), (400, 21610));
    let through_service = [("From", ""), ("MessagingServiceSid", SERVICE)];
    assert_eq!(refusal(&create(&api, &through_service).await), (400, 21610));

    control.post("/_control/twilio/inbound", says("Start")).await;
    assert_eq!(create(&api, &[]).await.status, StatusCode::CREATED);
    control.post("/_control/twilio/inbound", says("Stop it?")).await;
    assert_eq!(create(&api, &[]).await.status, StatusCode::CREATED, "only the whole text counts");
    let unknown = json!({ "account": ACCOUNT, "from": ADA, "to": "+1", "body": "x" });
    assert_eq!(control.post("/_control/twilio/inbound", unknown).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_next_messages_are_refused_on_demand() {
    let running = Running::start(config()).await;
    let api = owner(&running);
    running.sandbox.twilio().refuse_next(RefuseNext { code: 20429, times: 2 });
    assert_eq!(refusal(&create(&api, &[]).await), (429, 20429));
    assert_eq!(refusal(&create(&api, &[]).await), (429, 20429));
    assert_eq!(create(&api, &[]).await.status, StatusCode::CREATED);
    assert_eq!(running.sandbox.twilio().taken(), 1);
    running.client().put("/_control/twilio/refuse-next", json!({ "code": 21611, "times": 1 })).await;
    assert_eq!(refusal(&create(&api, &[]).await), (400, 21611));
}

#[tokio::test]
async fn scheduled_messages_wait_and_can_be_called_off() {
    let running = Running::start(config()).await;
    let api = owner(&running);
    let fields = [
        ("From", ""),
        ("MessagingServiceSid", SERVICE),
        ("ScheduleType", "fixed"),
        ("SendAt", "2026-12-01T09:00:00Z"),
    ];
    let (kept, canceled) = (sid(&api, &fields).await, sid(&api, &fields).await);
    let change = async |sid: &str, form: &str| api.post(&format!("/Messages/{sid}.json"), form).await;
    assert_eq!(change(&canceled, "Status=canceled").await.json()["status"], "canceled");
    running.clock.advance(TimeDelta::hours(1));
    assert_eq!(api.get(&format!("/Messages/{kept}.json")).await.json()["status"], "delivered");
    assert_eq!(api.get(&format!("/Messages/{canceled}.json")).await.json()["status"], "canceled");
    assert_eq!(refusal(&change(&kept, "Status=canceled").await), (400, 20009));

    assert_eq!(change(&kept, "Body=").await.json()["body"], "");
    assert_eq!(refusal(&change(&kept, "Body=other").await), (400, 20001));
    let deleted = api.send(Method::DELETE, &format!("/Messages/{kept}.json"), None).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(refusal(&api.get(&format!("/Messages/{kept}.json")).await), (404, 20404));
}

#[tokio::test]
async fn callbacks_go_out_although_nobody_looks() {
    let running = Running::start(config()).await;
    let mut receiver = CallbackReceiver::start().await;
    running.sandbox.twilio().set_pace(Pace { to_sent_ms: 1_000, to_end_ms: 0 });
    sid(&owner(&running), &[("StatusCallback", &receiver.url("/t"))]).await;
    running.clock.advance(TimeDelta::seconds(1));
    assert_eq!(receiver.next().await.field("MessageStatus"), "sent");
    assert_eq!(receiver.next().await.field("MessageStatus"), "delivered");
}

#[tokio::test]
async fn only_the_newest_messages_are_kept_but_all_are_counted() {
    let mut config = config();
    config.twilio.messages_kept_max = 2;
    let running = Running::start(config).await;
    let api = owner(&running);
    for body in ["one", "two", "three"] {
        sid(&api, &[("Body", body)]).await;
    }
    let listed = running.client().get("/_control/twilio/messages?to=%2B436641234567&limit=10").await.json();
    let bodies: Vec<_> = listed["messages"].as_array().unwrap().iter().map(|text| &text["body"]).collect();
    assert_eq!(bodies, ["three", "two"]);
    assert_eq!(listed["taken"], 3);
    let one = running.client().get("/_control/twilio/messages?body=hre").await.json();
    assert_eq!(one["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn messages_survive_a_restart_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.state_file = Some(folder.path().join("state.json"));
    let running = Running::start(config.clone()).await;
    running.sandbox.twilio().set_pace(Pace { to_sent_ms: 60_000, to_end_ms: 0 });
    let sid = sid(&owner(&running), &[]).await;
    running.stop().await.unwrap();

    let again = Running::start(config).await;
    // Only once a request is answered has the state been read.
    assert_eq!(owner(&again).get(&format!("/Messages/{sid}.json")).await.json()["status"], "queued");
    again.clock.advance(TimeDelta::minutes(1));
    let kept = again.sandbox.twilio().messages_to(ADA);
    assert_eq!(kept[0].status, Status::Delivered);
    assert_eq!(kept[0].sent_at, Some(again.clock.now()));
}
