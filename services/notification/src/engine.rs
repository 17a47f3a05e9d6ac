//! Decides what becomes of a message. Pure: no IO, no clock, no chance.
//!
//! A message lives in one of three states until it has ended. *Queued* rows are taken up when they are
//! due. *Sending* rows have a lease; once it has run out, whoever sent is gone, and what they did is
//! unknown. *Unknown* rows wait for news of the vendor before they are sent again.

#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::{MessageId, Timestamp};

use crate::model::{Standing, State, SuppressionReason};

/// How long a message waits for an older one of its booking that is on its way.
const TURN: chrono::Duration = chrono::Duration::seconds(1);

/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 500;

/// How a channel's messages are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How long one attempt may be under way.
    pub lease: Duration,
    /// How long to wait for news of an attempt whose outcome is not known.
    pub settle: Duration,
    /// Wait after the first failed attempt; doubles with each further one.
    pub retry_delay: Duration,
    /// Longest wait between attempts.
    pub retry_delay_max: Duration,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The vendor took it.
    Accepted {
        /// The vendor's id.
        vendor_ref: String,
    },
    /// It will never go.
    Refused {
        /// Why, for a person to act on.
        reason: String,
    },
    /// It certainly did not go; it may later.
    NotSent {
        /// Why.
        reason: String,
        /// What the vendor asked for.
        retry_after: Option<Duration>,
    },
    /// It may have gone.
    Unknown {
        /// Why nobody knows.
        reason: String,
    },
}

/// A row that is due, and what stands around it.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub standing: Standing,
    pub expires_at: Timestamp,
    /// There is a message about a newer version of the booking.
    pub is_superseded: bool,
    /// A message about an older version of the booking waits or is on its way.
    pub is_blocked: bool,
    /// Why the address gets nothing more.
    pub suppressed: Option<SuppressionReason>,
}

/// What to do with a row that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Write this, then send.
    Send(Standing),
    /// Write this: an older message of the booking comes first.
    Wait(Standing),
    /// Write this.
    Note(Standing),
}

impl Step {
    /// What to write.
    pub(crate) fn standing(&self) -> &Standing {
        match self {
            Self::Send(standing) | Self::Wait(standing) | Self::Note(standing) => standing,
        }
    }
}

/// What to do with a row whose time has come.
pub(crate) fn take_up(due: &Due, now: Timestamp, policy: &Policy) -> Step {
    let standing = &due.standing;
    if standing.state == State::Sending {
        let reason = "the attempt was cut off before its outcome was noted".to_owned();
        return Step::Note(doubt(standing, standing.in_doubt_since.unwrap_or(now), reason, now, policy));
    }
    if due.is_superseded {
        return Step::Note(superseded(standing));
    }
    if now >= due.expires_at {
        return Step::Note(expired(standing, standing.last_error.as_deref()));
    }
    if let Some(reason) = due.suppressed {
        return Step::Note(suppressed(standing, reason));
    }
    if due.is_blocked {
        return Step::Wait(Standing { due_at: Some(now + TURN), ..standing.clone() });
    }
    Step::Send(Standing {
        state: State::Sending,
        attempts: standing.attempts.saturating_add(1),
        due_at: Some(now + span(policy.lease)),
        in_doubt_since: standing.in_doubt_since.or(Some(now)),
        ..standing.clone()
    })
}

/// An attempt that ended.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub id: MessageId,
    /// Where the message stood before the attempt.
    pub before: Standing,
    /// Where it has stood since it was taken up.
    pub during: Standing,
    pub expires_at: Timestamp,
}

