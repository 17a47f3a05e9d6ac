//! SendGrid's JSON by its own names (SendGrid v3 API reference, Mail Send and API Key Permissions).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Attachment, Mail, Mailbox};

/// `POST /v3/mail/send`.
#[derive(Serialize)]
pub(super) struct Send<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Address<'a>>,
    subject: &'a str,
    content: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    categories: &'a [&'a str],
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: [Address<'a>; 1],
    /// Here and not at the top: the reference wants a string there, the vendor's own library sends an
    /// object. Here it is an object by both.
    #[serde(skip_serializing_if = "Map::is_empty")]
    custom_args: Map<String, Value>,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Content<'a> {
    r#type: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    /// Standard Base64 without line breaks.
    content: String,
    filename: &'a str,
    r#type: &'a str,
    disposition: &'static str,
}

impl<'a> Send<'a> {
    pub(super) fn of(mail: &Mail<'a>) -> Self {
        let address = |mailbox: Mailbox<'a>| Address { email: mailbox.email.as_str(), name: mailbox.name };
        let file = |file: &Attachment<'a>| File {
            content: STANDARD.encode(file.content),
            filename: file.filename,
            r#type: file.media_type,
            disposition: "attachment",
        };
        // Plain text before HTML.
        let text = Content { r#type: "text/plain", value: mail.text };
        let html = mail.html.map(|html| Content { r#type: "text/html", value: html });
        let custom_args = mail.custom_args.iter().map(|&(name, value)| (name.to_owned(), value.into()));
        Self {
            personalizations: [Personalization {
                to: [address(mail.to)],
                custom_args: custom_args.collect(),
            }],
            from: address(mail.from),
            reply_to: mail.reply_to.map(address),
            subject: mail.subject,
            content: std::iter::once(text).chain(html).collect(),
            attachments: mail.attachments.iter().map(file).collect(),
            categories: mail.categories,
        }
    }
}

/// `GET /v3/scopes`.
#[derive(Deserialize)]
pub(super) struct Scopes {
    pub(super) scopes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use domain::contact::EmailAddress;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mail_is_written_as_sendgrid_wants_it() {
        let (desk, ada): (EmailAddress, EmailAddress) =
            ("desk@space.example".parse().unwrap(), "ada@example.org".parse().unwrap());
        let mail = Mail {
            from: Mailbox { email: &desk, name: Some("Space") },
            reply_to: Some(Mailbox { email: &desk, name: None }),
            to: Mailbox { email: &ada, name: Some("Ada") },
            subject: "Your booking",
            text: "plain",
            html: Some("<p>html</p>"),
            attachments: &[Attachment {
                filename: "b.ics",
                media_type: "text/calendar",
                content: b"\xfb\xff?>",
            }],
            custom_args: &[("message", "m-1")],
            categories: &["booking"],
        };
        assert_eq!(
            serde_json::to_value(Send::of(&mail)).unwrap(),
            json!({
                "personalizations": [{"to": [{"email": "ada@example.org", "name": "Ada"}],
                    "custom_args": {"message": "m-1"}}],
                "from": {"email": "desk@space.example", "name": "Space"},
                "reply_to": {"email": "desk@space.example"},
                "subject": "Your booking",
                "content": [{"type": "text/plain", "value": "plain"}, {"type": "text/html", "value": "<p>html</p>"}],
                "attachments": [{"content": "+/8/Pg==", "filename": "b.ics", "type": "text/calendar",
                    "disposition": "attachment"}],
                "categories": ["booking"]
            })
        );
        let bare =
            Mail { reply_to: None, html: None, attachments: &[], custom_args: &[], categories: &[], ..mail };
        assert_eq!(
            serde_json::to_value(Send::of(&bare)).unwrap(),
            json!({
                "personalizations": [{"to": [{"email": "ada@example.org", "name": "Ada"}]}],
                "from": {"email": "desk@space.example", "name": "Space"},
                "subject": "Your booking",
                "content": [{"type": "text/plain", "value": "plain"}]
            })
        );
    }
}
