//! What must hold after each step.

use super::world::{TOTAL, World};
use crate::dispute::Standing;
use crate::invoice::State;
use crate::ledger::Account;
use crate::refund;

impl World {
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_charges()?;
        self.check_refunds()?;
        self.check_books()
    }

    /// No payment is charged twice, and no invoice by two payments.
    fn check_charges(&self) -> Result<(), String> {
        for payment in 0..self.rows.len() {
            let its = self.vendor.intents.iter().filter(|intent| intent.payment == payment);
            let charges: usize = its.map(|intent| intent.charges).sum();
            if charges > 1 {
                return Err(format!("payment {payment} is charged {charges} times"));
            }
        }
        if let Some(number) =
            self.rows.iter().position(|row| row.wanted_attempts.is_some_and(|it| it < row.attempts))
        {
            return Err(format!("payment {number} is not wanted and attempted all the same"));
        }
        let charged = self.vendor.intents.iter().filter(|intent| intent.charges > 0);
        let kept = charged.clone().filter(|intent| intent.standing != Standing::Lost);
        let sum: i64 = kept.map(|intent| intent.amount).sum();
        // What a bank had taken and gave again after all was charged anew meanwhile, and is the customer's credit.
        let given_again: i64 =
            charged.filter(|intent| intent.standing == Standing::Won).map(|intent| intent.amount).sum();
        if sum > TOTAL + given_again {
            return Err(format!("{sum} are charged for an invoice of {TOTAL}"));
        }
        Ok(())
    }

    /// No refund is given twice, and no more of a payment than it was.
    fn check_refunds(&self) -> Result<(), String> {
        for number in 0..self.refunds.len() {
            let its = self.vendor.refunds.iter().filter(|it| it.refund == number);
            let given = its.filter(|it| it.seen != refund::Seen::Failed).count();
            if given > 1 {
                return Err(format!("refund {number} is given {given} times"));
            }
        }
        for (number, row) in self.rows.iter().enumerate() {
            let its = self.refunds.iter().filter(|it| it.payment == number && it.refund.counts());
            let sum: i64 = its.map(|it| it.amount).sum();
            if sum > row.amount {
                return Err(format!("{sum} are to be given back of payment {number} of {}", row.amount));
            }
        }
        Ok(())
    }

    /// The books are balanced, and agree with the invoice.
    fn check_books(&self) -> Result<(), String> {
        let all: i64 = self.entries.iter().flat_map(|it| it.postings()).map(|it| it.amount.minor()).sum();
        let owed = self.balance(Account::Receivable(self.invoice_id));
        let earned = -self.balance(Account::Revenue) - self.balance(Account::Tax);
        let credited = self.invoice.credited().minor();
        let is_void = self.invoice.state() == State::Void;
        let wanted = if is_void { 0 } else { TOTAL - credited };
        let found = [all, owed, earned];
        let should = [0, self.invoice.owed().minor(), wanted];
        if found != should {
            return Err(format!("sum, owed, earned are {found:?} instead of {should:?}"));
        }
        let given_up = self.balance(Account::BadDebt);
        let is_given_up = self.invoice.state() == State::Uncollectible;
        if (given_up > 0) != is_given_up || given_up < 0 {
            return Err(format!("{given_up} are given up of {:?}", self.invoice));
        }
        Ok(())
    }
}
