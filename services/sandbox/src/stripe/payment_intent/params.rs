//! What a PaymentIntent is made of.

use super::super::call::Call;
use super::super::payment_method::{self, CARD, US_BANK_ACCOUNT};
use super::super::refusal::Refusal;
use super::super::{customer, mandate};
use super::confirm::Confirmation;
use super::{PaymentIntent, Status};

/// The least that can be charged, in the minor unit: about half a dollar.
const AMOUNT_MIN: i64 = 50;
/// Eight digits.
const AMOUNT_MAX: i64 = 99_999_999;
/// Currencies with three decimals, the last of which is zero.
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

fn check_amount(amount: i64, currency: &str) -> Result<(), Refusal> {
    let refuse = |message: &str, code| {
        let (param, message) = ("amount".to_owned(), message.to_owned());
        Err(Refusal::Invalid { param, message, code: Some(code) })
    };
    let min = if THREE_DECIMAL.contains(&currency) { AMOUNT_MIN * 10 } else { AMOUNT_MIN };
    if amount < 1 {
        return refuse("Invalid positive integer", "parameter_invalid_integer");
    }
    if amount < min {
        return refuse("Amount must convert to at least 50 cents.", "amount_too_small");
    }
    if amount > AMOUNT_MAX {
        return refuse("Amount must be no more than 999,999.99", "amount_too_large");
    }
    if THREE_DECIMAL.contains(&currency) && amount % 10 != 0 {
        return refuse("The last digit of a three-decimal amount must be 0", "parameter_invalid_integer");
    }
    Ok(())
}

fn read_currency(call: &mut Call<'_>) -> Result<Option<String>, Refusal> {
    let Some(currency) = call.params.filled("currency")? else { return Ok(None) };
    let currency = currency.to_lowercase();
    if currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Ok(Some(currency));
    }
    Err(Refusal::invalid("currency".to_owned(), "Invalid currency"))
}

/// An intent that is not kept yet, and how it is to be confirmed at once.
pub(super) fn create(call: &mut Call<'_>) -> Result<(PaymentIntent, Option<Confirmation>), Refusal> {
    let missing = |param: &str| Refusal::ParameterMissing(param.to_owned());
    let amount = call.params.integer("amount")?.ok_or_else(|| missing("amount"))?;
    let currency = read_currency(call)?.ok_or_else(|| missing("currency"))?;
    let mut intent = PaymentIntent::new(call.book, amount, currency, call.now);
    let is_confirmed = call.params.flag("confirm")?;
    let confirmation = is_confirmed.then(|| confirmation(call)).transpose()?;
    if !is_confirmed && call.params.flag("off_session")? {
        return Err(Refusal::invalid("off_session".to_owned(), "Only when confirm=true"));
    }
    change(call, &mut intent)?;
    check_amount(intent.amount, &intent.currency)?;
    call.params.done()?;
    Ok((intent, confirmation))
}

/// What comes with a confirmation.
pub(super) fn confirmation(call: &mut Call<'_>) -> Result<Confirmation, Refusal> {
    Ok(Confirmation {
        is_off_session: call.params.flag("off_session")?,
        errs_on_action: call.params.flag("error_on_requires_action")?,
        return_url: call.params.filled("return_url")?,
        acceptance: mandate::read(&mut call.params)?,
    })
}

/// What can be said when it is made, and later.
pub(super) fn change(call: &mut Call<'_>, intent: &mut PaymentIntent) -> Result<(), Refusal> {
    if let Some(amount) = call.params.integer("amount")? {
        check_amount(amount, &intent.currency)?;
        intent.amount = amount;
    }
    if let Some(currency) = read_currency(call)? {
        intent.currency = currency;
    }
    if let Some(customer) = call.params.filled("customer")? {
        customer::find(call.book, &customer)?;
        intent.customer = Some(customer);
    }
    for (field, name) in [
        (&mut intent.description, "description"),
        (&mut intent.receipt_email, "receipt_email"),
        (&mut intent.statement_descriptor_suffix, "statement_descriptor_suffix"),
    ] {
        if let Some(text) = call.params.text(name)? {
            *field = Some(text).filter(|text| !text.is_empty());
        }
    }
    if let Some(shipping) = call.params.value("shipping") {
        intent.shipping = shipping;
    }
    if let Some(usage) = call.params.one_of("setup_future_usage", &["off_session", "on_session"])? {
        intent.setup_future_usage = Some(usage);
    }
    call.params.one_of("capture_method", &["automatic", "automatic_async"])?;
    if let Some(mandate) = call.params.filled("mandate")? {
        intent.mandate = Some(mandate);
    }
    change_types(call, intent)?;
    call.params.metadata(&mut intent.metadata)?;
    if let Some(method) = read_payment_method(call)? {
        intent.payment_method = Some(method);
        if intent.status == Status::RequiresPaymentMethod {
            intent.status = Status::RequiresConfirmation;
        }
    }
    Ok(())
}

fn change_types(call: &mut Call<'_>, intent: &mut PaymentIntent) -> Result<(), Refusal> {
    let types = payment_method::read_types(&mut call.params)?;
    if !types.is_empty() {
        intent.payment_method_types = types;
    } else if intent.payment_method_types.is_empty() {
        intent.payment_method_types = vec![CARD.to_owned()];
        if intent.currency == "usd" {
            intent.payment_method_types.push(US_BANK_ACCOUNT.to_owned());
        }
    }
    if intent.currency != "usd" && intent.payment_method_types.iter().any(|kind| kind == US_BANK_ACCOUNT) {
        let param = "payment_method_types".to_owned();
        return Err(Refusal::invalid(param, "us_bank_account is for usd alone"));
    }
    Ok(())
}

/// The payment method that is named, or entered. A new one is kept.
pub(in crate::stripe) fn read_payment_method(call: &mut Call<'_>) -> Result<Option<String>, Refusal> {
    if let Some(id) = call.params.filled("payment_method")? {
        return payment_method::resolve(call.book, &id, call.now).map(Some);
    }
    let Some(mut data) = call.params.within("payment_method_data")? else { return Ok(None) };
    let made = payment_method::read(call.book, &mut data, call.by, call.now)?;
    data.done()?;
    let id = made.id.clone();
    call.book.payment_methods.add(made);
    Ok(Some(id))
}
