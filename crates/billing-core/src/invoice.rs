//! The life of an invoice: a draft, open, paid in part or in full, overdue, void, given up.
//!
//! What is owed is `total - credited - paid`, and never below zero. Once it is out an invoice is not edited: credit
//! notes take off it. Money that comes is never turned away: what an invoice has no use for becomes the customer's
//! credit, and so does what a credit note takes off what was paid.

use chrono::NaiveDate;
use domain::{Currency, Money, MoneyError};

/// Where an invoice stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Being written. Has no number, and owes nobody anything.
    Draft,
    /// Nothing of it is paid yet.
    Open,
    /// Some of it is.
    PartiallyPaid,
    /// It should have been paid, and is not, or not all.
    Overdue,
    /// Nothing is owed any more.
    Paid,
    /// Called off before anything was paid.
    Void,
    /// Nobody expects the money any more. Should it come all the same, it is taken.
    Uncollectible,
}

/// How far an invoice is in its life, whatever is paid of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Being written.
    Draft,
    /// Owed.
    Out {
        /// The last day on which it can be paid in time.
        due_on: NaiveDate,
        /// Whether someone has said that it is late.
        is_overdue: bool,
    },
    /// Called off.
    Void,
    /// Nobody expects the money any more.
    GivenUp {
        /// The last day on which it could have been paid in time.
        due_on: NaiveDate,
    },
}

/// An invoice, as far as its life depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invoice {
    stage: Stage,
    total: Money,
    credited: Money,
    paid: Money,
}

/// What happens to an invoice. Amounts are above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// It goes out, over this total.
    Finalise {
        /// What is owed. Nothing: it is paid at once.
        total: Money,
        /// The last day on which it can be paid in time.
        due_on: NaiveDate,
    },
    /// Money has come for it, or credit is used for it.
    Pay(Money),
    /// Money that had come was taken back: a debit that was returned, a dispute that was lost.
    TakeBack(Money),
    /// A credit note takes that much off it.
    Credit(Money),
    /// It is this day.
    Day {
        /// At the location.
        today: NaiveDate,
        /// Whether a payment is on its way, as debits are for days: then nobody is late.
        is_pending: bool,
    },
    /// It is called off.
    Void,
    /// Nobody expects the money any more.
    GiveUp,
}

/// What became of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The invoice afterwards.
    pub invoice: Invoice,
    /// How much less it owes for money that came; below zero: more, for money that was taken back, or is now credit.
    pub settled: Money,
    /// What the customer has more of as credit; below zero: less, or what they owe beside invoices.
    pub credit: Money,
    /// What it owed when it had been given up, and owes again.
    pub taken_up: Money,
}

/// Why an invoice can't do what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not out.
    #[error("the invoice is a draft; finalise it first")]
    Draft,
    /// It is out, or was.
    #[error("the invoice is finalised; give a credit note instead")]
    Finalised,
    /// It is called off.
    #[error("the invoice is void")]
    Void,
    /// It is paid, at least in part, or something was credited.
    #[error("something of the invoice is paid or credited; give a credit note instead")]
    Settled,
    /// Nothing of it is owed.
    #[error("nothing of the invoice is owed")]
    NothingOwed,
    /// It was given up.
    #[error("the invoice is uncollectible; give a credit note instead")]
    Uncollectible,
    /// More than it is over.
    #[error("must be at most {0}, which is what is left of the invoice")]
    MoreThanInvoiced(Money),
    /// Nothing, or less.
    #[error("must be an amount above zero")]
    NotPositive,
    /// Of another currency, or too large.
    #[error(transparent)]
    Amount(#[from] MoneyError),
}

impl Invoice {
    /// A draft.
    pub fn draft(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self { stage: Stage::Draft, total: zero, credited: zero, paid: zero }
    }

    /// An invoice as it was stored. `None`: no invoice can be so.
    pub fn stored(stage: Stage, total: Money, credited: Money, paid: Money) -> Option<Self> {
        let left = total.minus(credited).and_then(|left| left.minus(paid)).ok()?;
        let is_good = !(left.is_negative() || credited.is_negative() || paid.is_negative());
        is_good.then_some(Self { stage, total, credited, paid })
    }

