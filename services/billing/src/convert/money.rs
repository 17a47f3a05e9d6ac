//! Amounts and taxes.

use billing_core::{Percent, Tax};
use chassis::input::Input;
use domain::{Currency, Money};
use proto::billing::v1 as pb;

/// Characters of what a tax is called.
const TAX_NAME_CHARS_MAX: usize = 30;

pub(crate) fn money(amount: Money) -> pb::Money {
    pb::Money { minor_units: amount.minor(), currency: amount.currency().code().to_owned() }
}

pub(crate) fn tax(tax: &Tax) -> pb::Tax {
    let percent = tax.percent.to_string();
    pb::Tax {
        display_name: tax.name.clone(),
        percent: percent.trim_end_matches('%').to_owned(),
        is_inclusive: tax.is_inclusive,
    }
}

pub(crate) fn read_money(input: &mut Input, field: &str, amount: Option<&pb::Money>) -> Option<Money> {
    let amount = input.required(field, amount)?;
    let currency: Currency = input.parse(&format!("{field}.currency"), &amount.currency)?;
    let read = Money::new(amount.minor_units, currency);
    read.map_err(|error| input.refuse(&format!("{field}.minor_units"), error)).ok()
}

/// An optional tax; `None` if it is wrong, and then refused.
pub(crate) fn read_tax(input: &mut Input, field: &str, tax: Option<&pb::Tax>) -> Option<Option<Tax>> {
    let Some(tax) = tax else { return Some(None) };
    let name = input.text(&format!("{field}.display_name"), &tax.display_name, TAX_NAME_CHARS_MAX);
    let percent: Option<Percent> = input.parse(&format!("{field}.percent"), &tax.percent);
    Some(Some(Tax { name: name?, percent: percent?, is_inclusive: tax.is_inclusive }))
}
