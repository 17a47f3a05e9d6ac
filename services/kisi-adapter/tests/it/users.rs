//! Users: found by their very address, made without mail, deleted once.

use domain::contact::EmailAddress;
use kisi_adapter::vendor::wire::UserId;
use kisi_adapter::vendor::{NewUser, may_exist_already};
use serde_json::json;
use vendor_http::{Effect, ErrorKind};

use crate::server::{Reply, Server};

fn ada() -> EmailAddress {
    "ada+desk@example.org".parse().unwrap()
}

#[tokio::test]
async fn look_alikes_are_not_taken_for_the_person() {
    let rows =
        [json!({"id": 5, "email": "ada@example.org"}), json!({"id": 6, "email": "ADA+desk@example.org "})];
    let server = Server::start(move |request| Reply::page(&rows, request)).await;
    let found = server.account().find_user_by_email(&ada()).await.unwrap().unwrap();
    assert_eq!(found.id, UserId(6));
    let query = &server.requests()[0].query;
    assert_eq!((query["email"].as_str(), query["limit"].as_str()), ("ada+desk@example.org", "100"));
}

#[tokio::test]
async fn nobody_is_found_where_nobody_is() {
    let server = Server::start(|request| Reply::page(&[], request)).await;
    assert_eq!(server.account().find_user_by_email(&ada()).await.unwrap(), None);
}

#[tokio::test]
async fn a_managed_user_is_made_with_its_mark() {
    let server = Server::start(|request| {
        let mut user = request.body["user"].clone();
        user["id"] = 5512.into();
        Reply::json(&user)
    })
    .await;
    let email = ada();
    let new = NewUser { email: &email, name: "Ada", notes: "latchkey", metadata: &[("person", "p-81")] };
    let user = server.account().create_managed_user(&new).await.unwrap();
    assert_eq!((user.id, user.notes.as_deref()), (UserId(5512), Some("latchkey")));
    assert_eq!(user.metadata["person"], "p-81");
    let sent = &server.requests()[0];
    assert_eq!(sent.line, "POST /users");
    assert_eq!(
        (&sent.body["user"]["send_emails"], &sent.body["user"]["confirm"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn an_address_that_is_taken_may_exist_already_and_is_not_tried_again() {
    let answers = [
        (409, json!({"code": "000409", "error": "The record already exists"})),
        (422, json!({"errors": {"email": ["has already been taken"]}})),
    ];
    for (status, body) in answers {
        let server = Server::start(move |_| Reply::error(status, &body)).await;
        let email = ada();
        let new = NewUser { email: &email, name: "Ada", notes: "", metadata: &[] };
        let error = server.account().create_managed_user(&new).await.unwrap_err();
        let error = error.vendor().unwrap();
        assert!(may_exist_already(error));
        assert_eq!((error.effect, server.requests().len()), (Effect::None, 1));
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_not_sent_twice() {
    let server = Server::start(|_| Reply::error(502, &json!("<html>"))).await;
    let email = ada();
    let new = NewUser { email: &email, name: "Ada", notes: "", metadata: &[] };
    let error = server.account().create_managed_user(&new).await.unwrap_err();
    let error = error.vendor().unwrap();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_user_is_suspended_and_the_call_repeated_until_it_is_heard() {
    let server = Server::start({
        let tries = std::sync::atomic::AtomicU8::new(0);
        move |_| match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::error(500, &json!({"code": "ffffff", "error": "unexpected"})),
            _ => Reply::no_content(),
        }
    })
    .await;
    server.account().set_access_enabled(UserId(5512), false).await.unwrap();
    assert_eq!(server.lines(), ["PATCH /users/5512", "PATCH /users/5512"]);
    assert_eq!(server.requests()[0].body, json!({"user": {"access_enabled": false}}));
}

#[tokio::test]
async fn a_user_who_is_gone_is_absent_and_deleting_them_again_is_fine() {
    let server = Server::start(|_| Reply::error(404, &json!({"code": "000404", "error": "gone"}))).await;
    let account = server.account();
    assert_eq!(account.find_user(UserId(5512)).await.unwrap(), None);
    account.delete_user(UserId(5512)).await.unwrap();
    assert_eq!(server.lines(), ["GET /users/5512", "DELETE /users/5512"]);
}

#[tokio::test]
async fn a_user_that_kisi_will_not_delete_is_an_error() {
    let server = Server::start(|_| Reply::error(422, &json!({"errors": {"base": ["is the owner"]}}))).await;
    let error = server.account().delete_user(UserId(1)).await.unwrap_err();
    assert_eq!(error.vendor().unwrap().message(), Some("base: is the owner"));
}
