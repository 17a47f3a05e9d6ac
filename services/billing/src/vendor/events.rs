//! What happened at an account, as Stripe lists it (Stripe API reference, List all events). Stripe keeps it for 30 days.

use vendor_http::VendorError;

use super::charging::PAYMENT;
use super::client::StripeAccount;
use super::wire::{Event, Page};

/// As many as Stripe gives at once.
const PAGE: &str = "100";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEvent {
    /// Stripe's id of it.
    pub event_ref: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// To what: Stripe's id. Empty: to the account itself.
    pub object_ref: String,
    /// The intent that this is, or belongs to, such as that of a charge. Empty: none.
    pub intent_ref: String,
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

impl From<Event> for ListedEvent {
    fn from(told: Event) -> Self {
        let object = told.data.object;
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        let is_intent = object["object"].as_str() == Some("payment_intent");
        Self {
            event_ref: told.id,
            kind: told.kind,
            object_ref: text("id"),
            is_ours: object["metadata"][PAYMENT].is_string(),
            intent_ref: text(if is_intent { "id" } else { "payment_intent" }),
        }
    }
}
