//! Event webhooks: one signed POST per event (Kisi docs, Event webhooks).

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderValue, header};
use sha2::Sha256;

use super::events::{self, Actor, Object};
use super::model::{Event, Id, Integration};
use super::organization::Organization;
use super::state::State;
use super::switches::{Switches, WebhookSignature};
use crate::{Delivery, Outcome};

/// By how much a reordered webhook is late, so that its successor overtakes it.
const OVERTAKEN_BY: Duration = Duration::from_millis(200);

/// Sends the event to every integration that wants it.
pub(super) fn dispatch(organization: &Arc<Organization>, state: &mut State, event: &Event) {
    if state.integrations.is_empty() {
        return;
    }
    // A tree of plain values always becomes text.
    let body = serde_json::to_vec(&events::body(event)).unwrap_or_default();
    let switches = &state.switches;
    for integration in state.integrations.values_mut().filter(|integration| wants(integration, event)) {
        integration.deliveries += 1;
        let nth = integration.deliveries;
        let drops_every = u64::from(switches.webhook_drops_every);
        if drops_every > 0 && nth.is_multiple_of(drops_every) {
            continue;
        }
        let mut delay = Duration::from_millis(switches.webhook_delay_ms);
        if switches.webhook_reorders && nth % 2 == 1 {
            delay += OVERTAKEN_BY;
        }
        let copies = if switches.webhook_duplicates { 2 } else { 1 };
        for _ in 0..copies {
            let (organization, id) = (organization.clone(), integration.record.id);
            organization.shared.parts.deliveries.clone().send(Delivery {
                url: integration.record.url.clone(),
                headers: headers(integration, switches, &body),
                body: body.clone().into(),
                delay,
                is_tried_once: false,
                done: Some(Box::new(move |outcome| settle(&organization, id, outcome))),
            });
        }
    }
}

fn wants(integration: &Integration, event: &Event) -> bool {
    let record = &integration.record;
    record.enabled
        && (record.enabled_events.is_empty() || record.enabled_events.contains(&event.r#type))
        && record.place_id.is_none_or(|place| event.place_id == Some(place))
}

fn headers(integration: &Integration, switches: &Switches, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = &integration.signature_key {
        let digest = signature(key, body);
        let value = match switches.webhook_signature {
            WebhookSignature::Prefixed => format!("sha256={digest}"),
            WebhookSignature::Bare => digest,
        };
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert("x-signature", value);
        }
    }
    headers
}

/// HMAC-SHA256 of the body, in hex.
fn signature(key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Counts failures in a row; warns, then switches the integration off.
fn settle(organization: &Arc<Organization>, id: Id, outcome: Outcome) {
    let now = organization.shared.now();
    let mut state = organization.state();
    let (warns_after, disables_after) =
        (state.switches.webhook_warns_after, state.switches.webhook_disables_after);
    let Some(integration) = state.integrations.get_mut(&id) else { return };
    if outcome == Outcome::Delivered {
        integration.failures = 0;
        return;
    }
    integration.failures += 1;
    let object =
        Object::new("Integration", id, Some(integration.record.name.clone()), integration.record.place_id);
    let disables = integration.failures >= disables_after && integration.record.enabled;
    let warns = integration.failures == warns_after;
    if disables {
        integration.record.enabled = false;
        integration.record.disabled_due_to_error = true;
        integration.record.disabled_due_to_error_at = Some(now);
    }
    if warns {
        let object = object.clone();
        organization.record(
            &mut state,
            "integration.warn_due_to_error",
            Actor::Nobody,
            object,
            Ok(None),
            now,
        );
    }
    if disables {
        organization.record(
            &mut state,
            "integration.disable_due_to_error",
            Actor::Nobody,
            object,
            Ok(None),
            now,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_hmac_sha256_in_hex() {
        // Test case 2 of RFC 4231.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
