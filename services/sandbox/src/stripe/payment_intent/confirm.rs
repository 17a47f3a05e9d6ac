//! Trying to take the money.

use domain::Timestamp;
use serde_json::{Value, json};

use super::super::book::{Book, Due, seconds};
use super::super::call::{Call, authentication, microdeposits_action};
use super::super::charge::{self, ChargeStatus};
use super::super::mandate::{self, Acceptance};
use super::super::payment_method::{self, Kind, PaymentMethod};
use super::super::refusal::{About, Refusal};
use super::super::shelf::Object as _;
use super::super::switches::Pace;
use super::super::test_values::{BankFailure, Behaviour, Decline, Microdeposits, microdeposits};
use super::{PaymentIntent, Status, params, put};

/// How a payment is confirmed.
pub(super) struct Confirmation {
    /// The holder is not there.
    pub is_off_session: bool,
    /// Rather fail than wait for the holder.
    pub errs_on_action: bool,
    pub return_url: Option<String>,
    /// Of a mandate, given now.
    pub acceptance: Option<Acceptance>,
}

/// What a card's bank says.
enum Verdict {
    Pays,
    Declines(Decline),
    WantsAuthentication,
}

impl Behaviour {
    fn on_card(self, is_off_session: bool) -> Verdict {
        match self {
            Self::Declined(decline) => Verdict::Declines(decline),
            Self::DeclinedWhenCharged => Verdict::Declines(Decline::Generic),
            Self::AuthenticatesAlways | Self::AuthenticatesOnce if is_off_session => {
                Verdict::Declines(Decline::AuthenticationRequired)
            }
            Self::AuthenticatesAlways | Self::AuthenticatesOnce => Verdict::WantsAuthentication,
            _ => Verdict::Pays,
        }
    }
}

/// `POST /v1/payment_intents/{id}/confirm`.
pub(in crate::stripe) fn confirm(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut intent = Book::find(&call.book.payment_intents, call.id, "id")?.clone();
    call.check_client_secret(&intent.client_secret)?;
    let confirmation = params::confirmation(call)?;
    if let Some(usage) = call.params.one_of("setup_future_usage", &["off_session", "on_session"])? {
        intent.setup_future_usage = Some(usage);
    }
    // The browser's library says so.
    call.params.flag("use_stripe_sdk")?;
    payment_method::pass_over_options(&mut call.params);
    if let Some(method) = params::read_payment_method(call)? {
        intent.payment_method = Some(method);
    }
    call.params.done()?;
    if matches!(intent.status, Status::Processing | Status::Succeeded | Status::Canceled) {
        return Err(intent.unexpected("confirmed"));
    }
    put(call.book, &intent, None, call.now);
    attempt(call, &intent.id.clone(), confirmation)
}

pub(super) fn attempt(call: &mut Call<'_>, id: &str, how: Confirmation) -> Result<Value, Refusal> {
    let mut intent = Book::find(&call.book.payment_intents, id, "id")?.clone();
    let method = check_method(call.book, &intent)?;
    intent.is_off_session = how.is_off_session;
    (intent.last_payment_error, intent.next_action) = (None, None);
    match method.kind {
        Kind::Card { .. } => match method.behaviour.on_card(how.is_off_session) {
            Verdict::Pays => pay(call.book, &mut intent, &method, call.now, call.pace),
            Verdict::Declines(decline) => {
                return Err(decline_card(call.book, intent, &method, decline, call.now));
            }
            Verdict::WantsAuthentication if how.errs_on_action => {
                let decline = Decline::AuthenticationRequired;
                return Err(decline_card(call.book, intent, &method, decline, call.now));
            }
            Verdict::WantsAuthentication => {
                intent.status = Status::RequiresAction;
                intent.next_action =
                    Some(authentication(call, &intent.id, &intent.client_secret, how.return_url));
                put(call.book, &intent, Some("payment_intent.requires_action"), call.now);
            }
        },
        Kind::UsBankAccount(_) => debit(call, &mut intent, &method, how)?,
    }
    Ok(Book::find(&call.book.payment_intents, id, "id")?.json())
}

