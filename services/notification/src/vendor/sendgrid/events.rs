//! Reads the events that SendGrid posts (SendGrid docs, Event Webhook Reference).
//!
//! Events come twice, out of order, and of many mails in one array. The caller knows them apart by
//! [`Event::id`] and finds its own message by the custom args.

use std::fmt;

use domain::Timestamp;
use domain::contact::EmailAddress;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The body of one webhook call.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The events that mean something to us, in the order in which they came.
    pub events: Vec<Event>,
    /// How many were left out: of another kind, or not as documented.
    pub ignored: usize,
}

/// The body is no array of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a JSON array of events")]
pub struct EventsMalformed;

/// Something that happened to a mail. Its `Debug` shows no personal data.
#[derive(Clone, PartialEq)]
pub struct Event {
    /// The same for the same event, however often it comes.
    pub id: Option<String>,
    /// The mail, as [`Accepted::message_id`](super::Accepted::message_id) names it.
    pub message_id: Option<String>,
    /// When it happened, to the second.
    pub at: Timestamp,
    /// The recipient.
    pub email: Option<EmailAddress>,
    /// What happened.
    pub kind: EventKind,
    /// Categories of the mail.
    pub categories: Vec<String>,
    args: Map<String, Value>,
}

/// What happened to a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// SendGrid has it and will try to deliver it.
    Processed,
    /// The recipient's server wants it later; SendGrid tries again.
    Deferred {
        /// What the server said.
        response: Option<VendorText>,
        /// Which try this was.
        attempt: Option<u32>,
    },
    /// The recipient's server took it.
    Delivered,
    /// The recipient's server refused it.
    Bounce {
        /// What the server said.
        reason: Option<VendorText>,
        /// Its SMTP status, such as `5.1.1`.
        status: Option<String>,
        /// Refused this time only; the address itself may be good.
        is_block: bool,
    },
    /// SendGrid did not try: the address is suppressed or invalid.
    Dropped {
        /// Why, such as a bounced or unsubscribed address.
        reason: Option<VendorText>,
    },
    /// The recipient called it spam. Send no more.
    SpamReport,
    /// The recipient wants no more mail.
    Unsubscribe,
    /// The recipient wants no more mail of this kind.
    GroupUnsubscribe {
        /// SendGrid's unsubscribe group.
        group: Option<u64>,
    },
    /// The recipient wants mail of this kind again.
    GroupResubscribe {
        /// SendGrid's unsubscribe group.
        group: Option<u64>,
    },
    /// It was opened, by a person or a machine.
    Open,
    /// A link in it was followed.
    Click,
}

/// Text from a server, which may name people. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct VendorText(String);

impl VendorText {
    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for VendorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VendorText(…)")
    }
}

