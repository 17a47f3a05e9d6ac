//! The Tasmota twin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use sandbox::boards::{Board, Device, Tasmota};
use serde_json::{Value, json};

use super::{board, client, closed_ms, pass};
use crate::harness::Client;

fn lenient() -> Tasmota {
    Tasmota { checks_referer: false, ..Tasmota::default() }
}

async fn command(client: &Client, line: &str) -> Value {
    client.get(&format!("/cm?cmnd={}", line.replace(' ', "%20"))).await.json()
}

fn power(board: &Board) -> [bool; 2] {
    [board.is_closed(0), board.is_closed(1)]
}

#[tokio::test]
async fn pulse_time_opens_a_relay_and_power_restarts_it() {
    let (running, board) = board(Device::Tasmota(lenient())).await;
    let client = client(&board);
    for (units, ms) in [(1, 100), (30, 3_000), (111, 11_100), (112, 12_000), (160, 60_000)] {
        let set = command(&client, &format!("PulseTime1 {units}")).await;
        assert_eq!(set, json!({ "PulseTime1": { "Set": units, "Remaining": 0 } }));
        assert_eq!(command(&client, "Power1 ON").await, json!({ "POWER1": "ON" }));
        pass(&running, 120_000);
        assert_eq!(closed_ms(&board, 0).pop(), Some(Some(ms)), "{units}");
    }
    command(&client, "PulseTime1 30").await;
    command(&client, "Power1 ON").await;
    pass(&running, 2_000);
    assert_eq!(command(&client, "PulseTime1").await["PulseTime1"]["Remaining"], 10);
    command(&client, "Power1 1").await;
    pass(&running, 2_000);
    assert_eq!(command(&client, "Power1 OFF").await, json!({ "POWER1": "OFF" }));
    assert_eq!(closed_ms(&board, 0).pop(), Some(Some(4_000)));
}

#[tokio::test]
async fn without_pulse_time_it_stays_as_it_is() {
    let (running, board) = board(Device::Tasmota(lenient())).await;
    command(&client(&board), "Power0 ON").await;
    pass(&running, 3_600_000);
    assert_eq!(power(&board), [true, true]);
    assert_eq!(command(&client(&board), "Power2 TOGGLE").await, json!({ "POWER2": "OFF" }));
    let state = command(&client(&board), "State").await;
    assert_eq!((&state["POWER1"], &state["POWER2"]), (&json!("ON"), &json!("OFF")));
}

#[tokio::test]
async fn after_a_loss_of_power_it_is_as_power_on_state_says() {
    for (state, keeps, starts_on) in [(3, 1, true), (3, 0, false), (0, 1, false), (1, 0, true)] {
        let tasmota = Tasmota { power_on_state: state, options: [(0, keeps)].into(), ..lenient() };
        let (_running, board) = board(Device::Tasmota(tasmota)).await;
        command(&client(&board), "Power1 ON").await;
        board.power_cycle();
        assert_eq!(board.is_closed(0), starts_on, "PowerOnState {state}, SetOption0 {keeps}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_its_own_is_not_answered_at_all() {
    let (_running, board) = board(Device::Tasmota(Tasmota::default())).await;
    let client = client(&board);
    client.send(Method::GET, "/cm?cmnd=State", None).await.unwrap_err();
    let http = reqwest::Client::builder().build().unwrap();
    let url = format!("http://{}/cm?cmnd=State", board.address());
    let asked = http.get(&url).header("referer", "http://127.0.0.1/").send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::OK);
    http.get(&url).header("referer", "http://elsewhere/").send().await.unwrap_err();
}

#[tokio::test]
async fn a_password_comes_as_header_or_in_the_query() {
    for (refuses_with_200, refused) in [(false, StatusCode::UNAUTHORIZED), (true, StatusCode::OK)] {
        let password = Some("door-pass".to_owned());
        let tasmota = Tasmota { password, refuses_with_200, ..lenient() };
        let (_running, board) = board(Device::Tasmota(tasmota)).await;
        let basic = |word: &str| {
            let word = STANDARD.encode(format!("admin:{word}"));
            client(&board).authorized(format!("Basic {word}"))
        };
        assert_eq!(command(&basic("door-pass"), "Power1").await, json!({ "POWER1": "OFF" }));
        let by_query = "/cm?user=admin&password=door-pass&cmnd=Power1";
        assert_eq!(client(&board).get(by_query).await.json(), json!({ "POWER1": "OFF" }));
        let wrong = basic("wrong").get("/cm?cmnd=Power1%20ON").await;
        assert_eq!(wrong.status, refused);
        assert_eq!(wrong.json()["WARNING"], "Need user=<username>&password=<password>");
        assert!(!board.is_closed(0));
    }
}

#[tokio::test]
async fn what_it_does_not_know_has_status_200() {
    let (_running, board) = board(Device::Tasmota(lenient())).await;
    let client = client(&board);
    for line in ["Open", "Power9 ON", "Power1 PERHAPS", "PulseTime1 64901"] {
        assert_eq!(command(&client, line).await, json!({ "Command": "Unknown" }), "{line}");
    }
    assert!(client.get("/cm").await.json()["WARNING"].is_string());
    let Device::Tasmota(tasmota) = board.device() else { panic!("it is a Tasmota") };
    board.configure(|device| *device = Device::Tasmota(Tasmota { answers_nothing: true, ..tasmota }));
    assert_eq!(command(&client, "Power1 ON").await, json!({}));
    assert!(board.is_closed(0), "done all the same");
}
