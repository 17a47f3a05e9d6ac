//! What the twin knows: accounts with their senders, messages, and how it shall misbehave.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::callback::Callback;

/// An account or its test pair.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// `AC` and 32 hex digits.
    pub sid: String,
    /// The primary auth token: the password of the account, and the key of its callback signatures.
    pub auth_token: String,
    /// Shown in the account resource.
    #[serde(default)]
    pub friendly_name: String,
    /// Trial accounts prefix their texts and reach verified numbers only.
    #[serde(default)]
    pub kind: AccountKind,
    /// API keys by sid (`SK` and 32 hex digits).
    #[serde(default)]
    pub api_keys: BTreeMap<String, ApiKey>,
    /// Senders of the account, each an E.164 number, a short code or an alphanumeric sender, with the URL that
    /// gets inbound messages, if any.
    #[serde(default)]
    pub senders: BTreeMap<String, Sender>,
    /// Messaging services by sid (`MG` and 32 hex digits).
    #[serde(default)]
    pub services: BTreeMap<String, MessagingService>,
    /// Numbers a trial account may write to.
    #[serde(default)]
    pub verified: BTreeSet<String>,
    /// Prefixes of `To` (such as `+7`) that the account's country permissions exclude.
    #[serde(default)]
    pub blocked_prefixes: BTreeSet<String>,
    /// `(sender or service sid, recipient)` pairs that ended with STOP.
    #[serde(default)]
    pub opt_outs: BTreeSet<(String, String)>,
}

/// Full, trial or the test credentials with their magic numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountKind {
    /// Paid for.
    #[default]
    Full,
    /// Free, with limits.
    Trial,
    /// Test credentials: magic numbers, nothing is sent, no callbacks.
    Test,
}

/// A key that authenticates instead of the auth token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// The password.
    pub secret: String,
    /// Main keys may read the account resource, standard ones may not.
    #[serde(default)]
    pub is_main: bool,
}

/// Something to send from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sender {
    /// Gets inbound messages as a signed form POST.
    #[serde(default)]
    pub inbound_url: Option<String>,
}

/// A pool of senders.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MessagingService {
    /// Members of the pool; the first one sends.
    #[serde(default)]
    pub senders: Vec<String>,
    /// Where statuses go for messages that name no URL of their own.
    #[serde(default)]
    pub status_callback: Option<String>,
}

/// `status` of a message, as far as the twin uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Taken by a messaging service.
    Accepted,
    /// Waits for `SendAt`.
    Scheduled,
    /// Waits to be sent.
    Queued,
    /// With the carrier.
    Sent,
    /// End: arrived.
    Delivered,
    /// End: the carrier could not deliver.
    Undelivered,
    /// End: never left.
    Failed,
    /// End: a scheduled message that was called off.
    Canceled,
    /// End: an inbound message.
    Received,
}

impl Status {
    /// The word in JSON and callbacks.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Received => "received",
        }
    }
}

/// How a message ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status", content = "error_code")]
pub enum Outcome {
    /// `delivered`.
    #[default]
    Delivered,
    /// `undelivered` after `sent`, with its code (30003, 30005, 30006, …).
    Undelivered(u32),
    /// `failed` without having been sent, with its code (30001, 30002, …).
    Failed(u32),
}

/// A message as the twin keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// `SM` or, with media, `MM`, and 32 hex digits.
    pub sid: String,
    /// The account it belongs to.
    pub account_sid: String,
    /// Who it is from; none while a messaging service has not chosen.
    pub from: Option<String>,
    /// Who it is for, E.164.
    pub to: String,
    /// The text; empty once redacted.
    pub body: String,
    /// URLs of media.
    pub media: Vec<String>,
    /// Content template instead of a body.
    pub content_sid: Option<String>,
    /// The service that it was sent through.
    pub messaging_service_sid: Option<String>,
    /// Where status changes are posted.
    pub status_callback: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Why it failed.
    pub error_code: Option<u32>,
    /// Whether it came from outside.
    pub is_inbound: bool,
    /// Parts on the air.
    pub segments: usize,
    /// When the twin took it.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it went to the carrier.
    pub sent_at: Option<Timestamp>,
    /// When the present status ends, if it does by itself.
    pub next_at: Option<Timestamp>,
    /// How it will end.
    pub outcome: Outcome,
}

