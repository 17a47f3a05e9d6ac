//! The SendGrid twin: Mail Send, suppressions and the signed Event Webhook of the v3 API.
//!
//! Follows SendGrid's v3 API reference and Event Webhook documentation; one account. Owns keys, verified senders,
//! the mails that were sent, suppression lists. Deliberately absent: SMTP, templates' texts, statistics,
//! sub-users, marketing.

mod control;
mod event;
mod judge;
mod mail;
mod rate;
mod refusal;
mod routes;
mod scopes;
mod settings;
mod signature;
mod state;
mod suppression;
mod webhook;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use domain::{Clock as _, Timestamp};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

pub use event::EventKind;
pub use mail::{Address, Attachment, Bypass, Content, Envelope, Mail, Message, TrailEntry};
pub use rate::RateLimit;
pub use suppression::{Group, Suppression, SuppressionList};
pub use webhook::{EventSwitches, SIGNATURE_HEADER, TIMESTAMP_HEADER, Webhook};

use crate::{Twin, TwinParts, Vendor, credentials};
use event::Event;
use refusal::Refusal;
use state::{Bounds, State, key_of};

/// What the SendGrid twin takes as configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The API keys that exist from the start.
    pub keys: Vec<ApiKey>,
    /// Verified senders: addresses (`desk@space.example`) and domains (`space.example`).
    pub senders: Vec<String>,
    /// Who gets events from the start.
    pub webhooks: Vec<WebhookSeed>,
    /// How many mails are kept; counting never stops. Default 10,000.
    pub messages_kept_max: usize,
    /// How many bytes of bodies and attachments are kept. Default 256 MiB.
    pub bytes_kept_max: usize,
    /// Requests of one key. None: unlimited, for benchmarks. Default 10,000 a second.
    pub rate_limit: Option<RateLimit>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            senders: Vec::new(),
            webhooks: Vec::new(),
            messages_kept_max: 10_000,
            bytes_kept_max: 256 << 20,
            rate_limit: Some(RateLimit::default()),
        }
    }
}

/// An API key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The bearer token: `SG.`, an id, a dot and a secret.
    pub key: String,
    /// What it may do. Default: everything.
    #[serde(default = "scopes::all")]
    pub scopes: BTreeSet<String>,
}

impl ApiKey {
    /// A key that may do everything.
    pub fn full_access(key: impl Into<String>) -> Self {
        Self { key: key.into(), scopes: scopes::all() }
    }
}

/// A receiver of all events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSeed {
    /// Where events are posted.
    pub url: String,
    /// Whether they are signed. Default: yes.
    #[serde(default = "WebhookSeed::signed_default")]
    pub is_signed: bool,
}

impl WebhookSeed {
    fn signed_default() -> bool {
        true
    }
}

/// Which mails are wanted; what is none does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// One of the recipients (to, cc or bcc), without regard to case.
    pub recipient: Option<String>,
    /// A part of a subject.
    pub subject: Option<String>,
    /// Name and value of a custom argument.
    pub custom_arg: Option<(String, String)>,
}

impl MessageFilter {
    fn admits(&self, message: &Message) -> bool {
        let is_recipient =
            |wanted: &String| message.recipients().any(|address| address.email.eq_ignore_ascii_case(wanted));
        let has_arg = |(name, value): &(String, String)| {
            message.mail.envelopes.iter().any(|envelope| envelope.custom_args.get(name) == Some(value))
        };
        self.recipient.as_ref().is_none_or(is_recipient)
            && self
                .subject
                .as_ref()
                .is_none_or(|part| message.subjects().any(|text| text.contains(part.as_str())))
            && self.custom_arg.as_ref().is_none_or(has_arg)
    }
}

/// An event that shall happen now.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventOrder {
    /// To which mail: its `X-Message-Id`.
    pub message_id: String,
    /// At which recipient. Default: at all of them.
    #[serde(default)]
    pub email: Option<String>,
    /// What.
    pub event: EventKind,
    /// Fields that the event has in addition or instead, such as `{"type": "blocked"}` or `{"url": …}`.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

/// The mail is not (or no longer) kept, or has no such recipient.
#[derive(Debug, thiserror::Error)]
#[error("no such mail is kept, or it has no such recipient")]
pub struct MessageUnknown;

/// What came of a mail that was found right.
enum Verdict {
    Accepted(String),
    Sandboxed,
}

/// The SendGrid twin.
pub struct SendGrid {
    config: Config,
    parts: TwinParts,
    state: Mutex<State>,
}

impl SendGrid {
    pub(crate) fn new(config: Config, parts: TwinParts) -> Self {
        let state = Mutex::new(seeded(&config, parts.clock.now()));
        Self { config, parts, state }
    }

