//! Kisi, its accounts, and how each call is made. The calls are beside it, a file for each kind of thing.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use vendor_http::http::header::{ACCEPT, AUTHORIZATION};
use vendor_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use vendor_http::{
    AccountKey, Answer, BaseUrl, Call, CircuitState, ErrorKind, Limit, Profile, VendorClient, VendorError,
    VendorHttp,
};

use super::convert::KeyCheck;
use super::error::{self, Error};
use super::reader::Reader;
use super::wire::{Row, UserId};

/// Largest page of most lists.
pub(super) const PAGE: u64 = 250;

/// How Kisi is called.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://api.kisi.io`, or a stand-in.
    pub base_url: BaseUrl,
    /// `X-Kisi-Integration-Identifier`: who we are.
    pub integration_identifier: HeaderValue,
    /// `X-Kisi-Integration-Contact`: whom Kisi may write to. Required of partners.
    pub integration_contact: Option<HeaderValue>,
    /// Limit of each account.
    pub limit: Option<Limit>,
    /// Limit of each account's calls for which someone waits: they wait for no others, and each [`Line`] for itself.
    pub prompt_limit: Option<Limit>,
    /// How long such a call may take in all. An unlock answers when the door's controller has.
    pub prompt_timeout: Duration,
    /// What a link's secret is put behind to make an address of it.
    pub link_page: String,
}

/// Kisi, for all accounts of a process. Made once, because the limits live in it.
#[derive(Clone)]
pub struct Kisi {
    shared: Arc<Shared>,
}

struct Shared {
    client: VendorClient,
    prompt: VendorClient,
    settings: Settings,
    /// Endpoints whose end Kisi has announced, each told once.
    told: Mutex<HashSet<&'static str>>,
}

/// One API key of Kisi's. Cheap to clone.
#[derive(Clone)]
pub struct KisiAccount {
    shared: Arc<Shared>,
    client: VendorClient,
    account: AccountKey,
    headers: HeaderMap,
}

/// What calls for which someone waits queue up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Doors that are opened, or looked at.
    Doors,
    /// Lockdowns.
    Emergency,
}
/// The account key of a key's owner, whose keys share one limit. Until the owner is known,
/// [`AccountKey::of_secret`] serves.
pub fn account_key_of_owner(owner: UserId) -> AccountKey {
    AccountKey::new(format!("user-{owner}"))
}

impl Kisi {
    /// Kisi by these settings.
    pub fn new(http: &VendorHttp, settings: Settings) -> Self {
        let profile = |limit| Profile { name: "kisi", limit, read_error: error::read_error };
        let client = http.vendor(profile(settings.limit));
        let prompt = http.vendor(profile(settings.prompt_limit));
        Self { shared: Arc::new(Shared { client, prompt, settings, told: Mutex::new(HashSet::new()) }) }
    }

    /// The account of an API key. `account` is the unit of Kisi's rate limit: see
    /// [`account_key_of_owner`].
    pub fn account(&self, key: &SecretString, account: AccountKey) -> Result<KisiAccount, Error> {
        self.open(key, self.shared.client.clone(), account)
    }

    /// The account of an API key for calls for which someone waits. One by one key: who else's keys share Kisi's limit
    /// would take a call to learn, and a call too many is refused without harm.
    pub fn prompt_account(&self, key: &SecretString, line: Line) -> Result<KisiAccount, Error> {
        let line = match line {
            Line::Doors => "doors",
            Line::Emergency => "emergency",
        };
        let account = AccountKey::new(format!("{}-{line}", AccountKey::of_secret(key).as_str()));
        self.open(key, self.shared.prompt.clone(), account)
    }

    fn open(
        &self,
        key: &SecretString,
        client: VendorClient,
        account: AccountKey,
    ) -> Result<KisiAccount, Error> {
        let mut authorization = HeaderValue::try_from(format!("KISI-LOGIN {}", key.expose_secret().trim()))
            .map_err(|_| Error::KeyUnusable)?;
        authorization.set_sensitive(true);
        let settings = &self.shared.settings;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let identifier = HeaderName::from_static("x-kisi-integration-identifier");
        headers.insert(identifier, settings.integration_identifier.clone());
        if let Some(contact) = &settings.integration_contact {
            headers.insert(HeaderName::from_static("x-kisi-integration-contact"), contact.clone());
        }
        Ok(KisiAccount { shared: self.shared.clone(), client, account, headers })
    }
}

impl KisiAccount {
    /// Whether calls are sent, or refused because Kisi did not answer this account of late.
    pub fn circuit(&self) -> CircuitState {
        self.client.circuit(&self.account)
    }

    /// Whether the key works, and whose it is. `Unauthorized` means that it is wrong, expired or revoked.
    pub async fn check_key(&self) -> Result<KeyCheck, Error> {
        let answer = self.send(self.call(Method::GET, "/user", &["user"], &[])).await?;
        KeyCheck::from_wire(answer.json()?)
            .ok_or_else(|| answer.malformed("the key's user has no organization").into())
    }

    /// What a link's secret is put behind to make an address of it.
    pub(super) fn link_page(&self) -> &str {
        &self.shared.settings.link_page
    }

    /// Someone waits, so the time is for all attempts: a door that opens late is worse than an error.
    pub(super) async fn send_promptly(&self, call: Call) -> Result<(), Error> {
        let limit = self.shared.settings.prompt_timeout;
        self.send(call.timeouts(limit, limit)).await?;
        Ok(())
    }

    /// The whole list, or an error: a list with a gap would read as rights that are gone.
    pub(super) async fn list<T: Row + DeserializeOwned>(
        &self,
        template: &'static str,
        path: &'static str,
        limit: u64,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Error> {
        self.read_all(Reader::new(template, path, limit, query)).await
    }

    pub(super) async fn read_all<T: Row + DeserializeOwned>(
        &self,
        mut reader: Reader<T>,
    ) -> Result<Vec<T>, Error> {
        loop {
            if let Some(rows) = reader.read_on(self).await? {
                return Ok(rows);
            }
        }
    }

    pub(super) async fn find<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>, Error> {
        match self.send(call).await {
            Ok(answer) => Ok(Some(answer.json()?)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(&self, template: &'static str, path: &str, id: u64) -> Result<(), Error> {
        match self.send(self.call(Method::DELETE, template, &[path, &id.to_string()], &[])).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn call(
        &self,
        method: Method,
        template: &'static str,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Call {
        let url = self.shared.settings.base_url.at(segments, query);
        Call::new(self.account.clone(), method, url, template).headers(&self.headers)
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer, VendorError> {
        let template = call.template();
        let answer = self.client.send(call).await?;
        if ["deprecation", "sunset"].iter().any(|&header| answer.headers.contains_key(header)) {
            let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.insert(template) {
                tracing::warn!(
                    provider.name = "kisi",
                    url.template = template,
                    "Kisi will retire this endpoint"
                );
            }
        }
        Ok(answer)
    }
}

impl fmt::Debug for Kisi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kisi").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

/// Without the key.
impl fmt::Debug for KisiAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KisiAccount").field("account", &self.account).finish_non_exhaustive()
    }
}
