use std::time::Duration;

use domain::Timestamp;
use domain::contact::PhoneNumber;
use notification::vendor::CredentialUnusable;
use notification::vendor::twilio::{
    AccountCheck, Credentials, MessageStatus, Reason, Sender, Sent, Settings, Sms, Twilio,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use vendor_http::{Effect, ErrorKind, VendorError};

use super::server::{Reply, Server, http};

const MESSAGES: &str = "/2010-04-01/Accounts/AC0/Messages.json";

fn settings(server: &Server, credentials: Credentials) -> Settings {
    Settings {
        base_url: server.base_url(),
        account_sid: "AC0".to_owned(),
        credentials,
        sender: Sender::From("+15005550006".to_owned()),
        limit: None,
    }
}

fn auth_token() -> Credentials {
    Credentials::AuthToken(SecretString::from("t0ken"))
}

fn api_key() -> Credentials {
    Credentials::ApiKey { sid: "SK1".to_owned(), secret: SecretString::from("s3cret") }
}

fn twilio(server: &Server) -> Twilio {
    Twilio::new(&http(), settings(server, auth_token())).unwrap()
}

fn ada() -> PhoneNumber {
    PhoneNumber::parse("+436641234567", None).unwrap()
}

async fn send(twilio: &Twilio) -> Result<Sent, VendorError> {
    let sms = Sms { to: &ada(), body: "Room 4 is yours", status_callback: None, validity: None };
    twilio.send_sms(&sms).await
}

fn taken() -> Value {
    json!({"sid": "SM1", "status": "queued", "num_segments": "1", "error_code": null, "price": null})
}

fn refusal(status: u16, code: u32) -> Reply {
    Reply::new(status, json!({"code": code, "message": "The number +436641234567 …", "status": status}))
}

/// A message in a list.
fn row(sid: &str, created: &str, body: &str) -> Value {
    json!({"sid": sid, "status": "sent", "body": body, "date_created": created})
}

#[tokio::test]
async fn a_message_is_sent_as_a_form_with_its_plus_kept() {
    let server = Server::start(|_| Reply::new(201, taken())).await;
    let callback = "https://hooks.space.example/twilio?message=018f".parse().unwrap();
    let sms = Sms {
        to: &ada(),
        body: "a+b ü",
        status_callback: Some(&callback),
        validity: Some(Duration::from_secs(90_000)),
    };
    let sent = twilio(&server).send_sms(&sms).await.unwrap();
    assert_eq!(sent, Sent { sid: "SM1".to_owned(), status: MessageStatus::Queued, segments: Some(1) });
    let request = &server.requests()[0];
    assert_eq!(request.line, format!("POST {MESSAGES}"));
    // AC0:t0ken
    assert_eq!(request.headers["authorization"], "Basic QUMwOnQwa2Vu");
    assert_eq!(
        request.body,
        "To=%2B436641234567&From=%2B15005550006&Body=a%2Bb+%C3%BC&\
         StatusCallback=https%3A%2F%2Fhooks.space.example%2Ftwilio%3Fmessage%3D018f&ValidityPeriod=36000"
    );
}

#[tokio::test]
async fn an_api_key_and_a_messaging_service_take_the_places_of_token_and_number() {
    let server =
        Server::start(|_| Reply::new(201, json!({"sid": "SM1", "status": "accepted", "num_segments": "0"})))
            .await;
    let settings = Settings { sender: Sender::Service("MG1".to_owned()), ..settings(&server, api_key()) };
    let sent = send(&Twilio::new(&http(), settings).unwrap()).await.unwrap();
    assert_eq!((sent.status, sent.segments), (MessageStatus::Accepted, None));
    let request = &server.requests()[0];
    // SK1:s3cret, with the account still in the path.
    assert_eq!(request.headers["authorization"], "Basic U0sxOnMzY3JldA==");
    assert_eq!(request.line, format!("POST {MESSAGES}"));
    assert!(request.body.contains("MessagingServiceSid=MG1") && !request.body.contains("From="));
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_is_not_sent_twice() {
    let server = Server::start(|_| Reply::new(502, "<html>")).await;
    let error = send(&twilio(&server)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn refusals_say_what_is_wrong_without_the_number() {
    for (status, code, kind, reason) in [
        (400, 21211, ErrorKind::Rejected, Reason::InvalidTo),
        (400, 21610, ErrorKind::Rejected, Reason::OptedOut),
        (400, 21614, ErrorKind::Rejected, Reason::NotMobile),
        (403, 21408, ErrorKind::Rejected, Reason::CountryNotAllowed),
        (400, 21606, ErrorKind::Rejected, Reason::Configuration),
        (401, 20003, ErrorKind::Unauthorized, Reason::Configuration),
        (404, 20404, ErrorKind::NotFound, Reason::Other),
    ] {
        let server = Server::start(move |_| refusal(status, code)).await;
        let error = send(&twilio(&server)).await.unwrap_err();
        assert_eq!((error.kind, error.effect, Reason::of(&error)), (kind, Effect::None, reason));
        assert_eq!(error.message(), Some("The number [number] …"));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_message_that_was_not_let_in_is_sent_again() {
    for (status, code) in [(429, 20429), (400, 21611)] {
        let server = Server::start(move |_| refusal(status, code)).await;
        let error = send(&twilio(&server)).await.unwrap_err();
        assert_eq!(
            (error.kind, Reason::of(&error)),
            (ErrorKind::RateLimited { retry_after: None }, Reason::QueueFull)
        );
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_by_its_text() {
    let server = Server::start(|request| {
        let is_second = request.query.iter().any(|(name, _)| name == "PageToken");
        Reply::new(
            200,
            match is_second {
                false => json!({
                "messages": [row("SM1", "Tue, 01 Dec 2026 08:59:59 +0000", "older"),
                    row("SM2", "Tue, 01 Dec 2026 09:00:00 +0000", "another")],
                "next_page_uri": format!("{MESSAGES}?To=%2B436641234567&PageToken=PT1")}),
                true => json!({
                "messages": [row("SM3", "Tue, 01 Dec 2026 09:00:05 +0000", "Trial - Room 4 is yours")],
                "next_page_uri": null}),
            },
        )
    })
    .await;
    let since: Timestamp = "2026-12-01T09:00:00.7Z".parse().unwrap();
    let recent = twilio(&server).find_recent(&ada(), since).await.unwrap();
    let sids: Vec<_> = recent.messages.iter().map(|found| found.sid.as_str()).collect();
    assert_eq!((sids, recent.is_complete), (vec!["SM2", "SM3"], true));
    let found: Vec<bool> = recent.messages.iter().map(|found| found.has_body("Room 4 is yours")).collect();
    assert_eq!(found, [false, true]);
    assert!(!recent.messages[0].has_body(""));
    assert!(!format!("{recent:?}").contains("Room"));
    let requests = server.requests();
    assert_eq!(requests[0].line, format!("GET {MESSAGES}"));
    assert_eq!(requests[0].query[0], ("To".to_owned(), "+436641234567".to_owned()));
    assert_eq!(requests[1].query[1], ("PageToken".to_owned(), "PT1".to_owned()));
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up_and_proves_nothing() {
    let server = Server::start(|_| {
        Reply::new(200, json!({"messages": [], "next_page_uri": format!("{MESSAGES}?PageToken=x")}))
    })
    .await;
    let recent = twilio(&server).find_recent(&ada(), Timestamp::UNIX_EPOCH).await.unwrap();
    assert!(!recent.is_complete);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_check_tells_a_trial_account() {
    let server = Server::start(|_| Reply::new(200, json!({"status": "active", "type": "Trial"}))).await;
    let check = twilio(&server).check().await.unwrap();
    assert_eq!(check, AccountCheck { status: Some("active".to_owned()), is_trial: Some(true) });
    assert_eq!(server.requests()[0].line, "GET /2010-04-01/Accounts/AC0.json");
}

#[tokio::test]
async fn an_api_key_that_may_not_read_the_account_is_tried_on_messages() {
    let answer = |messages: u16| {
        move |request: &super::server::Request| match request.line.ends_with(MESSAGES) {
            true if messages == 200 => Reply::new(200, json!({"messages": []})),
            _ => refusal(401, 20003),
        }
    };
    let server = Server::start(answer(200)).await;
    let client = Twilio::new(&http(), settings(&server, api_key())).unwrap();
    assert_eq!(client.check().await.unwrap(), AccountCheck { status: None, is_trial: None });
    assert_eq!(twilio(&server).check().await.unwrap_err().kind, ErrorKind::Unauthorized);
    let server = Server::start(answer(401)).await;
    let client = Twilio::new(&http(), settings(&server, api_key())).unwrap();
    assert_eq!(client.check().await.unwrap_err().kind, ErrorKind::Unauthorized);
    assert!(!format!("{client:?}").contains("s3cret"));
}

#[tokio::test]
async fn credentials_that_cannot_be_any_are_refused_before_anything_is_sent() {
    let server = Server::start(|_| Reply::new(500, "")).await;
    for settings in [
        Settings { account_sid: String::new(), ..settings(&server, auth_token()) },
        Settings { account_sid: "AC0/../AC1".to_owned(), ..settings(&server, auth_token()) },
        settings(&server, Credentials::AuthToken(SecretString::from(""))),
        settings(&server, Credentials::ApiKey { sid: "a:b".to_owned(), secret: SecretString::from("x") }),
    ] {
        assert_eq!(Twilio::new(&http(), settings).unwrap_err(), CredentialUnusable);
    }
}
