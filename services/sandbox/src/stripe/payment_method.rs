//! Payment methods: cards and bank accounts in the United States (Stripe API reference, PaymentMethods).

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Book, new_id};
use super::call::{By, Call};
use super::customer;
use super::list::Page;
use super::params::{Metadata, Params};
use super::refusal::{About, Refusal};
use super::shelf::Object;
use super::test_values::{self, BANK_ACCOUNTS, BankFailure, Behaviour, ROUTING_NUMBER};

pub(super) const CARD: &str = "card";
pub(super) const US_BANK_ACCOUNT: &str = "us_bank_account";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PaymentMethod {
    pub id: String,
    pub created: i64,
    pub is_live: bool,
    pub customer: Option<String>,
    /// Was a customer's, and was taken away: it can't be used again.
    pub is_spent: bool,
    pub kind: Kind,
    pub behaviour: Behaviour,
    pub billing_details: Value,
    pub metadata: Metadata,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Kind {
    Card { brand: String, last4: String, exp_month: i64, exp_year: i64 },
    UsBankAccount(BankAccount),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BankAccount {
    pub account_holder_type: String,
    pub account_type: String,
    pub last4: String,
    pub routing_number: String,
    /// Whether its holder has shown that it is theirs.
    pub is_verified: bool,
    /// Why the bank takes no debits of it any more: the network's code, and the reason.
    pub blocked: Option<(String, String)>,
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Card { .. } => CARD,
            Self::UsBankAccount(_) => US_BANK_ACCOUNT,
        }
    }
}

impl Object for PaymentMethod {
    const KIND: &'static str = "PaymentMethod";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let mut shown = json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": self.billing_details,
            "created": self.created,
            "customer": self.customer,
            "livemode": self.is_live,
            "metadata": self.metadata,
            "type": self.kind.name(),
        });
        shown[self.kind.name()] = match &self.kind {
            Kind::Card { brand, last4, exp_month, exp_year } => json!({
                "brand": brand,
                "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
                "country": "US",
                "display_brand": brand,
                "exp_month": exp_month,
                "exp_year": exp_year,
                "fingerprint": format!("fp{brand}{last4}"),
                "funding": "credit",
                "last4": last4,
                "three_d_secure_usage": { "supported": true },
            }),
            Kind::UsBankAccount(account) => json!({
                "account_holder_type": account.account_holder_type,
                "account_type": account.account_type,
                "bank_name": "STRIPE TEST BANK",
                "fingerprint": format!("fp{}{}", account.routing_number, account.last4),
                "last4": account.last4,
                "networks": { "preferred": "ach", "supported": ["ach"] },
                "routing_number": account.routing_number,
                "status_details": account.blocked.as_ref().map(|(network_code, reason)| {
                    json!({ "blocked": { "network_code": network_code, "reason": reason } })
                }),
            }),
        };
        shown
    }
}

/// Reads which kinds may pay; none if that is left open.
pub(super) fn read_types(params: &mut Params) -> Result<Vec<String>, Refusal> {
    let types = params.list("payment_method_types")?;
    if let Some(unknown) = types.iter().find(|kind| ![CARD, US_BANK_ACCOUNT].contains(&kind.as_str())) {
        let message = format!("The payment method type \"{unknown}\" is invalid");
        return Err(Refusal::Invalid { param: "payment_method_types".to_owned(), message, code: None });
    }
    if let Some(mut automatic) = params.within("automatic_payment_methods")? {
        automatic.flag("enabled")?;
        automatic.one_of("allow_redirects", &["always", "never"])?;
        automatic.done()?;
    }
    pass_over_options(params);
    Ok(types)
}

/// How an account is verified is told by its holder's answer alone.
pub(super) fn pass_over_options(params: &mut Params) {
    params.value("payment_method_options");
}

/// The last four digits of a number.
fn last4(number: &str) -> String {
    number.get(number.len().saturating_sub(4)..).unwrap_or_default().to_owned()
}

impl PaymentMethod {
    fn new(book: &Book, kind: Kind, behaviour: Behaviour, now: Timestamp) -> Self {
        Self {
            id: new_id("pm"),
            created: now.timestamp(),
            is_live: book.is_live,
            customer: None,
            is_spent: false,
            kind,
            behaviour,
            billing_details: json!({ "address": null, "email": null, "name": null, "phone": null }),
            metadata: Metadata::new(),
        }
    }

    /// What is not in the row of errors that a holder can mend: a bank takes no more debits.
    pub(super) fn block(&mut self, failure: BankFailure) {
        let Kind::UsBankAccount(account) = &mut self.kind else { return };
        let blocked = match failure {
            BankFailure::AccountClosed => ("R02", "bank_account_closed"),
            BankFailure::NoAccount => ("R03", "bank_account_invalid_details"),
            BankFailure::DebitNotAuthorized => ("R29", "debit_not_authorized"),
            BankFailure::InsufficientFunds
            | BankFailure::InvalidCurrency
            | BankFailure::WeeklyLimitExceeded => return,
        };
        account.blocked = Some((blocked.0.to_owned(), blocked.1.to_owned()));
    }

