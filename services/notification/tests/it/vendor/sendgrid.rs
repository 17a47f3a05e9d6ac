use std::sync::atomic::{AtomicU8, Ordering};

use domain::contact::EmailAddress;
use notification::vendor::CredentialUnusable;
use notification::vendor::sendgrid::{Accepted, Mail, Mailbox, Reason, SendGrid, Settings};
use secrecy::SecretString;
use serde_json::{Value, json};
use vendor_http::{Effect, ErrorKind, VendorError};

use super::server::{Reply, Server, http};

fn sendgrid(server: &Server) -> SendGrid {
    let key = SecretString::from("SG.s3cret");
    SendGrid::new(&http(), Settings { base_url: server.base_url(), key, limit: None }).unwrap()
}

async fn send(server: &Server) -> Result<Accepted, VendorError> {
    let (desk, ada): (EmailAddress, EmailAddress) =
        ("desk@space.example".parse().unwrap(), "ada@example.org".parse().unwrap());
    let mail = Mail {
        from: Mailbox { email: &desk, name: None },
        reply_to: None,
        to: Mailbox { email: &ada, name: None },
        subject: "Your booking",
        text: "Room 4 is yours",
        html: None,
        attachments: &[],
        custom_args: &[("message", "m-1")],
        categories: &[],
    };
    sendgrid(server).send(&mail).await
}

fn refusal(field: &str) -> Value {
    json!({"errors": [{"message": "no ada@example.org", "field": field}]})
}

#[tokio::test]
async fn a_mail_is_sent_with_the_key_and_gets_an_id() {
    let server = Server::start(|_| Reply::new(202, "").with_header("X-Message-Id", "m1")).await;
    assert_eq!(send(&server).await.unwrap(), Accepted { message_id: Some("m1".to_owned()) });
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /v3/mail/send");
    assert_eq!(request.headers["authorization"], "Bearer SG.s3cret");
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["personalizations"][0]["custom_args"]["message"], "m-1");
}

#[tokio::test]
async fn a_mail_that_is_taken_without_an_id_is_taken() {
    let server = Server::start(|_| Reply::new(200, "")).await;
    assert_eq!(send(&server).await.unwrap(), Accepted { message_id: None });
}

#[tokio::test]
async fn a_mail_whose_answer_is_lost_is_not_sent_twice() {
    let server = Server::start(|_| Reply::new(500, "<html>")).await;
    let error = send(&server).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_mail_that_came_too_soon_is_sent_again() {
    let tries = AtomicU8::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::new(429, json!({"errors": [{"field": null, "message": "too many requests"}]}))
            .with_header("X-RateLimit-Reset", "1"),
        _ => Reply::new(202, ""),
    })
    .await;
    send(&server).await.unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn refusals_say_what_is_wrong_without_the_address() {
    for (status, field, reason) in [
        (400, "personalizations.0.to.0.email", Reason::Recipient),
        (400, "from.email", Reason::Sender),
        (403, "from", Reason::Sender),
        (413, "", Reason::TooLarge),
        (400, "subject", Reason::Other),
    ] {
        let server = Server::start(move |_| Reply::new(status, refusal(field))).await;
        let error = send(&server).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Rejected, Effect::None));
        assert_eq!((Reason::of(&error), error.message()), (reason, Some("no [address]")));
    }
}

#[tokio::test]
async fn a_key_says_whether_it_may_send() {
    let server = Server::start(|_| Reply::new(200, json!({"scopes": ["mail.send", "alerts.read"]}))).await;
    assert!(sendgrid(&server).check_key().await.unwrap().can_send);
    assert_eq!(server.requests()[0].line, "GET /v3/scopes");
    let server = Server::start(|_| Reply::new(200, json!({"scopes": ["alerts.read"]}))).await;
    assert!(!sendgrid(&server).check_key().await.unwrap().can_send);
}

#[tokio::test]
async fn a_bad_key_is_unauthorized_and_shows_nowhere() {
    let server = Server::start(|_| Reply::new(401, refusal("null"))).await;
    let client = sendgrid(&server);
    let error = client.check_key().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(!format!("{error:?} {client:?}").contains("s3cret"));
    let settings = Settings { base_url: server.base_url(), key: SecretString::from("a\nb"), limit: None };
    assert_eq!(SendGrid::new(&http(), settings).unwrap_err(), CredentialUnusable);
}
