//! Lists are whole, or an error.

use std::sync::atomic::{AtomicUsize, Ordering};

use kisi_adapter::vendor::Error;
use kisi_adapter::vendor::wire::{LockId, PlaceId};
use serde_json::{Value, json};

use crate::server::{Reply, Server};

fn places(count: usize) -> Vec<Value> {
    (0..count).map(|id| json!({"id": id, "name": format!("Place {id}"), "surprise": []})).collect()
}

#[tokio::test]
async fn all_pages_are_read() {
    let rows = places(501);
    let server = Server::start(move |request| Reply::page(&rows, request)).await;
    assert_eq!(server.account().list_places().await.unwrap().len(), 501);
    let offsets: Vec<_> = server.requests().iter().map(|request| request.query["offset"].clone()).collect();
    assert_eq!(offsets, ["0", "250", "500"]);
}

#[tokio::test]
async fn a_list_without_the_header_ends_with_a_short_page() {
    let rows = places(251);
    let server = Server::start(move |request| Reply::page(&rows, request).without_range()).await;
    assert_eq!(server.account().list_places().await.unwrap().len(), 251);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_empty_list_is_empty() {
    let server = Server::start(|request| Reply::page(&[], request)).await;
    assert_eq!(server.account().list_locks(Some(PlaceId(31))).await.unwrap(), []);
    assert_eq!(server.requests()[0].query["place_id"], "31");
}

#[tokio::test]
async fn a_list_that_moves_is_read_again() {
    let reads = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let gone = usize::from(reads.fetch_add(1, Ordering::SeqCst) > 0);
        Reply::page(&places(300)[gone..], request)
    })
    .await;
    let places = server.account().list_places().await.unwrap();
    assert_eq!((places.len(), places[0].id), (299, PlaceId(1)));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_list_that_never_rests_is_an_error() {
    let reads = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        Reply::page(&places(300 + reads.fetch_add(1, Ordering::SeqCst)), request)
    })
    .await;
    let error = server.account().list_places().await.unwrap_err();
    assert!(matches!(error, Error::ListIncomplete { template: "/places", seen: 301.. }), "{error}");
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_list() {
    let rows = places(300);
    let server = Server::start(move |request| match request.query["offset"].as_str() {
        "0" => Reply::page(&rows, request),
        _ => Reply::error(403, &json!({"code": "000403", "error": "no"})),
    })
    .await;
    let error = server.account().list_places().await.unwrap_err();
    assert_eq!(error.vendor().unwrap().status(), Some(403));
}

#[tokio::test]
async fn locks_say_whether_they_can_be_opened() {
    let rows = [
        json!({"id": 4401, "name": "Room 4", "place_id": 31, "configured": true, "online": null,
            "locked_down": false, "reader_restriction_enabled": true}),
        json!({"id": 4402, "name": "Hall", "place_id": 31, "configured": false, "online": false,
            "locked_down": true}),
    ];
    let server = Server::start(move |request| Reply::page(&rows, request)).await;
    let locks = server.account().list_locks(None).await.unwrap();
    assert_eq!((locks[0].id, locks[0].online), (LockId(4401), None));
    assert!(locks[0].configured && locks[0].reader_restriction_enabled && !locks[0].locked_down);
    assert!(!locks[1].configured && locks[1].locked_down && locks[1].online == Some(false));
}
