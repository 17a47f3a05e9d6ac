//! The events that the Event Webhook tells (SendGrid documentation, Event Webhook Reference).

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::mail::{Envelope, Message};

/// What can happen to a mail at one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// SendGrid has made the mail.
    Processed,
    /// The receiving server wants it later.
    Deferred,
    /// The receiving server has it.
    Delivered,
    /// The receiving server refused it: for good, or this time (`type` bounce or blocked).
    Bounce,
    /// Not sent, because of a suppression list.
    Dropped,
    /// The HTML body was looked at.
    Open,
    /// A link was followed.
    Click,
    /// The recipient called it spam.
    SpamReport,
    /// The recipient wants no mail at all.
    Unsubscribe,
    /// The recipient left the mail's group.
    #[serde(rename = "group_unsubscribe")]
    GroupUnsubscribe,
    /// The recipient came back to the mail's group.
    #[serde(rename = "group_resubscribe")]
    GroupResubscribe,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Processed,
        Self::Deferred,
        Self::Delivered,
        Self::Bounce,
        Self::Dropped,
        Self::Open,
        Self::Click,
        Self::SpamReport,
        Self::Unsubscribe,
        Self::GroupUnsubscribe,
        Self::GroupResubscribe,
    ];

    /// The word in `event`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Deferred => "deferred",
            Self::Delivered => "delivered",
            Self::Bounce => "bounce",
            Self::Dropped => "dropped",
            Self::Open => "open",
            Self::Click => "click",
            Self::SpamReport => "spamreport",
            Self::Unsubscribe => "unsubscribe",
            Self::GroupUnsubscribe => "group_unsubscribe",
            Self::GroupResubscribe => "group_resubscribe",
        }
    }

    /// The name of the webhook setting that switches it on: the same but for one.
    pub(crate) fn setting(self) -> &'static str {
        if self == Self::SpamReport { "spam_report" } else { self.name() }
    }
}

/// One event on its way, and which setting it needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    pub(crate) body: Map<String, Value>,
}

impl Event {
    /// An event of `message` at `email`, a recipient of its `nth` envelope. `extra` adds to the fields that this
    /// kind of event has, or replaces them.
    pub(crate) fn new(
        kind: EventKind,
        message: &Message,
        nth: usize,
        email: &str,
        at: Timestamp,
        extra: &Map<String, Value>,
    ) -> Self {
        let envelope = message.mail.envelopes.get(nth);
        // First, so that none of them hides a field of the event itself.
        let args = envelope.into_iter().flat_map(|envelope| &envelope.custom_args);
        let mut body: Map<String, Value> =
            args.map(|(name, value)| (name.clone(), value.clone().into())).collect();
        body.insert("email".into(), email.into());
        body.insert("timestamp".into(), at.timestamp().into());
        body.insert("event".into(), kind.name().into());
        body.insert("sg_event_id".into(), Uuid::now_v7().simple().to_string().into());
        body.insert("sg_message_id".into(), format!("{}.sandbox-{nth}.0", message.id).into());
        body.insert("smtp-id".into(), format!("<{}@sandbox.invalid>", message.id).into());
        match message.mail.categories.as_slice() {
            [] => {}
            [one] => drop(body.insert("category".into(), one.clone().into())),
            several => drop(body.insert("category".into(), several.into())),
        }
        if let (Some(group), true) = (message.mail.asm_group_id, kind_names_group(kind)) {
            body.insert("asm_group_id".into(), group.into());
        }
        body.extend(own_fields(kind, message, envelope));
        body.extend(extra.clone());
        Self { kind, body }
    }
}

fn kind_names_group(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Dropped
            | EventKind::Bounce
            | EventKind::Unsubscribe
            | EventKind::GroupUnsubscribe
            | EventKind::GroupResubscribe
    )
}

/// What this kind of event has beside the common fields.
fn own_fields(kind: EventKind, message: &Message, envelope: Option<&Envelope>) -> Map<String, Value> {
    const BROWSER: &str = "Mozilla/5.0 (sandbox)";
    let fields = match kind {
        EventKind::Processed => {
            let send_at = envelope.and_then(|envelope| envelope.send_at).or(message.mail.send_at);
            send_at.map_or_else(|| json!({}), |at| json!({ "send_at": at }))
        }
        EventKind::Deferred => json!({ "response": "451 4.7.1 Try again later", "attempt": "1" }),
        EventKind::Delivered => json!({ "response": "250 2.0.0 OK" }),
        EventKind::Bounce => json!({
            "reason": "550 5.1.1 No such user",
            "status": "5.1.1",
            "type": "bounce",
            "bounce_classification": "Invalid Address",
        }),
        EventKind::Dropped => json!({ "reason": "Bounced Address", "status": "5.0.0" }),
        EventKind::Open => json!({ "ip": "203.0.113.7", "useragent": BROWSER, "sg_machine_open": false }),
        EventKind::Click => json!({
            "ip": "203.0.113.7",
            "useragent": BROWSER,
            "url": "https://example.org/",
            "url_offset": { "index": 0, "type": "html" },
        }),
        EventKind::Unsubscribe | EventKind::GroupUnsubscribe | EventKind::GroupResubscribe => {
            json!({ "ip": "203.0.113.7", "useragent": BROWSER })
        }
        EventKind::SpamReport => json!({}),
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
