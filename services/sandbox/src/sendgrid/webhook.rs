//! Event webhooks: who gets which events, and how a batch is posted.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Timestamp;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::event::{Event, EventKind};
use super::signature::EventKey;
use crate::Delivery;

/// The header with the Base64 DER signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-email-event-webhook-signature";
/// The header with the Unix seconds that the signature covers.
pub const TIMESTAMP_HEADER: &str = "x-twilio-email-event-webhook-timestamp";

/// At most this many events in one POST.
const BATCH_MAX: usize = 1_000;
/// How old an old timestamp is.
const OLD_S: i64 = 24 * 60 * 60;

/// One receiver of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Under which the settings API knows it.
    pub id: String,
    /// Where events are posted.
    pub url: String,
    /// Off: nothing is posted.
    pub is_enabled: bool,
    /// What it is called.
    pub friendly_name: Option<String>,
    /// What is posted.
    pub events: BTreeSet<EventKind>,
    /// Whether posts carry a signature.
    pub is_signed: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Webhook {
    /// The settings resource (SendGrid v3 API reference, Event Webhook settings).
    pub(crate) fn resource(&self, key: &EventKey) -> Value {
        let mut shown = json!({
            "id": self.id,
            "enabled": self.is_enabled,
            "url": self.url,
            "friendly_name": self.friendly_name,
            "created_date": self.created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "updated_date": self.updated_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        });
        if self.is_signed {
            shown["public_key"] = key.public_key().into();
        }
        for kind in EventKind::ALL {
            shown[kind.setting()] = self.events.contains(&kind).into();
        }
        shown
    }
}

/// How posts shall misbehave. All off by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventSwitches {
    /// Each body is posted twice, with the same event ids.
    pub is_doubled: bool,
    /// The events of a body come last first.
    pub is_reversed: bool,
    /// Events wait until they are flushed, then come in one array, mixed from all messages.
    pub is_held: bool,
    /// The signature is of another body.
    pub has_bad_signature: bool,
    /// Signed, with a timestamp of a day ago.
    pub has_old_timestamp: bool,
    /// The signed body ends with CR and LF.
    pub has_trailing_crlf: bool,
}

/// The POSTs that bring `events` to `webhook`.
pub(crate) fn posts(
    webhook: &Webhook,
    events: &[Event],
    key: &EventKey,
    switches: EventSwitches,
    now: Timestamp,
) -> Vec<Delivery> {
    if !webhook.is_enabled {
        return Vec::new();
    }
    let mut wanted: Vec<&Map<String, Value>> =
        events.iter().filter(|event| webhook.events.contains(&event.kind)).map(|event| &event.body).collect();
    if switches.is_reversed {
        wanted.reverse();
    }
    let copies = if switches.is_doubled { 2 } else { 1 };
    let mut posts = Vec::new();
    for batch in wanted.chunks(BATCH_MAX) {
        for _ in 0..copies {
            posts.push(post(webhook, batch, key, switches, now));
        }
    }
    posts
}

fn post(
    webhook: &Webhook,
    batch: &[&Map<String, Value>],
    key: &EventKey,
    switches: EventSwitches,
    now: Timestamp,
) -> Delivery {
    let mut body = json!(batch).to_string();
    if switches.has_trailing_crlf {
        body.push_str("\r\n");
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("SendGrid Event API"));
    if webhook.is_signed {
        let age = if switches.has_old_timestamp { OLD_S } else { 0 };
        let timestamp = (now.timestamp() - age).to_string();
        let signed: &[u8] = if switches.has_bad_signature { b"[]" } else { body.as_bytes() };
        let signature =
            HeaderValue::from_str(&key.sign(&timestamp, signed)).expect("Base64 is a header value");
        headers.insert(SIGNATURE_HEADER, signature);
        headers
            .insert(TIMESTAMP_HEADER, HeaderValue::from_str(&timestamp).expect("digits are a header value"));
    }
    Delivery {
        url: webhook.url.clone(),
        headers,
        body: body.into(),
        delay: Duration::ZERO,
        is_tried_once: false,
        done: None,
    }
}