/// How long a message stays in a status, sandbox clock. Zero: the whole way at once, after the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// From `queued` to `sent` (or `failed`).
    #[serde(default)]
    pub to_sent_ms: u32,
    /// From `sent` to `delivered` (or `undelivered`).
    #[serde(default)]
    pub to_end_ms: u32,
}

/// How callbacks shall misbehave. All off by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackSwitches {
    /// Each callback is posted twice.
    pub is_doubled: bool,
    /// A message's callbacks wait until its end and are posted last first.
    pub is_reversed: bool,
    /// No callback is posted.
    pub is_dropped: bool,
    /// Signed with another token than the account's.
    pub has_wrong_token: bool,
    /// Posted as JSON, with `bodySHA256` in the URL, instead of a form.
    pub is_json: bool,
}

/// Requests to refuse: `times` more, with `code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefuseNext {
    /// Twilio's error code, such as 20429 or 21611.
    pub code: u32,
    /// How many more messages are refused.
    pub times: u32,
}

/// Everything the twin remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<String, Account>,
    /// By the part of the sid behind its prefix: a UUIDv7, so oldest first.
    pub(crate) messages: BTreeMap<String, Message>,
    /// When which message (by the same key) moves on.
    pub(crate) due: BTreeSet<(Timestamp, String)>,
    /// All messages ever taken, those no longer kept included.
    pub(crate) taken: u64,
    /// How messages to a number end; others are delivered.
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    pub(crate) pace: Pace,
    pub(crate) switches: CallbackSwitches,
    pub(crate) refuse_next: Option<RefuseNext>,
    /// Callbacks of unfinished messages that wait to be posted in reverse, by message sid.
    pub(crate) held: BTreeMap<String, Vec<Callback>>,
}

/// Where a message is kept: its sid without the prefix, which says only whether it has media.
pub(crate) fn key_of(sid: &str) -> &str {
    sid.get(2..).unwrap_or_default()
}

impl State {
    /// Keeps a message and forgets the oldest beyond `kept_max`.
    pub(crate) fn keep(&mut self, message: Message, kept_max: usize) {
        self.taken += 1;
        let key = key_of(&message.sid).to_owned();
        if let Some(at) = message.next_at {
            self.due.insert((at, key.clone()));
        }
        self.messages.insert(key, message);
        while self.messages.len() > kept_max {
            let Some((key, oldest)) = self.messages.pop_first() else { break };
            self.held.remove(&oldest.sid);
            if let Some(at) = oldest.next_at {
                self.due.remove(&(at, key));
            }
        }
    }

    pub(crate) fn message(&self, account_sid: &str, sid: &str) -> Option<&Message> {
        self.messages.get(key_of(sid)).filter(|kept| kept.sid == sid && kept.account_sid == account_sid)
    }

    /// Puts a changed message in the place of the old one.
    pub(crate) fn replace(&mut self, message: Message) {
        let key = key_of(&message.sid).to_owned();
        let Some(kept) = self.messages.get_mut(&key) else { return };
        if let Some(at) = kept.next_at {
            self.due.remove(&(at, key.clone()));
        }
        if let Some(at) = message.next_at {
            self.due.insert((at, key));
        }
        *kept = message;
    }

    /// Forgets a message; whether it was there.
    pub(crate) fn forget(&mut self, account_sid: &str, sid: &str) -> bool {
        let Some(at) = self.message(account_sid, sid).map(|message| message.next_at) else { return false };
        if let Some(at) = at {
            self.due.remove(&(at, key_of(sid).to_owned()));
        }
        self.held.remove(sid);
        self.messages.remove(key_of(sid)).is_some()
    }
}