/// The payment method, if it can be used for this.
fn check_method(book: &Book, intent: &PaymentIntent) -> Result<PaymentMethod, Refusal> {
    let refuse = |code, message: &str| {
        let about = Some(About::PaymentIntent(intent.json()));
        Err(Refusal::State { code, message: message.to_owned(), about })
    };
    let Some(id) = &intent.payment_method else {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method.";
        return refuse("payment_intent_unexpected_state", message);
    };
    let method = Book::find(&book.payment_methods, id, "payment_method")?;
    payment_method::check_unspent(method)?;
    match (&method.customer, &intent.customer) {
        (Some(holder), Some(customer)) if holder == customer => {}
        (None, _) => {}
        (Some(_), None) => {
            let message = "The provided PaymentMethod is attached to a Customer: give the customer, too.";
            return refuse("payment_method_unexpected_state", message);
        }
        (Some(_), Some(_)) => {
            let message = "The provided PaymentMethod belongs to a different Customer.";
            return refuse("payment_method_unexpected_state", message);
        }
    }
    let kind = method.kind.name();
    if !intent.payment_method_types.iter().any(|known| known == kind) {
        let message = format!(
            "The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Allowed: {}.",
            intent.payment_method_types.join(", ")
        );
        return Err(Refusal::Invalid { param: "payment_method".to_owned(), message, code: None });
    }
    Ok(method.clone())
}

/// The money is there.
fn pay(book: &mut Book, intent: &mut PaymentIntent, method: &PaymentMethod, now: Timestamp, pace: &Pace) {
    let of = (method.id.as_str(), method.kind.name());
    let charge = charge::add(book, intent, of, ChargeStatus::Succeeded, None, now);
    intent.latest_charge = Some(charge.clone());
    intent.status = Status::Succeeded;
    put(book, intent, Some("payment_intent.succeeded"), now);
    after_payment(book, intent, method, &charge, now, pace);
}

/// What follows a payment: the method is saved, the payment disputed.
fn after_payment(
    book: &mut Book,
    intent: &PaymentIntent,
    method: &PaymentMethod,
    charge: &str,
    now: Timestamp,
    pace: &Pace,
) {
    if let (Some(_), Some(customer)) = (&intent.setup_future_usage, &intent.customer)
        && method.customer.is_none()
    {
        // It was checked before, and can only fail for a card that does not pay.
        let _ = payment_method::attach_to(book, &method.id, customer, now);
    }
    match method.behaviour {
        Behaviour::Disputed(_) => {
            book.plan(Due::Dispute(charge.to_owned()), now + seconds(pace.dispute_s));
            book.advance(now, pace);
        }
        Behaviour::FraudWarning => {
            let warning = json!({
                "id": super::new_id("issfr"),
                "object": "radar.early_fraud_warning",
                "actionable": true,
                "charge": charge,
                "created": now.timestamp(),
                "fraud_type": "misc",
                "livemode": book.is_live,
                "payment_intent": intent.id,
            });
            book.tell("radar.early_fraud_warning.created", warning, now);
        }
        _ => {}
    }
}

fn decline_card(
    book: &mut Book,
    mut intent: PaymentIntent,
    method: &PaymentMethod,
    decline: Decline,
    now: Timestamp,
) -> Refusal {
    let failure = Some((decline.code().to_owned(), decline.message().to_owned()));
    let of = (method.id.as_str(), method.kind.name());
    let charge = charge::add(book, &intent, of, ChargeStatus::Failed, failure, now);
    let mut error = decline.error(method.json());
    error["charge"] = json!(charge);
    intent.latest_charge = Some(charge.clone());
    intent.last_payment_error = Some(error);
    intent.status = Status::RequiresPaymentMethod;
    intent.payment_method = None;
    put(book, &intent, Some("payment_intent.payment_failed"), now);
    Refusal::Card { decline, charge: Some(charge), about: About::PaymentIntent(intent.json()) }
}

