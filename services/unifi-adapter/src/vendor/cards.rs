//! Cards, and who has them (UniFi Access API reference, 3.6, 3.7, 4.8, 4.9, 6.2 to 6.7).

use std::time::Duration;

use door_adapter::{ErrorKind, ProviderError};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use vendor_http::http::Method;

use super::client::{Console, Paged};
use super::wire::{Body, List};

const TOKENS: &str = "/credentials/nfc_cards/tokens";
const SESSIONS: &str = "/credentials/nfc_cards/sessions";
const SESSION: &str = "/credentials/nfc_cards/sessions/{id}";

/// What is answered as long as no card was read. That this is what it means goes by its name.
const NOT_READ_YET: &str = "CODE_CREDS_NFC_READ_POLL_TOKEN_EMPTY";
/// How long after the time before a reader is asked again.
const POLL_WAIT: Duration = Duration::from_millis(500);

/// A card that the console knows [6.6].
#[derive(Debug, Clone, Deserialize)]
pub struct Card {
    /// The console's id of it, which no reader takes for the card.
    pub token: String,
    /// What is shown of it: what readers read.
    #[serde(default)]
    pub display_id: String,
    /// What staff calls it, such as by what is printed on it.
    #[serde(default)]
    pub alias: String,
    /// `assigned`, `pending`, `disable`, `deleted` or `loss`.
    #[serde(default)]
    pub status: String,
    /// Who has it; empty or nothing if nobody has.
    #[serde(default)]
    user_id: Option<String>,
    /// `USER` or `VISITOR`.
    #[serde(default)]
    user_type: Option<String>,
}

/// Who has a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// The user with this id.
    User(&'a str),
    /// The visitor with this id.
    Visitor(&'a str),
}

impl Card {
    /// Who has it.
    pub fn holder(&self) -> Option<Holder<'_>> {
        let id = self.user_id.as_deref().filter(|id| !id.is_empty())?;
        let is_visitors = self.user_type.as_deref() == Some("VISITOR");
        Some(if is_visitors { Holder::Visitor(id) } else { Holder::User(id) })
    }

    /// Whether the console takes it at doors, once somebody has it.
    pub fn is_usable(&self) -> bool {
        !matches!(self.status.as_str(), "disable" | "loss")
    }
}

/// A card that a reader has read [6.3].
#[derive(Debug, Clone, Deserialize)]
pub struct ReadCard {
    /// What is shown of it.
    pub card_id: String,
    /// The console's id of it.
    pub token: String,
}

#[derive(Deserialize)]
struct Session {
    session_id: String,
}

#[derive(Serialize)]
struct NewSession<'a> {
    device_id: &'a str,
    /// A card that another site has written to stays as it is.
    reset_ua_card: bool,
}

#[derive(Serialize)]
struct Assignment<'a> {
    token: &'a str,
    /// Someone else's card stays theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    force_add: Option<bool>,
}

impl Paged for Card {
    fn id(&self) -> &str {
        &self.token
    }

    async fn list(console: &Console, page: usize) -> Result<Vec<Self>, ProviderError> {
        let (page, size) = (page.to_string(), console.page_size().to_string());
        let query = [("page_num", page.as_str()), ("page_size", size.as_str())];
        let path = ["credentials", "nfc_cards", "tokens"];
        let list: List<Self> = console.read(console.call(Method::GET, TOKENS, &path, &query)).await?;
        Ok(list.data)
    }
}

impl Console {
    /// The card, unless the console does not know it.
    pub async fn find_card(&self, token: &str) -> Result<Option<Card>, ProviderError> {
        let path = ["credentials", "nfc_cards", "tokens", token];
        let call = self.call(Method::GET, "/credentials/nfc_cards/tokens/{token}", &path, &[]);
        match self.read::<Body<Card>>(call).await {
            Ok(Body { data }) => Ok(Some(data).filter(|card| card.status != "deleted")),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the user a card that nobody has. Refused as a conflict if someone has it.
    pub async fn give_card(&self, user: &str, token: &str) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, "/users/{id}/nfc_cards", &["users", user, "nfc_cards"], &[]);
        self.send(call.json(&Assignment { token, force_add: Some(false) })).await?;
        Ok(())
    }

    /// Takes the card from whoever has it. One that is not theirs any more is fine.
    pub async fn take_card(&self, holder: Holder<'_>, token: &str) -> Result<(), ProviderError> {
        let (template, collection, id) = match holder {
            Holder::User(id) => ("/users/{id}/nfc_cards/delete", "users", id),
            Holder::Visitor(id) => ("/visitors/{id}/nfc_cards/delete", "visitors", id),
        };
        let call = self.call(Method::PUT, template, &[collection, id, "nfc_cards", "delete"], &[]);
        self.gone(call.json(&Assignment { token, force_add: None })).await
    }

    /// Has a reader wait for a card; the one that is shown to it in time. However it ends, the reader waits no longer.
    pub async fn read_card(&self, device: &str, limit: Duration) -> Result<Option<ReadCard>, ProviderError> {
        let path = ["credentials", "nfc_cards", "sessions"];
        let new = NewSession { device_id: device, reset_ua_card: false };
        let call = self.call(Method::POST, SESSIONS, &path, &[]).json(&new);
        let begun: Body<Session> = self.read(call).await?;
        let path = ["credentials", "nfc_cards", "sessions", &begun.data.session_id];
        let read = self.poll_card(&path, limit).await;
        let ended = self.gone(self.call(Method::DELETE, SESSION, &path, &[])).await;
        if let Err(error) = ended {
            // It ends by itself; what was read was read.
            tracing::info!(%error, "a reader was not told to wait for a card no longer");
        }
        read
    }

    async fn poll_card(&self, path: &[&str], limit: Duration) -> Result<Option<ReadCard>, ProviderError> {
        let deadline = Instant::now() + limit;
        loop {
            match self.read::<Body<ReadCard>>(self.call(Method::GET, SESSION, path, &[])).await {
                Ok(Body { data }) => return Ok(Some(data)),
                Err(error) if error.vendor_code() == Some(NOT_READ_YET) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() + POLL_WAIT >= deadline {
                return Ok(None);
            }
            sleep(POLL_WAIT).await;
        }
    }
}
