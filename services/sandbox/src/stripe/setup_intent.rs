//! SetupIntents: a payment method is saved, to be charged when its holder is not there (Stripe API reference,
//! SetupIntents).

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Book, new_id};
use super::call::{Call, authentication, microdeposits_action};
use super::customer;
use super::list::Page;
use super::mandate::{self, Acceptance};
use super::params::Metadata;
use super::payment_intent::{check_microdeposits, read_microdeposits, read_payment_method, verify};
use super::payment_method::{self, CARD, Kind, PaymentMethod, US_BANK_ACCOUNT};
use super::refusal::{About, Refusal};
use super::shelf::Object;
use super::test_values::{Behaviour, Decline};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SetupIntent {
    pub id: String,
    pub created: i64,
    pub is_live: bool,
    pub client_secret: String,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub payment_method_types: Vec<String>,
    pub usage: String,
    pub status: Status,
    pub mandate: Option<String>,
    pub next_action: Option<Value>,
    pub last_setup_error: Option<Value>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub cancellation_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Succeeded,
    Canceled,
}

/// How it is confirmed.
struct Confirmation {
    return_url: Option<String>,
    acceptance: Option<Acceptance>,
}

impl Object for SetupIntent {
    const KIND: &'static str = "setup_intent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "setup_intent",
            "cancellation_reason": self.cancellation_reason,
            "client_secret": self.client_secret,
            "created": self.created,
            "customer": self.customer,
            "description": self.description,
            "last_setup_error": self.last_setup_error,
            "livemode": self.is_live,
            "mandate": self.mandate,
            "metadata": self.metadata,
            "next_action": self.next_action,
            "payment_method": self.payment_method,
            "payment_method_options": {},
            "payment_method_types": self.payment_method_types,
            "single_use_mandate": null,
            "status": self.status,
            "usage": self.usage,
        })
    }
}

impl SetupIntent {
    fn unexpected(&self, wanted: &str) -> Refusal {
        let status = json!(self.status);
        let status = status.as_str().unwrap_or_default();
        let message = format!("This SetupIntent could not be {wanted} because it has a status of {status}.");
        let about = Some(About::SetupIntent(self.json()));
        Refusal::State { code: "setup_intent_unexpected_state", message, about }
    }
}

fn put(book: &mut Book, intent: &SetupIntent, told: Option<&str>, now: Timestamp) {
    if let Some(known) = book.setup_intents.get_mut(&intent.id) {
        known.clone_from(intent);
    }
    if let Some(told) = told {
        book.tell(told, intent.json(), now);
    }
}