    /// The kept mails that `filter` admits, oldest first.
    pub fn messages(&self, filter: &MessageFilter) -> Vec<Message> {
        self.advance();
        self.lock().messages.values().filter(|message| filter.admits(message)).cloned().collect()
    }

    /// The kept mails to an address (to, cc or bcc), oldest first.
    pub fn messages_to(&self, recipient: &str) -> Vec<Message> {
        self.messages(&MessageFilter { recipient: Some(recipient.to_owned()), ..MessageFilter::default() })
    }

    /// Shows the latest `limit` kept mails, newest first, without copying them.
    pub fn latest<T>(&self, limit: usize, show: impl FnMut(&Message) -> T) -> Vec<T> {
        self.advance();
        self.lock().messages.values().rev().take(limit).map(show).collect()
    }

    /// The mail with this `X-Message-Id`, if it is kept.
    pub fn message(&self, id: &str) -> Option<Message> {
        self.advance();
        self.lock().message(id).cloned()
    }

    /// How many mails were ever accepted.
    pub fn accepted(&self) -> u64 {
        self.lock().accepted
    }

    /// Adds an API key, or changes what it may do.
    pub fn put_key(&self, key: ApiKey) {
        self.lock().keys.insert(key.key, key.scopes);
    }

    /// Revokes an API key; whether it was there.
    pub fn revoke_key(&self, key: &str) -> bool {
        self.lock().keys.remove(key).is_some()
    }

    /// Verifies a sender: an address or a domain.
    pub fn verify_sender(&self, sender: impl Into<String>) {
        self.lock().senders.insert(sender.into());
    }

    /// Withdraws a sender; whether it was there.
    pub fn withdraw_sender(&self, sender: &str) -> bool {
        self.lock().senders.remove(sender)
    }

    /// Adds a receiver of all events; returns its id.
    pub fn add_webhook(&self, seed: WebhookSeed) -> String {
        let webhook = grown(seed, self.parts.clock.now());
        let id = webhook.id.clone();
        self.lock().webhooks.insert(id.clone(), webhook);
        id
    }

    /// The key with which events are signed, as the settings API serves it: Base64 of a DER public key.
    pub fn public_key(&self) -> String {
        self.lock().event_key.public_key()
    }

    /// Puts an address on a suppression list.
    pub fn suppress(&self, list: SuppressionList, email: &str) {
        let entry = suppression::entry(email, self.parts.clock.now());
        self.lock().suppressions.add(list, entry);
    }

    /// The addresses on a suppression list.
    pub fn suppressed(&self, list: SuppressionList) -> Vec<Suppression> {
        self.lock().suppressions.list(list).cloned().collect()
    }

    /// Sets what happens to mail at an address from now on, instead of `delivered`.
    pub fn set_outcome(&self, email: &str, outcome: EventKind) {
        self.lock().outcomes.insert(email.to_lowercase(), outcome);
    }

    /// Sets how event posts misbehave from now on.
    pub fn set_switches(&self, switches: EventSwitches) {
        self.lock().switches = switches;
    }

