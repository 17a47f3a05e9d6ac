use proptest::prelude::*;
use serde_json::json;

use super::*;

fn now() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().unwrap()
}

fn minimal() -> Value {
    json!({
        "personalizations": [{ "to": [{ "email": "ada@example.org" }], "custom_args": { "msg": "42" } }],
        "from": { "email": "desk@space.example" },
        "subject": "Your invoice",
        "content": [{ "type": "text/plain", "value": "Hello" }],
    })
}

/// The minimal mail with `path` (a JSON pointer to an existing parent) set.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut body = minimal();
    for (path, value) in changes {
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        parent[name] = value.clone();
    }
    body
}

fn verdict(body: &Value) -> Result<Mail, Refusal> {
    judge(body, &["space.example".to_owned(), "solo@mail.example".to_owned()].into(), now())
}

fn wrong_fields(body: &Value) -> Vec<String> {
    match verdict(body) {
        Ok(_) => Vec::new(),
        Err(refusal) => refusal.errors.into_iter().filter_map(|error| error.field).collect(),
    }
}

fn addresses(count: usize) -> Value {
    (0..count).map(|n| json!({ "email": format!("p{n}@example.org") })).collect()
}

#[test]
fn the_minimal_mail_is_taken() {
    let mail = verdict(&minimal()).unwrap();
    assert_eq!(mail.envelopes[0].to[0].email, "ada@example.org");
    assert_eq!(mail.envelopes[0].custom_args["msg"], "42");
    assert!(!mail.is_sandboxed);
}