/// A debit is on its way for days.
fn debit(
    call: &mut Call<'_>,
    intent: &mut PaymentIntent,
    method: &PaymentMethod,
    how: Confirmation,
) -> Result<(), Refusal> {
    let known = mandate::of(call.book, &method.id).map(|mandate| mandate.id.clone());
    intent.mandate = match (how.acceptance, known) {
        (Some(acceptance), _) => Some(mandate::make(call.book, &method.id, acceptance, call.now)),
        (None, Some(known)) => Some(known),
        (None, None) => {
            let message =
                "A mandate is required to confirm this PaymentIntent: give mandate_data.".to_owned();
            let about = Some(About::PaymentIntent(intent.json()));
            return Err(Refusal::State { code: "payment_intent_mandate_invalid", message, about });
        }
    };
    if method.awaits_verification() {
        intent.status = Status::RequiresAction;
        intent.next_action = Some(microdeposits_action(call));
        put(call.book, intent, Some("payment_intent.requires_action"), call.now);
        return Ok(());
    }
    start_debit(call.book, intent, method, call.now, call.pace);
    Ok(())
}

fn start_debit(
    book: &mut Book,
    intent: &mut PaymentIntent,
    method: &PaymentMethod,
    now: Timestamp,
    pace: &Pace,
) {
    let of = (method.id.as_str(), method.kind.name());
    intent.latest_charge = Some(charge::add(book, intent, of, ChargeStatus::Pending, None, now));
    intent.status = Status::Processing;
    intent.next_action = None;
    put(book, intent, Some("payment_intent.processing"), now);
    if method.behaviour != Behaviour::BankStaysProcessing {
        book.plan(Due::PaymentIntent(intent.id.clone()), now + seconds(pace.debit_s));
    }
}

/// A debit went well, or came back.
pub(in crate::stripe) fn settle(book: &mut Book, id: &str, now: Timestamp, pace: &Pace) {
    let Some(mut intent) = book.payment_intents.get(id).cloned() else { return };
    let method = intent.payment_method.as_ref().and_then(|id| book.payment_methods.get(id)).cloned();
    let (Status::Processing, Some(method)) = (intent.status, method) else { return };
    if let Behaviour::BankFails(failure) = method.behaviour {
        return_debit(book, intent, &method, failure, now);
        return;
    }
    let Some(charge) = intent.latest_charge.clone() else { return };
    if let Some(known) = book.charges.get_mut(&charge) {
        known.status = ChargeStatus::Succeeded;
        let shown = known.json();
        book.tell("charge.succeeded", shown, now);
    }
    intent.status = Status::Succeeded;
    put(book, &intent, Some("payment_intent.succeeded"), now);
    after_payment(book, &intent, &method, &charge, now, pace);
}

fn return_debit(
    book: &mut Book,
    mut intent: PaymentIntent,
    method: &PaymentMethod,
    failure: BankFailure,
    now: Timestamp,
) {
    let message = "The debit was returned by the bank.";
    fail_charge(book, &intent, (failure.code(), message), now);
    if let Some(known) = book.payment_methods.get_mut(&method.id) {
        known.block(failure);
    }
    if failure == BankFailure::DebitNotAuthorized {
        mandate::end(book, &method.id, now);
    }
    intent.last_payment_error = Some(json!({
        "type": "invalid_request_error",
        "code": "payment_intent_payment_attempt_failed",
        "decline_code": failure.code(),
        "message": message,
        "charge": intent.latest_charge,
        "payment_method": method.json(),
    }));
    intent.status = Status::RequiresPaymentMethod;
    intent.payment_method = None;
    put(book, &intent, Some("payment_intent.payment_failed"), now);
}

