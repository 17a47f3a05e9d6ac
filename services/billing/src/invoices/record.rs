//! An invoice as it is stored.

use billing_core::dispute::Standing;
use billing_core::invoice::{Invoice as Life, Stage, State};
use billing_core::{Bill, BillError, BilledLine, Discount, Quantity, Tax};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{
    BookingId, CreditNoteId, Currency, CustomerId, InvoiceId, LocationId, MembershipId, Money, PassId,
    Timestamp, WorkspaceId,
};

use crate::customers::Holder;
use crate::settings::Seller;
use crate::sight::Sight;

chassis::text_enum! {
    /// How a dispute stands; see [`billing_core::dispute::Standing`].
    pub enum Dispute {
        /// No money was moved.
        Asked = "asked",
        /// The bank holds the money.
        Open = "open",
        /// The money is ours.
        Won = "won",
        /// The money is gone.
        Lost = "lost",
    }
}

impl From<Standing> for Dispute {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Asked => Self::Asked,
            Standing::Open => Self::Open,
            Standing::Won => Self::Won,
            Standing::Lost => Self::Lost,
        }
    }
}

impl From<Dispute> for Standing {
    fn from(dispute: Dispute) -> Self {
        match dispute {
            Dispute::Asked => Self::Asked,
            Dispute::Open => Self::Open,
            Dispute::Won => Self::Won,
            Dispute::Lost => Self::Lost,
        }
    }
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineSubject {
    /// A booking.
    Booking(BookingId),
    /// A membership.
    Membership(MembershipId),
    /// A pass.
    Pass(PassId),
}

/// Days that a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first one.
    pub starts_on: NaiveDate,
    /// The first one after.
    pub ends_on: NaiveDate,
}

/// A line, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What for.
    pub description: String,
    /// How many.
    pub quantity: Quantity,
    /// What one costs; below zero, it is given back.
    pub unit_price: Money,
    /// What makes it cheaper, and the code by which it does.
    pub coupon: Option<(String, Discount)>,
    /// How it is taxed.
    pub tax: Option<Tax>,
    /// What it is for; `None`: what an admin wrote.
    pub subject: Option<LineSubject>,
    /// Which days it is for.
    pub period: Option<Period>,
}

impl Line {
    fn asked(&self) -> Result<billing_core::Line, BillError> {
        let line = if self.unit_price.is_negative() {
            billing_core::Line::credit(self.description.clone(), self.unit_price)?
        } else {
            billing_core::Line::charge(self.description.clone(), self.quantity, self.unit_price)?
        };
        let line = match &self.coupon {
            Some((_, discount)) => line.with_discount(*discount),
            None => line,
        };
        Ok(match &self.tax {
            Some(tax) => line.with_tax(tax.clone()),
            None => line,
        })
    }
}

/// What lines come to. The line of a mistake in one is named.
pub(crate) fn bill(currency: Currency, lines: &[Line]) -> Result<Bill, (Option<usize>, BillError)> {
    let asked = |(place, line): (usize, &Line)| line.asked().map_err(|error| (Some(place), error));
    let lines = lines.iter().enumerate().map(asked).collect::<Result<Vec<_>, _>>()?;
    Bill::new(currency, lines).map_err(|error| match error {
        BillError::Line { line, .. } => (Some(line), error),
        error => (None, error),
    })
}

/// Whom an invoice is addressed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BillTo {
    /// What they are called.
    pub display_name: String,
    /// Where it is sent.
    pub email: String,
    /// Where they are.
    pub address_lines: Vec<String>,
    /// Such as a VAT number.
    pub tax_id: String,
}

/// What an invoice got when it went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Counted from 1 in the workspace.
    pub number: i64,
    /// The number as it stands on it.
    pub number_text: String,
    /// Its day.
    pub issued_on: NaiveDate,
    /// Who invoices.
    pub seller: Seller,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Its id.
    pub id: InvoiceId,
    /// Who pays.
    pub customer: CustomerId,
    /// Whose money that is.
    pub holder: Holder,
    /// Whose account the money goes to; `None`: the workspace's.
    pub location: Option<LocationId>,
    /// Whose day counts.
    pub time_zone: Tz,
    /// Its life.
    pub life: Life,
    /// The last day on which it can be paid in time. Of a draft, as asked for.
    pub due_on: Option<NaiveDate>,
    /// Whom it is addressed to.
    pub bill_to: BillTo,
    /// What else stands on it.
    pub memo: String,
    /// What for.
    pub lines: Vec<Line>,
    /// What its lines come to.
    pub bill: Bill,
    /// Of one that is out.
    pub issue: Option<Issue>,
    /// What was given back of payments for it.
    pub refunded: Money,
    /// How the dispute of a payment for it stands that was heard of last; `None`: none was disputed.
    pub dispute: Option<Dispute>,
    /// Grows with each change.
    pub version: i64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Invoice {
    /// Where it stands.
    pub fn state(&self) -> State {
        self.life.state()
    }

    /// Whether who has that in sight may see it. Drafts are for admins.
    pub(crate) fn is_seen_by(&self, sight: Sight) -> bool {
        sight.has(self.holder) && (sight == Sight::All || self.issue.is_some())
    }

    /// What it is in.
    pub fn currency(&self) -> Currency {
        self.bill.total().currency()
    }

    /// Its lines as asked for and as billed.
    pub fn billed_lines(&self) -> impl Iterator<Item = (&Line, &BilledLine)> {
        self.lines.iter().zip(self.bill.lines())
    }

    /// What it is for: its lines' subjects, each once.
    pub fn subjects(&self) -> Vec<LineSubject> {
        let mut subjects = Vec::new();
        for subject in self.lines.iter().filter_map(|line| line.subject) {
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        subjects
    }

    /// When it is to be looked at again: on the day after the last one on which it can be paid in time, and later for
    /// as long as its payer may be behind.
    pub(crate) fn look_at(&self, pause_after_days: Option<u16>) -> Option<Timestamp> {
        let Stage::Out { due_on, is_overdue } = self.life.stage() else { return None };
        if !self.life.owed().is_positive() {
            return None;
        }
        let days = if is_overdue { u64::from(pause_after_days?) } else { 0 };
        let day = due_on.succ_opt()?.checked_add_days(chrono::Days::new(days))?;
        Some(domain::zone::midnight(self.time_zone, day))
    }
}

/// Something that is taken off an invoice that is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditNote {
    /// Its id.
    pub id: CreditNoteId,
    /// Off which.
    pub invoice: InvoiceId,
    /// How much, with its tax.
    pub amount: Money,
    /// How much of it is tax.
    pub tax: Money,
    /// Why.
    pub reason: String,
    /// Counted from 1 in the workspace.
    pub number: i64,
    /// The number as it stands on it.
    pub number_text: String,
    /// Its day.
    pub issued_on: NaiveDate,
    /// When it was given.
    pub created_at: Timestamp,
}
