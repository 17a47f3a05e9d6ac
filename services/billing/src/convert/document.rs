//! An invoice as it is shown on paper: everything as text.

use super::invoice::quantity;
use crate::invoices::{Invoice, Issue};

/// All that stands on it.
#[derive(Debug)]
pub(crate) struct Document {
    pub number: String,
    pub issued_on: String,
    pub due_on: String,
    pub seller: Party,
    pub footer: String,
    pub bill_to: Party,
    pub lines: Vec<DocumentLine>,
    pub taxes: Vec<DocumentTax>,
    pub subtotal: String,
    pub total: String,
    pub credited: Option<String>,
    pub paid: Option<String>,
    pub owed: String,
    pub memo: String,
}

#[derive(Debug)]
pub(crate) struct Party {
    pub name: String,
    pub address: Vec<String>,
    pub tax_id: String,
}

#[derive(Debug)]
pub(crate) struct DocumentLine {
    pub description: String,
    pub quantity: String,
    pub unit_price: String,
    pub discount: Option<String>,
    pub amount: String,
    pub tax: Option<String>,
}

#[derive(Debug)]
pub(crate) struct DocumentTax {
    pub label: String,
    pub base: String,
    pub amount: String,
    pub is_inclusive: bool,
}

/// An invoice that is out, as it is now.
pub(crate) fn document(invoice: &Invoice, issue: &Issue) -> Document {
    let shown_unless_zero = |amount: domain::Money| (!amount.is_zero()).then(|| amount.to_string());
    let lines = invoice.billed_lines().map(|(line, billed)| DocumentLine {
        description: line.description.clone(),
        quantity: quantity(line.quantity),
        unit_price: line.unit_price.to_string(),
        discount: shown_unless_zero(billed.discount),
        amount: billed.amount.to_string(),
        tax: line.tax.as_ref().map(|tax| format!("{} {}", tax.name, tax.percent)),
    });
    let taxes = invoice.bill.taxes().iter().map(|billed| DocumentTax {
        label: format!("{} {}", billed.tax.name, billed.tax.percent),
        base: billed.base.to_string(),
        amount: billed.amount.to_string(),
        is_inclusive: billed.tax.is_inclusive,
    });
    Document {
        number: issue.number_text.clone(),
        issued_on: issue.issued_on.to_string(),
        due_on: invoice.due_on.map(|day| day.to_string()).unwrap_or_default(),
        seller: Party {
            name: issue.seller.legal_name.clone(),
            address: issue.seller.address_lines.clone(),
            tax_id: issue.seller.tax_id.clone(),
        },
        footer: issue.seller.footer.clone(),
        bill_to: Party {
            name: invoice.bill_to.display_name.clone(),
            address: invoice.bill_to.address_lines.clone(),
            tax_id: invoice.bill_to.tax_id.clone(),
        },
        lines: lines.collect(),
        taxes: taxes.collect(),
        subtotal: invoice.bill.subtotal().to_string(),
        total: invoice.bill.total().to_string(),
        credited: shown_unless_zero(invoice.life.credited()),
        paid: shown_unless_zero(invoice.life.paid()),
        owed: invoice.life.owed().to_string(),
        memo: invoice.memo.clone(),
    }
}
