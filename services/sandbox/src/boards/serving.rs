//! A board's port.

use std::sync::Arc;

use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Board, BoardName, Boards, Device, esphome, modbus, shelly, tasmota};
use crate::server::{Connection, serve_connection};

/// Connections that a board of no special kind serves at once.
const CONNECTIONS_MAX: usize = 16;

/// Takes connections; one too many, or one without power, is closed at once.
pub(super) async fn serve(boards: Arc<Boards>, board: Arc<Board>, listener: TcpListener) {
    let connections_max = match board.device() {
        Device::Shelly(_) => shelly::CONNECTIONS_MAX,
        Device::Modbus(modbus) => modbus.connections_max(),
        Device::Tasmota(_) | Device::EspHome(_) => CONNECTIONS_MAX,
    };
    let slots = Arc::new(Semaphore::new(connections_max));
    let router = match board.device() {
        Device::Shelly(_) => Some(shelly::router(board.clone())),
        Device::Tasmota(_) => Some(tasmota::router(board.clone())),
        Device::EspHome(_) => Some(esphome::router(board.clone())),
        Device::Modbus(_) => None,
    };
    let name = BoardName(board.name.clone());
    let router: Option<Router> =
        router.map(|router| boards.guard.before(boards.clone(), router).layer(Extension(name)));
    let tracker = TaskTracker::new();
    let closing = CancellationToken::new();
    let _closed = closing.clone().drop_guard();
    while let Ok((stream, _)) = listener.accept().await {
        // Small answers should not wait for more; where the option fails they only come later.
        let _ = stream.set_nodelay(true);
        let Ok(slot) = slots.clone().try_acquire_owned() else { continue };
        if !board.lock().has_power {
            continue;
        }
        let (board, guard, router, closing) =
            (board.clone(), boards.guard.clone(), router.clone(), closing.clone());
        tracker.spawn(async move {
            let conversation = async {
                match router {
                    Some(router) => {
                        serve_connection(stream, router, closing.clone(), Connection::Once).await;
                    }
                    None => modbus::converse(board, guard, stream).await,
                }
            };
            closing.run_until_cancelled(conversation).await;
            drop(slot);
        });
    }
}
