//! Invoices and credit notes.

use billing_core::invoice::State;
use billing_core::{CouponCode, Quantity};
use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{
    BookingName, CreditNoteName, InvoiceName, LocationName, MembershipName, PassName, PersonName, TeamName,
};
use domain::{LocationId, Money, WorkspaceId};
use proto::billing::v1 as pb;

use super::giving_back::dispute_state;
use super::money::{money, read_money, read_tax, tax};
use super::price::address_lines;
use crate::customers::Holder;
use crate::invoices::{BillTo, Credit, CreditNote, Draft, Invoice, Line, LineSubject};

const DESCRIPTION_CHARS_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 200;
const EMAIL_CHARS_MAX: usize = 254;
const TAX_ID_CHARS_MAX: usize = 50;
const MEMO_CHARS_MAX: usize = 500;
const LINES_MAX: usize = 200;
const QUANTITY_DECIMALS: usize = 3;

/// An invoice that is to be begun.
pub(crate) struct NewInvoice {
    pub holder: Holder,
    pub location: Option<LocationId>,
    pub draft: NewDraft,
}

/// A draft, and which of its lines, from 0, a coupon is to make cheaper.
pub(crate) struct NewDraft {
    pub draft: Draft,
    pub codes: Vec<(usize, CouponCode)>,
}

pub(crate) fn invoice(invoice: &Invoice) -> pb::Invoice {
    let workspace = invoice.workspace;
    let issue = invoice.issue.as_ref();
    let is_draft = invoice.state() == State::Draft;
    pb::Invoice {
        name: InvoiceName { workspace, id: invoice.id }.to_string(),
        payer: Some(match invoice.holder {
            Holder::Person(id) => pb::invoice::Payer::Person(PersonName { workspace, id }.to_string()),
            Holder::Team(id) => pb::invoice::Payer::Team(TeamName { workspace, id }.to_string()),
        }),
        location: invoice.location.map(|id| LocationName { workspace, id }.to_string()).unwrap_or_default(),
        bill_to: Some(pb::BillTo {
            display_name: invoice.bill_to.display_name.clone(),
            email: invoice.bill_to.email.clone(),
            address_lines: invoice.bill_to.address_lines.clone(),
            tax_id: invoice.bill_to.tax_id.clone(),
        }),
        lines: lines(invoice),
        taxes: invoice.bill.taxes().iter().map(billed_tax).collect(),
        subtotal: Some(money(invoice.bill.subtotal())),
        total: Some(money(invoice.bill.total())),
        credited: Some(money(invoice.life.credited())),
        paid: Some(money(invoice.life.paid())),
        owed: Some(money(if is_draft { Money::zero(invoice.currency()) } else { invoice.life.owed() })),
        state: match invoice.state() {
            State::Draft => pb::InvoiceState::Draft,
            State::Open => pb::InvoiceState::Open,
            State::PartiallyPaid => pb::InvoiceState::PartiallyPaid,
            State::Overdue => pb::InvoiceState::Overdue,
            State::Paid => pb::InvoiceState::Paid,
            State::Void => pb::InvoiceState::Void,
            State::Uncollectible => pb::InvoiceState::Uncollectible,
        }
        .into(),
        number: issue.map(|issue| issue.number_text.clone()).unwrap_or_default(),
        issue_date: issue.map(|issue| issue.issued_on.to_string()).unwrap_or_default(),
        due_date: invoice.due_on.map(|day| day.to_string()).unwrap_or_default(),
        memo: invoice.memo.clone(),
        version: invoice.version,
        create_time: Some(timestamp(invoice.created_at)),
        update_time: Some(timestamp(invoice.updated_at)),
        refunded: Some(money(invoice.refunded)),
        dispute_state: invoice.dispute.map_or(pb::DisputeState::Unspecified, dispute_state).into(),
    }
}

fn lines(invoice: &Invoice) -> Vec<pb::InvoiceLine> {
    let workspace = invoice.workspace;
    let subject = |subject: LineSubject| match subject {
        LineSubject::Booking(id) => BookingName { workspace, id }.to_string(),
        LineSubject::Membership(id) => MembershipName { workspace, id }.to_string(),
        LineSubject::Pass(id) => PassName { workspace, id }.to_string(),
    };
    invoice
        .billed_lines()
        .map(|(line, billed)| pb::InvoiceLine {
            description: line.description.clone(),
            quantity: quantity(line.quantity),
            unit_price: Some(money(line.unit_price)),
            coupon_code: line.coupon.as_ref().map(|(code, _)| code.clone()).unwrap_or_default(),
            discount: Some(money(billed.discount)),
            tax: line.tax.as_ref().map(tax),
            amount: Some(money(billed.amount)),
            tax_amount: Some(money(billed.tax)),
            subject: line.subject.map(subject).unwrap_or_default(),
            start_date: line.period.map(|period| period.starts_on.to_string()).unwrap_or_default(),
            end_date: line.period.map(|period| period.ends_on.to_string()).unwrap_or_default(),
        })
        .collect()
}