    /// Whether a holder who is not there has to show that the account is theirs.
    pub(super) fn awaits_verification(&self) -> bool {
        matches!(&self.kind, Kind::UsBankAccount(account) if !account.is_verified)
    }
}

/// What a test id stands for.
fn of_test_id(book: &Book, id: &str, now: Timestamp) -> Option<PaymentMethod> {
    if book.is_live {
        return None;
    }
    if let Some(card) = test_values::card_by_id(id) {
        let (brand, last4) = (card.brand.to_owned(), last4(card.number));
        let kind = Kind::Card { brand, last4, exp_month: 12, exp_year: 2034 };
        return Some(PaymentMethod::new(book, kind, card.behaviour, now));
    }
    let name = id.strip_prefix("pm_usBankAccount_")?;
    let (_, number, behaviour) = BANK_ACCOUNTS.iter().find(|(known, ..)| *known == name)?;
    let account = BankAccount {
        account_holder_type: "individual".to_owned(),
        account_type: "checking".to_owned(),
        last4: last4(number),
        routing_number: ROUTING_NUMBER.to_owned(),
        is_verified: *behaviour != Behaviour::BankFailsMicrodeposits,
        blocked: None,
    };
    Some(PaymentMethod::new(book, Kind::UsBankAccount(account), *behaviour, now))
}

/// The id of a payment method that is there; of a test id, of a new one.
pub(super) fn resolve(book: &mut Book, id: &str, now: Timestamp) -> Result<String, Refusal> {
    if let Some(made) = of_test_id(book, id, now) {
        let id = made.id.clone();
        book.payment_methods.add(made);
        return Ok(id);
    }
    Ok(Book::find(&book.payment_methods, id, "payment_method")?.id.clone())
}

/// Reads one that is entered: on a page, with a publishable key; numbers of cards are not taken from servers.
pub(super) fn read(
    book: &Book,
    params: &mut Params,
    by: By,
    now: Timestamp,
) -> Result<PaymentMethod, Refusal> {
    let kind = params.required("type")?;
    let mut method = match kind.as_str() {
        CARD => read_card(book, params, by, now)?,
        US_BANK_ACCOUNT => read_bank_account(book, params, now)?,
        _ => return Err(Refusal::invalid(params.name("type"), "Invalid type")),
    };
    if let Some(Value::Object(details)) = params.value("billing_details") {
        details.into_iter().for_each(|(name, value)| method.billing_details[name] = value);
    }
    let has_name = method.billing_details["name"].is_string();
    if matches!(method.kind, Kind::UsBankAccount(_)) && !has_name {
        return Err(Refusal::ParameterMissing(params.name("billing_details[name]")));
    }
    params.one_of("allow_redisplay", &["always", "limited", "unspecified"])?;
    params.metadata(&mut method.metadata)?;
    Ok(method)
}

fn read_card(book: &Book, params: &mut Params, by: By, now: Timestamp) -> Result<PaymentMethod, Refusal> {
    let Some(mut card) = params.within(CARD)? else {
        return Err(Refusal::ParameterMissing(params.name(CARD)));
    };
    if let Some(token) = card.filled("token")? {
        card.done()?;
        let id = token.replacen("tok_", "pm_card_", 1);
        let known = of_test_id(book, &id, now);
        return known.ok_or(Refusal::NoSuch { kind: "token", id: token, param: "card[token]" });
    }
    let number = card.required("number")?;
    if by == By::Secret {
        let message = "Sending credit card numbers directly to the Stripe API is generally unsafe";
        return Err(Refusal::Invalid { param: card.name("number"), message: message.to_owned(), code: None });
    }
    let number: String = number.chars().filter(char::is_ascii_digit).collect();
    let exp_month = card.integer("exp_month")?.unwrap_or(12);
    let exp_year = card.integer("exp_year")?.unwrap_or(2034);
    card.text("cvc")?;
    card.done()?;
    if !(12..=19).contains(&number.len()) {
        let message = "Your card number is incorrect.".to_owned();
        let param = card.name("number");
        return Err(Refusal::Invalid { param, message, code: Some("incorrect_number") });
    }
    let (behaviour, brand) = test_values::card_by_number(&number);
    let kind = Kind::Card { brand: brand.to_owned(), last4: last4(&number), exp_month, exp_year };
    Ok(PaymentMethod::new(book, kind, behaviour, now))
}

