//! The calls, one method each.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use vendor_http::http::header::AUTHORIZATION;
use vendor_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use vendor_http::{AccountKey, Answer, BaseUrl, Call, Profile, VendorClient, VendorError, VendorHttp};

use super::convert::{KeyCheck, Mode};
use super::error::{self, Error};
use super::wire::Account;

/// The version of the API that this client was written for. Without it each account would answer by a default
/// of its own (Stripe API reference, Versioning).
pub const API_VERSION: &str = "2026-10-28.endive";

/// Stripe, for all accounts of a process. Cheap to clone.
#[derive(Clone)]
pub struct Stripe {
    client: VendorClient,
    base_url: BaseUrl,
}

/// One key of Stripe's.
#[derive(Clone)]
pub struct StripeAccount {
    stripe: Stripe,
    account: AccountKey,
    headers: HeaderMap,
    mode: Mode,
}

impl Stripe {
    /// Stripe at `base_url`. Made once, because the accounts' circuits live in it.
    pub fn new(http: &VendorHttp, base_url: BaseUrl) -> Self {
        let profile = Profile { name: "stripe", limit: None, read_error: error::read_error };
        Self { client: http.vendor(profile), base_url }
    }

    /// The account of a secret or restricted key.
    pub fn account(&self, key: &SecretString) -> Result<StripeAccount, Error> {
        let mode = Mode::of_key(key).ok_or(Error::KeyUnusable)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
            .map_err(|_| Error::KeyUnusable)?;
        bearer.set_sensitive(true);
        let version = (HeaderName::from_static("stripe-version"), HeaderValue::from_static(API_VERSION));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer), version]);
        Ok(StripeAccount { stripe: self.clone(), account: AccountKey::of_secret(key), headers, mode })
    }
}

impl StripeAccount {
    /// Whether the key works, and whose it is. `Unauthorized` means that it is wrong, expired or rolled.
    pub async fn check_key(&self) -> Result<KeyCheck, Error> {
        let call = self.call(Method::GET, "/v1/account", &["account"], &[]);
        match self.send(call).await {
            Ok(answer) => Ok(KeyCheck::of_account(answer.json::<Account>()?, self.mode)),
            Err(error) => KeyCheck::of_refusal(&error, self.mode).ok_or(Error::Vendor(error)),
        }
    }

    /// A call below `/v1`, with the key and the version.
    pub(super) fn call(
        &self,
        method: Method,
        template: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Call {
        let path: Vec<&str> = ["v1"].into_iter().chain(path.iter().copied()).collect();
        let url = self.stripe.base_url.at(&path, query);
        Call::new(self.account.clone(), method, url, template).headers(&self.headers)
    }

    /// A call that changes something. Made twice it is two, unless it is [`keyed`].
    pub(super) fn post(&self, template: &'static str, path: &[&str], fields: &[(&str, &str)]) -> Call {
        self.call(Method::POST, template, path, &[]).form(fields.iter().copied())
    }

    pub(super) fn get(&self, template: &'static str, path: &[&str], query: &[(&str, &str)]) -> Call {
        self.call(Method::GET, template, path, query)
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer, VendorError> {
        self.stripe.client.send(call).await
    }

    /// Whether money is real.
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

/// The call with a key of ours: made again, it is the same one to Stripe, which answers as it did the first time, for
/// 24 hours (Stripe API reference, Idempotent requests).
pub(super) fn keyed(call: Call, key: &str) -> Call {
    let key = HeaderValue::try_from(key).expect("ids and numbers are fit for a header");
    call.header(HeaderName::from_static("idempotency-key"), key).idempotent()
}

/// Without the connections.
impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Without the key.
impl fmt::Debug for StripeAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeAccount")
            .field("account", &self.account)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
