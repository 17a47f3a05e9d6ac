//! What a controller is told and asked in each round: the time, the list of PINs, its log.

use chrono::{DateTime, Utc};
use domain::Timestamp;
use door_adapter::ProviderError;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vendor_http::http::{Method, header};

use super::Controller;
use crate::driver::http;
use crate::offline::Signed;

/// Entries that are asked for at once.
const ENTRIES: &str = "200";

/// `GET /v1/state`, as far as rounds need it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct State {
    /// What the controller calls itself: another one after its state is lost.
    pub controller: String,
    /// The list that counts.
    pub list: Option<ListState>,
    pub log: LogState,
}

/// Which list counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ListState {
    pub version: u64,
    pub pins: usize,
}

/// How far the log was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct LogState {
    pub acknowledged: u64,
}

/// Entries of the log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Page {
    pub entries: Vec<Entry>,
    /// So many before the first of them are not there any more.
    pub missing: u64,
}

/// Something that happened, as the controller wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    pub seq: u64,
    pub at: DateTime<Utc>,
    /// Whether the time may be believed.
    pub sure: bool,
    pub action: String,
    pub channel: Option<u16>,
    pub outcome: String,
    pub reason: Option<String>,
    /// Of a request, the caller's.
    pub id: Option<String>,
    /// Of a PIN, the list's.
    pub credential: Option<String>,
    pub source: String,
}

impl Controller {
    /// How it is.
    pub(crate) async fn state(&self) -> Result<State, ProviderError> {
        self.get(&["v1", "state"], "/v1/state").await.map_err(|error| http::failure(error, true))
    }

    /// What time it is.
    pub(crate) async fn tell_time(&self, now: Timestamp) -> Result<(), ProviderError> {
        self.send(Method::POST, &["v1", "clock"], "/v1/clock", &json!({ "now": now })).await
    }

    /// From now on that list counts.
    pub(crate) async fn put_list(&self, list: &Signed) -> Result<(), ProviderError> {
        self.send(Method::PUT, &["v1", "offline-list"], "/v1/offline-list", list).await
    }

    /// Entries behind that one, the oldest first.
    pub(crate) async fn log_after(&self, seq: u64) -> Result<Page, ProviderError> {
        let query = [("after", seq.to_string()), ("limit", ENTRIES.to_owned())];
        let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
        let call = self.line.call(Method::GET, &["v1", "log"], &query, "/v1/log");
        let answer = self.line.client.send(call.header(header::AUTHORIZATION, self.login.clone())).await;
        Ok(answer.map_err(|error| http::failure(error, true))?.json()?)
    }

    /// What was taken over may go.
    pub(crate) async fn acknowledge(&self, through: u64) -> Result<(), ProviderError> {
        let segments = ["v1", "log", "acknowledge"];
        self.send(Method::POST, &segments, "/v1/log/acknowledge", &json!({ "through": through })).await
    }

    /// What lists are signed with.
    pub(crate) fn key(&self) -> &SecretString {
        &self.key
    }

    async fn send(
        &self,
        method: Method,
        segments: &[&str],
        template: &'static str,
        body: &impl Serialize,
    ) -> Result<(), ProviderError> {
        let call = self.line.call(method, segments, &[], template).json(body);
        let answer = self.line.client.send(call.header(header::AUTHORIZATION, self.login.clone())).await;
        answer.map_err(|error| http::failure(error, true))?.json::<Value>()?;
        Ok(())
    }
}
