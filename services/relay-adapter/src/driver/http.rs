//! What boards that speak HTTP have in common.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use door_adapter::{ErrorKind, ProviderError};
use secrecy::{ExposeSecret as _, SecretString};
use vendor_http::http::{HeaderValue, Method, header};
use vendor_http::{AccountKey, BaseUrl, Call, Retry, VendorClient};

/// A way to a board.
#[derive(Clone)]
pub(crate) struct Line {
    pub client: VendorClient,
    pub base: BaseUrl,
    /// Its circuit.
    pub account: AccountKey,
    /// How long a call takes at the most.
    pub timeout: Duration,
    /// Whether a connection stays for the next call. Most boards have few of them, and hang up when they like.
    pub is_kept: bool,
}

impl Line {
    /// A call that is made once.
    pub(crate) fn call(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        template: &'static str,
    ) -> Call {
        let call = Call::new(self.account.clone(), method, self.base.at(segments, query), template)
            .retry(Retry::NONE)
            .timeouts(self.timeout, self.timeout);
        match self.is_kept {
            true => call,
            false => call.header(header::CONNECTION, HeaderValue::from_static("close")),
        }
    }
}

/// The header for a user with a password.
pub(crate) fn basic(user: &str, password: &SecretString) -> Result<HeaderValue, ProviderError> {
    let login = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
    let mut header = HeaderValue::try_from(format!("Basic {login}"))
        .map_err(|_| ProviderError::new(ErrorKind::Unauthorized, "the password can't be sent"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// What a failed call means: a refusal is laid to the key.
pub(crate) fn failure(error: vendor_http::VendorError, has_key: bool) -> ProviderError {
    let is_refused = error.kind == vendor_http::ErrorKind::Unauthorized;
    let failed = ProviderError::from(error);
    match (is_refused, has_key) {
        (false, _) => failed,
        (true, true) => failed.meaning(ErrorKind::Unauthorized, "it does not take its key"),
        (true, false) => failed.meaning(ErrorKind::Unauthorized, "it asks for a key, and none is listed"),
    }
}
