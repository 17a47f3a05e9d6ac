//! Stripe's HTTP API, as far as Latchkey uses it.
//!
//! [`Stripe`] stands for the vendor and is made once per process; [`StripeAccount`] is one key.

mod client;
mod convert;
mod error;
mod wire;

pub use client::{API_VERSION, Stripe, StripeAccount};
pub use convert::{KeyCheck, Mode};
pub use error::Error;
