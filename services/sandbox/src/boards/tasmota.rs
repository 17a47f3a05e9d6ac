//! A board with Tasmota (tasmota.github.io, Commands, PowerOnState; arendst/Tasmota, web server).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use chrono::TimeDelta;
use domain::Clock as _;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Board, Device};
use crate::{credentials, guard};

/// The only user there is.
const USER: &str = "admin";

/// A Tasmota's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tasmota {
    /// What it asks for, if anything.
    pub password: Option<String>,
    /// Whether it leaves requests unanswered that don't come from a page of its own: since 15.5.
    pub checks_referer: bool,
    /// Whether a wrong password has status 200: before 8.2.3.
    pub refuses_with_200: bool,
    /// Whether answers lack what was asked for, as when their log lines got lost.
    pub answers_nothing: bool,
    /// `PulseTime` of each relay; further ones have 0.
    pub pulse_times: Vec<u32>,
    /// `PowerOnState`: 0 off, 1 on, 3 as it was.
    pub power_on_state: u32,
    /// Options that were set, by number.
    pub options: std::collections::BTreeMap<u32, u32>,
    /// What the relays were before power was lost.
    pub last: Vec<bool>,
}

/// As it comes out of the box.
impl Default for Tasmota {
    fn default() -> Self {
        Self {
            password: None,
            checks_referer: true,
            refuses_with_200: false,
            answers_nothing: false,
            pulse_times: Vec::new(),
            power_on_state: 3,
            options: [(0, 1), (26, 0), (73, 0)].into(),
            last: Vec::new(),
        }
    }
}

impl Tasmota {
    /// As a door's relays must be, with so much of `PulseTime`.
    pub fn of_a_door(pulse_time: u32, channels: usize) -> Self {
        Self {
            pulse_times: vec![pulse_time; channels],
            power_on_state: 0,
            options: [(0, 0), (26, 0), (73, 1)].into(),
            ..Self::default()
        }
    }

    fn option(&self, number: u32) -> u32 {
        self.options.get(&number).copied().unwrap_or_default()
    }

    fn pulse_time(&self, channel: usize) -> u32 {
        self.pulse_times.get(channel).copied().unwrap_or_default()
    }

    fn opens_after(&self, channel: usize) -> Option<TimeDelta> {
        let units = i64::from(self.pulse_time(channel));
        match units {
            0 => None,
            1..=111 => Some(TimeDelta::milliseconds(units * 100)),
            _ => Some(TimeDelta::seconds(units - 100)),
        }
    }

    pub(super) fn at_start(&self, channel: usize) -> (bool, Option<TimeDelta>) {
        let was_closed = self.last.get(channel).copied().unwrap_or_default();
        let is_closed = match self.power_on_state {
            1 => true,
            3 => was_closed && self.option(0) == 1,
            _ => false,
        };
        (is_closed, self.opens_after(channel))
    }
}

