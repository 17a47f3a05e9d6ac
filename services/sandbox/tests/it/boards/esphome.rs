//! The ESPHome twin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use sandbox::boards::{Device, EspHome};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{board, client, closed_ms, pass};
use crate::harness::{Client, within};

/// Posts as the web server wants it: with a length.
async fn post(client: &Client, path: &str) -> StatusCode {
    client.send(Method::POST, path, Some(String::new())).await.unwrap().status
}

#[tokio::test]
async fn a_pulse_is_as_long_as_the_number_says() {
    let (running, board) = board(Device::EspHome(EspHome::default())).await;
    let client = client(&board);
    assert_eq!(post(&client, "/number/Door%201%20ms/set?value=1500").await, StatusCode::OK);
    assert_eq!(post(&client, "/switch/Door%201/turn_on").await, StatusCode::OK);
    let shown = client.get("/switch/Door%201").await.json();
    assert_eq!(shown, json!({ "id": "switch/Door 1", "state": "ON", "value": true }));
    pass(&running, 60_000);
    assert_eq!(closed_ms(&board, 0), [Some(1_500)]);
}

#[tokio::test]
async fn a_switch_that_is_on_is_renewed_by_the_button_alone() {
    let (running, board) = board(Device::EspHome(EspHome::default())).await;
    let client = client(&board);
    for renewal in ["/switch/Door%201/turn_on", "/button/Door%201%20pulse/press"] {
        post(&client, "/switch/Door%201/turn_on").await;
        pass(&running, 2_000);
        post(&client, renewal).await;
        pass(&running, 60_000);
    }
    assert_eq!(closed_ms(&board, 0), [Some(3_000), Some(5_000)]);
}

#[tokio::test]
async fn yes_is_said_before_it_is_done() {
    let (running, board) = board(Device::EspHome(EspHome { delay_ms: 200, ..EspHome::default() })).await;
    assert_eq!(post(&client(&board), "/switch/Door%202/turn_on").await, StatusCode::OK);
    assert!(!board.is_closed(1));
    pass(&running, 200);
    assert!(board.is_closed(1));
}

#[tokio::test]
async fn entities_are_known_by_name_and_only_earlier_by_object_id() {
    for (knows_object_ids, status) in [(true, StatusCode::OK), (false, StatusCode::NOT_FOUND)] {
        let node = EspHome { knows_object_ids, ..EspHome::default() };
        let (_running, board) = board(Device::EspHome(node)).await;
        assert_eq!(client(&board).get("/switch/door_1").await.status, status);
        assert_eq!(client(&board).get("/switch/Door%201").await.status, StatusCode::OK);
        assert_eq!(post(&client(&board), "/switch/Door%201/open").await, StatusCode::NOT_FOUND);
        assert_eq!(client(&board).get("/switch/Door%203").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_post_has_a_length() {
    let (_running, board) = board(Device::EspHome(EspHome::default())).await;
    let mut stream = TcpStream::connect(board.address()).await.unwrap();
    stream.write_all(b"POST /switch/Door%201/turn_on HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    assert!(String::from_utf8(answer).unwrap().starts_with("HTTP/1.1 411"));
    assert_eq!(board.closures(0), []);
}

#[tokio::test]
async fn a_login_is_asked_for() {
    let login = Some(("admin".to_owned(), "door-pass".to_owned()));
    let (_running, board) = board(Device::EspHome(EspHome { login, ..EspHome::default() })).await;
    let refused = client(&board).get("/switch/Door%201").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"Login Required\""));
    let known = format!("Basic {}", STANDARD.encode("admin:door-pass"));
    assert_eq!(client(&board).authorized(known).get("/switch/Door%201").await.status, StatusCode::OK);
}
