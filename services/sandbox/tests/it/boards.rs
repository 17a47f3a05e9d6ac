//! The relay boards, as their clients see them.

mod esphome;
mod modbus;
mod shelly;
mod tasmota;

use std::sync::Arc;

use chrono::TimeDelta;
use sandbox::boards::{Board, Device, NewBoard, Shelly, ShellyChannel};
use sandbox::{Action, Config, Fault, Vendor};
use serde_json::json;

use crate::harness::{Client, Running, START};

/// A sandbox with one board.
async fn board(device: Device) -> (Running, Arc<Board>) {
    let running = Running::start(Config::default()).await;
    let board = running.sandbox.boards().add(NewBoard::new("front", device)).await.unwrap();
    (running, board)
}

fn client(board: &Board) -> Client {
    Client::new(format!("http://{}", board.address()))
}

/// For how many milliseconds the relay was closed each time; none: it is closed still.
fn closed_ms(board: &Board, channel: usize) -> Vec<Option<i64>> {
    let closures = board.closures(channel);
    let ms = |it: &sandbox::boards::Closure| it.opened_at.map(|at| (at - it.closed_at).num_milliseconds());
    closures.iter().map(ms).collect()
}

fn pass(running: &Running, ms: i64) {
    running.clock.advance(TimeDelta::milliseconds(ms));
}

#[tokio::test]
async fn faults_strike_a_board_by_its_name_and_requests_are_logged() {
    let (running, front) = board(Device::Shelly(Shelly::default())).await;
    let back = NewBoard::new("back", Device::Shelly(Shelly::default()));
    let back = running.sandbox.boards().add(back).await.unwrap();
    let lost = Fault::on(Vendor::Boards, Action::DropAfterEffect).account("front").times(1);
    running.sandbox.faults().add(lost).unwrap();
    let on = json!({ "id": 0, "on": true, "toggle_after": 3 });
    assert_eq!(client(&back).post("/rpc/Switch.Set", on.clone()).await.status, 200);
    let lost = client(&front).send(http::Method::POST, "/rpc/Switch.Set", Some(on.to_string())).await;
    lost.unwrap_err();
    assert!(front.is_closed(0), "the relay closed all the same");
    let log = running.sandbox.requests().of(Vendor::Boards);
    let log: Vec<_> = log.iter().map(|it| (it.account.as_deref(), it.path.as_str(), it.status)).collect();
    assert_eq!(log, [(Some("back"), "/rpc/Switch.Set", Some(200)), (Some("front"), "/rpc/Switch.Set", None)]);
}

#[tokio::test]
async fn without_power_nobody_answers_and_the_contact_falls_open() {
    let (running, board) = board(Device::Shelly(Shelly::default())).await;
    client(&board).post("/rpc/Switch.Set", json!({ "id": 0, "on": true, "toggle_after": 10 })).await;
    pass(&running, 2_000);
    board.set_power(false);
    assert_eq!(closed_ms(&board, 0), [Some(2_000)]);
    client(&board).send(http::Method::GET, "/shelly", None).await.unwrap_err();
    board.set_power(true);
    pass(&running, 60_000);
    assert_eq!(client(&board).get("/shelly").await.status, 200);
    assert_eq!(closed_ms(&board, 0), [Some(2_000)], "not closed again");
}

#[tokio::test]
async fn boards_come_over_the_control_api_and_are_worked_at() {
    let running = Running::start(Config::default()).await;
    let control = running.client();
    let new = json!({ "name": "gate", "channels": 1, "device": { "kind": "modbus", "framing": "tcp" } });
    let put = control.put("/_control/boards", new).await;
    assert_eq!(put.status, 200, "{}", put.text);
    control.post("/_control/boards/gate/channels/0", json!({ "closed": true })).await;
    pass(&running, 500);
    control.post("/_control/boards/gate/power", json!({ "power": "cycle" })).await;
    let shown = control.get("/_control/boards/gate").await.json();
    let closure = json!({ "closed_at": START, "opened_at": "2026-12-01T08:00:00.500Z" });
    assert_eq!(shown["channels"], json!([{ "is_closed": false, "closures": [closure] }]));
    control.post("/_control/boards/gate/channels/0", json!({ "welded": true })).await;
    control.post("/_control/boards/gate/channels/0", json!({ "closed": true })).await;
    control.post("/_control/boards/gate/channels/0", json!({ "closed": false })).await;
    assert_eq!(control.get("/_control/boards/gate").await.json()["channels"][0]["is_closed"], true);
    assert_eq!(control.get("/_control/boards/none").await.status, 404);
}

#[tokio::test]
async fn settings_survive_a_restart_and_closed_contacts_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { state_file: Some(folder.path().join("state.json")), ..Config::default() };
    config.boards.boards = vec![NewBoard::new("front", Device::Shelly(Shelly::default()))];
    let running = Running::start(config.clone()).await;
    running.client().get("/_control/boards").await;
    let board = running.sandbox.boards().get("front").unwrap();
    let door = json!({ "id": 0, "config": { "auto_off": true, "auto_off_delay": 10.0 } });
    client(&board).post("/rpc/Switch.SetConfig", door).await;
    client(&board).post("/rpc/Switch.Set", json!({ "id": 0, "on": true })).await;
    running.stop().await.unwrap();

    let running = Running::start(config).await;
    running.client().get("/_control/boards").await;
    let board = running.sandbox.boards().get("front").unwrap();
    let Device::Shelly(shelly) = board.device() else { panic!("it is a Shelly") };
    let expected = ShellyChannel { auto_off: true, auto_off_delay: 10.0, ..ShellyChannel::default() };
    assert_eq!(shelly.channels, [expected]);
    assert!(!board.is_closed(0));
}
