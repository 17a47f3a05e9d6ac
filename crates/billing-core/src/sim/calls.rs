//! Work on payments and refunds: what is decided, stored, sent, held back, answered, lost.

use chrono::Duration;
use domain::Timestamp;
use rand::Rng as _;

use super::vendor::Answer;
use super::world::World;
use crate::dispute::Standing;
use crate::payment::{News, Step};
use crate::refund;

/// Something that is on its way. Whoever sends it may be held up.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Create {
        payment: usize,
    },
    Confirm {
        payment: usize,
        intent: usize,
        attempt: u32,
    },
    Read {
        payment: usize,
        intent: usize,
        version: u64,
    },
    Cancel {
        payment: usize,
        intent: usize,
        version: u64,
    },
    Ask {
        refund: usize,
        intent: usize,
        attempt: u32,
        not_after: Timestamp,
    },
    Look {
        refund: usize,
        version: u64,
    },
    ReadDispute {
        payment: usize,
        intent: usize,
        version: u64,
    },
    /// Answers.
    Heard {
        payment: usize,
        news: News,
    },
    RefundHeard {
        refund: usize,
        news: refund::News,
    },
    DisputeRead {
        payment: usize,
        version: u64,
        standing: Standing,
        disputed: i64,
    },
}

impl World {
    /// One of the workers looks at something.
    pub(super) fn work(&mut self) {
        let (payments, refunds) = (self.rows.len(), self.refunds.len());
        if payments + refunds == 0 {
            return;
        }
        let number = self.rng.random_range(0..payments + refunds);
        let call = if number < payments { self.step(number) } else { self.step_refund(number - payments) };
        // It may die after it has stored what it is about to do.
        if let Some(call) = call.filter(|_| self.rng.random_bool(0.9)) {
            self.calls.push(call);
        }
    }

    /// What is to be done about a payment, stored before it is done.
    pub(super) fn step(&mut self, payment: usize) -> Option<Call> {
        let (stored, step) = self.rows[payment].payment.step(self.now);
        self.store(payment, stored);
        if let Step::Confirm { attempt } = step {
            self.rows[payment].attempts = attempt;
        }
        let row = &self.rows[payment].payment;
        let (version, intent) = (row.version(), row.intent().map(|id| id.parse().unwrap()));
        if !matches!(step, Step::Wait(_)) {
            self.note(|| format!("payment {payment}: {step:?}"));
        }
        Some(match (step, intent) {
            (Step::Create, _) => Call::Create { payment },
            (Step::Confirm { attempt }, Some(intent)) => Call::Confirm { payment, intent, attempt },
            (Step::Read, Some(intent)) => Call::Read { payment, intent, version },
            (Step::Cancel, Some(intent)) => Call::Cancel { payment, intent, version },
            _ => return None,
        })
    }

    pub(super) fn step_refund(&mut self, refund: usize) -> Option<Call> {
        let (stored, step) = self.refunds[refund].refund.step(self.now);
        self.store_refund(refund, stored);
        let row = &self.refunds[refund];
        let intent = self.rows[row.payment].payment.intent()?.parse().unwrap();
        let version = row.refund.version();
        match step {
            refund::Step::Ask { attempt } => {
                let not_after = self.now + refund::HELD_FOR;
                Some(Call::Ask { refund, intent, attempt, not_after })
            }
            refund::Step::Look => Some(Call::Look { refund, version }),
            refund::Step::Wait(_) => None,
        }
    }

    /// A notice came, or it is time for a sweep.
    pub(super) fn ask_to_read(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let payment = self.rng.random_range(0..self.rows.len());
        let reads = self.reads(payment);
        self.calls.extend(reads);
        let refunds = 0..self.refunds.len();
        let looks =
            refunds.map(|refund| Call::Look { refund, version: self.refunds[refund].refund.version() });
        self.calls.extend(looks.collect::<Vec<_>>());
    }

