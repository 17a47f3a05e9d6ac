//! What a send asks for, once it has been found right, and what is kept of it.

use std::collections::BTreeMap;

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::event::EventKind;

/// `{email, name?}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address as it was written.
    pub email: String,
    /// The name beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One of `personalizations`: its own recipients, subject and arguments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// At least one.
    pub to: Vec<Address>,
    /// Copies.
    pub cc: Vec<Address>,
    /// Copies that the others don't see.
    pub bcc: Vec<Address>,
    /// Instead of the mail's sender.
    pub from: Option<Address>,
    /// Instead of the mail's subject.
    pub subject: Option<String>,
    /// In addition to the mail's headers.
    pub headers: BTreeMap<String, String>,
    /// The mail's and the envelope's; the envelope's win.
    pub custom_args: BTreeMap<String, String>,
    /// What a dynamic template is filled with.
    pub dynamic_template_data: Map<String, Value>,
    /// Not before, Unix seconds.
    pub send_at: Option<i64>,
}

impl Envelope {
    /// All recipients: to, cc, bcc.
    pub fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
}

/// One body of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Such as `text/plain`.
    #[serde(rename = "type")]
    pub media_type: String,
    /// The text.
    pub value: String,
}

/// A file that comes with a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What it is called.
    pub filename: String,
    /// Such as `text/calendar`.
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    /// Part of the HTML body, not beside it.
    pub is_inline: bool,
    /// What `cid:` in the HTML body refers to.
    pub content_id: Option<String>,
    /// The file itself. Base64 in JSON.
    #[serde(with = "base64_text")]
    pub content: Vec<u8>,
}

/// Which suppressions a mail ignores (`mail_settings.bypass_…`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bypass {
    /// All of them.
    pub list: bool,
    /// Spam reports.
    pub spam: bool,
    /// Bounces.
    pub bounce: bool,
    /// Global unsubscribes.
    pub unsubscribe: bool,
}

/// A mail that may be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// At least one.
    pub envelopes: Vec<Envelope>,
    /// A verified sender.
    pub from: Address,
    /// None, one (`reply_to`) or several (`reply_to_list`).
    pub reply_to: Vec<Address>,
    /// For envelopes without their own.
    pub subject: Option<String>,
    /// Bodies, plain text first.
    pub content: Vec<Content>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Gives subject and content instead.
    pub template_id: Option<String>,
    /// Labels.
    pub categories: Vec<String>,
    /// Headers of all envelopes.
    pub headers: BTreeMap<String, String>,
    /// Not before, Unix seconds.
    pub send_at: Option<i64>,
    /// The unsubscribe group.
    pub asm_group_id: Option<i64>,
    /// Which suppressions don't count.
    pub bypass: Bypass,
    /// Only judged, not sent.
    pub is_sandboxed: bool,
}

/// A mail that was accepted, and what has happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The `X-Message-Id` of the answer.
    pub id: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// What was asked for.
    pub mail: Mail,
    /// The events so far, oldest first; the newest thousands of them.
    pub trail: Vec<TrailEntry>,
}

/// One event of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// Whose.
    pub email: String,
    /// What happened.
    pub event: EventKind,
    /// When.
    pub at: Timestamp,
}

impl Message {
    /// The HTML body, if there is one.
    pub fn html(&self) -> Option<&str> {
        self.body("text/html")
    }

    /// The plain text body, if there is one.
    pub fn text(&self) -> Option<&str> {
        self.body("text/plain")
    }

    fn body(&self, media_type: &str) -> Option<&str> {
        let found = self.mail.content.iter().find(|content| content.media_type == media_type);
        found.map(|content| content.value.as_str())
    }

    /// All recipients of all envelopes.
    pub fn recipients(&self) -> impl Iterator<Item = &Address> {
        self.mail.envelopes.iter().flat_map(Envelope::recipients)
    }

    /// The subjects: of the mail if any envelope uses it, and those that envelopes have of their own.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        let of_mail = self.mail.subject.as_deref();
        self.mail.envelopes.iter().filter_map(move |envelope| envelope.subject.as_deref().or(of_mail))
    }

    /// The value of a custom argument in the first envelope that has it.
    pub fn custom_arg(&self, name: &str) -> Option<&str> {
        self.mail.envelopes.iter().find_map(|envelope| envelope.custom_args.get(name)).map(String::as_str)
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let content: usize = self.mail.content.iter().map(|content| content.value.len()).sum();
        let files: usize = self.mail.attachments.iter().map(|file| file.content.len()).sum();
        content + files + 512 * self.mail.envelopes.len()
    }
}

mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