pub(super) fn fail_charge(
    book: &mut Book,
    intent: &PaymentIntent,
    (code, message): (&str, &str),
    now: Timestamp,
) {
    let Some(charge) = intent.latest_charge.as_ref().and_then(|id| book.charges.get_mut(id)) else { return };
    charge.status = ChargeStatus::Failed;
    charge.failure = Some((code.to_owned(), message.to_owned()));
    let shown = charge.json();
    book.tell("charge.failed", shown, now);
}

/// The holder has shown, or not, that it is them.
pub(in crate::stripe) fn authenticate(
    book: &mut Book,
    id: &str,
    has_succeeded: bool,
    now: Timestamp,
    pace: &Pace,
) -> Option<()> {
    let mut intent = book.payment_intents.get(id).filter(|it| it.status == Status::RequiresAction)?.clone();
    let method = book.payment_methods.get(intent.payment_method.as_ref()?)?.clone();
    intent.next_action = None;
    if has_succeeded {
        pay(book, &mut intent, &method, now, pace);
        return Some(());
    }
    intent.status = Status::RequiresPaymentMethod;
    intent.payment_method = None;
    intent.last_payment_error = Some(json!({
        "type": "invalid_request_error",
        "code": "payment_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication.",
        "payment_method": method.json(),
    }));
    put(book, &intent, Some("payment_intent.payment_failed"), now);
    Some(())
}

/// `POST /v1/payment_intents/{id}/verify_microdeposits`.
pub(in crate::stripe) fn verify_microdeposits(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut intent = Book::find(&call.book.payment_intents, call.id, "id")?.clone();
    call.check_client_secret(&intent.client_secret)?;
    let verdict = read_microdeposits(call)?;
    call.params.done()?;
    let method = intent.payment_method.as_ref().and_then(|id| call.book.payment_methods.get(id)).cloned();
    let (Status::RequiresAction, Some(mut method)) = (intent.status, method) else {
        return Err(intent.unexpected("verified"));
    };
    check_microdeposits(verdict, method.behaviour, Some(About::PaymentIntent(intent.json())))?;
    verify(call.book, &mut method);
    start_debit(call.book, &mut intent, &method, call.now, call.pace);
    Ok(intent.json())
}

pub(in crate::stripe) fn read_microdeposits(call: &mut Call<'_>) -> Result<Microdeposits, Refusal> {
    let amounts = call.params.list("amounts")?;
    let amounts: Vec<i64> = amounts.iter().filter_map(|amount| amount.parse().ok()).collect();
    let code = call.params.filled("descriptor_code")?;
    if amounts.len() != 2 && code.is_none() {
        return Err(Refusal::ParameterMissing("amounts".to_owned()));
    }
    Ok(microdeposits(&amounts, code.as_deref()))
}

pub(in crate::stripe) fn check_microdeposits(
    verdict: Microdeposits,
    behaviour: Behaviour,
    about: Option<About>,
) -> Result<(), Refusal> {
    let (code, message) = match verdict {
        Microdeposits::Right if behaviour != Behaviour::BankFailsMicrodeposits => return Ok(()),
        Microdeposits::Right | Microdeposits::Wrong => (
            "payment_method_microdeposit_verification_amounts_mismatch",
            "The amounts or the code do not match what was deposited.",
        ),
        Microdeposits::TooOften => (
            "payment_method_microdeposit_verification_attempts_exceeded",
            "You have exceeded the number of allowed verification attempts.",
        ),
        Microdeposits::TimedOut => {
            ("payment_method_microdeposit_verification_timeout", "The time for this verification is over.")
        }
    };
    Err(Refusal::State { code, message: message.to_owned(), about })
}

/// The account is its holder's.
pub(in crate::stripe) fn verify(book: &mut Book, method: &mut PaymentMethod) {
    if let Kind::UsBankAccount(account) = &mut method.kind {
        account.is_verified = true;
    }
    if let Some(known) = book.payment_methods.get_mut(&method.id) {
        known.kind = method.kind.clone();
    }
}
