//! Disputes: a holder's bank takes the money back (Stripe API reference, Disputes).

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Book, new_id};
use super::call::Call;
use super::list::Page;
use super::params::Metadata;
use super::refusal::Refusal;
use super::shelf::Object;
use super::test_values::{Behaviour, DisputeKind};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Dispute {
    pub id: String,
    pub created: i64,
    pub is_live: bool,
    pub amount: i64,
    pub currency: String,
    pub charge: String,
    pub payment_intent: String,
    pub kind: DisputeKind,
    pub status: DisputeStatus,
    pub evidence: Value,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
}

impl DisputeStatus {
    fn is_open(self) -> bool {
        !matches!(self, Self::WarningClosed | Self::Won | Self::Lost)
    }
}

impl Object for Dispute {
    const KIND: &'static str = "dispute";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "evidence": self.evidence,
            "evidence_details": { "has_evidence": !self.evidence.is_null(), "past_due": false },
            "is_charge_refundable": self.kind == DisputeKind::Inquiry,
            "livemode": self.is_live,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.kind.reason(),
            "status": self.status,
        })
    }
}

/// A charge is disputed. A debit that comes back is lost at once.
pub(super) fn open(book: &mut Book, charge: &str, now: Timestamp) {
    let Some(known) = book.charges.get_mut(charge) else { return };
    let method = book.payment_methods.get(&known.payment_method);
    let Some(Behaviour::Disputed(kind)) = method.map(|method| method.behaviour) else { return };
    known.is_disputed = kind != DisputeKind::Inquiry;
    let dispute = Dispute {
        id: new_id("du"),
        created: now.timestamp(),
        is_live: book.is_live,
        amount: known.amount,
        currency: known.currency.clone(),
        charge: known.id.clone(),
        payment_intent: known.payment_intent.clone(),
        kind,
        status: match kind {
            DisputeKind::Inquiry => DisputeStatus::WarningNeedsResponse,
            DisputeKind::Debit => DisputeStatus::Lost,
            DisputeKind::Fraudulent | DisputeKind::ProductNotReceived => DisputeStatus::NeedsResponse,
        },
        evidence: Value::Null,
        metadata: Metadata::new(),
    };
    let shown = dispute.json();
    book.disputes.add(dispute);
    book.tell("charge.dispute.created", shown.clone(), now);
    if kind != DisputeKind::Inquiry {
        book.tell("charge.dispute.funds_withdrawn", shown.clone(), now);
    }
    if kind == DisputeKind::Debit {
        book.tell("charge.dispute.closed", shown, now);
    }
}

/// Ends one; whether it was open.
pub(super) fn close(book: &mut Book, id: &str, is_won: bool, now: Timestamp) -> bool {
    let Some(dispute) = book.disputes.get_mut(id).filter(|dispute| dispute.status.is_open()) else {
        return false;
    };
    let is_inquiry = dispute.kind == DisputeKind::Inquiry;
    dispute.status = match (is_inquiry, is_won) {
        (true, _) => DisputeStatus::WarningClosed,
        (false, true) => DisputeStatus::Won,
        (false, false) => DisputeStatus::Lost,
    };
    let (charge, shown) = (dispute.charge.clone(), dispute.json());
    if is_won && !is_inquiry {
        if let Some(charge) = book.charges.get_mut(&charge) {
            charge.is_disputed = false;
        }
        book.tell("charge.dispute.funds_reinstated", shown.clone(), now);
    }
    book.tell("charge.dispute.closed", shown, now);
    true
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    Ok(Book::find(&call.book.disputes, call.id, "id")?.json())
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let charge = call.params.filled("charge")?;
    let intent = call.params.filled("payment_intent")?;
    call.params.done()?;
    page.of(&call.book.disputes, "/v1/disputes", |dispute| {
        charge.as_ref().is_none_or(|charge| dispute.charge == *charge)
            && intent.as_ref().is_none_or(|intent| dispute.payment_intent == *intent)
    })
}

fn already_closed() -> Refusal {
    let message = "This dispute is already closed.".to_owned();
    Refusal::Invalid { param: "id".to_owned(), message, code: None }
}

/// Evidence: `winning_evidence` and `losing_evidence` end it at once (Testing, Disputes).
pub(super) fn update(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let evidence = call.params.value("evidence");
    let is_submitted = call.params.flag("submit")?;
    let mut dispute = Book::find(&call.book.disputes, call.id, "id")?.clone();
    call.params.metadata(&mut dispute.metadata)?;
    call.params.done()?;
    if !dispute.status.is_open() {
        return Err(already_closed());
    }
    let word = evidence.as_ref().and_then(|evidence| evidence["uncategorized_text"].as_str());
    let word = word.unwrap_or_default().to_owned();
    dispute.evidence = evidence.unwrap_or(dispute.evidence);
    if is_submitted {
        dispute.status = match dispute.kind {
            DisputeKind::Inquiry => DisputeStatus::WarningUnderReview,
            _ => DisputeStatus::UnderReview,
        };
    }
    let shown = dispute.json();
    if let Some(known) = call.book.disputes.get_mut(call.id) {
        *known = dispute;
    }
    call.book.tell("charge.dispute.updated", shown, call.now);
    match word.as_str() {
        "winning_evidence" => close(call.book, call.id, true, call.now),
        "losing_evidence" => close(call.book, call.id, false, call.now),
        _ => false,
    };
    Ok(Book::find(&call.book.disputes, call.id, "id")?.json())
}

/// `POST /v1/disputes/{id}/close`: the merchant gives in.
pub(super) fn give_in(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    Book::find(&call.book.disputes, call.id, "id")?;
    if !close(call.book, call.id, false, call.now) {
        return Err(already_closed());
    }
    Ok(Book::find(&call.book.disputes, call.id, "id")?.json())
}
