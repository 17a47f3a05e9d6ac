//! Webhook endpoints, and what is sent to them (Stripe API reference, WebhookEndpoints; Stripe documentation,
//! Webhooks).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::State;
use super::book::{Book, new_id};
use super::call::Call;
use super::event::is_of;
use super::list::Page;
use super::params::Metadata;
use super::refusal::Refusal;
use super::shelf::Object;
use super::switches::WebhookSwitches;
use crate::{Deliveries, Delivery, Outcome};

/// Where the signature stands.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("stripe-signature");

/// How old an old signature is.
const OLD_S: i64 = 3_600;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub id: String,
    pub created: i64,
    pub is_live: bool,
    pub is_deleted: bool,
    pub is_enabled: bool,
    pub url: String,
    pub enabled_events: Vec<String>,
    pub api_version: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub secret: String,
    /// The secret before, until then.
    pub rolled: Option<(String, Timestamp)>,
}

impl Object for Endpoint {
    const KIND: &'static str = "webhook endpoint";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": null,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.enabled_events,
            "livemode": self.is_live,
            "metadata": self.metadata,
            "status": if self.is_enabled { "enabled" } else { "disabled" },
            "url": self.url,
        })
    }
}

impl Endpoint {
    fn wants(&self, kind: &str) -> bool {
        self.is_enabled && !self.is_deleted && self.enabled_events.iter().any(|wanted| is_of(kind, wanted))
    }

    fn signature(&self, body: &str, switches: WebhookSwitches, now: Timestamp) -> HeaderValue {
        let at = now.timestamp() - if switches.has_old_timestamp { OLD_S } else { 0 };
        let mut secrets = vec![self.secret.as_str()];
        if let Some((before, _)) = self.rolled.as_ref().filter(|(_, until)| now < *until) {
            secrets.push(before);
        }
        if switches.has_wrong_secret {
            secrets = vec!["whsec_another"];
        }
        let signed = secrets.iter().map(|secret| format!(",v1={}", sign(secret, at, body)));
        let text = format!("t={at}{}", signed.collect::<String>());
        HeaderValue::from_str(&text).expect("digits and letters are a header value")
    }
}

/// HMAC-SHA256 of the time, a dot and the body, with the whole secret as key.
fn sign(secret: &str, at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{at}.{body}").as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn find<'a>(call: &'a Call<'_>) -> Result<&'a Endpoint, Refusal> {
    let endpoint = Book::find(&call.book.endpoints, call.id, "id")?;
    if endpoint.is_deleted {
        return Err(Refusal::NoSuch { kind: Endpoint::KIND, id: call.id.to_owned(), param: "id" });
    }
    Ok(endpoint)
}

fn check_url(url: &str) -> Result<(), Refusal> {
    let is_web = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if is_web { Ok(()) } else { Err(Refusal::invalid("url".to_owned(), "Invalid URL")) }
}

/// Only this answer holds the secret.
pub(super) fn create(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let url = call.params.required("url")?;
    let enabled_events = call.params.list("enabled_events")?;
    let api_version = call.params.filled("api_version")?;
    let description = call.params.filled("description")?;
    let mut metadata = Metadata::new();
    call.params.metadata(&mut metadata)?;
    call.params.done()?;
    check_url(&url)?;
    if enabled_events.is_empty() {
        return Err(Refusal::ParameterMissing("enabled_events".to_owned()));
    }
    let endpoint = Endpoint {
        id: new_id("we"),
        created: call.now.timestamp(),
        is_live: call.book.is_live,
        is_deleted: false,
        is_enabled: true,
        url,
        enabled_events,
        api_version,
        description,
        metadata,
        secret: new_id("whsec"),
        rolled: None,
    };
    let mut shown = endpoint.json();
    shown["secret"] = json!(endpoint.secret);
    call.book.endpoints.add(endpoint);
    Ok(shown)
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    Ok(find(call)?.json())
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    call.params.done()?;
    page.of(&call.book.endpoints, "/v1/webhook_endpoints", |endpoint| !endpoint.is_deleted)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut endpoint = find(call)?.clone();
    if let Some(url) = call.params.filled("url")? {
        check_url(&url)?;
        endpoint.url = url;
    }
    let enabled_events = call.params.list("enabled_events")?;
    if !enabled_events.is_empty() {
        endpoint.enabled_events = enabled_events;
    }
    if let Some(description) = call.params.text("description")? {
        endpoint.description = Some(description).filter(|text| !text.is_empty());
    }
    endpoint.is_enabled = !call.params.flag("disabled")?;
    call.params.metadata(&mut endpoint.metadata)?;
    call.params.done()?;
    let shown = endpoint.json();
    if let Some(known) = call.book.endpoints.get_mut(call.id) {
        *known = endpoint;
    }
    Ok(shown)
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    find(call)?;
    if let Some(endpoint) = call.book.endpoints.get_mut(call.id) {
        endpoint.is_deleted = true;
    }
    Ok(json!({ "id": call.id, "object": "webhook_endpoint", "deleted": true }))
}

