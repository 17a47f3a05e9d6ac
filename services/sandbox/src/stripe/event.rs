//! Events: what happened, and by whose request (Stripe API reference, Events).

use chrono::TimeDelta;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::VERSION_DEFAULT;
use super::book::Book;
use super::call::Call;
use super::list::Page;
use super::refusal::Refusal;
use super::shelf::Object;

/// For how long events are listed.
const KEPT_DAYS: i64 = 30;
/// So many types at once.
const TYPES_MAX: usize = 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub id: String,
    pub created: i64,
    pub kind: String,
    /// With the object as it was then.
    pub data: Value,
    pub asked: Option<Asked>,
    pub is_live: bool,
    /// Deliveries that are not done.
    pub pending_webhooks: u32,
    /// Whether one of them was given up.
    pub has_failed: bool,
}

/// The request that brought something about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub id: String,
    pub idempotency_key: Option<String>,
}

impl Object for Event {
    const KIND: &'static str = "event";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "event",
            "api_version": VERSION_DEFAULT,
            "created": self.created,
            "data": self.data,
            "livemode": self.is_live,
            "pending_webhooks": self.pending_webhooks,
            "request": {
                "id": self.asked.as_ref().map(|asked| &asked.id),
                "idempotency_key": self.asked.as_ref().and_then(|asked| asked.idempotency_key.as_ref()),
            },
            "type": self.kind,
        })
    }
}

impl Event {
    fn is_kept(&self, now: Timestamp) -> bool {
        (now - TimeDelta::days(KEPT_DAYS)).timestamp() <= self.created
    }
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    let event = Book::find(&call.book.events, call.id, "id")?;
    if !event.is_kept(call.now) {
        return Err(Refusal::NoSuch { kind: Event::KIND, id: call.id.to_owned(), param: "id" });
    }
    Ok(event.json())
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let kind = call.params.filled("type")?;
    let kinds = call.params.list("types")?;
    let is_delivered = match call.params.filled("delivery_success")?.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some(_) => Some(false),
    };
    call.params.done()?;
    if kinds.len() > TYPES_MAX || (kind.is_some() && !kinds.is_empty()) {
        return Err(Refusal::invalid("types".to_owned(), "Up to 20, and not together with type"));
    }
    let now = call.now;
    page.of(&call.book.events, "/v1/events", |event| {
        event.is_kept(now)
            && kind.as_ref().is_none_or(|kind| is_of(&event.kind, kind))
            && (kinds.is_empty() || kinds.iter().any(|kind| is_of(&event.kind, kind)))
            && is_delivered.is_none_or(|wanted| wanted == (event.pending_webhooks == 0 && !event.has_failed))
    })
}

/// A kind, or all of a group: `charge.*`.
pub(super) fn is_of(kind: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => kind == wanted,
    }
}
