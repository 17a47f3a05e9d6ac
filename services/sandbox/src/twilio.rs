//! The Twilio twin: Messages and Accounts of the 2010-04-01 API, with signed status callbacks.
//!
//! Follows Twilio's API reference and Webhooks security page. Owns accounts, the messages that were sent,
//! opt-outs. Deliberately absent: calls, templates' texts, prices, sub-accounts, XML.

mod callback;
mod control;
mod judge;
mod lifecycle;
mod list;
mod refusal;
mod routes;
pub mod segments;
pub mod signature;
mod state;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use domain::{Clock as _, Timestamp};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub use refusal::Refusal;
pub use state::{
    Account, AccountKind, ApiKey, CallbackSwitches, Message, MessagingService, Outcome, Pace, RefuseNext,
    Sender, Status,
};

use crate::{Twin, TwinParts, Vendor, credentials};
use callback::{Callback, send_in_order};
use judge::{Form, judge};
use segments::measure;
use state::State;

/// The version in paths and callbacks.
pub(crate) const API_VERSION: &str = "2010-04-01";

/// What the Twilio twin takes as configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The accounts that exist from the start.
    pub accounts: Vec<Account>,
    /// How many messages are kept; counting never stops. Default 10,000.
    pub messages_kept_max: usize,
    /// How fast messages move on.
    pub pace: Pace,
}

impl Default for Config {
    fn default() -> Self {
        Self { accounts: Vec::new(), messages_kept_max: 10_000, pace: Pace::default() }
    }
}

/// The Twilio twin.
pub struct Twilio {
    config: Config,
    parts: TwinParts,
    state: Mutex<State>,
}

/// Which messages are wanted; what is none does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct MessageFilter {
    /// The account's sid.
    pub account: Option<String>,
    /// The recipient, E.164.
    pub to: Option<String>,
    /// The sender.
    pub from: Option<String>,
    /// A part of the body.
    pub body: Option<String>,
}

impl MessageFilter {
    fn admits(&self, message: &Message) -> bool {
        let is =
            |wanted: &Option<String>, given: Option<&str>| wanted.is_none() || wanted.as_deref() == given;
        is(&self.account, Some(&message.account_sid))
            && is(&self.to, Some(&message.to))
            && is(&self.from, message.from.as_deref())
            && self.body.as_ref().is_none_or(|part| message.body.contains(part.as_str()))
    }
}

/// A text that somebody writes to one of an account's numbers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// The account's sid.
    pub account: String,
    /// Who writes, E.164.
    pub from: String,
    /// One of the account's senders.
    pub to: String,
    /// The text. STOP and START, and what Twilio takes for them, end and renew the subscription.
    pub body: String,
}

/// There is no such account, or it has no such sender.
#[derive(Debug, thiserror::Error)]
#[error("the account does not exist or does not have this sender")]
pub struct SenderUnknown;

/// Who asks, and with what.
struct Caller {
    account_sid: String,
    /// Standard API keys may not read the account resource.
    may_read_account: bool,
}

impl Twilio {
    pub(crate) fn new(config: Config, parts: TwinParts) -> Self {
        let state = Mutex::new(seeded(&config));
        Self { config, parts, state }
    }

    /// The kept messages that `filter` admits, oldest first. Those that are due have moved on.
    pub fn messages(&self, filter: &MessageFilter) -> Vec<Message> {
        self.advance();
        self.lock().messages.values().filter(|message| filter.admits(message)).cloned().collect()
    }

    /// The latest `limit` kept messages, newest first.
    pub fn latest(&self, limit: usize) -> Vec<Message> {
        self.advance();
        self.lock().messages.values().rev().take(limit).cloned().collect()
    }

    /// The kept messages to a number, oldest first.
    pub fn messages_to(&self, to: &str) -> Vec<Message> {
        self.messages(&MessageFilter { to: Some(to.to_owned()), ..MessageFilter::default() })
    }

    /// How many messages were ever taken, inbound ones included.
    pub fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Adds an account, or replaces it.
    pub fn put_account(&self, account: Account) {
        self.lock().accounts.insert(account.sid.clone(), account);
    }