fn billed_tax(billed: &billing_core::BilledTax) -> pb::InvoiceTax {
    pb::InvoiceTax {
        tax: Some(tax(&billed.tax)),
        base: Some(money(billed.base)),
        amount: Some(money(billed.amount)),
    }
}

/// Such as `1.5`, without zeros that say nothing.
pub(super) fn quantity(quantity: Quantity) -> String {
    let (whole, rest) = (quantity.as_thousandths() / 1_000, quantity.as_thousandths() % 1_000);
    let decimals = format!("{rest:03}");
    match decimals.trim_end_matches('0') {
        "" => whole.to_string(),
        decimals => format!("{whole}.{decimals}"),
    }
}

pub(crate) fn credit_note(workspace: WorkspaceId, note: &CreditNote) -> pb::CreditNote {
    pb::CreditNote {
        name: CreditNoteName { workspace, id: note.id }.to_string(),
        invoice: InvoiceName { workspace, id: note.invoice }.to_string(),
        amount: Some(money(note.amount)),
        tax_amount: Some(money(note.tax)),
        reason: note.reason.clone(),
        number: note.number_text.clone(),
        issue_date: note.issued_on.to_string(),
        create_time: Some(timestamp(note.created_at)),
    }
}

pub(crate) fn new_invoice(
    workspace: WorkspaceId,
    message: Option<&pb::Invoice>,
) -> Result<NewInvoice, InvalidInput> {
    let mut input = Input::new();
    let read = input.required("invoice", message).and_then(|message| {
        let payer = payer(&mut input, workspace, message.payer.as_ref());
        let location = match message.location.as_str() {
            "" => Some(None),
            name => location(&mut input, workspace, name).map(Some),
        };
        let draft = read_draft(&mut input, message);
        Some(NewInvoice { holder: payer?, location: location?, draft: draft? })
    });
    input.finish_with(read)
}

/// What a draft is to say from now on.
pub(crate) fn draft(message: Option<&pb::Invoice>) -> Result<NewDraft, InvalidInput> {
    let mut input = Input::new();
    let read = input.required("invoice", message).and_then(|message| read_draft(&mut input, message));
    input.finish_with(read)
}

fn payer(input: &mut Input, workspace: WorkspaceId, payer: Option<&pb::invoice::Payer>) -> Option<Holder> {
    let (found, field, holder) = match input.required("invoice.payer", payer)? {
        pb::invoice::Payer::Person(name) => {
            let name: PersonName = input.parse("invoice.person", name)?;
            (name.workspace, "invoice.person", Holder::Person(name.id))
        }
        pb::invoice::Payer::Team(name) => {
            let name: TeamName = input.parse("invoice.team", name)?;
            (name.workspace, "invoice.team", Holder::Team(name.id))
        }
    };
    if found != workspace {
        input.refuse(field, "must be of the workspace");
        return None;
    }
    Some(holder)
}

fn location(input: &mut Input, workspace: WorkspaceId, name: &str) -> Option<LocationId> {
    let name: LocationName = input.parse("invoice.location", name)?;
    if name.workspace != workspace {
        input.refuse("invoice.location", "must be of the workspace");
        return None;
    }
    Some(name.id)
}

fn read_draft(input: &mut Input, message: &pb::Invoice) -> Option<NewDraft> {
    let bill_to = input
        .required("invoice.bill_to", message.bill_to.as_ref())
        .and_then(|bill_to| read_bill_to(input, bill_to));
    let due_on = match message.due_date.as_str() {
        "" => Some(None),
        text => input.date("invoice.due_date", text).map(Some),
    };
    let memo = input.optional_text("invoice.memo", &message.memo, MEMO_CHARS_MAX);
    if message.lines.is_empty() || message.lines.len() > LINES_MAX {
        input.refuse("invoice.lines", format_args!("must be 1 to {LINES_MAX}"));
    }
    let lines = message.lines.iter().take(LINES_MAX).enumerate();
    let lines: Vec<Option<Line>> =
        lines.map(|(place, line)| read_line(input, &format!("invoice.lines[{place}]"), line)).collect();
    let lines: Option<Vec<Line>> = lines.into_iter().collect();
    let with_code = message.lines.iter().enumerate().filter(|(_, line)| !line.coupon_code.is_empty());
    let codes: Vec<(usize, CouponCode)> = with_code
        .filter_map(|(place, line)| {
            let code = input.parse(&format!("invoice.lines[{place}].coupon_code"), &line.coupon_code)?;
            Some((place, code))
        })
        .collect();
    let draft = Draft { bill_to: bill_to?, lines: lines?, due_on: due_on?, memo: memo? };
    Some(NewDraft { draft, codes })
}

