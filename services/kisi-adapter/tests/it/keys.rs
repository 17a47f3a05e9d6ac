//! Checking a key, and what is sent with each call.

use kisi_adapter::vendor::wire::{OrganizationId, UserId};
use kisi_adapter::vendor::{Error, account_key_of_owner};
use secrecy::SecretString;
use serde_json::json;
use vendor_http::{AccountKey, ErrorKind};

use crate::server::{Reply, Server};

#[tokio::test]
async fn a_good_key_names_its_organization_and_owner_and_is_sent_as_kisi_wants_it() {
    let user = json!({"id": 1, "organization_id": 9, "organization": {"id": 9, "name": "Space Nine"}});
    let server = Server::start(move |_| Reply::json(&user)).await;
    let check = server.account().check_key().await.unwrap();
    assert_eq!((check.organization, check.owner), (OrganizationId(9), UserId(1)));
    assert_eq!(account_key_of_owner(check.owner).as_str(), "user-1");
    let request = &server.requests()[0];
    assert_eq!(request.line, "GET /user");
    for (header, value) in [
        ("authorization", "KISI-LOGIN s3cret"),
        ("accept", "application/json"),
        ("x-kisi-integration-identifier", "latchkey"),
        ("x-kisi-integration-contact", "ops@latchkey.example"),
    ] {
        assert_eq!(request.headers[header], value);
    }
}

#[tokio::test]
async fn a_bad_key_is_unauthorized_and_shows_nowhere() {
    let server = Server::start(|_| Reply::error(401, &json!({"code": "000401", "error": "no"}))).await;
    let account = server.account();
    let error = account.check_key().await.unwrap_err();
    assert_eq!(error.vendor().unwrap().kind, ErrorKind::Unauthorized);
    assert!(!format!("{error:?} {account:?} {:?}", server.kisi()).contains("s3cret"));
}

#[tokio::test]
async fn a_user_without_an_organization_is_an_unexpected_answer() {
    let server = Server::start(|_| Reply::json(&json!({"id": 1}))).await;
    let error = server.account().check_key().await.unwrap_err();
    assert_eq!(error.vendor().unwrap().kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused_before_anything_is_sent() {
    let server = Server::start(|_| Reply::no_content()).await;
    let error = server.kisi().account(&SecretString::from("a\nb"), AccountKey::new("x")).unwrap_err();
    assert!(matches!(error, Error::KeyUnusable));
}
