//! SendGrid: sends mail, checks the key, verifies and reads its events.
//!
//! Source: SendGrid v3 API reference (OpenAPI documents `tsg_mail_v3` and `tsg_webhooks_v3`).

mod error;
mod events;
mod signature;
mod wire;

use std::fmt;

use domain::contact::EmailAddress;
use secrecy::{ExposeSecret, SecretString};
use vendor_http::http::header::AUTHORIZATION;
use vendor_http::http::{HeaderMap, HeaderValue, Method};
use vendor_http::{
    AccountKey, BaseUrl, Call, ErrorKind, Limit, Profile, VendorClient, VendorError, VendorHttp,
};

use super::CredentialUnusable;

pub use error::Reason;
pub use events::{Batch, Event, EventKind, EventsMalformed, VendorText, parse_events};
pub use signature::{SIGNATURE_HEADER, SignatureError, TIMESTAMP_HEADER, WebhookKey, WebhookKeyError};

/// How SendGrid is called.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://api.sendgrid.com`, `https://api.eu.sendgrid.com`, or a stand-in.
    pub base_url: BaseUrl,
    /// API key. Needs the scope `mail.send`.
    pub key: SecretString,
    /// Limit of our own, if any. SendGrid publishes no number and answers 429 beyond.
    pub limit: Option<Limit>,
}

/// SendGrid with one API key. Cheap to clone.
#[derive(Clone)]
pub struct SendGrid {
    client: VendorClient,
    base_url: BaseUrl,
    account: AccountKey,
    headers: HeaderMap,
}

/// A mailbox: an address and whose it is.
#[derive(Clone, Copy)]
pub struct Mailbox<'a> {
    /// The address.
    pub email: &'a EmailAddress,
    /// What its owner is called.
    pub name: Option<&'a str>,
}

/// One mail to one person: several recipients of one mail would see each other.
#[derive(Clone, Copy)]
pub struct Mail<'a> {
    /// A sender that SendGrid has verified.
    pub from: Mailbox<'a>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<Mailbox<'a>>,
    /// The person.
    pub to: Mailbox<'a>,
    /// Not empty.
    pub subject: &'a str,
    /// Plain text, not empty.
    pub text: &'a str,
    /// The same as HTML.
    pub html: Option<&'a str>,
    /// Files. The whole mail must stay below 30 MB, attachments counted as Base64.
    pub attachments: &'a [Attachment<'a>],
    /// Values that come back in each event of this mail, such as our message id. No personal data: SendGrid
    /// keeps and shows them.
    pub custom_args: &'a [(&'a str, &'a str)],
    /// What kind of mail this is, up to ten; for statistics. Never an id, no personal data.
    pub categories: &'a [&'a str],
}

/// A file in a mail.
#[derive(Clone, Copy)]
pub struct Attachment<'a> {
    /// Its name.
    pub filename: &'a str,
    /// Its media type, such as `text/calendar`.
    pub media_type: &'a str,
    /// Its bytes.
    pub content: &'a [u8],
}

/// SendGrid took the mail. That is not delivered: a suppressed address is taken too, and dropped later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// SendGrid's id, by which events name the mail: see [`Event::message_id`].
    pub message_id: Option<String>,
}

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCheck {
    /// Whether it may send mail.
    pub can_send: bool,
}

impl SendGrid {
    /// SendGrid by these settings. Made once, because the limit lives in it.
    pub fn new(http: &VendorHttp, settings: Settings) -> Result<Self, CredentialUnusable> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", settings.key.expose_secret().trim()))
            .map_err(|_| CredentialUnusable)?;
        bearer.set_sensitive(true);
        let profile = Profile { name: "sendgrid", limit: settings.limit, read_error: error::read_error };
        Ok(Self {
            client: http.vendor(profile),
            base_url: settings.base_url,
            account: AccountKey::of_secret(&settings.key),
            headers: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
        })
    }

    /// Hands a mail over. With an effect of `Unknown` it may be on its way: the `processed` event tells.
    pub async fn send(&self, mail: &Mail<'_>) -> Result<Accepted, VendorError> {
        let call =
            self.call(Method::POST, "/v3/mail/send", &["v3", "mail", "send"]).json(&wire::Send::of(mail));
        let answer = self.client.send(call).await?;
        let message_id = answer.headers.get("x-message-id").and_then(|id| id.to_str().ok());
        Ok(Accepted { message_id: message_id.map(str::to_owned) })
    }

    /// Takes an address off SendGrid's list of those that bounce, to which it delivers nothing. Needs the scope
    /// `suppression.bounces.delete`; one that is not on the list is fine (SendGrid v3 API reference, Suppressions).
    pub async fn forget_bounce(&self, email: &EmailAddress) -> Result<(), VendorError> {
        let path = ["v3", "suppression", "bounces", email.as_str()];
        let call = self.call(Method::DELETE, "/v3/suppression/bounces/{email}", &path);
        match self.client.send(call).await {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the key works, and for what. `Unauthorized` means that it is wrong or revoked.
    pub async fn check_key(&self) -> Result<KeyCheck, VendorError> {
        let call = self.call(Method::GET, "/v3/scopes", &["v3", "scopes"]);
        let scopes: wire::Scopes = self.client.send(call).await?.json()?;
        Ok(KeyCheck { can_send: scopes.scopes.iter().any(|scope| scope == "mail.send") })
    }

    fn call(&self, method: Method, template: &'static str, segments: &[&str]) -> Call {
        let url = self.base_url.at(segments, &[]);
        Call::new(self.account.clone(), method, url, template).headers(&self.headers)
    }
}

/// Without the key.
impl fmt::Debug for SendGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGrid").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Nothing of it: it is about people.
impl fmt::Debug for Mail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(…)")
    }
}