/// A new secret; the one before holds until then, too. None if there is no such endpoint.
pub(super) fn roll(book: &mut Book, id: &str, overlap_s: u32, now: Timestamp) -> Option<String> {
    let endpoint = book.endpoints.get_mut(id)?;
    let before = std::mem::replace(&mut endpoint.secret, new_id("whsec"));
    endpoint.rolled = Some((before, now + TimeDelta::seconds(i64::from(overlap_s))));
    Some(endpoint.secret.clone())
}

/// Tells endpoints what they have not been told of.
pub(super) fn deliver(
    state: &Arc<Mutex<State>>,
    locked: &mut State,
    name: &str,
    deliveries: &Deliveries,
    now: Timestamp,
) {
    let switches = locked.switches.webhooks;
    if switches.is_held {
        return;
    }
    let Some(book) = locked.books.get_mut(name) else { return };
    let mut posts = Vec::new();
    for id in book.take_untold() {
        let Some(event) = book.events.get_mut(&id) else { continue };
        let wanting: Vec<&Endpoint> =
            book.endpoints.all().iter().filter(|endpoint| endpoint.wants(&event.kind)).collect();
        if switches.is_lost {
            event.has_failed |= !wanting.is_empty();
            continue;
        }
        event.pending_webhooks = u32::try_from(wanting.len()).unwrap_or(u32::MAX);
        let body = event.json().to_string();
        for endpoint in wanting {
            posts.push(post(endpoint, &body, switches, now, done(state, name, &id)));
            if switches.is_doubled {
                posts.push(post(endpoint, &body, switches, now, None));
            }
        }
    }
    if switches.is_reversed {
        posts.reverse();
    }
    posts.into_iter().for_each(|post| deliveries.send(post));
}

type Done = Box<dyn FnOnce(Outcome) + Send>;

/// Notes how a delivery went.
fn done(state: &Arc<Mutex<State>>, name: &str, event: &str) -> Option<Done> {
    let (state, name, event) = (state.clone(), name.to_owned(), event.to_owned());
    Some(Box::new(move |outcome| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(event) = state.books.get_mut(&name).and_then(|book| book.events.get_mut(&event)) else {
            return;
        };
        event.pending_webhooks = event.pending_webhooks.saturating_sub(1);
        event.has_failed |= outcome == Outcome::Failed;
    }))
}

fn post(
    endpoint: &Endpoint,
    body: &str,
    switches: WebhookSwitches,
    now: Timestamp,
    done: Option<Done>,
) -> Delivery {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static("Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
    );
    headers.insert(SIGNATURE_HEADER, endpoint.signature(body, switches, now));
    Delivery {
        url: endpoint.url.clone(),
        headers,
        body: body.to_owned().into(),
        delay: Duration::ZERO,
        is_tried_once: false,
        done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `openssl dgst -sha256 -hmac whsec_test`.
    #[test]
    fn the_time_a_dot_and_the_body_are_signed() {
        let expected = "35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91";
        assert_eq!(sign("whsec_test", 1_700_000_000, "{}"), expected);
    }
}
