//! The life of a refund: money of a payment that is given back once.
//!
//! Unlike a payment, a refund that is asked for twice is given twice. So what is in doubt is asked again with the same
//! key only as long as the vendor surely has it. Once nothing can be on its way any more, the payment's refunds are
//! looked through for ours, and it is asked for anew only if it is not there. Nor is a refusal the end before that.

use chrono::Duration;
use domain::{Money, MoneyError, Timestamp};
use serde::{Deserialize, Serialize};

/// So long is a refund asked for with one key. The vendor keeps keys for 24 hours (Stripe API reference, Idempotent
/// requests).
pub const REPEAT_FOR: Duration = Duration::hours(23);

/// Nobody sends a request that they were told to send longer ago than this. So nothing is on its way any more this
/// long after the last was.
pub const HELD_FOR: Duration = Duration::hours(1);

/// What of a payment can be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refundable {
    /// What was paid.
    pub paid: Money,
    /// What was given back, and what is asked for.
    pub refunded: Money,
    /// Whether the holder's bank has the money, or may take it. Then it is not given back a second time.
    pub is_disputed: bool,
}

/// Why it can't be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// Nothing, or less.
    #[error("must be an amount above zero")]
    NotPositive,
    /// More than there is.
    #[error("must be at most {0}, which is what is left of the payment")]
    MoreThanLeft(Money),
    /// The bank decides about it.
    #[error("the payment is disputed; its bank decides about the money")]
    Disputed,
    /// Of another currency.
    #[error(transparent)]
    Amount(#[from] MoneyError),
}

impl Refundable {
    /// Whether `amount` of it can be given back.
    pub fn check(&self, amount: Money) -> Result<(), RefundError> {
        let left = self.paid.minus(self.refunded)?;
        let rest = left.minus(amount)?;
        match () {
            () if !amount.is_positive() => Err(RefundError::NotPositive),
            () if self.is_disputed => Err(RefundError::Disputed),
            () if rest.is_negative() => Err(RefundError::MoreThanLeft(left)),
            () => Ok(()),
        }
    }
}

/// How much of what is given back comes off the invoice, which has `paid`: what its payer has `spare` as credit of the
/// payment goes first, such as what was credited before.
pub fn off_invoice(amount: Money, spare: Money, paid: Money) -> Result<Money, MoneyError> {
    let nothing = Money::zero(amount.currency());
    let from_credit = if spare.is_positive() { amount.smaller(spare)? } else { nothing };
    amount.minus(from_credit)?.smaller(paid)
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is asked for; nobody knows yet what became of that.
    Asking {
        /// Since when with the present key.
        since: Timestamp,
    },
    /// It was refused. Another worker, who had asked for the same, may be answered otherwise yet.
    Refused {
        /// When.
        at: Timestamp,
    },
    /// Nothing is on its way any more: the refund is looked for.
    Looking,
    /// The vendor is at it; the money has left.
    Pending,
    /// The person has the money. Their bank may still send it back.
    Succeeded,
    /// There is none, or it came back.
    Failed,
}

/// A refund, as far as its life depends on it. Stored as JSON by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    state: State,
    attempt: u32,
    is_refused: bool,
    version: u64,
}

/// What is to be done at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Ask for it, with the key of this attempt.
    Ask {
        /// Counted from 1.
        attempt: u32,
    },
    /// Look through the payment's refunds for ours.
    Look,
    /// Nothing until then; `None`: not before something is heard.
    Wait(Option<Timestamp>),
}

/// What is heard of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The vendor has it, like that.
    Seen {
        /// The refund's own when that was asked. If it is another one by now, something happened since.
        version: u64,
        /// How it is.
        seen: Seen,
    },
    /// The vendor refused it, for a reason that stays.
    Refused {
        /// Which attempt.
        attempt: u32,
    },
    /// The vendor does not have it.
    NotThere {
        /// The refund's own when that was asked.
        version: u64,
    },
}

/// What a refund was seen like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    /// On its way, or waiting for something.
    Pending,
    /// Given back.
    Succeeded,
    /// It failed, or was cancelled. Never changes.
    Failed,
}

impl Refund {
    /// One that is asked for from now on.
    pub fn new(now: Timestamp) -> Self {
        Self { state: State::Asking { since: now }, attempt: 1, is_refused: false, version: 0 }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Counts its changes.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether the money has left.
    pub fn is_out(&self) -> bool {
        matches!(self.state, State::Pending | State::Succeeded)
    }

    /// Whether it takes from what can be given back.
    pub fn counts(&self) -> bool {
        self.state != State::Failed
    }

    /// What to do now, and the refund as it is to be stored before. Pure.
    #[must_use]
    pub fn step(&self, now: Timestamp) -> (Self, Step) {
        let (state, step) = match self.state {
            State::Asking { since } if now < since + REPEAT_FOR => {
                (self.state, Step::Ask { attempt: self.attempt })
            }
            State::Asking { since } => self.look_from(since + REPEAT_FOR + HELD_FOR, now),
            State::Refused { at } => self.look_from(at + HELD_FOR, now),
            State::Looking => (State::Looking, Step::Look),
            State::Pending | State::Succeeded | State::Failed => (self.state, Step::Wait(None)),
        };
        (self.changed(Self { state, ..*self }), step)
    }

    /// Only who looks when nothing is on its way any more sees all that was asked for.
    fn look_from(&self, from: Timestamp, now: Timestamp) -> (State, Step) {
        if now < from { (self.state, Step::Wait(Some(from))) } else { (State::Looking, Step::Look) }
    }

    /// The refund after that. Pure.
    #[must_use]
    pub fn hear(&self, news: News, now: Timestamp) -> Self {
        let is_unknown = matches!(self.state, State::Asking { .. } | State::Refused { .. } | State::Looking);
        let in_state = |state| Self { state, ..*self };
        let next = match news {
            _ if self.state == State::Failed => *self,
            News::Seen { seen: Seen::Failed, .. } => in_state(State::Failed),
            News::Seen { version, seen } if is_unknown || version == self.version => in_state(seen.state()),
            News::Refused { attempt }
                if attempt == self.attempt && matches!(self.state, State::Asking { .. }) =>
            {
                Self { is_refused: true, ..in_state(State::Refused { at: now }) }
            }
            News::NotThere { version } if version == self.version && self.state == State::Looking => {
                match self.is_refused {
                    true => in_state(State::Failed),
                    false => Self { attempt: self.attempt + 1, ..in_state(State::Asking { since: now }) },
                }
            }
            News::Seen { .. } | News::NotThere { .. } | News::Refused { .. } => *self,
        };
        self.changed(next)
    }

    fn changed(&self, next: Self) -> Self {
        Self { version: self.version + u64::from(next != *self), ..next }
    }
}

impl Seen {
    fn state(self) -> State {
        match self {
            Self::Pending => State::Pending,
            Self::Succeeded => State::Succeeded,
            Self::Failed => State::Failed,
        }
    }
}

#[cfg(test)]
mod tests;
