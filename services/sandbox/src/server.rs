//! The server: one port, by hand on top of hyper, so that a fault can close a connection unanswered.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::guard::ConnectionDropped;
use crate::{Sandbox, StateError, Twin, control, page};

/// How long requests under way may take after shutdown was asked for.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How often the twins look at the clock by themselves.
const TICK: Duration = Duration::from_millis(200);

/// Why the server did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The state file.
    #[error(transparent)]
    State(#[from] StateError),
    /// The client for webhooks could not be built.
    #[error("cannot build the client for webhooks")]
    Client(#[source] reqwest::Error),
    /// A relay board's address can't be listened at.
    #[error("cannot listen where a relay board should be")]
    Board(#[source] std::io::Error),
    /// The UniFi console's address can't be listened at.
    #[error("cannot listen where the UniFi console should be")]
    Console(#[source] std::io::Error),
    /// S3's address can't be listened at, or its folder is of no use.
    #[error("cannot listen where S3 should be, or use its folder")]
    Store(#[source] std::io::Error),
}

/// What the service answers when a fault drops the connection; hyper then closes it.
#[derive(Debug, thiserror::Error)]
#[error("the connection was dropped by a fault rule")]
struct Dropped;

impl Sandbox {
    /// All vendors' APIs, the control API and the page. Served other than by [`Sandbox::serve`], faults that drop
    /// connections answer 500 instead, and nothing is delivered.
    pub fn router(&self) -> Router {
        let mut router = Router::new().nest("/_control", control::router(self)).merge(page::router(self));
        for twin in self.twins() {
            let (prefix, own) = (format!("/{}", twin.vendor().name()), twin.clone().router());
            router = router.nest(&prefix, self.inner.guard.before(twin, own));
        }
        router
    }

    /// Loads the state file if there is one, serves until shutdown, saves the state as it changes and in the end. A TLS provider must
    /// have been installed (`rustls::crypto::ring::default_provider().install_default()`): webhooks may
    /// go to https addresses.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), ServeError> {
        self.load_state()?;
        self.inner.boards.open().await.map_err(ServeError::Board)?;
        self.inner.unifi.open_configured().await.map_err(ServeError::Console)?;
        self.inner.s3.open_configured().await.map_err(ServeError::Store)?;
        let client = self.inner.delivery_queue.client().map_err(ServeError::Client)?;
        let deliveries = self.inner.delivery_queue.run(client, shutdown.clone());
        let connections =
            accept(listener, None, self.router(), self.inner.config.connections_max, shutdown.clone());
        let ticks = tick(self.twins(), shutdown.clone());
        let saving = self.keep_saved(shutdown);
        tokio::join!(deliveries, connections, ticks, saving);
        self.inner.boards.close().await;
        self.inner.unifi.close().await;
        self.inner.s3.close().await;
        self.save_state()?;
        Ok(())
    }
}

async fn tick(twins: Vec<Arc<dyn Twin>>, shutdown: CancellationToken) {
    let ticking = async {
        loop {
            tokio::time::sleep(TICK).await;
            twins.iter().for_each(|twin| twin.tick());
        }
    };
    shutdown.run_until_cancelled(ticking).await;
}

/// TLS, and until when a connection that is made now lasts.
pub(crate) struct Tls {
    pub acceptor: TlsAcceptor,
    pub until: Box<dyn Fn() -> CancellationToken + Send + Sync>,
}

/// Takes connections, in plain or by TLS, until shutdown.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    connections_max: usize,
    shutdown: CancellationToken,
) {
    let tracker = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(connections_max.max(1)));
    let drained = CancellationToken::new();
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(slot) = slots.clone().acquire_owned().await {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Out of file descriptors, as a rule: some time for others to close.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let until = tls.as_ref().map_or_else(|| shutdown.clone(), |tls| (tls.until)());
            let (acceptor, router) = (tls.as_ref().map(|tls| tls.acceptor.clone()), router.clone());
            let connection = async move {
                // Small answers should not wait for more; where the option fails they only come later.
                let _ = stream.set_nodelay(true);
                let Some(acceptor) = acceptor else {
                    return serve_connection(stream, router, until, Connection::Kept).await;
                };
                match acceptor.accept(stream).await {
                    Ok(stream) => serve_connection(stream, router, until, Connection::Kept).await,
                    Err(error) => tracing::debug!(%error, "no TLS"),
                }
            };
            let drained = drained.clone();
            tracker.spawn(async move {
                drained.run_until_cancelled(connection).await;
                drop(slot);
            });
        }
    };
    shutdown.run_until_cancelled(accepting).await;
    tracker.close();
    if tokio::time::timeout(DRAIN_MAX, tracker.wait()).await.is_err() {
        tracing::warn!("requests that were still under way at shutdown were cut off");
        drained.cancel();
        tracker.wait().await;
    }
}

/// For how many requests a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    /// As many as come.
    Kept,
    /// One.
    Once,
}

pub(crate) async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    shutdown: CancellationToken,
    kept: Connection,
) {
    let service = service_fn(move |request| respond(router.clone(), request));
    let connection = http1::Builder::new()
        .keep_alive(kept == Connection::Kept)
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

async fn respond(router: Router, request: Request<Incoming>) -> Result<Response, Dropped> {
    let Ok(response) = router.oneshot(request.map(Body::new)).await;
    if response.extensions().get::<ConnectionDropped>().is_some() { Err(Dropped) } else { Ok(response) }
}
