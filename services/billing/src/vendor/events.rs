//! What happened at an account, as Stripe lists it (Stripe API reference, List all events) and reports it by webhooks.
//! Stripe keeps it for 30 days.

use serde::{Deserialize, Serialize};
use vendor_http::VendorError;

use super::charging::PAYMENT;
use super::client::StripeAccount;
use super::wire::{Event, Page};

/// As many as Stripe gives at once.
const PAGE: &str = "100";

/// Something that happened, without the object that it happened to: that has secrets, and what is told about people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListedEvent {
    /// Stripe's id of it.
    pub event_ref: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// To what: Stripe's id. Empty: to the account itself.
    pub object_ref: String,
    /// The intent that this is, or belongs to, such as that of a charge. Empty: none.
    pub intent_ref: String,
    /// The payment method that this is, or belongs to, such as that of a mandate. Empty: none.
    pub method_ref: String,
    /// Whether it says that it is about a payment of ours.
    pub is_ours: bool,
}

/// Where a list begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// Behind this event.
    Event(String),
    /// With this moment, in Unix seconds.
    Moment(i64),
}

impl StripeAccount {
    /// What happened since, the oldest first; and whether there is more. Of a moment all at once.
    pub async fn list_events(&self, since: &Since) -> Result<(Vec<ListedEvent>, bool), VendorError> {
        match since {
            Since::Event(last) => {
                let query = [("ending_before", last.as_str()), ("limit", PAGE)];
                let page = self.read_events(&query).await?;
                Ok((page.data.into_iter().rev().map(ListedEvent::from).collect(), page.has_more))
            }
            Since::Moment(moment) => {
                let moment = moment.to_string();
                let mut all: Vec<ListedEvent> = Vec::new();
                loop {
                    let after = all.last().map(|event| event.event_ref.clone());
                    let mut query = vec![("created[gte]", moment.as_str()), ("limit", PAGE)];
                    query.extend(after.as_deref().map(|after| ("starting_after", after)));
                    let page = self.read_events(&query).await?;
                    all.extend(page.data.into_iter().map(ListedEvent::from));
                    if !page.has_more {
                        all.reverse();
                        return Ok((all, false));
                    }
                }
            }
        }
    }

    async fn read_events(&self, query: &[(&str, &str)]) -> Result<Page<Event>, VendorError> {
        self.send(self.get("/v1/events", &["events"], query)).await?.json()
    }
}

/// Reads an event as a webhook brings it; also whether money is real where it happened. Kinds that are not known are
/// read like any other.
pub fn read_event(body: &[u8]) -> Result<(ListedEvent, bool), serde_json::Error> {
    let event: Event = serde_json::from_slice(body)?;
    let is_live = event.livemode;
    Ok((event.into(), is_live))
}

impl From<Event> for ListedEvent {
    fn from(told: Event) -> Self {
        let object = told.data.object;
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        let id_of = |kind: &str| text(if object["object"].as_str() == Some(kind) { "id" } else { kind });
        Self {
            event_ref: told.id,
            kind: told.kind,
            object_ref: text("id"),
            is_ours: object["metadata"][PAYMENT].is_string(),
            intent_ref: id_of("payment_intent"),
            method_ref: id_of("payment_method"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_what_it_is_about() {
        let read = |kind: &str, object: &str| {
            let body = format!(
                r#"{{"id":"evt_1","object":"event","livemode":true,"type":"{kind}","data":{{"object":{object}}}}}"#
            );
            let (event, is_live) = read_event(body.as_bytes()).unwrap();
            assert!(is_live && event.event_ref == "evt_1" && event.kind == kind);
            [event.object_ref, event.intent_ref, event.method_ref]
        };
        let intent = r#"{"id":"pi_1","object":"payment_intent","client_secret":"x","payment_method":"pm_1"}"#;
        assert_eq!(read("payment_intent.succeeded", intent), ["pi_1", "pi_1", "pm_1"]);
        let charge = r#"{"id":"ch_1","object":"charge","payment_intent":"pi_1","payment_method":null}"#;
        assert_eq!(read("charge.refunded", charge), ["ch_1", "pi_1", ""]);
        assert_eq!(
            read("payment_method.updated", r#"{"id":"pm_1","object":"payment_method"}"#),
            ["pm_1", "", "pm_1"]
        );
        let mandate = r#"{"id":"mandate_1","object":"mandate","payment_method":"pm_1"}"#;
        assert_eq!(read("mandate.updated", mandate), ["mandate_1", "", "pm_1"]);
        // What is not known yet.
        assert_eq!(read("pigeon.landed", "{}"), ["", "", ""]);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for body in ["", "[]", "{}", r#"{"id":"evt_1"}"#] {
            assert!(read_event(body.as_bytes()).is_err(), "{body}");
        }
        // Stripe's newer events come without the object.
        let thin = r#"{"id":"evt_1","object":"v2.core.event","type":"v1.billing.meter.no_meter_found","livemode":false}"#;
        assert_eq!(read_event(thin.as_bytes()).unwrap().0.object_ref, "");
    }
}