    pub(super) fn reads(&self, payment: usize) -> Vec<Call> {
        let row = &self.rows[payment];
        let Some(intent) = row.payment.intent().map(|id| id.parse().unwrap()) else { return Vec::new() };
        vec![
            Call::Read { payment, intent, version: row.payment.version() },
            Call::ReadDispute { payment, intent, version: row.dispute_version },
        ]
    }

    /// Any of what is on its way arrives, perhaps twice, or never.
    pub(super) fn run_call(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let number = self.rng.random_range(0..self.calls.len());
        let call = self.calls[number].clone();
        if self.is_stuck && matches!(call, Call::Ask { .. }) {
            return;
        }
        match self.rng.random_range(0..20) {
            0 => {
                self.calls.swap_remove(number);
                return;
            }
            1..3 => {}
            _ => {
                self.calls.swap_remove(number);
            }
        }
        let answer = self.run(call);
        // It may get lost after it had its effect.
        if let Some(answer) = answer.filter(|_| self.rng.random_bool(0.8)) {
            let is_late = self.rng.random_bool(0.5);
            if is_late {
                self.calls.push(answer);
            } else {
                self.run(answer);
            }
        }
    }

    pub(super) fn run(&mut self, call: Call) -> Option<Call> {
        let now = self.now;
        self.note(|| format!("{call:?}"));
        match call {
            Call::Create { payment } => {
                let amount = self.rows[payment].amount;
                let intent = self.vendor.create(payment, amount, now, &mut self.rng);
                Some(Call::Heard { payment, news: News::Created(intent.to_string()) })
            }
            Call::Confirm { payment, attempt, .. } if self.rng.random_bool(0.1) => {
                let news = News::TurnedAway { attempt, again_at: now + Duration::minutes(1) };
                Some(Call::Heard { payment, news })
            }
            Call::Confirm { payment, intent, attempt } => {
                let seen = self.vendor.confirm(intent, attempt, now, &mut self.rng);
                Some(Call::Heard { payment, news: News::Answered { attempt, seen } })
            }
            Call::Read { payment, intent, version } => {
                let seen = self.vendor.intents[intent].seen;
                Some(Call::Heard { payment, news: News::Read { version, seen } })
            }
            Call::Cancel { payment, intent, version } => {
                let seen = self.vendor.cancel(intent);
                Some(Call::Heard { payment, news: News::Read { version, seen } })
            }
            Call::Ask { not_after, .. } if not_after <= now => None,
            Call::Ask { refund, intent, attempt, .. } => {
                let amount = self.refunds[refund].amount;
                let version = self.refunds[refund].refund.version();
                let asked = (intent, refund, attempt);
                let news = match self.vendor.refund(asked, amount, now, &mut self.rng) {
                    Answer::Refund(seen) => refund::News::Seen { version, seen },
                    _ => refund::News::Refused { attempt },
                };
                Some(Call::RefundHeard { refund, news })
            }
            Call::Look { refund, version } => {
                let news = match self.vendor.look(refund) {
                    Some(seen) => refund::News::Seen { version, seen },
                    None => refund::News::NotThere { version },
                };
                Some(Call::RefundHeard { refund, news })
            }
            Call::ReadDispute { payment, intent, version } => {
                let it = &self.vendor.intents[intent];
                Some(Call::DisputeRead { payment, version, standing: it.standing, disputed: it.disputed })
            }
            Call::Heard { payment, news } => {
                let heard = self.rows[payment].payment.hear(news, &self.schedule, now);
                self.store(payment, heard);
                None
            }
            Call::RefundHeard { refund, news } => {
                let heard = self.refunds[refund].refund.hear(news, now);
                self.store_refund(refund, heard);
                None
            }
            Call::DisputeRead { payment, version, standing, disputed } => {
                if version == self.rows[payment].dispute_version {
                    self.store_dispute(payment, standing, disputed);
                }
                None
            }
        }
    }
}