fn read_bill_to(input: &mut Input, message: &pb::BillTo) -> Option<BillTo> {
    let display_name = input.text("invoice.bill_to.display_name", &message.display_name, NAME_CHARS_MAX);
    let email = input.optional_text("invoice.bill_to.email", &message.email, EMAIL_CHARS_MAX);
    let address_lines = address_lines(input, "invoice.bill_to.address_lines", &message.address_lines);
    let tax_id = input.optional_text("invoice.bill_to.tax_id", &message.tax_id, TAX_ID_CHARS_MAX);
    Some(BillTo {
        display_name: display_name?,
        email: email?,
        address_lines: address_lines?,
        tax_id: tax_id?,
    })
}

fn read_line(input: &mut Input, field: &str, line: &pb::InvoiceLine) -> Option<Line> {
    let description = input.text(&format!("{field}.description"), &line.description, DESCRIPTION_CHARS_MAX);
    let quantity = read_quantity(input, &format!("{field}.quantity"), &line.quantity);
    let unit_price = read_money(input, &format!("{field}.unit_price"), line.unit_price.as_ref());
    let tax = read_tax(input, &format!("{field}.tax"), line.tax.as_ref());
    if unit_price.is_some_and(Money::is_negative) && quantity.is_some_and(|it| it != Quantity::ONE) {
        input.refuse(&format!("{field}.quantity"), "must be 1 for what is given back");
    }
    Some(Line {
        description: description?,
        quantity: quantity?,
        unit_price: unit_price?,
        coupon: None,
        tax: tax?,
        subject: None,
        period: None,
    })
}

fn read_quantity(input: &mut Input, field: &str, text: &str) -> Option<Quantity> {
    if text.is_empty() {
        return Some(Quantity::ONE);
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_good = is_number(whole) && is_number(decimals) && decimals.len() <= QUANTITY_DECIMALS;
    let number: Option<u32> =
        is_good.then(|| format!("{whole}{decimals:0<QUANTITY_DECIMALS$}").parse().ok()).flatten();
    let Some(number) = number else {
        input.refuse(field, "must be a number with at most 3 decimals, such as 1.5");
        return None;
    };
    Quantity::thousandths(number).map_err(|error| input.refuse(field, error)).ok()
}

/// What is to be taken off which invoice.
pub(crate) fn new_credit_note(
    workspace: WorkspaceId,
    message: Option<&pb::CreditNote>,
) -> Result<(InvoiceName, Credit), InvalidInput> {
    let mut input = Input::new();
    let read = input.required("credit_note", message).and_then(|message| {
        let invoice: Option<InvoiceName> = input.parse("credit_note.invoice", &message.invoice);
        if invoice.is_some_and(|invoice| invoice.workspace != workspace) {
            input.refuse("credit_note.invoice", "must be of the workspace");
        }
        let amount = read_money(&mut input, "credit_note.amount", message.amount.as_ref());
        let reason = input.text("credit_note.reason", &message.reason, MEMO_CHARS_MAX);
        Some((invoice?, Credit { amount: amount?, reason: reason?, subject: None }))
    });
    input.finish_with(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_back_as_they_are_shown() {
        for (text, thousandths) in [("1", 1_000), ("1.5", 1_500), ("0.125", 125), ("12.04", 12_040)] {
            let mut input = Input::new();
            let read = read_quantity(&mut input, "quantity", text).unwrap();
            assert_eq!((read.as_thousandths(), quantity(read).as_str()), (thousandths, text));
        }
        for text in ["0", "-1", "1,5", "1.0001", ".5", "1.", "x", "1e3", "99999999999"] {
            let mut input = Input::new();
            assert_eq!(read_quantity(&mut input, "quantity", text), None, "{text}");
            assert!(input.finish().is_err());
        }
    }
}
