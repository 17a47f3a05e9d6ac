//! Refunds, in part or whole (Stripe API reference, Refunds).

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Book, Due, new_id, seconds};
use super::call::Call;
use super::charge::{Charge, ChargeStatus};
use super::list::Page;
use super::params::Metadata;
use super::refusal::Refusal;
use super::shelf::Object;
use super::test_values::Behaviour;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub charge: String,
    pub payment_intent: String,
    pub reason: Option<String>,
    pub status: RefundStatus,
    /// Whether it will have failed in the end.
    pub fails: bool,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
}

impl Object for Refund {
    const KIND: &'static str = "refund";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let mut shown = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": null,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "status": self.status,
        });
        match self.status {
            RefundStatus::Pending => shown["pending_reason"] = json!("processing"),
            RefundStatus::Failed => shown["failure_reason"] = json!("expired_or_canceled_card"),
            RefundStatus::Succeeded => {}
        }
        shown
    }
}

fn charge_of<'a>(
    call: &'a Call<'_>,
    charge: Option<&str>,
    intent: Option<&str>,
) -> Result<&'a Charge, Refusal> {
    if let Some(charge) = charge {
        return Book::find(&call.book.charges, charge, "charge");
    }
    let Some(intent) = intent else { return Err(Refusal::ParameterMissing("payment_intent".to_owned())) };
    let intent = Book::find(&call.book.payment_intents, intent, "payment_intent")?;
    let Some(charge) = &intent.latest_charge else {
        let message =
            format!("This PaymentIntent ({}) does not have a successful charge to refund.", intent.id);
        return Err(Refusal::State { code: "payment_intent_unexpected_state", message, about: None });
    };
    Book::find(&call.book.charges, charge, "charge")
}

/// Refuses what can't be given back.
fn check(charge: &Charge, amount: i64) -> Result<(), Refusal> {
    let state = |code, message: String| Err(Refusal::State { code, message, about: None });
    if charge.status != ChargeStatus::Succeeded {
        let message = format!("Charge {} has not succeeded, and can't be refunded.", charge.id);
        return state("charge_not_refundable", message);
    }
    if charge.is_disputed {
        return state("charge_disputed", format!("Charge {} has been charged back.", charge.id));
    }
    if charge.remaining() == 0 {
        return state("charge_already_refunded", format!("Charge {} has already been refunded.", charge.id));
    }
    if amount < 1 {
        return Err(Refusal::invalid("amount".to_owned(), "Invalid positive integer"));
    }
    if amount > charge.remaining() {
        let message = format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({})",
            charge.remaining()
        );
        return Err(Refusal::Invalid { param: "amount".to_owned(), message, code: None });
    }
    Ok(())
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let charge = call.params.filled("charge")?;
    let intent = call.params.filled("payment_intent")?;
    let amount = call.params.integer("amount")?;
    let reason = call.params.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?;
    let mut metadata = Metadata::new();
    call.params.metadata(&mut metadata)?;
    call.params.done()?;
    let mut charge = charge_of(call, charge.as_deref(), intent.as_deref())?.clone();
    let amount = amount.unwrap_or_else(|| charge.remaining());
    check(&charge, amount)?;
    let behaviour = call.book.payment_methods.get(&charge.payment_method).map(|method| method.behaviour);
    let is_debit = charge.payment_method_type != "card";
    let is_pending = is_debit || behaviour == Some(Behaviour::RefundPends);
    let refund = Refund {
        id: new_id("re"),
        created: call.now.timestamp(),
        amount,
        currency: charge.currency.clone(),
        charge: charge.id.clone(),
        payment_intent: charge.payment_intent.clone(),
        reason,
        status: if is_pending { RefundStatus::Pending } else { RefundStatus::Succeeded },
        fails: behaviour == Some(Behaviour::RefundFails),
        metadata,
    };
    if is_pending || refund.fails {
        call.book.plan(Due::Refund(refund.id.clone()), call.now + seconds(call.pace.refund_s));
    }
    charge.amount_refunded += amount;
    let (shown, charge_shown) = (refund.json(), charge.json());
    if let Some(known) = call.book.charges.get_mut(&charge.id) {
        *known = charge;
    }
    call.book.refunds.add(refund);
    call.book.tell("refund.created", shown.clone(), call.now);
    call.book.tell("charge.refunded", charge_shown, call.now);
    Ok(shown)
}

/// One that was pending is there; one that fails has failed, and the money is the merchant's again.
pub(super) fn settle(book: &mut Book, id: &str, now: Timestamp) {
    let Some(refund) = book.refunds.get_mut(id) else { return };
    refund.status = if refund.fails { RefundStatus::Failed } else { RefundStatus::Succeeded };
    let (refund, shown) = (refund.clone(), refund.json());
    if refund.fails {
        if let Some(charge) = book.charges.get_mut(&refund.charge) {
            charge.amount_refunded -= refund.amount;
        }
        book.tell("refund.failed", shown.clone(), now);
    } else {
        book.tell("refund.updated", shown.clone(), now);
    }
    book.tell("charge.refund.updated", shown, now);
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    Ok(Book::find(&call.book.refunds, call.id, "id")?.json())
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let charge = call.params.filled("charge")?;
    let intent = call.params.filled("payment_intent")?;
    call.params.done()?;
    page.of(&call.book.refunds, "/v1/refunds", |refund| {
        charge.as_ref().is_none_or(|charge| refund.charge == *charge)
            && intent.as_ref().is_none_or(|intent| refund.payment_intent == *intent)
    })
}
