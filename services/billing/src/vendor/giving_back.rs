//! Refunds and disputes of a payment, a method each call.
//!
//! A refund carries a key that is made of our own id and the attempt, so that a repetition is the same call to Stripe.

use billing_core::{dispute, refund};
use domain::{Money, RefundId, Timestamp};
use serde::de::DeserializeOwned;

use super::amount::{from_stripe, to_stripe};
use super::charging::ChargingError;
use super::client::{StripeAccount, keyed};
use super::wire::{Dispute, Page, Refund};

/// The metadata by which a refund is known as ours.
const REFUND: &str = "latchkey_refund";

/// As many of a list as Stripe gives at once.
const PAGE: &str = "100";

/// A refund as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRefund {
    /// Stripe's id of it.
    pub refund_ref: String,
    /// Our own, if we asked for it.
    pub ours: Option<RefundId>,
    /// How much.
    pub amount: Money,
    /// How it is.
    pub seen: refund::Seen,
    /// Why it failed, by Stripe's word. Empty: it has not.
    pub failure_code: String,
}

/// A dispute as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenDispute {
    /// Stripe's id of it.
    pub dispute_ref: String,
    /// How much is disputed.
    pub amount: Money,
    /// Why, by Stripe's word.
    pub reason: String,
    /// How it stands.
    pub standing: dispute::Standing,
    /// When Stripe heard of it.
    pub opened_at: Timestamp,
}

impl StripeAccount {
    /// Gives back some of what an intent was paid with. Refused for good are more than is left, and what is disputed.
    pub async fn create_refund(
        &self,
        refund: RefundId,
        attempt: u32,
        intent: &str,
        amount: Money,
    ) -> Result<SeenRefund, ChargingError> {
        let (amount, _) = to_stripe(amount)?;
        let (refund, metadata) = (refund.to_string(), format!("metadata[{REFUND}]"));
        let fields =
            [("payment_intent", intent), ("amount", amount.as_str()), (metadata.as_str(), refund.as_str())];
        let call =
            keyed(self.post("/v1/refunds", &["refunds"], &fields), &format!("refund-{refund}-{attempt}"));
        self.send(call).await?.json::<Refund>()?.seen_refund()
    }

    /// All refunds of an intent, whoever made them.
    pub async fn list_refunds(&self, intent: &str) -> Result<Vec<SeenRefund>, ChargingError> {
        let all: Vec<Refund> =
            self.list_of_intent("/v1/refunds", "refunds", intent, |it: &Refund| &it.id).await?;
        all.iter().map(Refund::seen_refund).collect()
    }

    /// All disputes of an intent.
    pub async fn list_disputes(&self, intent: &str) -> Result<Vec<SeenDispute>, ChargingError> {
        let all: Vec<Dispute> =
            self.list_of_intent("/v1/disputes", "disputes", intent, |it: &Dispute| &it.id).await?;
        all.into_iter().map(Dispute::seen).collect()
    }

    /// All of a list that belongs to an intent.
    async fn list_of_intent<T: DeserializeOwned>(
        &self,
        template: &'static str,
        list: &str,
        intent: &str,
        id: fn(&T) -> &String,
    ) -> Result<Vec<T>, ChargingError> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let mut query = vec![("payment_intent", intent), ("limit", PAGE)];
            query.extend(all.last().map(|last| ("starting_after", id(last).as_str())));
            let page: Page<T> = self.send(self.get(template, &[list], &query)).await?.json()?;
            let is_whole = !page.has_more || page.data.is_empty();
            all.extend(page.data);
            if is_whole {
                return Ok(all);
            }
        }
    }
}

impl Refund {
    fn seen_refund(&self) -> Result<SeenRefund, ChargingError> {
        Ok(SeenRefund {
            refund_ref: self.id.clone(),
            ours: self.metadata.get(REFUND).and_then(|id| id.parse().ok()),
            amount: from_stripe(self.amount, &self.currency)?,
            seen: self.seen()?,
            failure_code: self.failure_reason.clone().unwrap_or_default(),
        })
    }
}

impl Dispute {
    fn seen(self) -> Result<SeenDispute, ChargingError> {
        let standing = dispute::Standing::of_status(&self.status);
        Ok(SeenDispute {
            dispute_ref: self.id,
            amount: from_stripe(self.amount, &self.currency)?,
            reason: self.reason,
            standing: standing.ok_or(ChargingError::UnknownStatus(self.status))?,
            opened_at: Timestamp::from_timestamp(self.created, 0).unwrap_or_default(),
        })
    }
}
