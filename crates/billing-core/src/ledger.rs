//! The books: what happened to money, by double entry. Each fact is one entry whose postings add up to zero, so what
//! is in one account came out of another. Entries are only ever added; a balance is the sum of its postings.

use domain::{Currency, CustomerId, InvoiceId, Money, MoneyError};

use crate::invoice::Outcome;

/// What money is in, or owed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What is owed for an invoice.
    Receivable(InvoiceId),
    /// What a customer has paid and not used, below zero: what they owe beside invoices.
    Credit(CustomerId),
    /// Money that is there.
    Till(Till),
    /// Money that holders' banks hold until a dispute is decided.
    Disputed,
    /// What was earned.
    Revenue,
    /// What the state gets of it.
    Tax,
    /// What nobody expects any more.
    BadDebt,
}

/// Where money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Till {
    /// At Stripe, before fees and payouts.
    Stripe,
    /// In cash.
    Cash,
    /// On the operator's bank account, by transfer.
    Bank,
}

/// An amount into an account; below zero, out of it. Of what is owed and had: more and less. Of credit, revenue and
/// tax, whose balances are below zero by that: the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Which account.
    pub account: Account,
    /// How much.
    pub amount: Money,
}

/// What one fact does. Adds up to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(Vec<Posting>);

/// This is no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Money came from nowhere, or went there.
    #[error("postings must add up to zero, and are off by {0}")]
    Unbalanced(Money),
    /// Nothing happened.
    #[error("must have a posting")]
    Empty,
    /// Of several currencies, or too large.
    #[error(transparent)]
    Amount(#[from] MoneyError),
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// An invoice went out: it is owed.
    Finalised {
        /// Which.
        invoice: InvoiceId,
        /// Over how much, with its tax.
        total: Money,
        /// How much of it is tax.
        tax: Money,
    },
    /// An invoice was called off: nothing of it is owed, and nothing was earned.
    Voided {
        /// Which.
        invoice: InvoiceId,
        /// What it went out over.
        total: Money,
        /// How much of it is tax.
        tax: Money,
    },
    /// Money came for an invoice, or was taken back; see [`Outcome`].
    Paid {
        /// For which.
        invoice: InvoiceId,
        /// Whose it is.
        customer: CustomerId,
        /// Where the money came from or went to.
        by: Account,
        /// What became of the invoice.
        outcome: Outcome,
    },
    /// A credit note took something off an invoice.
    Credited {
        /// Off which.
        invoice: InvoiceId,
        /// Whose it is.
        customer: CustomerId,
        /// How much, with its tax.
        amount: Money,
        /// How much of it is tax.
        tax: Money,
        /// What became of the invoice.
        outcome: Outcome,
    },
    /// Nobody expects the money of an invoice any more.
    GivenUp {
        /// Of which.
        invoice: InvoiceId,
        /// What was owed.
        owed: Money,
    },
    /// Money of a customer's credit went back to them; below zero: came back to us.
    Refunded {
        /// To whom.
        customer: CustomerId,
        /// From where.
        till: Till,
        /// How much.
        amount: Money,
    },
    /// A customer got credit, such as for days that they do not use.
    Granted {
        /// Who.
        customer: CustomerId,
        /// How much, with its tax.
        amount: Money,
        /// How much of it is tax.
        tax: Money,
    },
    /// A bank holds money until a dispute is decided; below zero: gave it back.
    Withheld(Money),
}

impl Entry {
    /// Postings that add up to zero. Those of one account are one; of nothing, none.
    pub fn new(postings: impl IntoIterator<Item = (Account, Money)>) -> Result<Self, EntryError> {
        let mut merged: Vec<Posting> = Vec::new();
        for (account, amount) in postings {
            match merged.iter_mut().find(|posting| posting.account == account) {
                Some(posting) => posting.amount = posting.amount.plus(amount)?,
                None => merged.push(Posting { account, amount }),
            }
        }
        let currency = merged.first().ok_or(EntryError::Empty)?.amount.currency();
        let off = Money::sum(currency, merged.iter().map(|posting| posting.amount))?;
        if !off.is_zero() {
            return Err(EntryError::Unbalanced(off));
        }
        merged.retain(|posting| !posting.amount.is_zero());
        if merged.is_empty() { Err(EntryError::Empty) } else { Ok(Self(merged)) }
    }

    /// What its postings are of.
    pub fn currency(&self) -> Currency {
        self.0.first().expect("it has postings").amount.currency()
    }

    /// Its postings: at least two.
    pub fn postings(&self) -> &[Posting] {
        &self.0
    }
}

impl Fact {
    /// What it is called in the books. With the row that it happened to, it is there once.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Finalised { .. } => "finalised",
            Self::Voided { .. } => "voided",
            Self::Paid { outcome, .. } if outcome.settled.is_negative() || outcome.credit.is_negative() => {
                "taken_back"
            }
            Self::Paid { .. } => "paid",
            Self::Credited { .. } => "credited",
            Self::GivenUp { .. } => "given_up",
            Self::Refunded { amount, .. } if amount.is_negative() => "refund_returned",
            Self::Refunded { .. } => "refunded",
            Self::Granted { .. } => "granted",
            Self::Withheld(amount) if amount.is_negative() => "released",
            Self::Withheld(_) => "withheld",
        }
    }

    /// What it does. `Empty`: nothing, such as an invoice over nothing.
    pub fn entry(self) -> Result<Entry, EntryError> {
        match self {
            Self::Finalised { invoice, total, tax } => Entry::new([
                (Account::Receivable(invoice), total),
                (Account::Revenue, tax.minus(total)?),
                (Account::Tax, tax.negated()),
            ]),
            Self::Voided { invoice, total, tax } => Entry::new([
                (Account::Receivable(invoice), total.negated()),
                (Account::Revenue, total.minus(tax)?),
                (Account::Tax, tax),
            ]),
            Self::Paid { invoice, customer, by, outcome } => {
                let came = (by, outcome.settled.plus(outcome.credit)?);
                Entry::new([came].into_iter().chain(settled(invoice, customer, outcome)?))
            }
            Self::Credited { invoice, customer, amount, tax, outcome } => {
                let given = [
                    (Account::Revenue, amount.minus(tax)?),
                    (Account::Tax, tax),
                    (Account::Receivable(invoice), amount.negated()),
                ];
                Entry::new(given.into_iter().chain(settled(invoice, customer, outcome)?))
            }
            Self::GivenUp { invoice, owed } => {
                Entry::new([(Account::BadDebt, owed), (Account::Receivable(invoice), owed.negated())])
            }
            Self::Refunded { customer, till, amount } => {
                Entry::new([(Account::Credit(customer), amount), (Account::Till(till), amount.negated())])
            }
            Self::Granted { customer, amount, tax } => Entry::new([
                (Account::Revenue, amount.minus(tax)?),
                (Account::Tax, tax),
                (Account::Credit(customer), amount.negated()),
            ]),
            Self::Withheld(amount) => {
                Entry::new([(Account::Disputed, amount), (Account::Till(Till::Stripe), amount.negated())])
            }
        }
    }
}

/// What an invoice and its customer have of an outcome.
fn settled(
    invoice: InvoiceId,
    customer: CustomerId,
    outcome: Outcome,
) -> Result<[(Account, Money); 4], MoneyError> {
    Ok([
        (Account::Receivable(invoice), outcome.settled.negated()),
        (Account::Credit(customer), outcome.credit.negated()),
        (Account::Receivable(invoice), outcome.taken_up),
        (Account::BadDebt, outcome.taken_up.negated()),
    ])
}

#[cfg(test)]
mod tests;
