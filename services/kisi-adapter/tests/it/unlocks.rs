//! Unlocking on demand.

use kisi_adapter::vendor::Reason;
use kisi_adapter::vendor::wire::LockId;
use serde_json::json;
use vendor_http::{CircuitState, Effect, ErrorKind};

use crate::server::{Reply, Server};

#[tokio::test]
async fn an_unlock_is_one_call_without_a_body() {
    let server = Server::start(|_| Reply::json(&json!({"message": "Unlocked!"}))).await;
    server.account().unlock(LockId(4401)).await.unwrap();
    assert_eq!(server.lines(), ["POST /locks/4401/unlock"]);
    assert_eq!(server.requests()[0].body, json!(null));
}

#[tokio::test]
async fn a_refusal_names_its_reason() {
    let server = Server::start(|_| Reply::error(403, &json!({"code": "fad001", "error": "lockdown"}))).await;
    let error = server.account().unlock(LockId(4401)).await.unwrap_err();
    let error = error.vendor().unwrap();
    assert_eq!((error.kind, error.effect), (ErrorKind::Rejected, Effect::None));
    assert_eq!(Reason::of(error), Reason::LockedDown);
}

#[tokio::test]
async fn an_offline_door_is_tried_once_and_never_cuts_the_account_off() {
    let server = Server::start(|_| Reply::error(503, &json!({"code": "fac001", "error": "offline"}))).await;
    let account = server.account();
    for _ in 0..9 {
        let error = account.unlock(LockId(4401)).await.unwrap_err();
        let error = error.vendor().unwrap();
        assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
        assert_eq!(Reason::of(error), Reason::DoorUnreachable);
    }
    assert_eq!((account.circuit(), server.requests().len()), (CircuitState::Closed, 9));
}
