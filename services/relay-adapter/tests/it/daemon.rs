//! Latchkey's own daemon at the door: the real one, with a simulated board.

use std::net::SocketAddr;
use std::sync::Arc;

use relay_controller::api;
use relay_controller::board::{SimulatedBoard, SimulatedConfig, Simulation};
use relay_controller::certificate::Certificate;
use relay_controller::clock::SettableClock;
use relay_controller::controller::{Controller, Parts};
use relay_controller::disk::Folder;
use relay_controller::key::ApiKey;
use relay_controller::server::serve;
use testkit::eventually;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::world::ms;

/// A daemon with two channels, until it is dropped.
pub(crate) struct Daemon {
    pub(crate) clock: Arc<SettableClock>,
    pub(crate) simulation: Simulation,
    pub(crate) controller: Arc<Controller>,
    pub(crate) address: SocketAddr,
    fingerprint: String,
    pub(crate) key: String,
    _folder: tempfile::TempDir,
    _serving: DropGuard,
}

impl Daemon {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let (text, key) = ApiKey::make();
        let state = || Folder::open(folder.path()).unwrap();
        key.save(&state()).unwrap();
        let clock = Arc::new(SettableClock::at("2026-12-01T08:00:00Z".parse().unwrap()));
        let board =
            SimulatedBoard::open(&SimulatedConfig { channels: 2, levels: None }, clock.clone()).unwrap();
        let simulation = board.simulation();
        let board = Box::new(board);
        let parts = Parts {
            state: state(),
            board,
            board_kind: "simulated",
            clock: clock.clone(),
            has_battery: false,
        };
        let controller = Controller::start(parts).unwrap();
        let certificate = Certificate::ensure(&state()).unwrap();
        let fingerprint = certificate.fingerprint();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = TlsAcceptor::from(Arc::new(certificate.tls().unwrap()));
        let shutdown = CancellationToken::new();
        TaskTracker::new().spawn(serve(
            listener,
            Some(tls),
            api::router(controller.clone()),
            shutdown.clone(),
        ));
        let _serving = shutdown.drop_guard();
        Self { clock, simulation, controller, address, fingerprint, key: text.0, _folder: folder, _serving }
    }

    pub(crate) fn line(&self) -> String {
        format!("controller HERE relays=2 certificate={}", self.fingerprint)
    }

    /// The first channel's level is so, after a moment at the latest.
    pub(crate) async fn is_on(&self, wanted: bool) {
        eventually("the relay", ms(20_000), async || match self.simulation.levels()[0] {
            level if level == wanted => Ok(()),
            level => Err(level),
        })
        .await;
    }
}