/// Where a message stands after an attempt.
pub(crate) fn conclude(attempt: &Attempt, outcome: Outcome, now: Timestamp, policy: &Policy) -> Standing {
    let known = Standing { in_doubt_since: attempt.before.in_doubt_since, ..attempt.during.clone() };
    match outcome {
        Outcome::Accepted { vendor_ref } => accepted(&known, vendor_ref, now),
        Outcome::Refused { reason } => {
            Standing { state: State::Failed, due_at: None, last_error: Some(cut(reason)), ..known }
        }
        Outcome::NotSent { reason, retry_after } => {
            let wait = retry_wait(policy, attempt.id, known.attempts, retry_after);
            let due_at = now + span(wait);
            if due_at >= attempt.expires_at {
                expired(&known, Some(&reason))
            } else {
                Standing {
                    state: State::Queued,
                    due_at: Some(due_at),
                    last_error: Some(cut(reason)),
                    ..known
                }
            }
        }
        Outcome::Unknown { reason } => {
            let since = attempt.during.in_doubt_since.unwrap_or(now);
            doubt(&attempt.during, since, reason, now, policy)
        }
    }
}

/// Where a message stands once the vendor is known to have it.
fn accepted(standing: &Standing, vendor_ref: String, now: Timestamp) -> Standing {
    Standing {
        state: State::Sent,
        due_at: None,
        in_doubt_since: None,
        vendor_ref: Some(vendor_ref),
        last_error: None,
        sent_at: Some(now),
        ..standing.clone()
    }
}

fn doubt(standing: &Standing, since: Timestamp, reason: String, now: Timestamp, policy: &Policy) -> Standing {
    Standing {
        state: State::Unknown,
        due_at: Some(now + span(policy.settle)),
        in_doubt_since: Some(since),
        last_error: Some(cut(reason)),
        ..standing.clone()
    }
}

/// Why a message that a newer one has overtaken is not sent.
pub(crate) const SUPERSEDED: &str = "SUPERSEDED: a newer message about this booking takes its place";

fn superseded(standing: &Standing) -> Standing {
    ended(standing, SUPERSEDED.to_owned())
}

fn expired(standing: &Standing, cause: Option<&str>) -> Standing {
    let reason = match cause {
        Some(cause) => format!("EXPIRED: not sent in time: {cause}"),
        None => "EXPIRED: its time had passed before it could be sent".to_owned(),
    };
    ended(standing, reason)
}

fn ended(standing: &Standing, mut reason: String) -> Standing {
    if standing.in_doubt_since.is_some() {
        reason.push_str("; an attempt whose answer was lost may have reached the person");
    }
    Standing { state: State::Expired, due_at: None, last_error: Some(cut(reason)), ..standing.clone() }
}

fn suppressed(standing: &Standing, reason: SuppressionReason) -> Standing {
    let why = match reason {
        SuppressionReason::Bounced => {
            "an earlier message came back: correct the address, or lift the suppression if it is right"
        }
        SuppressionReason::Complained => {
            "the person has called a message spam, and is to be reached otherwise"
        }
        SuppressionReason::Stopped => "the person has written STOP to our number; START takes it back",
        SuppressionReason::Unsubscribed => "the person wants no such messages",
    };
    let reason = format!("SUPPRESSED: {why}");
    Standing { state: State::Failed, due_at: None, last_error: Some(reason), ..standing.clone() }
}

/// Where a message stands whose content can't be read.
pub(crate) fn unreadable(standing: &Standing) -> Standing {
    let reason = "CONTENT_INVALID: what is stored of the message can't be read".to_owned();
    Standing { state: State::Failed, due_at: None, last_error: Some(reason), ..standing.clone() }
}

/// Doubles from `retry_delay` to `retry_delay_max`, then up to a quarter more, by the message's id, so
/// that messages that failed together don't come back together. Never before the vendor wants it.
fn retry_wait(policy: &Policy, id: MessageId, attempts: i32, retry_after: Option<Duration>) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or_default().min(20);
    let wait = policy.retry_delay.saturating_mul(1 << doublings).min(policy.retry_delay_max);
    let wait = wait.max(retry_after.unwrap_or_default());
    // The low half of a UUIDv7 is random.
    let share = id.uuid().as_u64_pair().1.rotate_left(attempts.unsigned_abs()) & 0xff;
    wait + (wait / 4).mul_f64(share as f64 / 255.0)
}

/// A bounded duration of ours as chrono's.
fn span(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::days(365))
}

fn cut(reason: String) -> String {
    match reason.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => reason[..end].to_owned(),
        None => reason,
    }
}
