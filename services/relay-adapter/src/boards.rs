//! The boards of an account: which there are, and how each of them is called.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use domain::{BoardKeys, BoardKind, BoardList, BoardName, Clock, Fingerprint, Host, ListedBoard, Port};
use door_adapter::{AccessReason, Account, ErrorKind, ProviderError};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use uuid::Uuid;
use vendor_http::{AccountKey, BaseUrl, Breaker, Outgoing, Trust, VendorClient, VendorHttp};

use crate::config::BoardsConfig;
use crate::driver::modbus::{Modbus, Reach};
use crate::driver::{
    Controller, Description, Driver, EspHome, Lease, Line, Moment, Relay, RelayState, Shelly, Tasmota, Wish,
    controller, esphome, shelly, tasmota,
};
use crate::lasting::Lasting;

/// The value that lists the boards.
pub const BOARDS: &str = "boards";
/// The value that lists their keys.
pub const KEYS: &str = "keys";

/// Opening a contact waits so long for what is under way at its board, and no longer.
const RELEASE_WAIT: Duration = Duration::from_secs(1);

/// Places that are remembered, for taking turns; beyond, those where nothing is under way are forgotten.
const PLACES_MAX: usize = 10_000;

/// A connection that is kept waits so long for the next call. Our own controller hangs up after a minute.
const IDLE_MOST: Duration = Duration::from_secs(30);

/// A board that failed is left alone for so long.
const COOL_DOWN: Duration = Duration::from_secs(2);

/// Whose turn it is at a place.
type Turn = Arc<Mutex<()>>;

/// A controller that is listed, and what calls it, or what keeps it from being called.
pub(crate) type ListedController = (ListedBoard, Result<Controller, ProviderError>);

/// All boards that a process calls.
pub struct Boards {
    shelly: VendorClient,
    tasmota: VendorClient,
    esphome: VendorClient,
    controller: VendorClient,
    /// Of controllers, by the certificates that they must show.
    trusting: StdMutex<HashMap<Fingerprint, VendorClient>>,
    outgoing: Outgoing,
    config: BoardsConfig,
    lasting: Lasting,
    places: StdMutex<HashMap<(Host, Port), Turn>>,
}

/// A board of an account. Its operations are carried out one after the other, also those of other accounts at the same
/// place.
pub struct Board {
    name: BoardName,
    driver: Box<dyn Driver>,
    turn: Turn,
}

impl Boards {
    /// Calls boards where `outgoing` lets it. Contacts that no board opens are opened by `lasting`.
    pub fn new(
        config: BoardsConfig,
        outgoing: Outgoing,
        clock: Arc<dyn Clock>,
        lasting: Lasting,
    ) -> Result<Self, vendor_http::BuildError> {
        let mut http = vendor_http::Config::new(concat!("latchkey/", env!("CARGO_PKG_VERSION")));
        http.connect_timeout = config.connect_timeout();
        http.idle_timeout = IDLE_MOST;
        http.breaker = Breaker { cool_down: COOL_DOWN, ..Breaker::default() };
        let http = VendorHttp::guarded(http, clock, outgoing.clone())?;
        Ok(Self {
            shelly: http.vendor(shelly::PROFILE),
            tasmota: http.vendor(tasmota::PROFILE),
            esphome: http.vendor(esphome::PROFILE),
            controller: http.vendor(controller::PROFILE),
            trusting: StdMutex::default(),
            outgoing,
            config,
            lasting,
            places: StdMutex::default(),
        })
    }

    /// The boards that an account lists, in their order.
    pub fn list(account: &Account) -> Result<BoardList, ProviderError> {
        account.credential.parse(BOARDS)
    }

    /// A board that an account lists.
    pub fn open(&self, account: &Account, listed: &ListedBoard) -> Result<Board, ProviderError> {
        let ListedBoard { name, kind, host, port, relays } = listed;
        let password = key_of(account, name)?;
        let key = password.as_ref().map(|key| key.expose_secret());
        let driver: Result<Box<dyn Driver>, ProviderError> = match kind {
            BoardKind::Controller { certificate } => {
                let controller = self.reach_controller(listed, *certificate, password.as_ref());
                controller.map(|controller| Box::new(controller) as _)
            }
            BoardKind::EspHome { switches } => {
                let node = EspHome::new(self.line(&self.esphome, "http", host, *port)?, switches, key);
                node.map(|node| Box::new(node) as _)
            }
            BoardKind::Modbus(board) => {
                let reach = Reach {
                    outgoing: self.outgoing.clone(),
                    host: host.clone(),
                    port: *port,
                    connect_timeout: self.config.connect_timeout(),
                    timeout: self.config.answer_timeout(),
                };
                Ok(Box::new(Modbus::new(reach, *board, *relays, self.lasting.clone())))
            }
            BoardKind::Shelly => {
                Ok(Box::new(Shelly::new(self.line(&self.shelly, "http", host, *port)?, password)))
            }
            BoardKind::Tasmota => {
                let tasmota =
                    Tasmota::new(self.line(&self.tasmota, "http", host, *port)?, host, password.as_ref());
                tasmota.map(|tasmota| Box::new(tasmota) as _)
            }
        };
        let driver = driver.map_err(|error| named(name, error))?;
        Ok(Board { name: name.clone(), driver, turn: self.turn(host, *port) })
    }

