//! UniFi Access's local API, as far as Latchkey uses it.
//!
//! [`Unifi`] stands for all consoles and is made once per process; [`Console`] is one of them with its token. The
//! client is thin: who should have what is decided elsewhere. Three facts shape it (UniFi Access API reference):
//!
//! - what went wrong may well come with status 200, and only the code in the answer tells;
//! - a console's certificate is its own, so it is pinned and no authority is asked;
//! - there is no idempotency key, and a visitor that was made twice is there twice.

mod cards;
mod client;
mod error;
pub mod wire;

pub use cards::{Card, Holder};
pub(crate) use client::NOT_SUPPORTED;
pub use client::{Console, Line, Paged, Pages, Settings, Unifi};

/// The name of the one secret among the credentials.
pub(crate) const TOKEN: &str = "api_key";