    /// How far it is in its life.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        match self.stage {
            Stage::Draft => State::Draft,
            Stage::Void => State::Void,
            Stage::GivenUp { .. } => State::Uncollectible,
            Stage::Out { .. } if self.left().is_zero() => State::Paid,
            Stage::Out { is_overdue: true, .. } => State::Overdue,
            Stage::Out { .. } if self.paid.is_positive() => State::PartiallyPaid,
            Stage::Out { .. } => State::Open,
        }
    }

    /// What is owed.
    pub fn owed(&self) -> Money {
        match self.stage {
            Stage::Out { .. } => self.left(),
            Stage::Draft | Stage::Void | Stage::GivenUp { .. } => self.zero(),
        }
    }

    /// What it went out over.
    pub fn total(&self) -> Money {
        self.total
    }

    /// What credit notes took off it.
    pub fn credited(&self) -> Money {
        self.credited
    }

    /// What was paid, and neither taken back nor turned into credit since.
    pub fn paid(&self) -> Money {
        self.paid
    }

    /// The invoice after `input`. What is so already stays as it is. Pure.
    pub fn apply(&self, input: Input) -> Result<Outcome, Refusal> {
        match input {
            Input::Finalise { total, due_on } => self.finalise(total, due_on),
            Input::Pay(amount) => self.pay(self.checked(amount)?),
            Input::TakeBack(amount) => self.take_back(self.checked(amount)?),
            Input::Credit(amount) => self.credit(self.checked(amount)?),
            Input::Day { today, is_pending } => Ok(self.day(today, is_pending)),
            Input::Void => self.void(),
            Input::GiveUp => self.give_up(),
        }
    }

    fn finalise(&self, total: Money, due_on: NaiveDate) -> Result<Outcome, Refusal> {
        if self.stage != Stage::Draft {
            return Err(Refusal::Finalised);
        }
        if self.zero().plus(total)?.is_negative() {
            return Err(Refusal::NotPositive);
        }
        Ok(Self { stage: Stage::Out { due_on, is_overdue: false }, total, ..*self }.unsettled())
    }

    fn pay(&self, amount: Money) -> Result<Outcome, Refusal> {
        if self.stage == Stage::Void {
            return Ok(Outcome { credit: amount, ..self.unsettled() });
        }
        let (invoice, taken_up) = self.out()?;
        let settled = amount.smaller(invoice.left())?;
        let paid = invoice.paid.plus(settled)?;
        Ok(Outcome { invoice: Self { paid, ..invoice }, settled, credit: amount.minus(settled)?, taken_up })
    }

    fn take_back(&self, amount: Money) -> Result<Outcome, Refusal> {
        if self.stage == Stage::Void {
            return Ok(Outcome { credit: amount.negated(), ..self.unsettled() });
        }
        let (invoice, taken_up) = self.out()?;
        let unsettled = amount.smaller(invoice.paid)?;
        let paid = invoice.paid.minus(unsettled)?;
        let credit = unsettled.minus(amount)?;
        Ok(Outcome { invoice: Self { paid, ..invoice }, settled: unsettled.negated(), credit, taken_up })
    }

    fn credit(&self, amount: Money) -> Result<Outcome, Refusal> {
        if self.stage == Stage::Void {
            return Err(Refusal::Void);
        }
        let (invoice, taken_up) = self.out()?;
        let rest = invoice.total.minus(invoice.credited)?.minus(amount)?;
        if rest.is_negative() {
            return Err(Refusal::MoreThanInvoiced(invoice.total.minus(invoice.credited)?));
        }
        // What was paid above that is the customer's again.
        let paid = invoice.paid.smaller(rest)?;
        let credit = invoice.paid.minus(paid)?;
        let credited = invoice.credited.plus(amount)?;
        Ok(Outcome {
            invoice: Self { credited, paid, ..invoice },
            settled: credit.negated(),
            credit,
            taken_up,
        })
    }

    fn day(&self, today: NaiveDate, is_pending: bool) -> Outcome {
        match self.stage {
            Stage::Out { due_on, .. } if due_on < today && !is_pending && self.left().is_positive() => {
                Self { stage: Stage::Out { due_on, is_overdue: true }, ..*self }.unsettled()
            }
            _ => self.unsettled(),
        }
    }

    fn void(&self) -> Result<Outcome, Refusal> {
        match self.stage {
            Stage::Draft => Err(Refusal::Draft),
            Stage::GivenUp { .. } => Err(Refusal::Uncollectible),
            Stage::Out { .. } if self.left() != self.total => Err(Refusal::Settled),
            Stage::Out { .. } if self.total.is_zero() => Err(Refusal::NothingOwed),
            Stage::Void | Stage::Out { .. } => Ok(Self { stage: Stage::Void, ..*self }.unsettled()),
        }
    }

    fn give_up(&self) -> Result<Outcome, Refusal> {
        match self.stage {
            Stage::Draft => Err(Refusal::Draft),
            Stage::Void => Err(Refusal::Void),
            Stage::Out { .. } if self.left().is_zero() => Err(Refusal::NothingOwed),
            Stage::Out { due_on, .. } | Stage::GivenUp { due_on } => {
                Ok(Self { stage: Stage::GivenUp { due_on }, ..*self }.unsettled())
            }
        }
    }

    /// The invoice out, taken up again if it was given up, and what it owes again then.
    fn out(&self) -> Result<(Self, Money), Refusal> {
        match self.stage {
            Stage::Draft => Err(Refusal::Draft),
            Stage::Void => Err(Refusal::Void),
            Stage::Out { due_on, is_overdue } => {
                // What is paid is late no more; should it be taken back, the next day says so again.
                let is_overdue = is_overdue && self.left().is_positive();
                Ok((Self { stage: Stage::Out { due_on, is_overdue }, ..*self }, self.zero()))
            }
            Stage::GivenUp { due_on } => {
                Ok((Self { stage: Stage::Out { due_on, is_overdue: true }, ..*self }, self.left()))
            }
        }
    }

    /// This, and nothing that money does.
    fn unsettled(self) -> Outcome {
        let zero = self.zero();
        Outcome { invoice: self, settled: zero, credit: zero, taken_up: zero }
    }

    fn checked(&self, amount: Money) -> Result<Money, Refusal> {
        let amount = self.zero().plus(amount)?;
        amount.is_positive().then_some(amount).ok_or(Refusal::NotPositive)
    }

    fn left(&self) -> Money {
        let settled = self.credited.plus(self.paid).expect("no more than the total is credited and paid");
        self.total.minus(settled).expect("no more than the total is credited and paid")
    }

    fn zero(&self) -> Money {
        Money::zero(self.total.currency())
    }
}

#[cfg(test)]
mod tests;
