//! The life of a payment: money that is charged once, in as many attempts as it takes.
//!
//! A payment is one intent at the vendor, whatever happens. The intent is made first and then confirmed, each attempt
//! with a key of its own; an intent can succeed once only, so no repetition, however late, charges twice. One that was
//! made twice, because an answer got lost for longer than the vendor keeps keys, is never confirmed and charges nobody.
//! Before a payment is over without money its intent is cancelled; only then may another begin.
//!
//! [`Payment::step`] says what to do next. What it gives back is stored first; then the step is done; what comes of it
//! is [heard](Payment::hear), or lost. What is in doubt is asked again with the same key, which tells what became of
//! that attempt and does nothing anew. Notices of the vendor are no news by themselves, for they come late, twice and
//! in any order: they are a reason to read the intent.

use chrono::Duration;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decline::{Ask, Remedy};
use crate::retry::Schedule;

/// So long is a confirmation repeated with its key. The vendor keeps keys for 24 hours (Stripe API reference,
/// Idempotent requests), and nobody holds a request back for an hour.
pub const REPEAT_FOR: Duration = Duration::hours(23);

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing is known to be at the vendor.
    Planned,
    /// There is an intent, and no attempt is under way.
    Ready {
        /// When the next attempt is due.
        from: Timestamp,
    },
    /// An attempt was, or is being, sent; nobody knows yet what became of it.
    Confirming {
        /// When it was begun.
        since: Timestamp,
    },
    /// An attempt was sent so long ago that the vendor may have forgotten its key: the intent is read.
    InDoubt,
    /// It is up to the person.
    Waiting {
        /// What they are asked to do.
        ask: Ask,
        /// When it is given up.
        until: Timestamp,
    },
    /// The vendor is at it. Debits take days, in which nobody is late.
    Pending,
    /// It is to end without money: the intent is to be cancelled.
    Closing(End),
    /// The money is there.
    Succeeded,
    /// There will be no money, and the vendor knows.
    Closed(End),
}

/// Why a payment ends without money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Nothing is to be paid any more.
    Withdrawn,
    /// The schedule came to its end, or the person did nothing.
    GivenUp,
    /// Someone cancelled it at the vendor.
    CancelledThere,
}

/// A payment, as far as its life depends on it. Stored as JSON by these names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    state: State,
    is_on_session: bool,
    intent: Option<String>,
    attempts: u32,
    failures: u32,
    is_withdrawn: bool,
    version: u64,
}

/// What is to be done at the vendor, after the payment is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Make the intent, without confirming it.
    Create,
    /// Confirm it, with the key of this attempt.
    Confirm {
        /// Counted from 1.
        attempt: u32,
    },
    /// Read it.
    Read,
    /// Cancel it.
    Cancel,
    /// Nothing until then; `None`: not before something is heard.
    Wait(Option<Timestamp>),
}

/// What an intent was seen like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    /// Nothing was tried yet, or what was tried did not arrive.
    Unconfirmed,
    /// The last attempt was declined.
    Declined(Remedy),
    /// The person has to confirm it.
    AwaitsPerson,
    /// The vendor is at it.
    Processing,
    /// The money is there. Never changes.
    Succeeded,
    /// It is cancelled. Never changes.
    Cancelled,
}

/// What is heard of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The intent was made, and has this id.
    Created(String),
    /// The answer to a confirmation, with its key.
    Answered {
        /// Of which attempt.
        attempt: u32,
        /// What the intent was like then.
        seen: Seen,
    },
    /// A confirmation was turned away at the door, such as for too many calls: it did nothing, and will not.
    TurnedAway {
        /// Of which attempt.
        attempt: u32,
        /// When to try again.
        again_at: Timestamp,
    },
    /// The intent was read, or its cancellation answered.
    Read {
        /// The payment's when that was asked. If it is another one by now, something happened since.
        version: u64,
        /// What the intent was like.
        seen: Seen,
    },
    /// The person gave another method, or wants it to be tried now.
    MethodGiven,
    /// Nothing is to be paid any more.
    Withdrawn,
}

impl Payment {
    /// One that is charged without the person, by a method that they saved.
    pub fn off_session() -> Self {
        let state = State::Planned;
        Self {
            state,
            is_on_session: false,
            intent: None,
            attempts: 0,
            failures: 0,
            is_withdrawn: false,
            version: 0,
        }
    }

