//! PaymentIntents: one payment, from what is wanted until it is paid, failed or given up (Stripe API reference,
//! PaymentIntents). Money is taken at once, without a capture of its own.

mod confirm;
mod params;

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) use confirm::{
    authenticate, check_microdeposits, confirm, read_microdeposits, settle, verify, verify_microdeposits,
};
pub(super) use params::read_payment_method;

use super::book::{Book, new_id};
use super::call::Call;
use super::list::Page;
use super::params::Metadata;
use super::refusal::{About, Refusal};
use super::shelf::Object;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PaymentIntent {
    pub id: String,
    pub created: i64,
    pub is_live: bool,
    pub client_secret: String,
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub payment_method_types: Vec<String>,
    pub status: Status,
    pub is_off_session: bool,
    pub latest_charge: Option<String>,
    pub last_payment_error: Option<Value>,
    pub next_action: Option<Value>,
    pub setup_future_usage: Option<String>,
    pub mandate: Option<String>,
    pub description: Option<String>,
    pub receipt_email: Option<String>,
    pub statement_descriptor_suffix: Option<String>,
    pub shipping: Value,
    pub metadata: Metadata,
    pub cancellation_reason: Option<String>,
    pub canceled_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    Succeeded,
    Canceled,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

impl Object for PaymentIntent {
    const KIND: &'static str = "payment_intent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let is_paid = self.status == Status::Succeeded;
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_received": if is_paid { self.amount } else { 0 },
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": "automatic",
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "last_payment_error": self.last_payment_error,
            "latest_charge": self.latest_charge,
            "livemode": self.is_live,
            "metadata": self.metadata,
            "next_action": self.next_action,
            "payment_method": self.payment_method,
            "payment_method_options": {},
            "payment_method_types": self.payment_method_types,
            "receipt_email": self.receipt_email,
            "setup_future_usage": self.setup_future_usage,
            "shipping": self.shipping,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status,
        })
    }
}

impl PaymentIntent {
    fn new(book: &Book, amount: i64, currency: String, now: Timestamp) -> Self {
        let id = new_id("pi");
        Self {
            client_secret: new_id(&format!("{id}_secret")),
            id,
            created: now.timestamp(),
            is_live: book.is_live,
            amount,
            currency,
            customer: None,
            payment_method: None,
            payment_method_types: Vec::new(),
            status: Status::RequiresPaymentMethod,
            is_off_session: false,
            latest_charge: None,
            last_payment_error: None,
            next_action: None,
            setup_future_usage: None,
            mandate: None,
            description: None,
            receipt_email: None,
            statement_descriptor_suffix: None,
            shipping: Value::Null,
            metadata: Metadata::new(),
            cancellation_reason: None,
            canceled_at: None,
        }
    }

    /// What is asked does not go with what it is now.
    pub(super) fn unexpected(&self, wanted: &str) -> Refusal {
        let message = format!(
            "This PaymentIntent could not be {wanted} because it has a status of {}.",
            self.status.name()
        );
        let about = Some(About::PaymentIntent(self.json()));
        Refusal::State { code: "payment_intent_unexpected_state", message, about }
    }
}

/// Keeps what became of an intent, and tells it.
fn put(book: &mut Book, intent: &PaymentIntent, told: Option<&str>, now: Timestamp) {
    if let Some(known) = book.payment_intents.get_mut(&intent.id) {
        known.clone_from(intent);
    }
    if let Some(told) = told {
        book.tell(told, intent.json(), now);
    }
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let (intent, confirmation) = params::create(call)?;
    let id = intent.id.clone();
    call.book.tell("payment_intent.created", intent.json(), call.now);
    call.book.payment_intents.add(intent);
    match confirmation {
        Some(confirmation) => confirm::attempt(call, &id, confirmation),
        None => Ok(Book::find(&call.book.payment_intents, &id, "id")?.json()),
    }
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut intent = Book::find(&call.book.payment_intents, call.id, "id")?.clone();
    params::change(call, &mut intent)?;
    call.params.done()?;
    if matches!(intent.status, Status::Processing | Status::Succeeded | Status::Canceled) {
        return Err(intent.unexpected("updated"));
    }
    put(call.book, &intent, None, call.now);
    Ok(intent.json())
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let intent = Book::find(&call.book.payment_intents, call.id, "id")?.clone();
    call.check_client_secret(&intent.client_secret)?;
    call.params.done()?;
    Ok(intent.json())
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let customer = call.params.filled("customer")?;
    call.params.done()?;
    page.of(&call.book.payment_intents, "/v1/payment_intents", |intent| {
        customer.as_ref().is_none_or(|customer| intent.customer.as_ref() == Some(customer))
    })
}

/// Before it succeeded; a debit only for a short while.
pub(super) fn cancel(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let known = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
    let reason = call.params.one_of("cancellation_reason", &known)?;
    call.params.done()?;
    let mut intent = Book::find(&call.book.payment_intents, call.id, "id")?.clone();
    let age_s = call.now.timestamp() - intent.created;
    let is_open = match intent.status {
        Status::Succeeded | Status::Canceled => false,
        Status::Processing => age_s < i64::from(call.pace.debit_cancellable_s),
        _ => true,
    };
    if !is_open {
        return Err(intent.unexpected("canceled"));
    }
    if intent.status == Status::Processing {
        confirm::fail_charge(call.book, &intent, ("canceled", "The debit was canceled."), call.now);
    }
    intent.status = Status::Canceled;
    intent.next_action = None;
    intent.cancellation_reason = reason;
    intent.canceled_at = Some(call.now.timestamp());
    put(call.book, &intent, Some("payment_intent.canceled"), call.now);
    Ok(intent.json())
}
