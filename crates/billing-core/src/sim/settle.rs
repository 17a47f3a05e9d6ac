//! The end: nothing is lost or late any more, and all that is to happen happens.

use chrono::Duration;

use super::world::World;
use crate::dispute::Standing;
use crate::ledger::{Account, Till};
use crate::payment::{Seen, State};
use crate::refund;

impl World {
    pub(super) fn settle(&mut self) -> Result<(), String> {
        self.note(|| "from here on all goes well".into());
        for _ in 0..60 {
            while let Some(call) = self.calls.pop() {
                let answer = self.run(call);
                self.calls.extend(answer);
                self.check()?;
            }
            self.pass(Duration::hours(13));
            for intent in 0..self.vendor.intents.len() {
                self.vendor.settle(intent, &mut self.rng);
            }
            for payment in 0..self.rows.len() {
                let call = self.step(payment);
                self.calls.extend(call);
                let reads = self.reads(payment);
                self.calls.extend(reads);
            }
            for refund in 0..self.refunds.len() {
                let call = self.step_refund(refund);
                self.calls.extend(call);
                let version = self.refunds[refund].refund.version();
                self.calls.push(super::calls::Call::Look { refund, version });
            }
            self.check()?;
        }
        self.compare()
    }

    /// What we have is what is there.
    fn compare(&self) -> Result<(), String> {
        for (number, row) in self.rows.iter().enumerate() {
            let its = || self.vendor.intents.iter().filter(|intent| intent.payment == number);
            let is_charged = its().any(|intent| intent.charges > 0);
            if row.payment.is_live() {
                return Err(format!("payment {number} never ends: {:?}", row.payment));
            }
            if is_charged != (row.payment.state() == State::Succeeded) {
                return Err(format!(
                    "payment {number} is {:?} and charged: {is_charged}",
                    row.payment.state()
                ));
            }
            let known = row.payment.intent().map(|id| &self.vendor.intents[id.parse::<usize>().unwrap()]);
            if known.is_some_and(|intent| !matches!(intent.seen, Seen::Succeeded | Seen::Cancelled)) {
                return Err(format!("payment {number} is over and can still be paid"));
            }
        }
        for (number, row) in self.refunds.iter().enumerate() {
            let is_given = self.vendor.look(number).is_some_and(|seen| seen != refund::Seen::Failed);
            if is_given != row.refund.is_out() {
                return Err(format!("refund {number} is {:?} and given: {is_given}", row.refund.state()));
            }
        }
        let charged: i64 = self.vendor.intents.iter().filter(|it| it.charges > 0).map(|it| it.amount).sum();
        let given = self.vendor.refunds.iter().filter(|it| it.seen != refund::Seen::Failed);
        let given: i64 = given.map(|it| it.amount).sum();
        let disputed = |standing: Standing| -> i64 {
            self.vendor.intents.iter().filter(|it| it.standing == standing).map(|it| it.disputed).sum()
        };
        let (open, lost) = (disputed(Standing::Open), disputed(Standing::Lost));
        let found = [Account::Till(Till::Stripe), Account::Disputed, Account::Till(Till::Cash)];
        let found = found.map(|account| self.balance(account));
        let should = [charged - given - open - lost, open, self.cash];
        if found != should {
            return Err(format!("at the vendor, disputed, in cash are {found:?} instead of {should:?}"));
        }
        Ok(())
    }
}
