//! Relay boards: Shelly, Modbus TCP, Tasmota and ESPHome; as many as are put up, each at a port of its own, as real
//! ones have addresses of their own.
//!
//! Follows the boards' documents. Owns contacts with the timers that boards run for them, door contacts, and the
//! boards' settings; remembers when each contact was closed, so that tests can say "never longer than asked".
//! Deliberately absent: everything about radio, power metering and clouds.

mod contact;
mod control;
mod esphome;
mod modbus;
mod serving;
mod shelly;
mod tasmota;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use chrono::TimeDelta;
use domain::{Clock as _, Timestamp};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::guard::Guard;
use crate::{SandboxClock, Twin, TwinParts, Vendor};
pub use contact::Closure;
use contact::Contact;
pub use esphome::EspHome;
pub use modbus::{Framing, Modbus};
pub use shelly::{Shelly, ShellyChannel};
pub use tasmota::Tasmota;

/// What the boards take as configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Those that are there from the start.
    pub boards: Vec<NewBoard>,
}

/// A board to put up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBoard {
    /// What faults and the log call it.
    pub name: String,
    /// Where it listens. Default: a free port of this machine.
    #[serde(default = "any_port")]
    pub listen: SocketAddr,
    /// How many relays it has. Default: two.
    #[serde(default = "two")]
    pub channels: usize,
    /// How many inputs it has. Default: two.
    #[serde(default = "two")]
    pub inputs: usize,
    /// What it is, and its settings.
    pub device: Device,
}

impl NewBoard {
    /// One with two relays and two inputs, at a free port.
    pub fn new(name: impl Into<String>, device: Device) -> Self {
        Self { name: name.into(), listen: any_port(), channels: two(), inputs: two(), device }
    }
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn two() -> usize {
    2
}

/// What a board is, with the settings that it keeps without power.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Device {
    /// A Shelly of the second generation or later.
    Shelly(Shelly),
    /// A board of Waveshare's kind.
    Modbus(Modbus),
    /// A board with Tasmota.
    Tasmota(Tasmota),
    /// A node with ESPHome and its web server.
    EspHome(EspHome),
}

/// The boards.
pub struct Boards {
    config: Config,
    clock: Arc<SandboxClock>,
    guard: Guard,
    boards: Mutex<BTreeMap<String, Arc<Board>>>,
    /// Settings of boards that are not up yet.
    restored: Mutex<BTreeMap<String, Device>>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

/// A board.
pub struct Board {
    name: String,
    address: SocketAddr,
    clock: Arc<SandboxClock>,
    /// The settings that it was put up with.
    fresh: Device,
    state: Mutex<State>,
}

struct State {
    device: Device,
    contacts: Vec<Contact>,
    inputs: Vec<bool>,
    has_power: bool,
}

impl Boards {
    pub(crate) fn new(config: Config, parts: &TwinParts, guard: Guard) -> Self {
        Self {
            config,
            clock: parts.clock.clone(),
            guard,
            boards: Mutex::default(),
            restored: Mutex::default(),
            tracker: TaskTracker::new(),
            shutdown: CancellationToken::new(),
        }
    }

    /// Puts a board up; one of the same name makes room for it.
    pub async fn add(self: &Arc<Self>, new: NewBoard) -> std::io::Result<Arc<Board>> {
        let listener = tokio::net::TcpListener::bind(new.listen).await?;
        let restored = self.restored().remove(&new.name);
        let board = Arc::new(Board {
            name: new.name,
            address: listener.local_addr()?,
            clock: self.clock.clone(),
            fresh: new.device.clone(),
            state: Mutex::new(State {
                device: restored.unwrap_or(new.device),
                contacts: (0..new.channels).map(|_| Contact::default()).collect(),
                inputs: vec![false; new.inputs],
                has_power: true,
            }),
        });
        self.lock().insert(board.name.clone(), board.clone());
        let serving = serving::serve(self.clone(), board.clone(), listener);
        self.tracker.spawn(self.shutdown.clone().run_until_cancelled_owned(serving));
        Ok(board)
    }

    /// Puts up those of the configuration.
    pub(crate) async fn open(self: &Arc<Self>) -> std::io::Result<()> {
        for new in self.config.boards.clone() {
            if self.get(&new.name).is_none() {
                self.add(new).await?;
            }
        }
        Ok(())
    }