fn read_confirmation(call: &mut Call<'_>) -> Result<Confirmation, Refusal> {
    // The browser's library says so.
    call.params.flag("use_stripe_sdk")?;
    payment_method::pass_over_options(&mut call.params);
    Ok(Confirmation {
        return_url: call.params.filled("return_url")?,
        acceptance: mandate::read(&mut call.params)?,
    })
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let id = new_id("seti");
    let usage = call.params.one_of("usage", &["off_session", "on_session"])?;
    let types = payment_method::read_types(&mut call.params)?;
    let customer = call.params.filled("customer")?;
    if let Some(customer) = &customer {
        customer::find(call.book, customer)?;
    }
    let mut metadata = Metadata::new();
    call.params.metadata(&mut metadata)?;
    let description = call.params.filled("description")?;
    let is_confirmed = call.params.flag("confirm")?;
    let confirmation = read_confirmation(call)?;
    let payment_method = read_payment_method(call)?;
    call.params.done()?;
    let intent = SetupIntent {
        client_secret: new_id(&format!("{id}_secret")),
        id,
        created: call.now.timestamp(),
        is_live: call.book.is_live,
        customer,
        status: match payment_method {
            Some(_) => Status::RequiresConfirmation,
            None => Status::RequiresPaymentMethod,
        },
        payment_method,
        payment_method_types: match types.is_empty() {
            true => vec![CARD.to_owned(), US_BANK_ACCOUNT.to_owned()],
            false => types,
        },
        usage: usage.unwrap_or_else(|| "off_session".to_owned()),
        mandate: None,
        next_action: None,
        last_setup_error: None,
        description,
        metadata,
        cancellation_reason: None,
    };
    let (id, shown) = (intent.id.clone(), intent.json());
    call.book.setup_intents.add(intent);
    call.book.tell("setup_intent.created", shown.clone(), call.now);
    if is_confirmed { attempt(call, &id, confirmation) } else { Ok(shown) }
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let intent = Book::find(&call.book.setup_intents, call.id, "id")?.clone();
    call.check_client_secret(&intent.client_secret)?;
    call.params.done()?;
    Ok(intent.json())
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let customer = call.params.filled("customer")?;
    let method = call.params.filled("payment_method")?;
    call.params.done()?;
    page.of(&call.book.setup_intents, "/v1/setup_intents", |intent| {
        customer.as_ref().is_none_or(|customer| intent.customer.as_ref() == Some(customer))
            && method.as_ref().is_none_or(|method| intent.payment_method.as_ref() == Some(method))
    })
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut intent = Book::find(&call.book.setup_intents, call.id, "id")?.clone();
    call.params.metadata(&mut intent.metadata)?;
    if let Some(customer) = call.params.filled("customer")? {
        intent.customer = Some(customer::find(call.book, &customer)?.id.clone());
    }
    if let Some(description) = call.params.text("description")? {
        intent.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(method) = read_payment_method(call)? {
        intent.payment_method = Some(method);
        intent.status = Status::RequiresConfirmation;
    }
    call.params.done()?;
    put(call.book, &intent, None, call.now);
    Ok(intent.json())
}

pub(super) fn cancel(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let reason =
        call.params.one_of("cancellation_reason", &["abandoned", "duplicate", "requested_by_customer"])?;
    call.params.done()?;
    let mut intent = Book::find(&call.book.setup_intents, call.id, "id")?.clone();
    if matches!(intent.status, Status::Succeeded | Status::Canceled) {
        return Err(intent.unexpected("canceled"));
    }
    (intent.status, intent.next_action, intent.cancellation_reason) = (Status::Canceled, None, reason);
    put(call.book, &intent, Some("setup_intent.canceled"), call.now);
    Ok(intent.json())
}

/// `POST /v1/setup_intents/{id}/confirm`.
pub(super) fn confirm(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut intent = Book::find(&call.book.setup_intents, call.id, "id")?.clone();
    call.check_client_secret(&intent.client_secret)?;
    let confirmation = read_confirmation(call)?;
    if let Some(method) = read_payment_method(call)? {
        intent.payment_method = Some(method);
    }
    call.params.done()?;
    if matches!(intent.status, Status::Succeeded | Status::Canceled) {
        return Err(intent.unexpected("confirmed"));
    }
    put(call.book, &intent, None, call.now);
    attempt(call, &intent.id, confirmation)
}

fn attempt(call: &mut Call<'_>, id: &str, how: Confirmation) -> Result<Value, Refusal> {
    let mut intent = Book::find(&call.book.setup_intents, id, "id")?.clone();
    let Some(method) = &intent.payment_method else {
        let message = "You cannot confirm this SetupIntent because it's missing a payment method.".to_owned();
        let about = Some(About::SetupIntent(intent.json()));
        return Err(Refusal::State { code: "setup_intent_unexpected_state", message, about });
    };
    let method = Book::find(&call.book.payment_methods, method, "payment_method")?.clone();
    payment_method::check_unspent(&method)?;
    (intent.last_setup_error, intent.next_action) = (None, None);
    match (&method.kind, method.behaviour) {
        (Kind::Card { .. }, Behaviour::Declined(decline)) => {
            return Err(decline_card(call.book, intent, &method, decline, call.now));
        }
        (Kind::Card { .. }, Behaviour::AuthenticatesAlways | Behaviour::AuthenticatesOnce) => {
            intent.status = Status::RequiresAction;
            intent.next_action =
                Some(authentication(call, &intent.id, &intent.client_secret, how.return_url));
            put(call.book, &intent, Some("setup_intent.requires_action"), call.now);
        }
        (Kind::Card { .. }, _) => succeed(call.book, &mut intent, &method, call.now)?,
        (Kind::UsBankAccount(_), _) => {
            let Some(acceptance) = how.acceptance else {
                return Err(Refusal::ParameterMissing("mandate_data".to_owned()));
            };
            intent.mandate = Some(mandate::make(call.book, &method.id, acceptance, call.now));
            if method.awaits_verification() {
                intent.status = Status::RequiresAction;
                intent.next_action = Some(microdeposits_action(call));
                put(call.book, &intent, Some("setup_intent.requires_action"), call.now);
            } else {
                succeed(call.book, &mut intent, &method, call.now)?;
            }
        }
    }
    Ok(Book::find(&call.book.setup_intents, id, "id")?.json())
}

fn decline_card(
    book: &mut Book,
    mut intent: SetupIntent,
    method: &PaymentMethod,
    decline: Decline,
    now: Timestamp,
) -> Refusal {
    let error = decline.error(method.json());
    (intent.last_setup_error, intent.payment_method) = (Some(error), None);
    intent.status = Status::RequiresPaymentMethod;
    put(book, &intent, Some("setup_intent.setup_failed"), now);
    Refusal::Card { decline, charge: None, about: About::SetupIntent(intent.json()) }
}

/// It can be charged when its holder is not there.
fn succeed(
    book: &mut Book,
    intent: &mut SetupIntent,
    method: &PaymentMethod,
    now: Timestamp,
) -> Result<(), Refusal> {
    if let Some(customer) = &intent.customer {
        payment_method::attach_to(book, &method.id, customer, now)?;
    }
    (intent.status, intent.next_action) = (Status::Succeeded, None);
    put(book, intent, Some("setup_intent.succeeded"), now);
    Ok(())
}

/// The holder has shown, or not, that it is them.
pub(super) fn authenticate(book: &mut Book, id: &str, has_succeeded: bool, now: Timestamp) -> Option<()> {
    let mut intent = book.setup_intents.get(id).filter(|it| it.status == Status::RequiresAction)?.clone();
    let method = book.payment_methods.get_mut(intent.payment_method.as_ref()?)?;
    if has_succeeded {
        if method.behaviour == Behaviour::AuthenticatesOnce {
            method.behaviour = Behaviour::Succeeds;
        }
        let method = method.clone();
        return succeed(book, &mut intent, &method, now).ok();
    }
    intent.last_setup_error = Some(json!({
        "type": "invalid_request_error",
        "code": "setup_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication.",
        "payment_method": method.json(),
    }));
    (intent.status, intent.next_action, intent.payment_method) = (Status::RequiresPaymentMethod, None, None);
    put(book, &intent, Some("setup_intent.setup_failed"), now);
    Some(())
}

/// `POST /v1/setup_intents/{id}/verify_microdeposits`.
pub(super) fn verify_microdeposits(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut intent = Book::find(&call.book.setup_intents, call.id, "id")?.clone();
    call.check_client_secret(&intent.client_secret)?;
    let verdict = read_microdeposits(call)?;
    call.params.done()?;
    let method = intent.payment_method.as_ref().and_then(|id| call.book.payment_methods.get(id)).cloned();
    let (Status::RequiresAction, Some(mut method)) = (intent.status, method) else {
        return Err(intent.unexpected("verified"));
    };
    check_microdeposits(verdict, method.behaviour, Some(About::SetupIntent(intent.json())))?;
    verify(call.book, &mut method);
    succeed(call.book, &mut intent, &method, call.now)?;
    Ok(intent.json())
}
