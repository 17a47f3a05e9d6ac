//! What the twin knows: keys, senders, messages, suppressions, webhooks.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::event::{Event, EventKind};
use super::mail::{Mail, Message, TrailEntry};
use super::rate::{RateLimit, Rates};
use super::signature::EventKey;
use super::suppression::{SuppressionList, Suppressions, entry};
use super::webhook::{EventSwitches, Webhook};

/// At most this many events wait for a flush; the oldest go first.
const HELD_MAX: usize = 10_000;
/// The trail of one message holds this many events.
const TRAIL_MAX: usize = 4_000;

/// Everything the twin remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// Scopes by API key.
    pub(crate) keys: BTreeMap<String, BTreeSet<String>>,
    /// Verified addresses and domains.
    pub(crate) senders: BTreeSet<String>,
    /// UUIDv7, so oldest first.
    pub(crate) messages: BTreeMap<Uuid, Message>,
    /// What the kept messages take.
    pub(crate) kept_bytes: usize,
    /// All messages ever accepted, those no longer kept included.
    pub(crate) accepted: u64,
    /// Envelopes that wait for their `send_at`.
    pub(crate) due: BTreeSet<(Timestamp, Uuid, usize)>,
    /// What happens to mail at an address instead of `delivered`, by the address in lower case.
    pub(crate) outcomes: BTreeMap<String, EventKind>,
    pub(crate) suppressions: Suppressions,
    pub(crate) event_key: EventKey,
    pub(crate) webhooks: BTreeMap<String, Webhook>,
    pub(crate) switches: EventSwitches,
    pub(crate) held: Vec<Event>,
    pub(crate) rate_limit: Option<RateLimit>,
    #[serde(skip)]
    pub(crate) rates: Rates,
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) messages_max: usize,
    pub(crate) bytes_max: usize,
}

impl State {
    /// Keeps an accepted mail; returns its id and its first events.
    pub(crate) fn accept(&mut self, mail: Mail, now: Timestamp, bounds: Bounds) -> (String, Vec<Event>) {
        let key = Uuid::now_v7();
        let id = URL_SAFE_NO_PAD.encode(key.as_bytes());
        let mut message = Message { id: id.clone(), accepted_at: now, mail, trail: Vec::new() };
        let mut events = Vec::new();
        for nth in 0..message.mail.envelopes.len() {
            let envelope = &message.mail.envelopes[nth];
            let send_at = envelope.send_at.or(message.mail.send_at);
            let send_at = send_at.and_then(|at| Timestamp::from_timestamp(at, 0)).filter(|at| *at > now);
            let mut is_anyone_left = false;
            for recipient in envelope.recipients() {
                let email = &recipient.email;
                let event = match self.suppressions.drop_reason(&message.mail, email) {
                    Some(reason) => {
                        let extra = Map::from_iter([("reason".to_owned(), Value::from(reason))]);
                        Event::new(EventKind::Dropped, &message, nth, email, now, &extra)
                    }
                    None => {
                        is_anyone_left = true;
                        Event::new(EventKind::Processed, &message, nth, email, now, &Map::new())
                    }
                };
                message.trail.push(TrailEntry { email: email.clone(), event: event.kind, at: now });
                events.push(event);
            }
            if is_anyone_left {
                self.due.insert((send_at.unwrap_or(now), key, nth));
            }
        }
        self.accepted += 1;
        self.kept_bytes += message.bytes();
        self.messages.insert(key, message);
        self.shrink(bounds);
        (id, events)
    }

    /// What the clock brings: envelopes whose time has come arrive, or end as their address wants it.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some((at, key, nth)) = self.due.first().copied() {
            if at > now {
                break;
            }
            self.due.remove(&(at, key, nth));
            let Some(message) = self.messages.get(&key) else { continue };
            let Some(envelope) = message.mail.envelopes.get(nth) else { continue };
            let dropped: BTreeSet<&str> = message
                .trail
                .iter()
                .filter(|entry| entry.event == EventKind::Dropped)
                .map(|entry| entry.email.as_str())
                .collect();
            let recipients = envelope.recipients().map(|address| &address.email);
            let left: Vec<String> =
                recipients.filter(|email| !dropped.contains(email.as_str())).cloned().collect();
            for email in left {
                let kind = self.outcomes.get(&email.to_lowercase()).copied().unwrap_or(EventKind::Delivered);
                events.extend(self.happen(kind, key, nth, &email, at, &Map::new()));
            }
        }
        events
    }

    /// Something happens to a message at one recipient: noted in its trail and, where it has that effect, on a
    /// suppression list. None if the message is no longer kept.
    pub(crate) fn happen(
        &mut self,
        kind: EventKind,
        key: Uuid,
        nth: usize,
        email: &str,
        at: Timestamp,
        extra: &Map<String, Value>,
    ) -> Option<Event> {
        let message = self.messages.get_mut(&key)?;
        let event = Event::new(kind, message, nth, email, at, extra);
        message.trail.push(TrailEntry { email: email.to_owned(), event: kind, at });
        if message.trail.len() > TRAIL_MAX {
            message.trail.remove(0);
        }
        let text = |name: &str| event.body.get(name).and_then(Value::as_str).map(str::to_owned);
        let group = event.body.get("asm_group_id").and_then(Value::as_i64);
        match kind {
            EventKind::Bounce => {
                let is_block = text("type").as_deref() == Some("blocked");
                let list = if is_block { SuppressionList::Blocks } else { SuppressionList::Bounces };
                let mut entry = entry(email, at);
                (entry.reason, entry.status) = (text("reason"), text("status"));
                self.suppressions.add(list, entry);
            }
            EventKind::SpamReport => self.suppressions.add(SuppressionList::SpamReports, entry(email, at)),
            EventKind::Unsubscribe => self.suppressions.add(SuppressionList::Unsubscribes, entry(email, at)),
            EventKind::GroupUnsubscribe => {
                if let Some(group) = group {
                    self.suppressions.leave_group(group, email, at);
                }
            }
            EventKind::GroupResubscribe => {
                if let Some(group) = group {
                    self.suppressions.return_to_group(group, email);
                }
            }
            EventKind::Processed
            | EventKind::Deferred
            | EventKind::Delivered
            | EventKind::Dropped
            | EventKind::Open
            | EventKind::Click => {}
        }
        Some(event)
    }

    /// Lets events wait for a flush.
    pub(crate) fn hold(&mut self, events: Vec<Event>) {
        self.held.extend(events);
        let excess = self.held.len().saturating_sub(HELD_MAX);
        self.held.drain(..excess);
    }

    pub(crate) fn message(&self, id: &str) -> Option<&Message> {
        self.messages.get(&key_of(id)?)
    }

    fn shrink(&mut self, bounds: Bounds) {
        while self.messages.len() > bounds.messages_max || self.kept_bytes > bounds.bytes_max {
            let Some((_, oldest)) = self.messages.pop_first() else { break };
            self.kept_bytes -= oldest.bytes();
        }
    }
}

/// A message id is its UUID in Base64: 22 characters, as the vendor's ids have.
pub(crate) fn key_of(id: &str) -> Option<Uuid> {
    Uuid::from_slice(&URL_SAFE_NO_PAD.decode(id).ok()?).ok()
}
