//! What becomes of commands, and what else goes on at the providers.

use proto::access::v1 as pb;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::provider::{Account, At, Fate, account_name};
use super::shell::Consumer;
use super::truth::{GRAIN, PROVIDERS};
use super::world::{Violation, World};

impl World<'_> {
    pub(super) async fn adapter(&mut self) -> Result<(), Violation> {
        if !self.accounts.on_the_way.is_empty() && self.rng.random_bool(0.6) {
            let number = self.rng.random_range(0..self.accounts.on_the_way.len());
            let command = self.accounts.on_the_way.swap_remove(number);
            match self.rng.random_range(0..12) {
                // The bus has lost it.
                0 => {
                    self.note(format!("lost: command {:?}", command.at));
                    return Ok(());
                }
                1..3 => self.accounts.on_the_way.push(command.clone()),
                _ => {}
            }
            self.accounts.arrive(command);
        }
        let waiting: Vec<At> = self.accounts.waiting.keys().copied().collect();
        let Some(&at) = waiting.choose(&mut self.rng) else { return Ok(()) };
        let fate = self.fate(at);
        self.work(at, fate);
        if matches!(fate, Fate::Died { .. }) && self.one_in(2) {
            self.call_off_meanwhile(at).await?;
        }
        Ok(())
    }

    /// Whom a door keeps waiting calls off what they have, and the adapter that died over it comes back and is
    /// refused.
    async fn call_off_meanwhile(&mut self, at: At) -> Result<(), Violation> {
        self.change_source(at.0);
        let told = self.delivery_to(Consumer::Workspace);
        self.run(told).await?;
        self.work(at, Fate::Refused(pb::AccessFailureKind::Rejected));
        let answers = self.delivery_to(Consumer::Results);
        self.run(answers).await
    }

    pub(super) fn fate(&mut self, at: At) -> Fate {
        if !self.sites[at.0].is_followed(at.1) {
            return Fate::Refused(pb::AccessFailureKind::Unauthorized);
        }
        if self.accounts.was_tried(at) && self.one_in(2) {
            // What may have been done is refused when it is tried again.
            return Fate::Refused(pb::AccessFailureKind::Rejected);
        }
        let is_done = self.rng.random_bool(0.5);
        match self.rng.random_range(0..20) {
            0 => Fate::Refused(pb::AccessFailureKind::Unreachable),
            1 => Fate::Refused(pb::AccessFailureKind::Rejected),
            2 => Fate::Refused(pb::AccessFailureKind::RateLimited),
            3 | 4 => Fate::Unknown { is_done },
            5 | 6 => Fate::Died { is_done },
            _ => Fate::Done,
        }
    }

    pub(super) fn work(&mut self, at: At, fate: Fate) {
        let answer = self.accounts.work(at, fate);
        self.note(format!(
            "the adapter at {at:?}: {fate:?}, then there is {:?}",
            self.accounts.rights.get(&at)
        ));
        if let Some(answer) = answer {
            self.send(at.0, Consumer::Results, &answer.grant.clone(), answer.generation, &answer);
            self.answers.extend(self.bus.last().cloned());
        }
    }

    pub(super) fn trouble(&mut self) {
        let (site, is_own) = (self.any_site(), self.one_in(4));
        let account = (site, *PROVIDERS.choose(&mut self.rng).unwrap(), is_own);
        match self.rng.random_range(0..4) {
            0 => {
                if !self.accounts.out.remove(&account) {
                    self.accounts.out.insert(account);
                }
                self.note(format!("{account:?} out: {}", self.accounts.out.contains(&account)));
            }
            1 | 2 => self.meddle(),
            _ => self.compare(account),
        }
    }

    /// Someone deletes or moves at the provider what we gave.
    pub(super) fn meddle(&mut self) {
        let rights: Vec<At> = self.accounts.rights.keys().copied().collect();
        let Some(&at) = rights.choose(&mut self.rng) else { return };
        if self.one_in(2) {
            self.accounts.rights.remove(&at);
        } else if let Some((start, end)) = self.accounts.rights.get_mut(&at) {
            *start += GRAIN;
            *end += 2 * GRAIN;
        }
        self.held.remove(&at);
        self.meddled.insert(at);
        self.note(format!("by hand at {at:?}: {:?}", self.accounts.rights.get(&at)));
    }

    pub(super) fn compare(&mut self, account: Account) {
        let site = account.0;
        let (turn, message) = self.accounts.compare(&self.sites[site], account, self.now);
        let name = account_name(&self.sites[site], account);
        self.note(format!("{account:?} is compared, turn {turn}"));
        self.send(site, Consumer::Reconciliations, &name, turn, &message);
    }
}
