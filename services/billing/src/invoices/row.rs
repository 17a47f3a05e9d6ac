//! Rows of invoices and of their lines, as they are read.

use billing_core::Quantity;
use billing_core::invoice::{Invoice as Life, Stage};
use chrono::NaiveDate;
use domain::{
    BookingId, Currency, CustomerId, InvoiceId, LocationId, MembershipId, Money, PassId, Timestamp,
    WorkspaceId,
};
use uuid::Uuid;

use super::record::{BillTo, Dispute, Invoice, Issue, Line, LineSubject, Period, bill};
use crate::coupons::discount;
use crate::customers::Holder;
use crate::settings::Seller;
use crate::stored::{TaxColumns, corrupt};

#[derive(sqlx::FromRow)]
pub(super) struct InvoiceRow {
    pub workspace_id: Uuid,
    pub id: Uuid,
    customer_id: Uuid,
    person_id: Option<Uuid>,
    team_id: Option<Uuid>,
    location_id: Option<Uuid>,
    time_zone: String,
    pub currency: String,
    stage: String,
    due_on: Option<NaiveDate>,
    is_overdue: bool,
    total: i64,
    credited: i64,
    paid: i64,
    number: Option<i64>,
    number_text: Option<String>,
    issued_on: Option<NaiveDate>,
    bill_to_name: String,
    bill_to_email: String,
    bill_to_address: Vec<String>,
    bill_to_tax_id: String,
    seller_name: String,
    seller_address: Vec<String>,
    seller_tax_id: String,
    seller_footer: String,
    memo: String,
    refunded: i64,
    dispute: Option<Dispute>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(sqlx::FromRow)]
pub(super) struct LineRow {
    pub invoice_id: Uuid,
    description: String,
    quantity: i32,
    unit_price: i64,
    coupon_code: String,
    discount_percent: Option<i32>,
    discount_fixed: Option<i64>,
    #[sqlx(flatten)]
    tax: TaxColumns,
    subject_kind: Option<String>,
    subject_id: Option<Uuid>,
    starts_on: Option<NaiveDate>,
    ends_on: Option<NaiveDate>,
}

impl InvoiceRow {
    fn life(&self, currency: Currency) -> Result<Life, sqlx::Error> {
        let money = |minor| Money::new(minor, currency).map_err(corrupt);
        let stage = match (self.stage.as_str(), self.due_on) {
            // Nothing of a draft is owed yet, whatever its lines come to.
            ("draft", _) => return Ok(Life::draft(currency)),
            ("void", _) => Stage::Void,
            ("out", Some(due_on)) => Stage::Out { due_on, is_overdue: self.is_overdue },
            ("given_up", Some(due_on)) => Stage::GivenUp { due_on },
            (other, _) => return Err(corrupt(format!("invoice {} can't be {other:?}", self.id))),
        };
        Life::stored(stage, money(self.total)?, money(self.credited)?, money(self.paid)?)
            .ok_or_else(|| corrupt(format!("invoice {} has more paid than it is over", self.id)))
    }

    /// The invoice, with its lines.
    pub(super) fn invoice(self, lines: Vec<Line>) -> Result<Invoice, sqlx::Error> {
        let currency = self.currency.parse().map_err(corrupt)?;
        let life = self.life(currency)?;
        let bill = bill(currency, &lines).map_err(|(_, error)| corrupt(error))?;
        if bill.total().minor() != self.total {
            return Err(corrupt(format!("the lines of invoice {} do not come to its total", self.id)));
        }
        let seller = Seller {
            legal_name: self.seller_name,
            address_lines: self.seller_address,
            tax_id: self.seller_tax_id,
            footer: self.seller_footer,
        };
        let issue = match (self.number, self.number_text, self.issued_on) {
            (Some(number), Some(number_text), Some(issued_on)) => {
                Some(Issue { number, number_text, issued_on, seller })
            }
            _ => None,
        };
        Ok(Invoice {
            workspace: WorkspaceId::from_uuid(self.workspace_id),
            id: InvoiceId::from_uuid(self.id),
            customer: CustomerId::from_uuid(self.customer_id),
            holder: Holder::of_columns(self.person_id, self.team_id)
                .ok_or_else(|| corrupt(format!("customer {} is nobody", self.customer_id)))?,
            location: self.location_id.map(LocationId::from_uuid),
            time_zone: domain::zone::parse(&self.time_zone).map_err(corrupt)?,
            life,
            due_on: self.due_on,
            bill_to: BillTo {
                display_name: self.bill_to_name,
                email: self.bill_to_email,
                address_lines: self.bill_to_address,
                tax_id: self.bill_to_tax_id,
            },
            memo: self.memo,
            lines,
            bill,
            issue,
            refunded: Money::new(self.refunded, currency).map_err(corrupt)?,
            dispute: self.dispute,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl LineRow {
    /// The line.
    pub(super) fn line(self, currency: Currency) -> Result<Line, sqlx::Error> {
        let money = |minor| Money::new(minor, currency).map_err(corrupt);
        let discount = discount(self.discount_percent, self.discount_fixed, currency)?;
        let period = self.starts_on.zip(self.ends_on);
        Ok(Line {
            description: self.description,
            quantity: Quantity::thousandths(u32::try_from(self.quantity).map_err(corrupt)?)
                .map_err(corrupt)?,
            unit_price: money(self.unit_price)?,
            coupon: discount.map(|discount| (self.coupon_code, discount)),
            tax: self.tax.tax()?,
            subject: subject_of(self.subject_kind.as_deref(), self.subject_id)?,
            period: period.map(|(starts_on, ends_on)| Period { starts_on, ends_on }),
        })
    }
}

/// The columns of what a line is for.
pub(crate) fn subject_columns(subject: Option<LineSubject>) -> (Option<&'static str>, Option<Uuid>) {
    match subject {
        None => (None, None),
        Some(LineSubject::Booking(id)) => (Some("booking"), Some(id.uuid())),
        Some(LineSubject::Membership(id)) => (Some("membership"), Some(id.uuid())),
        Some(LineSubject::Pass(id)) => (Some("pass"), Some(id.uuid())),
    }
}

/// What a line is for, by its columns.
pub(crate) fn subject_of(kind: Option<&str>, id: Option<Uuid>) -> Result<Option<LineSubject>, sqlx::Error> {
    let Some((kind, id)) = kind.zip(id) else { return Ok(None) };
    match kind {
        "booking" => Ok(Some(LineSubject::Booking(BookingId::from_uuid(id)))),
        "membership" => Ok(Some(LineSubject::Membership(MembershipId::from_uuid(id)))),
        "pass" => Ok(Some(LineSubject::Pass(PassId::from_uuid(id)))),
        other => Err(corrupt(format!("{other:?} is nothing that is billed"))),
    }
}
