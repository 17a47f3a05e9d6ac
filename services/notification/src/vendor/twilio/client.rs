//! The calls, one method each.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DurationRound;
use domain::Timestamp;
use domain::contact::PhoneNumber;
use secrecy::{ExposeSecret, SecretString};
use vendor_http::http::header::AUTHORIZATION;
use vendor_http::http::{HeaderMap, HeaderValue, Method};
use vendor_http::{
    AccountKey, BaseUrl, Call, ErrorKind, Limit, Profile, Url, VendorClient, VendorError, VendorHttp,
};

use super::{MessageStatus, error, wire};
use crate::vendor::CredentialUnusable;

/// Longest text that Twilio takes, in characters (Twilio API reference, Message `Body`).
pub const MESSAGE_CHARS_MAX: usize = 1600;

/// Messages on a page, and how many pages are read to find one.
const PAGE: &str = "200";
const PAGES_MAX: usize = 5;

/// Longest time that Twilio keeps a message it cannot send (Twilio API reference, `ValidityPeriod`).
const VALIDITY_SECONDS_MAX: u64 = 36_000;

/// How Twilio is called.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://api.twilio.com`, or a stand-in.
    pub base_url: BaseUrl,
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// Who we are.
    pub credentials: Credentials,
    /// Who the messages are from.
    pub sender: Sender,
    /// Limit of our own, if any.
    pub limit: Option<Limit>,
}

/// What proves who we are. Status callbacks are signed with the account's auth token in either case.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// The account's auth token.
    AuthToken(SecretString),
    /// An API key.
    ApiKey {
        /// `SK` and 32 hexadecimal digits.
        sid: String,
        /// Its secret.
        secret: SecretString,
    },
}

/// Who a message is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// An own number (E.164), a short code or a name.
    From(String),
    /// A messaging service, `MG` and 32 hexadecimal digits, which picks the number.
    Service(String),
}

/// Twilio with one account. Cheap to clone.
#[derive(Clone)]
pub struct Twilio {
    client: VendorClient,
    base_url: BaseUrl,
    account_sid: String,
    sender: Sender,
    is_api_key: bool,
    account: AccountKey,
    headers: HeaderMap,
}

/// One text message.
#[derive(Clone, Copy)]
pub struct Sms<'a> {
    /// To whom.
    pub to: &'a PhoneNumber,
    /// The text: 1 to [`MESSAGE_CHARS_MAX`] characters. [`segments`](super::segments) says what it costs.
    pub body: &'a str,
    /// Where Twilio reports what becomes of it. No underscore in the host name.
    pub status_callback: Option<&'a Url>,
    /// How long Twilio may try; one second to ten hours, which is also the default.
    pub validity: Option<Duration>,
}

/// Twilio took the message. That is not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Twilio's id, by which callbacks name the message.
    pub sid: String,
    /// Where it stands.
    pub status: MessageStatus,
    /// Messages that it costs, if known already.
    pub segments: Option<u32>,
}

/// Messages found. Its `Debug` shows no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Those made since the time asked for, and those that say no time.
    pub messages: Vec<Found>,
    /// Whether these are all. If not, that a message is missing proves nothing.
    pub is_complete: bool,
}

/// A message found.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Twilio's id.
    pub sid: String,
    /// Where it stands.
    pub status: MessageStatus,
    /// Why it failed.
    pub error_code: Option<u32>,
    /// When Twilio took it, to the second.
    pub created_at: Option<Timestamp>,
    body: String,
}

/// What credentials are good for. Fields are `None` where a restricted API key may not see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCheck {
    /// `active`, `suspended` or `closed`.
    pub status: Option<String>,
    /// A trial account reaches verified numbers only, and puts a line before each text.
    pub is_trial: Option<bool>,
}

impl Found {
    /// Whether this is the message of that text. A trial account's line before the text does not matter.
    pub fn has_body(&self, body: &str) -> bool {
        !body.is_empty() && self.body.ends_with(body)
    }
}

impl Twilio {
    /// Twilio by these settings. Made once, because the limit lives in it.
    pub fn new(http: &VendorHttp, settings: Settings) -> Result<Self, CredentialUnusable> {
        let sid = settings.account_sid.trim().to_owned();
        let is_sid = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (user, secret, is_api_key) = match &settings.credentials {
            Credentials::AuthToken(token) => (sid.as_str(), token, false),
            Credentials::ApiKey { sid, secret } => (sid.trim(), secret, true),
        };
        let secret = secret.expose_secret().trim();
        if !is_sid(&sid) || !is_sid(user) || secret.is_empty() {
            return Err(CredentialUnusable);
        }
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
        let mut basic = HeaderValue::try_from(basic).map_err(|_| CredentialUnusable)?;
        basic.set_sensitive(true);
        let profile = Profile { name: "twilio", limit: settings.limit, read_error: error::read_error };
        Ok(Self {
            client: http.vendor(profile),
            base_url: settings.base_url,
            account: AccountKey::new(&sid),
            account_sid: sid,
            sender: settings.sender,
            is_api_key,
            headers: HeaderMap::from_iter([(AUTHORIZATION, basic)]),
        })
    }

