//! Twins of boards, and the adapter that calls them.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::names::IntegrationName;
use domain::{IntegrationId, OperationId, SettableClock, WorkspaceId};
use door_adapter::{Account, Credential, ProviderError};
use relay_adapter::boards::{BOARDS, Board, Boards, KEYS};
use relay_adapter::driver::{Lease, Moment};
use relay_adapter::{BoardsConfig, Lasting};
use sandbox::boards::{Board as Twin, Device, NewBoard};
use sandbox::{Action, Fault, Sandbox, Vendor};
use sealing::{Keys, SealingConfig};
use secrecy::SecretString;
use vendor_http::{Outgoing, OutgoingConfig};

/// How long an answer may take here.
pub(crate) const ANSWER_MS: u64 = 2_000;

pub(crate) fn relay(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn config() -> BoardsConfig {
    BoardsConfig { connect_timeout_ms: 1_000, answer_timeout_ms: ANSWER_MS }
}

/// What PINs are sealed with here.
pub(crate) fn keys() -> Keys {
    SealingConfig { key: "07".repeat(32).into(), key_file: "/nowhere".into() }.keys().unwrap()
}

/// Hosts that people type may lead there.
pub(crate) fn outgoing(networks: &str) -> Outgoing {
    OutgoingConfig { allowed: networks.to_owned(), denied: String::new() }.rules().unwrap()
}

/// For so long, or as long as is usual.
pub(crate) fn moment(length: Option<Duration>) -> Moment {
    Moment { id: OperationId::new().uuid(), length }
}

/// A lease of a hold that goes on.
pub(crate) fn lease(length: Duration) -> Lease {
    Lease { hold: OperationId::new().uuid(), length, lasts: None }
}

/// Boards, and what calls them.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    clock: Arc<SettableClock>,
    pub(crate) lasting: Lasting,
    boards: Boards,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::allowing("127.0.0.0/8")
    }

    /// One where hosts that people type may lead there.
    pub(crate) fn allowing(networks: &str) -> Self {
        // Another test finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(SettableClock::at("2026-12-01T08:00:00Z".parse().unwrap()));
        let sandbox = Sandbox::new(sandbox::Config::default(), clock.clone());
        let lasting = Lasting::default();
        let boards = Boards::new(config(), outgoing(networks), clock.clone(), lasting.clone()).unwrap();
        Self { sandbox, clock, lasting, boards }
    }

    /// Puts up a board called `front`, with two relays.
    pub(crate) async fn put_up(&self, device: Device) -> Arc<Twin> {
        self.sandbox.boards().add(NewBoard::new("front", device)).await.unwrap()
    }

    /// The board as it is listed, such as `modbus HERE framing=rtu`, with its key.
    pub(crate) fn open(&self, twin: &Twin, line: &str, key: Option<&str>) -> Board {
        self.open_at(twin.address(), line, key)
    }

    /// The same for what is at that address.
    pub(crate) fn open_at(&self, address: SocketAddr, line: &str, key: Option<&str>) -> Board {
        self.try_open_at(address, line, key).unwrap()
    }

    pub(crate) fn try_open_at(
        &self,
        address: SocketAddr,
        line: &str,
        key: Option<&str>,
    ) -> Result<Board, ProviderError> {
        let account = account(&format!("front {}", line.replace("HERE", &address.to_string())), key);
        let listed = Boards::list(&account).unwrap();
        let listed = listed.iter().next().unwrap();
        self.boards.open(&account, listed)
    }

    /// Time goes on.
    pub(crate) fn pass(&self, length: Duration) {
        self.clock.advance(TimeDelta::from_std(length).unwrap());
    }

    /// What happens to the `nth` of the calls that match, once.
    pub(crate) fn strike(&self, (method, path, nth): (&str, &str, u32), action: Action) {
        let fault = Fault::on(Vendor::Boards, action).request(method, path).every(nth).times(1);
        self.sandbox.faults().add(fault).unwrap();
    }
}

fn account(boards: &str, key: Option<&str>) -> Account {
    let boards = (BOARDS.to_owned(), SecretString::from(boards));
    let keys = key.map(|key| (KEYS.to_owned(), SecretString::from(format!("front {key}"))));
    Account {
        integration: IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() },
        credential: Credential::new(std::iter::once(boards).chain(keys)),
        certificate: None,
    }
}

/// For how long a relay was closed each time; none: it is closed still.
pub(crate) fn closed(twin: &Twin, relay: NonZeroU16) -> Vec<Option<Duration>> {
    let closures = twin.closures(usize::from(relay.get() - 1));
    closures.iter().map(|it| Some((it.opened_at? - it.closed_at).to_std().unwrap())).collect()
}