fn read_bank_account(book: &Book, params: &mut Params, now: Timestamp) -> Result<PaymentMethod, Refusal> {
    let Some(mut account) = params.within(US_BANK_ACCOUNT)? else {
        return Err(Refusal::ParameterMissing(params.name(US_BANK_ACCOUNT)));
    };
    let number = account.required("account_number")?;
    let routing_number = account.required("routing_number")?;
    let account_holder_type = account.one_of("account_holder_type", &["individual", "company"])?;
    let account_type = account.one_of("account_type", &["checking", "savings"])?;
    account.done()?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if routing_number.len() != 9 || !is_number(&routing_number) {
        return Err(Refusal::invalid(account.name("routing_number"), "Must have 9 digits"));
    }
    if !is_number(&number) {
        return Err(Refusal::invalid(account.name("account_number"), "Must be digits"));
    }
    let known = BANK_ACCOUNTS.iter().find(|(_, known, _)| *known == number);
    let kind = Kind::UsBankAccount(BankAccount {
        account_holder_type: account_holder_type.unwrap_or_else(|| "individual".to_owned()),
        account_type: account_type.unwrap_or_else(|| "checking".to_owned()),
        last4: last4(&number),
        routing_number,
        is_verified: false,
        blocked: None,
    });
    Ok(PaymentMethod::new(book, kind, known.map_or(Behaviour::Succeeds, |(.., behaviour)| *behaviour), now))
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let method = read(call.book, &mut call.params, call.by, call.now)?;
    call.params.done()?;
    let shown = method.json();
    call.book.payment_methods.add(method);
    Ok(shown)
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    Ok(Book::find(&call.book.payment_methods, call.id, "id")?.json())
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let page = Page::read(&mut call.params)?;
    let customer = call.params.required("customer")?;
    let kind = call.params.filled("type")?;
    call.params.done()?;
    customer::find(call.book, &customer)?;
    page.of(&call.book.payment_methods, "/v1/payment_methods", |method| {
        method.customer.as_ref() == Some(&customer)
            && kind.as_ref().is_none_or(|kind| method.kind.name() == kind)
    })
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let mut method = Book::find(&call.book.payment_methods, call.id, "id")?.clone();
    if let Some(Value::Object(details)) = call.params.value("billing_details") {
        details.into_iter().for_each(|(name, value)| method.billing_details[name] = value);
    }
    if let Some(mut card) = call.params.within(CARD)? {
        if let Kind::Card { exp_month, exp_year, .. } = &mut method.kind {
            *exp_month = card.integer("exp_month")?.unwrap_or(*exp_month);
            *exp_year = card.integer("exp_year")?.unwrap_or(*exp_year);
        }
        card.done()?;
    }
    call.params.metadata(&mut method.metadata)?;
    call.params.done()?;
    let shown = method.json();
    if let Some(known) = call.book.payment_methods.get_mut(call.id) {
        *known = method;
    }
    call.book.tell("payment_method.updated", shown.clone(), call.now);
    Ok(shown)
}

pub(super) fn attach(call: &mut Call<'_>) -> Result<Value, Refusal> {
    let customer = call.params.required("customer")?;
    call.params.done()?;
    customer::find(call.book, &customer)?;
    let id = attach_to(call.book, call.id, &customer, call.now)?;
    Ok(Book::find(&call.book.payment_methods, &id, "id")?.json())
}

/// Makes it a customer's; says its id, which is a new one for a test id.
pub(super) fn attach_to(
    book: &mut Book,
    id: &str,
    customer: &str,
    now: Timestamp,
) -> Result<String, Refusal> {
    let id = resolve(book, id, now)?;
    let Some(method) = book.payment_methods.get_mut(&id) else { return Err(Refusal::Internal) };
    check_unspent(method)?;
    match &method.customer {
        Some(holder) if holder == customer => return Ok(id),
        Some(_) => {
            let message =
                "The payment method you provided has already been attached to a customer.".to_owned();
            return Err(Refusal::State { code: "payment_method_unexpected_state", message, about: None });
        }
        None => {}
    }
    if let Behaviour::Declined(decline) = method.behaviour {
        return Err(Refusal::Card { decline, charge: None, about: About::Nothing });
    }
    method.customer = Some(customer.to_owned());
    let shown = method.json();
    book.tell("payment_method.attached", shown, now);
    Ok(id)
}

/// Refuses one that was detached.
pub(super) fn check_unspent(method: &PaymentMethod) -> Result<(), Refusal> {
    if !method.is_spent {
        return Ok(());
    }
    let message = "This PaymentMethod was previously detached from a Customer, and may not be used again.";
    let message = message.to_owned();
    Err(Refusal::State { code: "payment_method_unexpected_state", message, about: None })
}

pub(super) fn detach(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    let method = Book::find(&call.book.payment_methods, call.id, "id")?;
    if method.customer.is_none() {
        let message =
            "The payment method you provided is not attached to a customer so detachment is impossible.";
        let message = message.to_owned();
        return Err(Refusal::State { code: "payment_method_unexpected_state", message, about: None });
    }
    detach_from(call.book, call.id, call.now);
    Ok(Book::find(&call.book.payment_methods, call.id, "id")?.json())
}

/// Takes it away from its customer for good.
pub(super) fn detach_from(book: &mut Book, id: &str, now: Timestamp) {
    let Some(method) = book.payment_methods.get_mut(id) else { return };
    let Some(holder) = method.customer.take() else { return };
    method.is_spent = true;
    let shown = method.json();
    if let Some(holder) = book.customers.get_mut(&holder)
        && holder.default_payment_method.as_deref() == Some(id)
    {
        holder.default_payment_method = None;
    }
    book.tell("payment_method.detached", shown, now);
}
