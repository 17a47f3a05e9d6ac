//! The Shelly twin.

use std::fmt::Write as _;

use http::{Method, StatusCode};
use sandbox::boards::{Device, Shelly, ShellyChannel};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{board, client, closed_ms, pass};
use crate::harness::{Client, within};

const DEVICE: &str = "shellypro2-aabbccddeeff";

fn hex(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// The header that answers a challenge (RFC 7616).
fn proof(password: &str, method: &Method, uri: &str, nonce: &str) -> String {
    let (nc, cnonce) = ("00000001", "0a1b2c3d");
    let secret = hex(&format!("admin:{DEVICE}:{password}"));
    let response = hex(&format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{}", hex(&format!("{method}:{uri}"))));
    format!(
        "Digest username=\"admin\", realm=\"{DEVICE}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=SHA-256, \
         qop=auth, nc={nc}, cnonce=\"{cnonce}\", response=\"{response}\""
    )
}

/// The nonce of a challenge.
async fn nonce(client: &Client) -> String {
    let challenge = client.get("/rpc/Shelly.GetStatus").await;
    assert_eq!(challenge.status, StatusCode::UNAUTHORIZED);
    let header = challenge.header("www-authenticate").unwrap().to_owned();
    assert!(header.contains("qop=\"auth\"") && header.contains(DEVICE), "{header}");
    header.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[test]
fn the_vendor_documents_test_vector_is_met() {
    let header = proof("door-pass", &Method::POST, "/rpc/Switch.Set", "1767225600");
    assert!(header.contains("20f00c21615671042afbae33ed577916f9b85d5bb2da8e565f051b8433b3c634"), "{header}");
}

#[tokio::test]
async fn a_relay_is_closed_for_as_long_as_asked() {
    let (running, board) = board(Device::Shelly(Shelly::default())).await;
    let client = client(&board);
    let set = client.post("/rpc/Switch.Set", json!({ "id": 0, "on": true, "toggle_after": 3 })).await;
    assert_eq!(set.json(), json!({ "was_on": false }));
    assert_eq!(set.header("connection"), Some("close"));
    pass(&running, 1_000);
    let status = client.get("/rpc/Switch.GetStatus?id=0").await.json();
    assert_eq!((&status["output"], &status["timer_duration"]), (&json!(true), &json!(3.0)));
    pass(&running, 60_000);
    assert_eq!(closed_ms(&board, 0), [Some(3_000)]);
    assert_eq!(client.get("/rpc/Switch.GetStatus?id=0").await.json()["output"], false);
}

#[tokio::test]
async fn another_set_restarts_the_timer_and_off_ends_it() {
    let (running, board) = board(Device::Shelly(Shelly::default())).await;
    let client = client(&board);
    let on = json!({ "id": 1, "on": true, "toggle_after": 3 });
    client.post("/rpc/Switch.Set", on.clone()).await;
    pass(&running, 2_000);
    assert_eq!(client.post("/rpc/Switch.Set", on).await.json(), json!({ "was_on": true }));
    pass(&running, 2_000);
    client.get("/rpc/Switch.Set?id=1&on=false").await;
    assert_eq!(closed_ms(&board, 1), [Some(4_000)]);
}

#[tokio::test]
async fn auto_off_ends_what_has_no_timer() {
    let door = Shelly { channels: vec![ShellyChannel::of_a_door(10.0)], ..Shelly::default() };
    let (running, board) = board(Device::Shelly(door)).await;
    client(&board).post("/rpc/Switch.Set", json!({ "id": 0, "on": true })).await;
    pass(&running, 60_000);
    assert_eq!(closed_ms(&board, 0), [Some(10_000)]);
}

#[tokio::test]
async fn it_starts_as_its_configuration_says() {
    for (initial_state, was_on, is_input_on, starts_on) in [
        ("off", true, true, false),
        ("on", false, false, true),
        ("restore_last", true, false, true),
        ("restore_last", false, false, false),
        ("match_input", false, true, true),
        ("match_input", true, false, false),
    ] {
        let config = ShellyChannel { initial_state: initial_state.to_owned(), ..ShellyChannel::default() };
        let shelly = Shelly { channels: vec![config], ..Shelly::default() };
        let (_running, board) = board(Device::Shelly(shelly)).await;
        board.set_locally(0, was_on);
        board.set_input(0, is_input_on);
        board.power_cycle();
        assert_eq!(board.is_closed(0), starts_on, "{initial_state} {was_on} {is_input_on}");
    }
}

#[tokio::test]
async fn errors_have_a_status_by_path_and_none_in_a_frame() {
    let (_running, board) = board(Device::Shelly(Shelly::default())).await;
    let client = client(&board);
    for (method, params, status, code) in [
        ("Switch.Set", json!({ "id": 7, "on": true }), 500, -105),
        ("Switch.Set", json!({ "id": 0 }), 500, -103),
        ("Switch.Set", json!({ "id": 0, "on": true, "toggle_after": 0 }), 500, -103),
        ("Door.Open", json!({}), 404, 404),
    ] {
        let by_path = client.post(&format!("/rpc/{method}"), params.clone()).await;
        assert_eq!((by_path.status.as_u16(), &by_path.json()["code"]), (status, &json!(code)), "{method}");
        let frame = json!({ "id": 5, "src": "test", "method": method, "params": params });
        let framed = client.post("/rpc", frame).await;
        assert_eq!((framed.status, &framed.json()["id"]), (StatusCode::OK, &json!(5)));
        assert_eq!(framed.json()["error"]["code"], code, "{method}");
    }
    assert_eq!(board.closures(0), []);
}

#[tokio::test]
async fn the_whole_device_is_described() {
    let (_running, board) = board(Device::Shelly(Shelly::default())).await;
    board.set_input(1, true);
    let client = client(&board);
    let info = client.get("/shelly").await.json();
    assert_eq!((&info["id"], &info["gen"], &info["auth_en"]), (&json!(DEVICE), &json!(2), &json!(false)));
    assert_eq!(client.get("/rpc/Shelly.GetDeviceInfo").await.json(), info);
    let status = client.get("/rpc/Shelly.GetStatus").await.json();
    assert_eq!(status["switch:1"]["output"], false);
    assert_eq!(status["input:1"], json!({ "id": 1, "state": true }));
    assert!(status.get("switch:2").is_none());
    let methods = client.get("/rpc/Shelly.ListMethods").await.json();
    assert!(methods["methods"].as_array().unwrap().contains(&json!("Switch.Set")));
    let config = client.get("/rpc/Switch.GetConfig?id=0").await.json();
    assert_eq!((&config["in_mode"], &config["initial_state"]), (&json!("follow"), &json!("match_input")));
}

#[tokio::test]
async fn a_password_is_proven_by_a_digest_that_grows_stale() {
    let shelly = Shelly { password: Some("door-pass".to_owned()), ..Shelly::default() };
    let (running, board) = board(Device::Shelly(shelly)).await;
    let client = client(&board);
    assert_eq!(client.get("/shelly").await.json()["auth_en"], true);
    assert_eq!(client.get("/rpc/Shelly.GetDeviceInfo").await.status, StatusCode::OK);
    let nonce = nonce(&client).await;
    let uri = "/rpc/Switch.GetStatus?id=0";
    let ask = async |password: &str, signed: &str| {
        let header = proof(password, &Method::GET, signed, &nonce);
        client.authorized(header).get(uri).await.status
    };
    assert_eq!(ask("door-pass", uri).await, StatusCode::OK);
    assert_eq!(ask("wrong", uri).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("door-pass", "/rpc/Switch.GetStatus?id=1").await, StatusCode::UNAUTHORIZED);
    pass(&running, 60_000);
    assert_eq!(ask("door-pass", uri).await, StatusCode::UNAUTHORIZED, "the nonce is stale");
}

#[tokio::test]
async fn a_seventh_connection_is_closed_and_a_connection_serves_one_request() {
    let (_running, board) = board(Device::Shelly(Shelly::default())).await;
    let mut open = Vec::new();
    for _ in 0..6 {
        let mut stream = TcpStream::connect(board.address()).await.unwrap();
        stream.write_all(b"GET /shelly HTTP/1.1\r\n").await.unwrap();
        open.push(stream);
    }
    let mut seventh = TcpStream::connect(board.address()).await.unwrap();
    let mut nothing = Vec::new();
    // A reset is as good as an end.
    within(seventh.read_to_end(&mut nothing)).await.ok();
    assert!(nothing.is_empty());
    let mut first = open.remove(0);
    first.write_all(b"host: front\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    within(first.read_to_end(&mut answer)).await.unwrap();
    assert!(String::from_utf8(answer).unwrap().starts_with("HTTP/1.1 200"), "answered, and then closed");
}
