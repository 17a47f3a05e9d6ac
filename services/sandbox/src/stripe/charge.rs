//! Charges: money that was taken, or not (Stripe API reference, Charges).

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Book, new_id};
use super::call::Call;
use super::list::Page;
use super::params::Metadata;
use super::payment_intent::PaymentIntent;
use super::refusal::Refusal;
use super::shelf::Object;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Charge {
    pub id: String,
    pub created: i64,
    pub is_live: bool,
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_intent: String,
    pub payment_method: String,
    /// `card` or `us_bank_account`.
    pub payment_method_type: String,
    pub mandate: Option<String>,
    pub status: ChargeStatus,
    pub amount_refunded: i64,
    pub is_disputed: bool,
    /// Code and message.
    pub failure: Option<(String, String)>,
    pub description: Option<String>,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChargeStatus {
    Pending,
    Succeeded,
    Failed,
}

impl Charge {
    /// What could be refunded.
    pub(super) fn remaining(&self) -> i64 {
        self.amount - self.amount_refunded
    }
}

impl Object for Charge {
    const KIND: &'static str = "charge";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let is_paid = self.status != ChargeStatus::Failed;
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if is_paid { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
            "balance_transaction": null,
            "captured": is_paid,
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": self.is_disputed,
            "failure_code": self.failure.as_ref().map(|(code, _)| code),
            "failure_message": self.failure.as_ref().map(|(_, message)| message),
            "livemode": self.is_live,
            "metadata": self.metadata,
            "outcome": {
                "network_status": if is_paid { "approved_by_network" } else { "declined_by_network" },
                "type": if is_paid { "authorized" } else { "issuer_declined" },
            },
            "paid": is_paid,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "payment_method_details": {
                "type": self.payment_method_type,
                (self.payment_method_type.clone()): { "mandate": self.mandate },
            },
            "receipt_url": null,
            "refunded": self.amount_refunded == self.amount,
            "status": self.status,
        })
    }
}

/// Adds the charge of an intent; its id.
pub(super) fn add(
    book: &mut Book,
    intent: &PaymentIntent,
    (method, kind): (&str, &str),
    status: ChargeStatus,
    failure: Option<(String, String)>,
    now: Timestamp,
) -> String {
    let charge = Charge {
        id: new_id("ch"),
        created: now.timestamp(),
        is_live: book.is_live,
        amount: intent.amount,
        currency: intent.currency.clone(),
        customer: intent.customer.clone(),
        payment_intent: intent.id.clone(),
        payment_method: method.to_owned(),
        payment_method_type: kind.to_owned(),
        mandate: intent.mandate.clone(),
        status,
        amount_refunded: 0,
        is_disputed: false,
        failure,
        description: intent.description.clone(),
        metadata: intent.metadata.clone(),
    };
    let (id, shown) = (charge.id.clone(), charge.json());
    book.charges.add(charge);
    let kind = match status {
        ChargeStatus::Pending => "charge.pending",
        ChargeStatus::Succeeded => "charge.succeeded",
        ChargeStatus::Failed => "charge.failed",
    };
    book.tell(kind, shown, now);
    id
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    Ok(Book::find(&call.book.charges, call.id, "id")?.json())
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let customer = call.params.filled("customer")?;
    let intent = call.params.filled("payment_intent")?;
    call.params.done()?;
    page.of(&call.book.charges, "/v1/charges", |charge| {
        customer.as_ref().is_none_or(|customer| charge.customer.as_ref() == Some(customer))
            && intent.as_ref().is_none_or(|intent| charge.payment_intent == *intent)
    })
}