#[test]
fn what_is_wrong_is_told_with_the_path_of_its_field() {
    let long_subject = json!([{ "to": [{ "email": "ada@example.org" }], "subject": "" }]);
    for (path, value, field) in [
        ("/personalizations", Value::Null, "personalizations"),
        ("/personalizations", json!([]), "personalizations"),
        ("/personalizations", json!({}), "personalizations"),
        ("/personalizations", json!(["x"]), "personalizations.0"),
        ("/personalizations", long_subject, "personalizations.0.subject"),
        ("/personalizations/0/to", json!([]), "personalizations.0.to"),
        ("/personalizations/0/to", json!([{ "email": "ada" }]), "personalizations.0.to.0.email"),
        ("/personalizations/0/cc", json!([{ "name": "Ada" }]), "personalizations.0.cc.0.email"),
        ("/personalizations/0/custom_args", json!({ "n": 1 }), "personalizations.0.custom_args.n"),
        ("/personalizations/0/headers", json!({ "Reply-To": "x" }), "personalizations.0.headers.Reply-To"),
        ("/personalizations/0/send_at", json!("soon"), "personalizations.0.send_at"),
        ("/from", Value::Null, "from.email"),
        ("/from", json!({ "name": "Desk" }), "from.email"),
        ("/from", json!("desk@space.example"), "from"),
        ("/subject", Value::Null, "subject"),
        ("/subject", json!(""), "subject"),
        ("/subject", json!(7), "subject"),
        ("/content", Value::Null, "content"),
        ("/content", json!([{ "type": "text/plain", "value": "" }]), "content.0.value"),
        ("/content", json!([{ "type": "", "value": "x" }]), "content.0.type"),
        ("/content", json!([{ "type": "text/html;x", "value": "x" }]), "content.0.type"),
        ("/attachments", json!([{ "filename": "a.ics" }]), "attachments.0.content"),
        ("/attachments", json!([{ "content": "eA==" }]), "attachments.0.filename"),
        ("/attachments", json!([{ "content": "eA=\n=", "filename": "a" }]), "attachments.0.content"),
        ("/attachments", json!([{ "content": "_-8=", "filename": "a" }]), "attachments.0.content"),
        (
            "/attachments",
            json!([{ "content": "eA==", "filename": "a", "disposition": "hidden" }]),
            "attachments.0.disposition",
        ),
        ("/template_id", json!("welcome"), "template_id"),
        ("/headers", json!({ "x-sg-id": "1" }), "headers.x-sg-id"),
        ("/categories", json!(["a", "a"]), "categories"),
        ("/categories", json!(["x".repeat(256)]), "categories"),
        ("/categories", (0..11).map(|n| n.to_string()).collect(), "categories"),
        ("/asm", json!({ "group_id": "1" }), "asm.group_id"),
        ("/asm", json!({ "group_id": 1, "groups_to_display": vec![1; 26] }), "asm.groups_to_display"),
        ("/ip_pool_name", json!("x"), "ip_pool_name"),
        (
            "/mail_settings",
            json!({ "sandbox_mode": { "enable": "yes" } }),
            "mail_settings.sandbox_mode.enable",
        ),
        (
            "/mail_settings",
            json!({ "bypass_list_management": { "enable": true }, "bypass_spam_management": { "enable": true } }),
            "mail_settings.bypass_list_management",
        ),
    ] {
        assert!(wrong_fields(&with(&[(path, value.clone())])).contains(&field.to_owned()), "{path} {value}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let fields = wrong_fields(&json!({ "personalizations": [{}] }));
    assert_eq!(fields, ["personalizations.0.to", "from.email", "subject", "content"]);
}

#[test]
fn an_address_stands_once_among_to_cc_and_bcc_without_regard_to_case() {
    let body = with(&[("/personalizations/0/bcc", json!([{ "email": "ADA@example.ORG" }]))]);
    let refusal = verdict(&body).unwrap_err();
    assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
    assert_eq!(refusal.errors[0].field.as_deref(), Some("personalizations.0"));
    assert!(refusal.errors[0].message.contains("[ADA@example.ORG]"), "{}", refusal.errors[0].message);
}

#[test]
fn reply_to_comes_in_one_of_two_forms() {
    let one = json!({ "email": "help@space.example" });
    let twice = json!([{ "email": "a@space.example" }, { "email": "A@space.example" }]);
    assert_eq!(verdict(&with(&[("/reply_to", one.clone())])).unwrap().reply_to.len(), 1);
    let list = addresses(2);
    assert_eq!(verdict(&with(&[("/reply_to_list", list.clone())])).unwrap().reply_to.len(), 2);
    assert_eq!(wrong_fields(&with(&[("/reply_to_list", twice)])), ["reply_to_list"]);
    assert_eq!(wrong_fields(&with(&[("/reply_to", one), ("/reply_to_list", list)])), ["reply_to_list"]);
}

#[test]
fn a_thousand_recipients_are_the_limit_over_all_personalizations() {
    let people =
        |counts: &[usize]| -> Value { counts.iter().map(|n| json!({ "to": addresses(*n) })).collect() };
    assert!(verdict(&with(&[("/personalizations", people(&[400, 600]))])).is_ok());
    assert_eq!(wrong_fields(&with(&[("/personalizations", people(&[401, 600]))])), ["personalizations"]);
    assert_eq!(wrong_fields(&with(&[("/personalizations", people(&[1; 1_001]))])), ["personalizations"]);
}

#[test]
fn nothing_is_scheduled_more_than_72_hours_ahead() {
    let limit = now().timestamp() + 72 * 3600;
    assert_eq!(verdict(&with(&[("/send_at", json!(limit))])).unwrap().send_at, Some(limit));
    assert_eq!(wrong_fields(&with(&[("/send_at", json!(limit + 1))])), ["send_at"]);
}

#[test]
fn plain_text_comes_before_html() {
    let html = json!({ "type": "text/html", "value": "<p>x" });
    let text = json!({ "type": "text/plain", "value": "x" });
    assert!(verdict(&with(&[("/content", json!([text, html]))])).is_ok());
    assert_eq!(wrong_fields(&with(&[("/content", json!([html, text]))])), ["content"]);
}

#[test]
fn a_template_or_own_subjects_replace_what_is_missing() {
    let template = json!("d-0123456789abcdef0123456789abcdef");
    let body = with(&[("/template_id", template), ("/subject", Value::Null), ("/content", Value::Null)]);
    assert!(verdict(&body).is_ok());
    let own = with(&[("/personalizations/0/subject", json!("Hi")), ("/subject", Value::Null)]);
    assert!(verdict(&own).is_ok());
}

#[test]
fn custom_args_of_the_mail_reach_every_envelope_and_have_a_size() {
    let shared = |args: Value| verdict(&with(&[("/custom_args", args)]));
    for args in [json!({ "ws": "w1", "msg": "1" }), json!("{\"ws\":\"w1\"}")] {
        let mail = shared(args).unwrap();
        assert_eq!(mail.envelopes[0].custom_args["ws"], "w1");
        assert_eq!(mail.envelopes[0].custom_args["msg"], "42", "the envelope's own wins");
    }
    let refusal = shared(json!({ "x": "y".repeat(10_000) })).unwrap_err();
    assert_eq!(refusal.errors[0].field.as_deref(), Some("personalizations.0.custom_args"));
}

#[test]
fn only_verified_senders_may_send() {
    let from = |email: &str| verdict(&with(&[("/from", json!({ "email": email }))]));
    assert!(from("Solo@mail.example").is_ok());
    let refusal = from("other@mail.example").unwrap_err();
    assert_eq!((refusal.status, refusal.errors[0].field.as_deref()), (StatusCode::FORBIDDEN, Some("from")));
    let own = with(&[("/personalizations/0/from", json!({ "email": "x@evil.example" }))]);
    assert_eq!(verdict(&own).unwrap_err().status, StatusCode::FORBIDDEN);
}

#[test]
fn attachments_are_decoded() {
    let file = json!([{ "content": "QkVHSU46VkNBTEVOREFS", "filename": "a.ics", "type": "text/calendar" }]);
    let mail = verdict(&with(&[("/attachments", file)])).unwrap();
    assert_eq!(mail.attachments[0].content, b"BEGIN:VCALENDAR");
    assert!(!mail.attachments[0].is_inline);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z@.]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let names = prop_oneof![
            Just("email"),
            Just("to"),
            Just("value"),
            Just("type"),
            Just("enable"),
            Just("group_id"),
            Just("x")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.prop_map(str::to_owned), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_in_any_field_gets_an_answer(
        field in prop::sample::select(vec![
            "personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "attachments",
            "template_id", "headers", "categories", "custom_args", "send_at", "asm", "ip_pool_name",
            "mail_settings",
        ]),
        value in any_json(),
    ) {
        let mut body = minimal();
        body[field] = value;
        if let Err(refusal) = verdict(&body) {
            prop_assert!(!refusal.errors.is_empty());
        }
    }
}
