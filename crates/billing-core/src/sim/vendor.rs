//! The vendor, as its documents have it: intents, keys, refunds, disputes. Knows nothing of our states.

use std::collections::HashMap;

use chrono::Duration;
use domain::Timestamp;
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::decline::{Ask, Remedy};
use crate::dispute::Standing;
use crate::payment::Seen;
use crate::refund;

pub(super) struct Intent {
    pub payment: usize,
    pub amount: i64,
    pub seen: Seen,
    pub charges: usize,
    pub standing: Standing,
    pub disputed: i64,
}

pub(super) struct VendorRefund {
    pub intent: usize,
    pub refund: usize,
    pub amount: i64,
    pub seen: refund::Seen,
}

/// What an answer with a key was. Kept for 24 hours, and for some time more or not.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Intent(usize),
    Seen(Seen),
    Refund(refund::Seen),
    Refused,
}

#[derive(Default)]
pub(super) struct Vendor {
    pub intents: Vec<Intent>,
    pub refunds: Vec<VendorRefund>,
    keys: HashMap<String, (Timestamp, Answer)>,
}

impl Vendor {
    pub(super) fn charges(&self) -> usize {
        self.intents.iter().map(|intent| intent.charges).sum()
    }

    /// What was answered before, if the key is still known.
    fn known(&mut self, key: &str, now: Timestamp, rng: &mut StdRng) -> Option<Answer> {
        let (at, answer) = *self.keys.get(key)?;
        if now - at >= Duration::hours(24) && rng.random_bool(0.8) {
            self.keys.remove(key);
            return None;
        }
        Some(answer)
    }

    fn keep(&mut self, key: String, now: Timestamp, answer: Answer) -> Answer {
        self.keys.insert(key, (now, answer));
        answer
    }

    pub(super) fn create(&mut self, payment: usize, amount: i64, now: Timestamp, rng: &mut StdRng) -> usize {
        let key = format!("payment {payment}");
        if let Some(Answer::Intent(intent)) = self.known(&key, now, rng) {
            return intent;
        }
        let (seen, standing) = (Seen::Unconfirmed, Standing::Asked);
        self.intents.push(Intent { payment, amount, seen, charges: 0, standing, disputed: 0 });
        let intent = self.intents.len() - 1;
        self.keep(key, now, Answer::Intent(intent));
        intent
    }

    pub(super) fn confirm(&mut self, intent: usize, attempt: u32, now: Timestamp, rng: &mut StdRng) -> Seen {
        let key = format!("payment {} attempt {attempt}", self.intents[intent].payment);
        if let Some(Answer::Seen(seen)) = self.known(&key, now, rng) {
            return seen;
        }
        self.attempt(intent, rng);
        let seen = self.intents[intent].seen;
        self.keep(key, now, Answer::Seen(seen));
        seen
    }

    /// Somebody confirms it: we, or the person in their browser. Not what is over, or under way.
    pub(super) fn attempt(&mut self, intent: usize, rng: &mut StdRng) {
        let intent = &mut self.intents[intent];
        if matches!(intent.seen, Seen::Succeeded | Seen::Processing | Seen::Cancelled) {
            return;
        }
        intent.seen = match rng.random_range(0..8) {
            0..3 => Seen::Succeeded,
            3 => Seen::Processing,
            4 => Seen::AwaitsPerson,
            5 => Seen::Declined(Remedy::Person(Ask::CheckMethod)),
            6 => Seen::Declined(Remedy::Never),
            _ => Seen::Declined(Remedy::Retry),
        };
        intent.charges += usize::from(intent.seen == Seen::Succeeded);
    }

    pub(super) fn cancel(&mut self, intent: usize) -> Seen {
        let intent = &mut self.intents[intent];
        if !matches!(intent.seen, Seen::Succeeded | Seen::Processing) {
            intent.seen = Seen::Cancelled;
        }
        intent.seen
    }

    /// A debit went well, or came back.
    pub(super) fn settle(&mut self, intent: usize, rng: &mut StdRng) {
        let intent = &mut self.intents[intent];
        if intent.seen == Seen::Processing {
            let goes_well = rng.random_bool(0.5);
            intent.seen = if goes_well { Seen::Succeeded } else { Seen::Declined(Remedy::Retry) };
            intent.charges += usize::from(goes_well);
        }
    }

    /// What was given back of an intent.
    pub(super) fn refunded(&self, intent: usize) -> i64 {
        let counts = |it: &&VendorRefund| it.intent == intent && it.seen != refund::Seen::Failed;
        self.refunds.iter().filter(counts).map(|it| it.amount).sum()
    }

    pub(super) fn refund(
        &mut self,
        (intent, refund, attempt): (usize, usize, u32),
        amount: i64,
        now: Timestamp,
        rng: &mut StdRng,
    ) -> Answer {
        let key = format!("refund {refund} attempt {attempt}");
        if let Some(answer) = self.known(&key, now, rng) {
            return answer;
        }
        let Intent { amount: paid, seen, standing, .. } = self.intents[intent];
        let is_free = matches!(standing, Standing::Asked | Standing::Won);
        if seen != Seen::Succeeded || !is_free || self.refunded(intent) + amount > paid {
            return Answer::Refused;
        }
        let seen = if rng.random_bool(0.5) { refund::Seen::Pending } else { refund::Seen::Succeeded };
        self.refunds.push(VendorRefund { intent, refund, amount, seen });
        self.keep(key, now, Answer::Refund(seen))
    }

    pub(super) fn look(&self, refund: usize) -> Option<refund::Seen> {
        let found = self.refunds.iter().filter(|it| it.refund == refund);
        found.map(|it| it.seen).reduce(|one, other| if one == refund::Seen::Failed { other } else { one })
    }

    /// A refund goes on: succeeds, fails, or fails after it had succeeded.
    pub(super) fn move_refund(&mut self, number: usize, rng: &mut StdRng) {
        let it = &mut self.refunds[number];
        it.seen = match it.seen {
            refund::Seen::Pending if rng.random_bool(0.7) => refund::Seen::Succeeded,
            refund::Seen::Pending => refund::Seen::Failed,
            refund::Seen::Succeeded if rng.random_bool(0.1) => refund::Seen::Failed,
            seen => seen,
        };
    }

    /// A bank asks, takes, decides, thinks again.
    pub(super) fn move_dispute(&mut self, intent: usize, rng: &mut StdRng) {
        let rest = self.intents[intent].amount - self.refunded(intent);
        let it = &mut self.intents[intent];
        if it.seen != Seen::Succeeded || it.disputed == 0 && rest == 0 {
            return;
        }
        if it.disputed == 0 {
            it.disputed = rest;
        }
        it.standing = match it.standing {
            // What is given back meanwhile is not disputed any more.
            Standing::Asked if it.disputed > rest => Standing::Asked,
            Standing::Asked if rng.random_bool(0.7) => Standing::Open,
            Standing::Asked => Standing::Lost,
            Standing::Open if rng.random_bool(0.5) => Standing::Won,
            Standing::Open => Standing::Lost,
            Standing::Lost if rng.random_bool(0.1) => Standing::Won,
            standing => standing,
        };
    }
}