    /// Sets how many requests a key may make; none: as many as it likes.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        let mut state = self.lock();
        state.rate_limit = limit;
        state.rates = rate::Rates::default();
    }

    /// Lets an event happen now and posts it. Returns at how many recipients it happened.
    pub fn happen(&self, order: &EventOrder) -> Result<usize, MessageUnknown> {
        let now = self.parts.clock.now();
        let mut state = self.lock();
        let key = key_of(&order.message_id).ok_or(MessageUnknown)?;
        let message = state.messages.get(&key).ok_or(MessageUnknown)?;
        let mut places: Vec<(usize, String)> = Vec::new();
        for (nth, envelope) in message.mail.envelopes.iter().enumerate() {
            let all = envelope.recipients().map(|address| address.email.clone());
            let wanted =
                |email: &String| order.email.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(email));
            places.extend(all.filter(wanted).map(|email| (nth, email)));
        }
        let events: Vec<Event> = places
            .iter()
            .filter_map(|(nth, email)| state.happen(order.event, key, *nth, email, now, &order.fields))
            .collect();
        if events.is_empty() {
            return Err(MessageUnknown);
        }
        let count = events.len();
        self.tell(state, events, now);
        Ok(count)
    }

    /// Posts the events that were held, all in one array for each webhook. Returns how many there were.
    pub fn flush(&self) -> usize {
        let now = self.parts.clock.now();
        let mut state = self.lock();
        let events = std::mem::take(&mut state.held);
        let count = events.len();
        self.post(state, &events, now);
        count
    }

    /// Delivers scheduled mails whose time has come.
    pub fn advance(&self) {
        let now = self.parts.clock.now();
        let mut state = self.lock();
        if state.due.first().is_some_and(|(at, ..)| *at <= now) {
            let events = state.advance(now);
            self.tell(state, events, now);
        }
    }

    /// Judges and, unless it is only a try, accepts a mail.
    fn send(&self, body: &Value) -> Result<Verdict, Refusal> {
        let now = self.parts.clock.now();
        // Judged without the lock: a mail with files takes its time.
        let senders = self.lock().senders.clone();
        let mail = judge::judge(body, &senders, now)?;
        if mail.is_sandboxed {
            return Ok(Verdict::Sandboxed);
        }
        let mut state = self.lock();
        let bounds =
            Bounds { messages_max: self.config.messages_kept_max, bytes_max: self.config.bytes_kept_max };
        let (id, mut events) = state.accept(mail, now, bounds);
        events.extend(state.advance(now));
        self.tell(state, events, now);
        Ok(Verdict::Accepted(id))
    }

    fn tell(&self, mut state: MutexGuard<'_, State>, events: Vec<Event>, now: Timestamp) {
        if state.switches.is_held {
            state.hold(events);
        } else {
            self.post(state, &events, now);
        }
    }

    /// Signs and posts without the lock: a signature takes longer than all else.
    fn post(&self, state: MutexGuard<'_, State>, events: &[Event], now: Timestamp) {
        if events.is_empty() || state.webhooks.is_empty() {
            return;
        }
        let webhooks: Vec<Webhook> = state.webhooks.values().cloned().collect();
        let (key, switches) = (state.event_key.clone(), state.switches);
        drop(state);
        for delivery in webhooks.iter().flat_map(|to| webhook::posts(to, events, &key, switches, now)) {
            self.parts.deliveries.send(delivery);
        }
    }

    /// The id and the scopes of the key that a request brings, if it is valid.
    fn authenticate(&self, headers: &HeaderMap) -> Option<(String, BTreeSet<String>)> {
        let key = credentials::bearer(headers)?;
        let scopes = self.lock().keys.get(key).cloned()?;
        Some((key_id(key).to_owned(), scopes))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Twin for SendGrid {
    fn vendor(&self) -> Vendor {
        Vendor::SendGrid
    }

    fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }

    fn control(self: Arc<Self>) -> Router {
        control::router(self)
    }

    fn account(&self, request: &Parts) -> Option<String> {
        let key = credentials::bearer(&request.headers)?;
        self.lock().keys.contains_key(key).then(|| key_id(key).to_owned())
    }

    fn error_body(&self, status: StatusCode) -> Value {
        match status {
            StatusCode::UNAUTHORIZED => Refusal::unauthorized().body(),
            StatusCode::FORBIDDEN => Refusal::forbidden().body(),
            StatusCode::TOO_MANY_REQUESTS => Refusal::too_many_requests().body(),
            _ => Refusal::new(status, status.canonical_reason().unwrap_or("error")).body(),
        }
    }

    fn save(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&*self.lock())
    }

    fn restore(&self, saved: Value) -> Result<(), serde_json::Error> {
        *self.lock() = serde_json::from_value(saved)?;
        Ok(())
    }

    fn tick(&self) {
        self.advance();
    }

    fn reset(&self) {
        let mut fresh = seeded(&self.config, self.parts.clock.now());
        let mut state = self.lock();
        // A receiver that has fetched the public key can go on with it.
        fresh.event_key = state.event_key.clone();
        *state = fresh;
    }
}

fn seeded(config: &Config, now: Timestamp) -> State {
    let webhooks = config.webhooks.iter().map(|seed| grown(seed.clone(), now));
    State {
        keys: config.keys.iter().map(|key| (key.key.clone(), key.scopes.clone())).collect(),
        senders: config.senders.iter().cloned().collect(),
        webhooks: webhooks.map(|webhook| (webhook.id.clone(), webhook)).collect(),
        rate_limit: config.rate_limit,
        ..State::default()
    }
}

fn grown(seed: WebhookSeed, now: Timestamp) -> Webhook {
    Webhook {
        id: Uuid::now_v7().to_string(),
        url: seed.url,
        is_enabled: true,
        friendly_name: None,
        events: EventKind::ALL.into(),
        is_signed: seed.is_signed,
        created_at: now,
        updated_at: now,
    }
}

/// The public middle of a key; the rest is secret.
fn key_id(key: &str) -> &str {
    match key.split('.').collect::<Vec<_>>().as_slice() {
        ["SG", id, _] => id,
        _ => "unnamed",
    }
}