    /// Takes all of them down.
    pub(crate) async fn close(&self) {
        self.shutdown.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The board of that name.
    pub fn get(&self, name: &str) -> Option<Arc<Board>> {
        self.lock().get(name).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Board>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Board>>> {
        self.boards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn restored(&self) -> MutexGuard<'_, BTreeMap<String, Device>> {
        self.restored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    /// What faults and the log call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its settings now.
    pub fn device(&self) -> Device {
        self.lock().device.clone()
    }

    /// Changes its settings, as someone with its own page or tool does.
    pub fn configure(&self, change: impl FnOnce(&mut Device)) {
        change(&mut self.lock().device);
    }

    /// When the contact of a relay was closed, from the first on. Relays count from 0.
    pub fn closures(&self, channel: usize) -> Vec<Closure> {
        self.lock().contacts.get(channel).map(|contact| contact.closures().to_vec()).unwrap_or_default()
    }

    /// Whether the contact of a relay is closed.
    pub fn is_closed(&self, channel: usize) -> bool {
        self.lock().contacts.get(channel).is_some_and(Contact::is_closed)
    }

    /// Someone at the board, or a switch that is wired to it, closes or opens a relay.
    pub fn set_locally(&self, channel: usize, is_closed: bool) {
        let now = self.clock.now();
        if let Some(contact) = self.lock().contacts.get_mut(channel) {
            contact.set(is_closed, None, now);
        }
    }

    /// The contact of a relay welds: it does not open any more. Or it is replaced.
    pub fn weld(&self, channel: usize, is_welded: bool) {
        if let Some(contact) = self.lock().contacts.get_mut(channel) {
            contact.weld(is_welded);
        }
    }

    /// An input, such as a door contact, gets power or loses it.
    pub fn set_input(&self, input: usize, is_on: bool) {
        if let Some(state) = self.lock().inputs.get_mut(input) {
            *state = is_on;
        }
    }

    /// Takes the board's power, or gives it back: then it starts as its settings say.
    pub fn set_power(&self, is_on: bool) {
        let now = self.clock.now();
        let mut state = self.lock();
        let last: Vec<bool> = state.contacts.iter().map(Contact::is_closed).collect();
        if state.has_power {
            state.contacts.iter_mut().for_each(|contact| contact.lose_power(now));
            state.device.note_last(&last);
        }
        if is_on && !state.has_power {
            state.start(now);
        }
        state.has_power = is_on;
    }

    /// The board restarts.
    pub fn power_cycle(&self) {
        self.set_power(false);
        self.set_power(true);
    }

    fn reset(&self) {
        let mut state = self.lock();
        state.device = self.fresh.clone();
        state.has_power = true;
        state.inputs.fill(false);
        state.contacts.iter_mut().for_each(|contact| *contact = Contact::default());
    }

    /// As it is now: whatever was due has been done.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        state.contacts.iter_mut().for_each(|contact| contact.settle(now));
        state
    }
}

impl State {
    /// Power comes back.
    fn start(&mut self, now: Timestamp) {
        for channel in 0..self.contacts.len() {
            let is_input_on = self.inputs.get(channel).copied().unwrap_or_default();
            let (is_closed, opens_after) = self.device.at_start(channel, is_input_on);
            if is_closed {
                self.contacts[channel].set(true, opens_after, now);
            }
        }
    }
}

impl Device {
    /// Whether a relay is closed at the start, and opens after a while.
    fn at_start(&self, channel: usize, is_input_on: bool) -> (bool, Option<TimeDelta>) {
        match self {
            Self::Shelly(shelly) => shelly.at_start(channel, is_input_on),
            Self::Tasmota(tasmota) => tasmota.at_start(channel),
            Self::Modbus(_) | Self::EspHome(_) => (false, None),
        }
    }

    /// What its relays were when power was lost, for those that remember it.
    fn note_last(&mut self, last: &[bool]) {
        match self {
            Self::Shelly(shelly) => shelly.last = last.to_vec(),
            Self::Tasmota(tasmota) => tasmota.last = last.to_vec(),
            Self::Modbus(_) | Self::EspHome(_) => {}
        }
    }
}

/// Which board a request came to: put on each before the faults are asked.
#[derive(Debug, Clone)]
struct BoardName(String);

impl Twin for Boards {
    fn vendor(&self) -> Vendor {
        Vendor::Boards
    }

    /// Nothing: each board has a port of its own.
    fn router(self: Arc<Self>) -> Router {
        Router::new()
    }

    fn control(self: Arc<Self>) -> Router {
        control::router(self)
    }

    fn account(&self, request: &Parts) -> Option<String> {
        request.extensions.get::<BoardName>().map(|name| name.0.clone())
    }

    fn error_body(&self, status: StatusCode) -> Value {
        json!({ "code": status.as_u16(), "message": status.canonical_reason().unwrap_or("Error") })
    }

    fn save(&self) -> Result<Value, serde_json::Error> {
        let mut settings = self.restored().clone();
        settings.extend(self.all().iter().map(|board| (board.name.clone(), board.device())));
        serde_json::to_value(settings)
    }

    /// The settings alone: without power, relays are open.
    fn restore(&self, saved: Value) -> Result<(), serde_json::Error> {
        let mut settings: BTreeMap<String, Device> = serde_json::from_value(saved)?;
        for board in self.all() {
            if let Some(device) = settings.remove(board.name()) {
                board.configure(|settings| *settings = device);
            }
        }
        *self.restored() = settings;
        Ok(())
    }

    fn reset(&self) {
        self.restored().clear();
        self.all().iter().for_each(|board| board.reset());
    }
}
