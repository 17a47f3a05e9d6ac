//! One way to call vendors over HTTP.
//!
//! [`VendorHttp`] holds the connections of a process. [`VendorHttp::vendor`] makes a [`VendorClient`]
//! for one vendor, which adds what a call to a vendor needs:
//!
//! - bounds: connect, attempt and whole-call timeouts, size of the answer, no redirects;
//! - a rate limit and a circuit breaker for each account of the vendor, so that one slow or dead
//!   account does not slow another;
//! - retry with jitter, only where a second try cannot do harm;
//! - one error, [`VendorError`], whose [`ErrorKind`] alone decides between retry, park and fail, and
//!   whose [`Effect`] tells "refused" from "answer lost";
//! - a span for each attempt and metrics by vendor and URL template.
//!
//! Hosts that people type, such as consoles at home, are called by [`VendorHttp::guarded`], only where
//! [`Outgoing`] lets them lead, and by [`VendorClient::trusting`] a certificate that was pinned on first use.
//!
//! Neither spans, metrics, logs nor errors carry a URL with its values, a header or a body of ours.
//! Deliberately absent: what a status or an error code means at a particular vendor. Each vendor's
//! client says that through [`Profile::read_error`].
//!
//! The process installs a rustls crypto provider before it builds a [`VendorHttp`].

mod accounts;
mod answer;
mod base_url;
mod breaker;
mod call;
mod certificate;
mod client;
mod config;
mod error;
mod limit;
mod outgoing;
mod retry;
mod retry_after;
mod scrub;
mod telemetry;
mod verdict;

pub use accounts::AccountKey;
pub use answer::Answer;
pub use base_url::{BaseUrl, BaseUrlError};
pub use breaker::CircuitState;
pub use call::{Call, Safety};
pub use certificate::{Certificate, Trust};
pub use client::{BuildError, Profile, VendorClient, VendorHttp};
pub use config::{Breaker, Config};
pub use error::{Effect, ErrorKind, VendorError};
pub use limit::Limit;
pub use outgoing::{ConnectError, Forbidden, Outgoing, OutgoingConfig, OutgoingConfigError, Refused};
pub use retry::Retry;
pub use verdict::{ErrorAnswer, ReadError, Verdict};

pub use http;
pub use url::Url;
