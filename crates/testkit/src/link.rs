//! A way over a network that can be cut.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const BUFFER: usize = 16 * 1024;

/// What becomes of what goes over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// It arrives.
    Carried,
    /// Nothing goes through, and what is under way breaks.
    Cut,
    /// A connection breaks once something is sent to the other end, which hears nothing of it.
    BreaksOnTheWay,
    /// A connection breaks once something comes back.
    BreaksOnTheWayBack,
}

/// Takes connections at an address of its own and carries them on. It ends when it is dropped.
pub struct Link {
    address: SocketAddr,
    traffic: watch::Sender<Traffic>,
    connections: Arc<AtomicUsize>,
}

impl Link {
    /// A link to what listens there.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (traffic, seen) = watch::channel(Traffic::Carried);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let mut ends = seen.clone();
        tokio::spawn(async move {
            let ended = async move { while ends.changed().await.is_ok() {} };
            let accept = async {
                loop {
                    let (near, _) = listener.accept().await.unwrap();
                    count.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(connection(near, target, seen.clone()));
                }
            };
            tokio::select! {
                () = ended => {}
                () = accept => {}
            }
        });
        Self { address, traffic, connections }
    }

    /// Where it takes connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of what goes over it from now on.
    pub fn set(&self, traffic: Traffic) {
        self.traffic.send_replace(traffic);
    }

    /// How many connections it has taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Carries one on until either end hangs up, or it breaks.
async fn connection(near: TcpStream, target: SocketAddr, mut traffic: watch::Receiver<Traffic>) {
    let seen = traffic.clone();
    let carry = async {
        let far = TcpStream::connect(target).await?;
        let ((near_out, near_in), (far_out, far_in)) = (near.into_split(), far.into_split());
        tokio::select! {
            ended = pump(near_out, far_in, &seen, Traffic::BreaksOnTheWay) => ended,
            ended = pump(far_out, near_in, &seen, Traffic::BreaksOnTheWayBack) => ended,
        }
    };
    tokio::select! {
        // Whoever hangs up does.
        _ = carry => {}
        _ = traffic.wait_for(|traffic| *traffic == Traffic::Cut) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    traffic: &watch::Receiver<Traffic>,
    breaks: Traffic,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 || *traffic.borrow() == breaks {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
