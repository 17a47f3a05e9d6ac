//! Webhooks: endpoints, and signed POSTs to them (UniFi Access API reference, 11.2 to 11.7).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use bytes::Bytes;
use chrono::TimeDelta;
use domain::Timestamp;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::Unifi;
use super::fields::{Answer, read, success};
use super::model::Webhook;
use super::refusal::{Code, Refusal};
use super::state::{State as Console, hex, new_id};
use super::switches::WebhookFlaw;
use super::token::Scope;
use crate::{Deliveries, Delivery};

/// By how much a reordered webhook is late, so that its successor overtakes it.
const OVERTAKEN_BY: Duration = Duration::from_millis(200);

/// How old the signature of one is that comes too late.
const TOO_OLD: TimeDelta = TimeDelta::hours(1);

/// Something that webhooks tell.
pub(super) struct Told {
    pub event: &'static str,
    /// At which door, if at one.
    pub door: Option<String>,
    /// What is to be said beside the place: actor and object.
    pub data: Value,
}

impl Console {
    /// Sends it, once, to each endpoint that wants it.
    pub(super) fn tell(&mut self, deliveries: &Deliveries, told: &Told, now: Timestamp) {
        let body = self.body(told).to_string();
        let flaw = self.switches.webhook_flaw;
        let signed_at = if flaw == WebhookFlaw::OldTimestamp { now - TOO_OLD } else { now };
        for webhook in
            self.webhooks.values_mut().filter(|webhook| webhook.events.iter().any(|it| it == told.event))
        {
            webhook.sent += 1;
            let is_late = flaw == WebhookFlaw::Reordered && webhook.sent % 2 == 1;
            let copies = match flaw {
                WebhookFlaw::Dropped => 0,
                WebhookFlaw::Doubled => 2,
                _ => 1,
            };
            let secret = if flaw == WebhookFlaw::WrongSignature { "another" } else { &webhook.secret };
            let headers = headers(webhook, &signature(secret, signed_at.timestamp(), &body));
            for _ in 0..copies {
                deliveries.send(Delivery {
                    url: webhook.endpoint.clone(),
                    headers: headers.clone(),
                    body: body.clone().into(),
                    delay: if is_late { OVERTAKEN_BY } else { Duration::ZERO },
                    is_tried_once: true,
                    done: None,
                });
            }
        }
    }

    fn body(&self, told: &Told) -> Value {
        let door = told.door.as_ref().and_then(|id| self.doors.get(id));
        let mut data = json!({
            "location": door.map(|door| json!({
                "id": door.id, "location_type": "door", "name": door.name, "up_id": self.floor_id,
                "extras": {}, "device_ids": door.devices,
            })),
            "device": door.map(|door| json!({
                "id": door.devices[0], "name": format!("{} hub", door.name), "alias": "",
                "device_type": "UAH-DOOR", "location_id": door.id, "online": door.is_online,
            })),
            "actor": null,
        });
        if let (Some(data), Some(more)) = (data.as_object_mut(), told.data.as_object()) {
            data.extend(more.clone());
        }
        json!({ "event": told.event, "event_object_id": new_id(), "data": data })
    }
}

/// Its own, those of the endpoint, and the signature.
fn headers(webhook: &Webhook, signature: &str) -> HeaderMap {
    let own = webhook.headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    });
    let mut headers: HeaderMap = own.collect();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("signature", HeaderValue::try_from(signature).expect("digits are visible ASCII"));
    headers
}

/// By the text of the secret, not by what it stands for in hex.
fn signature(secret: &str, at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{at}.{body}").as_bytes());
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={digest}")
}

fn shown(id: &str, webhook: &Webhook) -> Value {
    json!({
        "id": id, "endpoint": webhook.endpoint, "name": webhook.name, "events": webhook.events,
        "headers": webhook.headers, "secret": webhook.secret,
    })
}

#[derive(Deserialize)]
struct Wanted {
    endpoint: String,
    name: String,
    events: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl Console {
    /// Refuses an address that another has.
    fn check_webhook(&self, wanted: &Wanted, own_id: Option<&str>) -> Result<(), Refusal> {
        let mut others = self.webhooks.iter().filter(|(id, _)| Some(id.as_str()) != own_id);
        if others.any(|(_, webhook)| webhook.endpoint == wanted.endpoint) {
            return Err(Refusal::new(Code::WebhookDuplicated));
        }
        let is_web = ["http://", "https://"].iter().any(|scheme| wanted.endpoint.starts_with(scheme));
        if is_web { Ok(()) } else { Err(Refusal::new(Code::ParamsInvalid)) }
    }
}

/// With the secrets.
pub(super) async fn list(State(unifi): State<Arc<Unifi>>, headers: HeaderMap) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewWebhook)?;
    success(state.webhooks.iter().map(|(id, webhook)| shown(id, webhook)).collect::<Vec<_>>())
}

pub(super) async fn create(State(unifi): State<Arc<Unifi>>, headers: HeaderMap, body: Bytes) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditWebhook)?;
    let wanted: Wanted = read(&body)?;
    state.check_webhook(&wanted, None)?;
    let Wanted { endpoint, name, events, headers } = wanted;
    let (id, webhook) = (new_id(), Webhook { endpoint, name, events, headers, secret: hex(16), sent: 0 });
    let answer = shown(&id, &webhook);
    state.webhooks.insert(id, webhook);
    success(answer)
}

pub(super) async fn update(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditWebhook)?;
    let wanted: Wanted = read(&body)?;
    state.check_webhook(&wanted, Some(&id))?;
    let webhook = state.webhooks.get_mut(&id).ok_or(Refusal::new(Code::NotExists))?;
    let Wanted { endpoint, name, events, headers } = wanted;
    *webhook =
        Webhook { endpoint, name, events, headers, secret: webhook.secret.clone(), sent: webhook.sent };
    success(shown(&id, webhook))
}

pub(super) async fn delete(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditWebhook)?;
    state.webhooks.remove(&id).ok_or(Refusal::new(Code::NotExists))?;
    success("success")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_over_the_time_and_the_body() {
        assert_eq!(
            signature("0123456789abcdef", 1_767_225_600, r#"{"event":"access.door.unlock"}"#),
            "t=1767225600,v1=d04c6566e06dc3125c56e8f1710d6dc9c38e425e703ed92db8df038bb6fe7e1d"
        );
    }
}
