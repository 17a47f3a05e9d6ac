//! HTTP/1.1, over TLS or without, for a bounded number of connections.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Connections at once; others wait.
const CONNECTIONS_MAX: usize = 32;
/// So long a connection may take until it is encrypted.
const HANDSHAKE_MOST: Duration = Duration::from_secs(5);
/// So long a connection may lie idle, or dawdle with the head of a request.
const IDLE_MOST: Duration = Duration::from_secs(60);
/// So long answers may take that were begun when the end came.
const DRAIN_MOST: Duration = Duration::from_secs(2);
/// Heads of requests are short.
const HEAD_MOST: usize = 16 * 1024;
/// After an error of accepting, as when there are too many files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Who called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) IpAddr);

/// Serves until it is told to stop, then ends what was begun.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router, stop: CancellationToken) {
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    let accept = async {
        loop {
            let place = free.clone().acquire_owned().await.expect("it is never closed");
            match listener.accept().await {
                Ok((stream, from)) => {
                    let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
                    connections.spawn(connection(stream, from, tls, router, stop, place));
                }
                Err(error) => {
                    tracing::warn!(error = %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop.cancelled() => {}
    }
    connections.close();
    // Who dawdles is cut off.
    let _ = tokio::time::timeout(DRAIN_MOST, connections.wait()).await;
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    // Answers are short: they are not to wait for more.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return talk(stream, from, router, stop).await };
    // Whoever can't agree on TLS, or looks whether anybody is there, is no news.
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_MOST, tls.accept(stream)).await {
        talk(stream, from, router, stop).await;
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    from: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Caller(from.ip()));
        let answer = router.clone().oneshot(request);
        async move { answer.await.map_err(|never: Infallible| never) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_MOST)
        .max_buf_size(HEAD_MOST)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection broke");
    }
}
