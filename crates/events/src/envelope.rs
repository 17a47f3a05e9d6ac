//! CloudEvents attributes of a message, in NATS headers (binary content mode of the CloudEvents NATS
//! protocol binding).

use std::collections::BTreeMap;

use async_nats::HeaderMap;
use chrono::SecondsFormat;
use domain::{EventId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Header that JetStream knows duplicates by.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";

/// What is known of a message beside its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The message: also its outbox row.
    pub id: EventId,
    /// Full name of the body's message type; empty if the sender did not say.
    pub type_name: String,
    /// Who said it, such as `/latchkey/workspace`.
    pub source: String,
    /// Resource name of the aggregate.
    pub subject: String,
    /// When it became true.
    pub time: Timestamp,
    /// Whose.
    pub workspace: WorkspaceId,
    /// The aggregate's version.
    pub sequence: i64,
    /// The whole story that it belongs to: the id of the first message.
    pub correlation: String,
    /// The message that caused it.
    pub causation: Option<String>,
    /// The trace in which it arose.
    pub traceparent: Option<String>,
}

impl Envelope {
    /// As NATS headers. `time` in RFC 3339; the sequence padded with zeros, for it is compared as text.
    pub fn headers(&self) -> BTreeMap<&'static str, String> {
        let mut headers = BTreeMap::from([
            (MESSAGE_ID, self.id.to_string()),
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", self.id.to_string()),
            ("ce-type", self.type_name.clone()),
            ("ce-source", self.source.clone()),
            ("ce-subject", self.subject.clone()),
            ("ce-time", self.time.to_rfc3339_opts(SecondsFormat::Micros, true)),
            ("ce-datacontenttype", "application/json".to_owned()),
            ("ce-dataschema", format!("urn:latchkey:proto:{}", self.type_name)),
            ("ce-workspaceid", self.workspace.to_string()),
            ("ce-partitionkey", self.subject.clone()),
            ("ce-sequence", format!("{:019}", self.sequence)),
            ("ce-correlationid", self.correlation.clone()),
        ]);
        if let Some(causation) = &self.causation {
            headers.insert("ce-causationid", causation.clone());
        }
        if let Some(traceparent) = &self.traceparent {
            headers.insert("ce-traceparent", traceparent.clone());
            headers.insert("traceparent", traceparent.clone());
        }
        headers
    }

    /// Reads a delivered message. Other systems may leave headers out: then the id is made of subject
    /// and body, so that the same message is the same message, and the workspace is the subject's last
    /// token. `None` if no workspace can be told.
    pub fn read(
        subject: &str,
        headers: Option<&HeaderMap>,
        payload: &[u8],
        received: Timestamp,
    ) -> Option<Self> {
        let header = |name: &str| headers.and_then(|h| h.get(name)).map(|value| value.as_str().to_owned());
        let workspace = crate::subject::workspace(subject)?;
        let id =
            header("ce-id").and_then(|id| id.parse().ok()).unwrap_or_else(|| content_id(subject, payload));
        let time = header("ce-time")
            .and_then(|time| chrono::DateTime::parse_from_rfc3339(&time).ok())
            .map_or(received, |time| time.to_utc());
        Some(Self {
            id,
            type_name: header("ce-type").unwrap_or_default(),
            source: header("ce-source").unwrap_or_default(),
            subject: header("ce-subject").unwrap_or_default(),
            time,
            workspace,
            sequence: header("ce-sequence").and_then(|text| text.parse().ok()).unwrap_or_default(),
            correlation: header("ce-correlationid").unwrap_or_else(|| id.to_string()),
            causation: header("ce-causationid"),
            traceparent: header("traceparent").or_else(|| header("ce-traceparent")),
        })
    }
}

/// An id that the same subject and body always have.
fn content_id(subject: &str, payload: &[u8]) -> EventId {
    let digest = Sha256::new().chain_update(subject).chain_update([0]).chain_update(payload).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    EventId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        let id = EventId::new();
        Envelope {
            id,
            type_name: "latchkey.workspace.v1.BookingConfirmed".into(),
            source: "/latchkey/workspace".into(),
            subject: "workspaces/w/bookings/b".into(),
            time: chrono::DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap(),
            workspace: WorkspaceId::new(),
            sequence: 7,
            correlation: id.to_string(),
            causation: None,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        }
    }

    #[test]
    fn an_envelope_reads_back_as_it_was_sent() {
        let sent = envelope();
        let mut headers = HeaderMap::new();
        for (name, value) in sent.headers() {
            headers.insert(name, value.as_str());
        }
        let subject = format!("latchkey.event.workspace.booking_confirmed.{}", sent.workspace);
        let read = Envelope::read(&subject, Some(&headers), b"{}", envelope().time);
        assert_eq!(read, Some(sent));
    }

    #[test]
    fn the_same_bare_message_is_the_same_message() {
        let subject = format!("latchkey.ingest.booking.{}", WorkspaceId::new());
        let now = envelope().time;
        let read = |payload: &[u8]| Envelope::read(&subject, None, payload, now).unwrap().id;
        assert_eq!(read(b"{\"a\":1}"), read(b"{\"a\":1}"));
        assert_ne!(read(b"{\"a\":1}"), read(b"{\"a\":2}"));
    }

    #[test]
    fn a_message_of_no_workspace_is_none() {
        assert_eq!(Envelope::read("latchkey.ingest.booking.x", None, b"", envelope().time), None);
    }
}
