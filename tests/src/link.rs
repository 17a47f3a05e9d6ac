//! A way over the network that can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Takes connections at an address of its own and carries them on, until it is cut.
pub struct Link {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
}

impl Link {
    /// A link to what listens there. It ends when it is dropped.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_cut, mut cut) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let (mut near, _) = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap(),
                    ended = cut.changed() => match ended {
                        Ok(()) => continue,
                        Err(_) => return,
                    },
                };
                let mut cut = cut.clone();
                tokio::spawn(async move {
                    let carry = async {
                        let mut far = TcpStream::connect(target).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    };
                    tokio::select! {
                        // Whoever hangs up does.
                        _ = carry => {}
                        _ = cut.wait_for(|is_cut| *is_cut) => {}
                    }
                });
            }
        });
        Self { address, is_cut }
    }

    /// Where it takes connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it: what is under way breaks, and nothing goes through. Or mends it.
    pub fn set_cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }
}
