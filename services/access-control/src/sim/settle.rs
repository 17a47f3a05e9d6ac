//! All is well again: what is left to do is done, in time.

use std::collections::BTreeSet;

use proto::access::v1 as pb;

use super::provider::{Account, Fate, account};
use super::shell::{Consumer, Message, Work};
use super::truth::{MINUTE, Second};
use super::world::{Violation, World};

impl World<'_> {
    /// All that disturbs comes to an end, and all that is on its way arrives. What is left to do must be done
    /// in so many minutes; then everything must be exactly as it should.
    pub(super) async fn settle(&mut self) -> Result<(), Violation> {
        const PATIENCE: Second = 45 * MINUTE;
        const ROUNDS_MAX: usize = 1_000;
        self.note("all is well");
        self.accounts.out.clear();
        self.set_skew(0);
        if self.skew_max > 0 {
            // What was due at once by a clock that was ahead is due when the right one shows that time.
            self.pass(self.skew_max);
        }
        let begin = self.now;
        let mut is_compared = false;
        for _ in 0..ROUNDS_MAX {
            if self.catch_up().await? {
                continue;
            }
            let rows = self.shell.ledger(&self.workspaces()).await;
            let waits = rows.iter().filter(|row| row.in_flight_until.is_some() || row.retry_at.is_some());
            let next = waits.filter_map(|row| row.next_check_at).map(|time| time.timestamp()).min();
            if let Some(next) = next {
                if next > begin + PATIENCE {
                    return Err(format!("still not settled after {PATIENCE} s: {rows:?}"));
                }
                self.pass((next - self.now).max(1));
                continue;
            }
            if !is_compared {
                is_compared = true;
                for account in self.accounts_to_compare() {
                    self.compare(account);
                }
                continue;
            }
            self.check_settled(&rows).await?;
            return self.check();
        }
        Err(format!("no rest after {ROUNDS_MAX} rounds: something is due and does not get done"))
    }

    pub(super) fn accounts_to_compare(&self) -> BTreeSet<Account> {
        self.meddled.iter().filter(|at| self.sites[at.0].is_followed(at.1)).copied().map(account).collect()
    }

    /// Everybody does what there is to do. Says whether there was anything.
    pub(super) async fn catch_up(&mut self) -> Result<bool, Violation> {
        self.publish().await?;
        let commands = std::mem::take(&mut self.accounts.on_the_way);
        let mut was_busy = !commands.is_empty();
        commands.into_iter().for_each(|command| self.accounts.arrive(command));
        for at in self.accounts.waiting.keys().copied().collect::<Vec<_>>() {
            let is_followed = self.sites[at.0].is_followed(at.1);
            let fate =
                if is_followed { Fate::Done } else { Fate::Refused(pb::AccessFailureKind::Unauthorized) };
            self.work(at, fate);
            was_busy = true;
        }
        for to in Consumer::ALL {
            let batch: Vec<Message> = self.bus.extract_if(.., |message| message.to == to).collect();
            if !batch.is_empty() {
                let work = Work::TakeIn(to, batch);
                let outcome = self.go(0, &work, None).await?;
                self.come_to(&work, outcome)?;
                was_busy = true;
            }
        }
        let looked_at = match self.go(0, &Work::LookAtDue(200), None).await? {
            Some(Ok(Some(count))) => count != "0",
            other => return Err(format!("the scheduler can't go on: {other:?}")),
        };
        Ok(was_busy || looked_at)
    }
}
