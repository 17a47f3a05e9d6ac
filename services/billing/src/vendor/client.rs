//! The calls, one method each.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use vendor_http::http::header::AUTHORIZATION;
use vendor_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use vendor_http::{AccountKey, BaseUrl, Call, Profile, VendorClient, VendorHttp};

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
        let url = self.stripe.base_url.at(&["v1", "account"], &[]);
        let call = Call::new(self.account.clone(), Method::GET, url, "/v1/account").headers(&self.headers);
        match self.stripe.client.send(call).await {
            Ok(answer) => Ok(KeyCheck::of_account(answer.json::<Account>()?, self.mode)),
            Err(error) => KeyCheck::of_refusal(&error, self.mode).ok_or(Error::Vendor(error)),
        }
    }
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
