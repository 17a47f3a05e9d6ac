//! Ports on the loopback address.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Where free ports are looked for: below what Linux gives to outgoing connections and to
/// listeners that ask for any port (32768 and up, ip(7) manual page, `ip_local_port_range`). So
/// one is still free when its server comes back after a crash.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
const ATTEMPTS: usize = 100;

/// Whether nothing listens on that port right now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that nothing listens on right now, or none after many attempts. Another program may take
/// it before its user does.
pub(crate) fn free() -> Option<u16> {
    // Random, so that tests that run side by side do not meet; the standard library's hasher has
    // a random start.
    let random = || u16::try_from(RandomState::new().hash_one(()) % u64::from(COUNT)).unwrap_or_default();
    (0..ATTEMPTS).map(|_| FIRST + random()).find(|port| is_free(*port))
}