    /// Hands a message over. With an effect of `Unknown` it may be on its way: see [`Self::find_recent`].
    pub async fn send_sms(&self, sms: &Sms<'_>) -> Result<Sent, VendorError> {
        let validity =
            sms.validity.map(|validity| validity.as_secs().clamp(1, VALIDITY_SECONDS_MAX).to_string());
        let sender = match &self.sender {
            Sender::From(number) => ("From", number.as_str()),
            Sender::Service(sid) => ("MessagingServiceSid", sid.as_str()),
        };
        let mut form = vec![("To", sms.to.as_str()), sender, ("Body", sms.body)];
        form.extend(sms.status_callback.map(|url| ("StatusCallback", url.as_str())));
        form.extend(validity.as_ref().map(|seconds| ("ValidityPeriod", seconds.as_str())));
        let answer = self.client.send(self.messages(Method::POST, &[]).form(form)).await?;
        let message: wire::Message = answer.json()?;
        let segments = message.segments();
        Ok(Sent { sid: message.sid, status: message.status, segments })
    }

    /// Messages to `to` that Twilio took since `since`, to learn what became of one whose answer was lost:
    /// look for its text with [`Found::has_body`]. Leave room in `since` for clocks that differ.
    pub async fn find_recent(&self, to: &PhoneNumber, since: Timestamp) -> Result<Recent, VendorError> {
        // Twilio tells whole seconds.
        let since = since.duration_trunc(chrono::Duration::seconds(1)).unwrap_or(since);
        let mut messages = Vec::new();
        // Not filtered by the date sent: a message that still waits has none. Nor read until the first older
        // one: the order of the list is not documented.
        let mut query =
            vec![("To".to_owned(), to.as_str().to_owned()), ("PageSize".to_owned(), PAGE.to_owned())];
        for _ in 0..PAGES_MAX {
            let pairs: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let page: wire::Page = self.client.send(self.messages(Method::GET, &pairs)).await?.json()?;
            let next = page.next_query();
            let rows = page.messages.into_iter().map(|message| Found {
                created_at: message.created_at(),
                sid: message.sid,
                status: message.status,
                error_code: message.error_code,
                body: message.body.unwrap_or_default(),
            });
            messages.extend(rows.filter(|found| found.created_at.is_none_or(|at| at >= since)));
            match next {
                Some(next) => query = next,
                None => return Ok(Recent { messages, is_complete: true }),
            }
        }
        Ok(Recent { messages, is_complete: false })
    }

    /// Whether the credentials work. `Unauthorized` means that they are wrong or revoked.
    pub async fn check(&self) -> Result<AccountCheck, VendorError> {
        let file = format!("{}.json", self.account_sid);
        let url = self.base_url.at(&["2010-04-01", "Accounts", &file], &[]);
        match self.client.send(self.call(Method::GET, url, "/2010-04-01/Accounts/{AccountSid}.json")).await {
            Ok(answer) => {
                let account: wire::Account = answer.json()?;
                let is_trial = account.r#type.map(|kind| kind == "Trial");
                Ok(AccountCheck { status: account.status, is_trial })
            }
            // An API key may lack the right to read the account, and be good for messages all the same.
            Err(error)
                if self.is_api_key && matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Rejected) =>
            {
                self.client.send(self.messages(Method::GET, &[("PageSize", "1")])).await?;
                Ok(AccountCheck { status: None, is_trial: None })
            }
            Err(error) => Err(error),
        }
    }

    fn messages(&self, method: Method, query: &[(&str, &str)]) -> Call {
        let url = self.base_url.at(&["2010-04-01", "Accounts", &self.account_sid, "Messages.json"], query);
        self.call(method, url, "/2010-04-01/Accounts/{AccountSid}/Messages.json")
    }

    fn call(&self, method: Method, url: Url, template: &'static str) -> Call {
        Call::new(self.account.clone(), method, url, template).headers(&self.headers)
    }
}

/// Without the credentials.
impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twilio")
            .field("base_url", &self.base_url)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// Nothing of it: it is about people.
impl fmt::Debug for Sms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sms(…)")
    }
}

/// Without the text.
impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("sid", &self.sid)
            .field("status", &self.status)
            .field("error_code", &self.error_code)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}
