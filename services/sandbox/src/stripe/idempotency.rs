//! Idempotency keys (Stripe API reference, Idempotent requests).

use chrono::TimeDelta;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::book::Book;
use super::refusal::Refusal;

/// For how long a key is known.
const KEPT_HOURS: i64 = 24;
const KEY_MAX: usize = 255;

/// What became of the first request with a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Of its path and parameters.
    fingerprint: String,
    at: Timestamp,
    /// Status and body; none: it is under way.
    answer: Option<(u16, Value)>,
}

/// What two requests with one key must have in common.
pub(super) fn fingerprint(path: &str, body: &[u8]) -> String {
    let digest = Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer to be repeated; none: the request goes on, and its key is in use until [`end`].
pub(super) fn begin(
    book: &mut Book,
    key: &str,
    fingerprint: &str,
    now: Timestamp,
) -> Result<Option<(u16, Value)>, Refusal> {
    if key.chars().count() > KEY_MAX {
        return Err(Refusal::invalid("Idempotency-Key".to_owned(), "Must have up to 255 characters"));
    }
    if let Some(kept) = book.kept.get(key)
        && now - kept.at < TimeDelta::hours(KEPT_HOURS)
    {
        if kept.fingerprint != fingerprint {
            return Err(Refusal::IdempotencyMismatch);
        }
        return match &kept.answer {
            Some(answer) => Ok(Some(answer.clone())),
            None => Err(Refusal::IdempotencyInUse),
        };
    }
    let kept = Kept { fingerprint: fingerprint.to_owned(), at: now, answer: None };
    book.kept.insert(key.to_owned(), kept);
    Ok(None)
}

/// Keeps the answer; without one the key is as if it had never been used.
pub(super) fn end(book: &mut Book, key: &str, answer: Option<(u16, Value)>) {
    match (book.kept.get_mut(key), answer) {
        (Some(kept), Some(answer)) => kept.answer = Some(answer),
        (Some(_), None) => {
            book.kept.remove(key);
        }
        (None, _) => {}
    }
}