    /// The controllers of our own that an account lists.
    pub(crate) fn controllers(&self, account: &Account) -> Result<Vec<ListedController>, ProviderError> {
        let boards = Self::list(account)?;
        let controller = |listed: &ListedBoard| {
            let BoardKind::Controller { certificate } = listed.kind else { return None };
            let key = key_of(account, &listed.name);
            let controller = key.and_then(|key| self.reach_controller(listed, certificate, key.as_ref()));
            Some((listed.clone(), controller))
        };
        Ok(boards.iter().filter_map(controller).collect())
    }

    fn reach_controller(
        &self,
        listed: &ListedBoard,
        certificate: Fingerprint,
        key: Option<&SecretString>,
    ) -> Result<Controller, ProviderError> {
        let client = self.trusting(certificate)?;
        let line = self.line(&client, "https", &listed.host, listed.port)?;
        Controller::new(Line { is_kept: true, ..line }, key)
    }

    fn line(
        &self,
        client: &VendorClient,
        scheme: &str,
        host: &Host,
        port: Port,
    ) -> Result<Line, ProviderError> {
        let base = BaseUrl::of_host(scheme, host, port).map_err(|error| {
            ProviderError::new(ErrorKind::Unauthorized, format!("{BOARDS}: a host {error}"))
        })?;
        let account = AccountKey::new(format!("{host}:{port}"));
        let timeout = self.config.answer_timeout();
        Ok(Line { client: client.clone(), base, account, timeout, is_kept: false })
    }

    /// Calls what shows that certificate.
    fn trusting(&self, certificate: Fingerprint) -> Result<VendorClient, ProviderError> {
        let mut trusting = self.trusting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = trusting.get(&certificate) {
            return Ok(client.clone());
        }
        let client = self.controller.trusting(Trust::Pinned(certificate)).map_err(|error| {
            tracing::error!(%error, "no client for a certificate");
            ProviderError::new(ErrorKind::Unreachable, "Latchkey can't call what shows that certificate")
        })?;
        if trusting.len() >= PLACES_MAX {
            trusting.clear();
        }
        trusting.insert(certificate, client.clone());
        Ok(client)
    }

    fn turn(&self, host: &Host, port: Port) -> Turn {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES_MAX {
            places.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        places.entry((host.clone(), port)).or_default().clone()
    }
}

impl Board {
    /// What it is, and how its relays are.
    pub async fn describe(&self) -> Result<Description, ProviderError> {
        self.in_turn(self.driver.describe()).await
    }

    /// How a relay is.
    pub async fn read(&self, relay: Relay) -> Result<RelayState, ProviderError> {
        self.in_turn(self.driver.read(relay)).await
    }

    /// Closes a contact for a moment. Gives how long that is.
    pub async fn pulse(&self, relay: Relay, moment: Moment) -> Result<Duration, ProviderError> {
        self.in_turn(self.driver.close(relay, Wish::Moment(moment))).await
    }

    /// Closes a contact, or has it stay closed, for a lease. It opens by itself if that is not renewed in time. Gives
    /// how long the lease is.
    pub async fn hold(&self, relay: Relay, lease: Lease) -> Result<Duration, ProviderError> {
        self.in_turn(self.driver.close(relay, Wish::Lease(lease))).await
    }

    /// Opens a contact: ends moment and lease.
    pub async fn release(&self, relay: Relay) -> Result<(), ProviderError> {
        // What is under way may hang; a door is to be locked all the same.
        let _turn = tokio::time::timeout(RELEASE_WAIT, self.turn.lock()).await;
        self.driver.release(relay).await.map_err(|error| named(&self.name, error))
    }

    /// Has a contact stay open until that is lifted, as far as the board can; or lifts it.
    pub async fn set_locked_down(&self, relay: Relay, is_locked_down: bool) -> Result<(), ProviderError> {
        let _turn = tokio::time::timeout(RELEASE_WAIT, self.turn.lock()).await;
        let told = self.driver.set_locked_down(relay, is_locked_down).await;
        told.map_err(|error| named(&self.name, error))
    }

    /// Whether the board has carried out what had this id. `None`: it does not know things by their ids.
    pub async fn was_done(&self, id: Uuid) -> Result<Option<bool>, ProviderError> {
        self.in_turn(self.driver.was_done(id)).await
    }

    /// Whether a moment within a lease leaves that as it is.
    pub fn keeps_leases(&self) -> bool {
        self.driver.keeps_leases()
    }

    async fn in_turn<T>(
        &self,
        operation: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let _turn = self.turn.lock().await;
        operation.await.map_err(|error| named(&self.name, error))
    }
}

/// The key of a board, if it has one: it may well be that no board does.
fn key_of(account: &Account, board: &BoardName) -> Result<Option<SecretString>, ProviderError> {
    let Ok(keys) = account.credential.require(KEYS) else { return Ok(None) };
    let keys = BoardKeys::read(keys.expose_secret());
    let keys =
        keys.map_err(|error| ProviderError::new(ErrorKind::Unauthorized, format!("{KEYS} {error}")))?;
    Ok(keys.of(board).map(SecretString::from))
}

/// The same error with the board's name; and with the code that says that the door is out of reach.
pub(crate) fn named(board: &BoardName, error: ProviderError) -> ProviderError {
    let (kind, reason) = (error.kind, format!("board {board}: {}", error.reason));
    let error = error.meaning(kind, reason);
    match kind {
        ErrorKind::Unreachable => error.with_code(AccessReason::DoorOffline),
        _ => error,
    }
}