    /// One that the person confirms in their browser.
    pub fn on_session() -> Self {
        Self { is_on_session: true, ..Self::off_session() }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The vendor's id of its intent.
    pub fn intent(&self) -> Option<&str> {
        self.intent.as_deref()
    }

    /// Attempts that were begun.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Counts its changes.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether money may still come. No other payment for the same may begin before.
    pub fn is_live(&self) -> bool {
        !matches!(self.state, State::Succeeded | State::Closed(_))
    }

    /// Whether the money is on its way, and nobody is late.
    pub fn is_pending(&self) -> bool {
        self.state == State::Pending
    }

    /// What to do now, and the payment as it is to be stored before. Pure.
    #[must_use]
    pub fn step(&self, now: Timestamp) -> (Self, Step) {
        let (state, attempts, step) = match self.state {
            State::Planned if self.is_withdrawn => (State::Closed(End::Withdrawn), 0, Step::Wait(None)),
            State::Planned => (State::Planned, 0, Step::Create),
            State::Ready { .. } | State::Waiting { .. } if self.is_withdrawn => self.close(End::Withdrawn),
            // Perhaps it was never sent. If it was, and went well, that is seen as it is cancelled.
            State::Confirming { .. } | State::InDoubt if self.is_withdrawn => self.close(End::Withdrawn),
            State::Ready { from } if now < from => (self.state, self.attempts, Step::Wait(Some(from))),
            State::Ready { .. } => {
                let attempt = self.attempts + 1;
                (State::Confirming { since: now }, attempt, Step::Confirm { attempt })
            }
            State::Confirming { since } if now < since + REPEAT_FOR => {
                (self.state, self.attempts, Step::Confirm { attempt: self.attempts })
            }
            // Only who reads from now on sees what became of it.
            State::Confirming { .. } | State::InDoubt => (State::InDoubt, self.attempts, Step::Read),
            State::Waiting { until, .. } if until <= now => self.close(End::GivenUp),
            State::Waiting { until, .. } => (self.state, self.attempts, Step::Wait(Some(until))),
            State::Closing(end) => self.close(end),
            State::Pending | State::Succeeded | State::Closed(_) => {
                (self.state, self.attempts, Step::Wait(None))
            }
        };
        (self.changed(Self { state, attempts, ..self.clone() }), step)
    }

    /// The payment after that. What is no news changes nothing. Pure.
    #[must_use]
    pub fn hear(&self, news: News, schedule: &Schedule, now: Timestamp) -> Self {
        let next = match news {
            News::Created(intent) if self.state == State::Planned => self.created(intent, schedule, now),
            News::Answered { attempt, seen } => {
                let is_current = self.is_confirming(attempt);
                self.saw(seen, is_current, schedule, now)
            }
            News::Read { version, seen } => {
                let is_confirming = matches!(self.state, State::Confirming { .. });
                self.saw(seen, version == self.version && !is_confirming, schedule, now)
            }
            News::TurnedAway { attempt, again_at } if self.is_confirming(attempt) => {
                self.in_state(State::Ready { from: again_at })
            }
            News::MethodGiven if matches!(self.state, State::Ready { .. } | State::Waiting { .. }) => {
                Self { failures: 0, is_on_session: false, ..self.in_state(State::Ready { from: now }) }
            }
            News::Withdrawn if self.is_live() => Self { is_withdrawn: true, ..self.clone() },
            News::Created(_) | News::TurnedAway { .. } | News::MethodGiven | News::Withdrawn => self.clone(),
        };
        self.changed(next)
    }

    fn created(&self, intent: String, schedule: &Schedule, now: Timestamp) -> Self {
        let state = match self.is_on_session {
            true => State::Waiting { ask: Ask::Authenticate, until: now + schedule.patience() },
            false => State::Ready { from: now },
        };
        Self { intent: Some(intent), ..self.in_state(state) }
    }

    /// What ends a payment counts whenever it is seen; all else only if it is the present.
    fn saw(&self, seen: Seen, is_current: bool, schedule: &Schedule, now: Timestamp) -> Self {
        let next = match (self.state, seen) {
            (_, Seen::Succeeded) => State::Succeeded,
            // Without an intent of its own, nothing else is about it.
            (State::Planned | State::Succeeded | State::Closed(_), _) => self.state,
            (State::Closing(end), Seen::Cancelled) => State::Closed(end),
            (_, Seen::Cancelled) if self.is_withdrawn => State::Closed(End::Withdrawn),
            (_, Seen::Cancelled) => State::Closed(End::CancelledThere),
            _ if !is_current => self.state,
            (_, Seen::Processing) => State::Pending,
            (State::Confirming { .. } | State::InDoubt | State::Pending, Seen::Declined(remedy)) => {
                return self.declined(remedy, schedule, now);
            }
            (State::Confirming { .. } | State::InDoubt | State::Pending, Seen::AwaitsPerson) => {
                State::Waiting { ask: Ask::Authenticate, until: now + schedule.patience() }
            }
            (State::Confirming { .. } | State::InDoubt, Seen::Unconfirmed) => State::Ready { from: now },
            (_, Seen::Declined(_) | Seen::AwaitsPerson | Seen::Unconfirmed) => self.state,
        };
        self.in_state(next)
    }

    fn declined(&self, remedy: Remedy, schedule: &Schedule, now: Timestamp) -> Self {
        let waiting = |ask| State::Waiting { ask, until: now + schedule.patience() };
        let state = match (remedy, schedule.after(self.failures)) {
            _ if self.is_withdrawn => State::Closing(End::Withdrawn),
            (Remedy::Retry, Some(gap)) => State::Ready { from: now + gap },
            (Remedy::Retry, None) => State::Closing(End::GivenUp),
            (Remedy::Person(ask), _) => waiting(ask),
            (Remedy::Never, _) => waiting(Ask::OtherMethod),
        };
        Self { failures: self.failures + 1, ..self.in_state(state) }
    }

    fn is_confirming(&self, attempt: u32) -> bool {
        matches!(self.state, State::Confirming { .. } | State::InDoubt) && attempt == self.attempts
    }

    fn close(&self, end: End) -> (State, u32, Step) {
        (State::Closing(end), self.attempts, Step::Cancel)
    }

    fn in_state(&self, state: State) -> Self {
        Self { state, ..self.clone() }
    }

    fn changed(&self, next: Self) -> Self {
        let version = self.version + u64::from(next != *self);
        Self { version, ..next }
    }
}

#[cfg(test)]
mod tests;