/// Where commands come.
#[derive(Debug, Deserialize)]
struct Asked {
    cmnd: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

pub(super) fn router(board: Arc<Board>) -> Router {
    Router::new().route("/cm", get(command)).with_state(board)
}

async fn command(
    State(board): State<Arc<Board>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let Device::Tasmota(tasmota) = board.device() else { return StatusCode::NOT_FOUND.into_response() };
    if tasmota.checks_referer && tasmota.option(128) == 0 && !is_of_own_page(&headers) {
        return guard::dropped();
    }
    if let Some(password) = &tasmota.password {
        let given = credentials::basic(&headers).or(asked.user.zip(asked.password));
        if given.is_none_or(|(user, given)| user != USER || given != *password) {
            let refusal = json!({ "WARNING": "Need user=<username>&password=<password>" });
            let status = if tasmota.refuses_with_200 { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            return (status, Json(refusal)).into_response();
        }
    }
    let Some(line) = asked.cmnd.filter(|line| !line.trim().is_empty()) else {
        return Json(json!({ "WARNING": "Enter command cmnd=" })).into_response();
    };
    let answer = run(&board, &line);
    let answer = if tasmota.answers_nothing { json!({}) } else { answer };
    Json(answer).into_response()
}

fn is_of_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text(header::REFERER).strip_prefix("http://").is_some_and(|rest| {
        // Without the port: the board knows its address, not how it was called.
        let own = text(header::HOST).split(':').next().unwrap_or_default();
        rest.split(['/', ':']).next() == Some(own)
    })
}

/// One command: a name, perhaps with a number, and perhaps an argument.
fn run(board: &Board, line: &str) -> Value {
    let unknown = || json!({ "Command": "Unknown" });
    let (command, argument) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let digits = command.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let name = command[..command.len() - digits.len()].to_ascii_lowercase();
    let Ok(number) = (if digits.is_empty() { Ok(1) } else { digits.parse::<usize>() }) else {
        return unknown();
    };
    let argument = argument.trim();
    match name.as_str() {
        "power" => power(board, number, argument).unwrap_or_else(unknown),
        "pulsetime" => pulse_time(board, number, argument).unwrap_or_else(unknown),
        "poweronstate" => {
            let state = setting(board, argument, |tasmota| &mut tasmota.power_on_state);
            state.map_or_else(unknown, |state| json!({ "PowerOnState": state }))
        }
        "setoption" if !digits.is_empty() => {
            let option = u32::try_from(number).unwrap_or(u32::MAX);
            let state = setting(board, argument, |tasmota| tasmota.options.entry(option).or_default());
            let word = |state| if state == 1 { "ON".to_owned() } else { "OFF".to_owned() };
            state.map_or_else(unknown, |state| json!({ format!("SetOption{number}"): word(state) }))
        }
        "state" => {
            let mut answer = Map::from_iter([("Uptime".to_owned(), json!("0T01:18:31"))]);
            let state = board.lock();
            for (channel, contact) in state.contacts.iter().enumerate() {
                let key = power_key(&state.device, channel, state.contacts.len());
                answer.insert(key, json!(on_or_off(contact.is_closed())));
            }
            answer.into()
        }
        "status" => json!({ "StatusFWR": { "Version": "15.5.0(release-tasmota32)" } }),
        _ => unknown(),
    }
}

fn on_or_off(is_closed: bool) -> &'static str {
    if is_closed { "ON" } else { "OFF" }
}

/// The only relay has no number unless that is wished (SetOption26).
fn power_key(device: &Device, channel: usize, count: usize) -> String {
    let has_number = count > 1 || matches!(device, Device::Tasmota(tasmota) if tasmota.option(26) == 1);
    if has_number { format!("POWER{}", channel + 1) } else { "POWER".to_owned() }
}

fn power(board: &Board, number: usize, argument: &str) -> Option<Value> {
    let now = board.clock.now();
    let mut state = board.lock();
    let Device::Tasmota(tasmota) = state.device.clone() else { return None };
    let count = state.contacts.len();
    let channels = match number {
        0 => 0..count,
        number if number <= count => number - 1..number,
        _ => return None,
    };
    let mut answer = Map::new();
    for channel in channels {
        let contact = &mut state.contacts[channel];
        let wanted = match argument.to_ascii_lowercase().as_str() {
            "" => None,
            "0" | "off" => Some(false),
            "1" | "on" => Some(true),
            "2" | "toggle" => Some(!contact.is_closed()),
            _ => return None,
        };
        if let Some(is_closed) = wanted {
            let opens_after = tasmota.opens_after(channel).filter(|_| is_closed);
            contact.set(is_closed, opens_after, now);
        }
        let shown = on_or_off(contact.is_closed());
        answer.insert(power_key(&state.device, channel, count), json!(shown));
    }
    Some(answer.into())
}

fn pulse_time(board: &Board, number: usize, argument: &str) -> Option<Value> {
    let now = board.clock.now();
    let mut state = board.lock();
    let channel = number.checked_sub(1).filter(|channel| *channel < state.contacts.len())?;
    let remaining =
        state.contacts[channel].timer().map_or(0, |timer| (timer.ends_at - now).num_milliseconds() / 100);
    let Device::Tasmota(tasmota) = &mut state.device else { return None };
    if !argument.is_empty() {
        let wanted = argument.parse().ok().filter(|units| *units <= 64_900)?;
        if tasmota.pulse_times.len() <= channel {
            tasmota.pulse_times.resize(channel + 1, 0);
        }
        tasmota.pulse_times[channel] = wanted;
    }
    let shown = json!({ "Set": tasmota.pulse_time(channel), "Remaining": remaining });
    Some(json!({ format!("PulseTime{number}"): shown }))
}

/// Shows a setting, or changes it first.
fn setting(board: &Board, argument: &str, of: impl FnOnce(&mut Tasmota) -> &mut u32) -> Option<u32> {
    let mut state = board.lock();
    let Device::Tasmota(tasmota) = &mut state.device else { return None };
    let setting = of(tasmota);
    if !argument.is_empty() {
        *setting = argument.parse().ok()?;
    }
    Some(*setting)
}