impl Event {
    /// The value that was sent along with the mail under this name.
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.args.get(name)?.as_str()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("message_id", &self.message_id)
            .field("at", &self.at)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Reads the body of a webhook call. An event that is not as documented is left out, not the others.
pub fn parse_events(body: &[u8]) -> Result<Batch, EventsMalformed> {
    let rows: Vec<Value> = serde_json::from_slice(body).map_err(|_| EventsMalformed)?;
    let count = rows.len();
    let events: Vec<Event> = rows.into_iter().filter_map(read).collect();
    Ok(Batch { ignored: count - events.len(), events })
}

/// An event by SendGrid's names. Fields of our own, the custom args, stand among them.
#[derive(Deserialize)]
struct WireEvent {
    event: String,
    timestamp: i64,
    sg_event_id: Option<String>,
    sg_message_id: Option<String>,
    email: Option<String>,
    category: Option<OneOrMany>,
    response: Option<VendorText>,
    attempt: Option<Value>,
    reason: Option<VendorText>,
    status: Option<String>,
    r#type: Option<String>,
    asm_group_id: Option<u64>,
    #[serde(flatten)]
    args: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn read(row: Value) -> Option<Event> {
    let wire: WireEvent = serde_json::from_value(row).ok()?;
    let kind = match wire.event.as_str() {
        "processed" => EventKind::Processed,
        "deferred" => {
            EventKind::Deferred { response: wire.response, attempt: wire.attempt.as_ref().and_then(number) }
        }
        "delivered" => EventKind::Delivered,
        "bounce" => EventKind::Bounce {
            reason: wire.reason,
            status: wire.status,
            is_block: wire.r#type.as_deref() == Some("blocked"),
        },
        "dropped" => EventKind::Dropped { reason: wire.reason },
        "spamreport" => EventKind::SpamReport,
        "unsubscribe" => EventKind::Unsubscribe,
        "group_unsubscribe" => EventKind::GroupUnsubscribe { group: wire.asm_group_id },
        "group_resubscribe" => EventKind::GroupResubscribe { group: wire.asm_group_id },
        "open" => EventKind::Open,
        "click" => EventKind::Click,
        _ => return None,
    };
    Some(Event {
        id: wire.sg_event_id,
        message_id: wire.sg_message_id.map(|id| message_id(&id).to_owned()),
        at: Timestamp::from_timestamp(wire.timestamp, 0)?,
        email: wire.email.and_then(|email| email.parse().ok()),
        kind,
        categories: match wire.category {
            None => Vec::new(),
            Some(OneOrMany::One(category)) => vec![category],
            Some(OneOrMany::Many(categories)) => categories,
        },
        args: wire.args,
    })
}

/// `attempt` is a number written as a string.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64()?.try_into().ok(),
    }
}

/// Events append a dot and internals to the id that the send was answered with.
fn message_id(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch() -> Batch {
        parse_events(include_bytes!("../samples/sendgrid_events.json")).unwrap()
    }

    #[test]
    fn the_events_that_mean_something_are_read_and_the_others_counted() {
        let batch = batch();
        assert_eq!((batch.events.len(), batch.ignored), (10, 4));
        let kinds: Vec<_> = batch.events.iter().map(|event| event.kind.clone()).collect();
        assert_eq!(kinds[0], EventKind::Processed);
        assert_eq!(
            kinds[1],
            EventKind::Deferred { response: Some(VendorText("400 try again".into())), attempt: Some(5) }
        );
        assert_eq!(kinds[2], EventKind::Delivered);
        assert!(
            matches!(&kinds[3], EventKind::Bounce { is_block: true, status: Some(s), .. } if s == "5.7.1")
        );
        assert!(matches!(kinds[4], EventKind::Bounce { is_block: false, reason: None, .. }));
        assert!(
            matches!(&kinds[5], EventKind::Dropped { reason: Some(r) } if r.as_str() == "Bounced Address")
        );
        assert_eq!(kinds[6], EventKind::SpamReport);
        assert_eq!(kinds[7], EventKind::GroupUnsubscribe { group: Some(10) });
        assert_eq!(kinds[8..], [EventKind::Open, EventKind::Click]);
    }

    #[test]
    fn an_event_names_the_mail_by_the_id_of_its_send_and_by_our_args() {
        let event = &batch().events[0];
        assert_eq!(event.message_id.as_deref(), Some("m1"));
        assert_eq!(event.id.as_deref(), Some("e-1"));
        assert_eq!(event.arg("message"), Some("018f"));
        assert_eq!(event.arg("absent"), None);
        assert_eq!(event.at.timestamp(), 1_764_579_600);
        assert!(event.email.as_ref().unwrap().matches("ada@example.org"));
    }

    #[test]
    fn one_category_and_many_are_read_alike() {
        let batch = batch();
        assert_eq!(batch.events[0].categories, ["booking"]);
        assert_eq!(batch.events[1].categories, ["booking"]);
        assert!(batch.events[2].categories.is_empty());
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for body in ["", "{}", "[", "1"] {
            assert_eq!(parse_events(body.as_bytes()), Err(EventsMalformed));
        }
        assert_eq!(parse_events(b"[]"), Ok(Batch { events: vec![], ignored: 0 }));
    }

    #[test]
    fn debug_output_shows_no_personal_data() {
        let shown = format!("{:?}", batch());
        assert!(!shown.contains("ada"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_body_breaks_it(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_events(&body);
        }
    }
}