    /// The account as it is now.
    pub fn account(&self, sid: &str) -> Option<Account> {
        self.lock().accounts.get(sid).cloned()
    }

    /// Sets how messages to a number end from now on.
    pub fn set_outcome(&self, to: impl Into<String>, outcome: Outcome) {
        self.lock().outcomes.insert(to.into(), outcome);
    }

    /// Sets how fast messages move on from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.lock().pace = pace;
    }

    /// Sets how callbacks misbehave from now on.
    pub fn set_callbacks(&self, switches: CallbackSwitches) {
        self.lock().switches = switches;
    }

    /// Refuses the next messages.
    pub fn refuse_next(&self, refusal: RefuseNext) {
        self.lock().refuse_next = Some(refusal).filter(|refusal| refusal.times > 0);
    }

    /// Takes a text from outside: applies STOP and START, keeps it, tells the sender's inbound URL.
    pub fn receive(&self, inbound: Inbound) -> Result<Message, SenderUnknown> {
        let now = self.parts.clock.now();
        let mut state = self.lock();
        let account = state.accounts.get_mut(&inbound.account).ok_or(SenderUnknown)?;
        let sender = account.senders.get(&inbound.to).ok_or(SenderUnknown)?;
        let inbound_url = sender.inbound_url.clone();
        let opt_out = opt_out_type(&inbound.body);
        let in_pool = |service: &MessagingService| service.senders.contains(&inbound.to);
        let services =
            account.services.iter().filter(|(_, service)| in_pool(service)).map(|(sid, _)| sid.clone());
        for sender in services.chain([inbound.to.clone()]).collect::<Vec<_>>() {
            let pair = (sender, inbound.from.clone());
            match opt_out {
                Some("STOP") => drop(account.opt_outs.insert(pair)),
                Some("START") => drop(account.opt_outs.remove(&pair)),
                _ => {}
            }
        }
        let auth_token = account.auth_token.clone();
        let message = Message {
            sid: new_sid("SM"),
            account_sid: inbound.account,
            from: Some(inbound.from),
            to: inbound.to,
            segments: measure(&inbound.body).segments,
            body: inbound.body,
            media: Vec::new(),
            content_sid: None,
            messaging_service_sid: None,
            status_callback: None,
            status: Status::Received,
            error_code: None,
            is_inbound: true,
            created_at: now,
            updated_at: now,
            sent_at: Some(now),
            next_at: None,
            outcome: Outcome::default(),
        };
        state.keep(message.clone(), self.config.messages_kept_max);
        let switches = state.switches;
        drop(state);
        if let Some(url) = inbound_url {
            let callback = Callback::inbound(&message, url, opt_out);
            self.parts.deliveries.send(callback.packed(&auth_token, switches));
        }
        Ok(message)
    }

    /// Moves on all messages whose time has come, and posts their callbacks.
    pub fn advance(&self) {
        let now = self.parts.clock.now();
        let mut state = self.lock();
        if state.due.first().is_none_or(|(at, _)| *at > now) {
            return;
        }
        let posts = state.advance(now);
        let switches = state.switches;
        drop(state);
        if switches.is_dropped {
            return;
        }
        let copies = if switches.is_doubled { 2 } else { 1 };
        for (auth_token, callbacks) in posts {
            let packed = callbacks.iter().flat_map(|callback| {
                let auth_token = &auth_token;
                (0..copies).map(move |_| callback.packed(auth_token, switches))
            });
            send_in_order(&self.parts.deliveries, packed.collect());
        }
    }

    /// Takes or refuses a message of `account_sid`.
    fn create(&self, account_sid: &str, form: &Form) -> Result<Message, Refusal> {
        let now = self.parts.clock.now();
        let mut state = self.lock();
        if let Some(RefuseNext { code, times }) = state.refuse_next {
            state.refuse_next = (times > 1).then(|| RefuseNext { code, times: times - 1 });
            return Err(if code == 20429 { Refusal::TooManyRequests } else { Refusal::OnDemand(code) });
        }
        let account = state.accounts.get(account_sid).ok_or(Refusal::Unauthenticated)?;
        let draft = judge(account, form, now)?;
        let is_test = account.kind == AccountKind::Test;
        let status = match (&draft.messaging_service_sid, draft.send_at) {
            (_, Some(_)) => Status::Scheduled,
            (Some(_), None) => Status::Accepted,
            (None, None) => Status::Queued,
        };
        let to_sent = chrono::Duration::milliseconds(state.pace.to_sent_ms.into());
        let next_at = match status {
            Status::Scheduled => draft.send_at,
            Status::Accepted => Some(now),
            _ => Some(now + to_sent),
        };
        let message = Message {
            sid: new_sid(if draft.media.is_empty() { "SM" } else { "MM" }),
            account_sid: account_sid.to_owned(),
            segments: if status == Status::Queued { measure(&draft.body).segments } else { 0 },
            outcome: state.outcomes.get(&draft.to).copied().unwrap_or_default(),
            from: draft.from,
            to: draft.to,
            body: draft.body,
            media: draft.media,
            content_sid: draft.content_sid,
            messaging_service_sid: draft.messaging_service_sid,
            status_callback: draft.status_callback.filter(|_| !is_test),
            status,
            error_code: None,
            is_inbound: false,
            created_at: now,
            updated_at: now,
            sent_at: None,
            next_at: next_at.filter(|_| !is_test),
        };
        state.keep(message.clone(), self.config.messages_kept_max);
        drop(state);
        // What is due at once moves on now; the answer still shows the first status.
        self.advance();
        Ok(message)
    }

    /// Checks HTTP Basic credentials: account sid and auth token, or API key sid and secret.
    fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let (user, password) = credentials::basic(headers).ok_or(Refusal::Unauthenticated)?;
        let state = self.lock();
        let found = if user.starts_with("SK") {
            state.accounts.values().find_map(|account| {
                let key = account.api_keys.get(&user).filter(|key| key.secret == password)?;
                Some(Caller { account_sid: account.sid.clone(), may_read_account: key.is_main })
            })
        } else {
            let account = state.accounts.get(&user).filter(|account| account.auth_token == password);
            account.map(|account| Caller { account_sid: account.sid.clone(), may_read_account: true })
        };
        found.ok_or(Refusal::Unauthenticated)
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Twin for Twilio {
    fn vendor(&self) -> Vendor {
        Vendor::Twilio
    }

    fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }

    fn control(self: Arc<Self>) -> Router {
        control::router(self)
    }

    fn account(&self, request: &Parts) -> Option<String> {
        self.authenticate(&request.headers).ok().map(|caller| caller.account_sid)
    }

    fn error_body(&self, status: StatusCode) -> Value {
        let code = match status {
            StatusCode::UNAUTHORIZED => 20003,
            StatusCode::NOT_FOUND => 20404,
            StatusCode::TOO_MANY_REQUESTS => 20429,
            StatusCode::SERVICE_UNAVAILABLE => 20503,
            _ => 20500,
        };
        let message = status.canonical_reason().unwrap_or("Error");
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        json!({ "code": code, "message": message, "more_info": more_info, "status": status.as_u16() })
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
        *self.lock() = seeded(&self.config);
    }
}

fn seeded(config: &Config) -> State {
    let accounts = config.accounts.iter().map(|account| (account.sid.clone(), account.clone())).collect();
    State { accounts, pace: config.pace, ..State::default() }
}

/// Two letters and 32 hex digits, in the order of their making.
fn new_sid(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::now_v7().simple())
}

/// What Twilio takes for leaving and coming back: the whole text, in any case.
fn opt_out_type(body: &str) -> Option<&'static str> {
    match body.trim().to_ascii_uppercase().as_str() {
        "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" => Some("STOP"),
        "START" | "YES" | "UNSTOP" => Some("START"),
        "HELP" | "INFO" => Some("HELP"),
        _ => None,
    }
}
