//! API keys: machines that call in place of people. Pure.

use chrono::Duration;
use domain::{ApiKeyId, LocationId, Timestamp, WorkspaceId};
use subtle::ConstantTimeEq as _;

use super::Role;

/// Uses within this time are one: they leave one trace.
const USE_PRECISION: Duration = Duration::minutes(1);

/// A key as stored.
#[derive(Debug, Clone)]
pub(crate) struct ApiKey {
    pub workspace: WorkspaceId,
    pub id: ApiKeyId,
    pub display_name: String,
    /// Of its text.
    pub hash: Vec<u8>,
    pub role: Role,
    /// Where a manager is one.
    pub locations: Vec<LocationId>,
    /// Which methods it is for; none: all that its role may call.
    pub methods: Vec<String>,
    /// The principal that made it.
    pub creator: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// What there is to say of a key that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// It is not this one, though it says so.
    WrongSecret,
    Revoked,
    Expired,
}

impl ApiKey {
    /// What to say of a key with this hash that says it is this one.
    pub(crate) fn judge(&self, hash: &[u8], now: Timestamp) -> Verdict {
        // First: only its holder hears more.
        if !bool::from(self.hash.ct_eq(hash)) {
            Verdict::WrongSecret
        } else if self.revoked_at.is_some() {
            Verdict::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            Verdict::Expired
        } else {
            Verdict::Good
        }
    }

    /// Uses before this time are older than the last one that a use now is told apart from.
    pub(crate) fn use_horizon(now: Timestamp) -> Timestamp {
        now - USE_PRECISION
    }

    /// Whether a use now is to be written down.
    pub(crate) fn is_news(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| last <= Self::use_horizon(now))
    }

    /// The key revoked; `None` if it is so already.
    pub(crate) fn revoked(&self, now: Timestamp) -> Option<Self> {
        self.revoked_at.is_none().then(|| Self { revoked_at: Some(now), ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn key() -> ApiKey {
        ApiKey {
            workspace: WorkspaceId::new(),
            id: ApiKeyId::new(),
            display_name: "door screens".into(),
            hash: vec![7; 32],
            role: Role::Admin,
            locations: Vec::new(),
            methods: Vec::new(),
            creator: "ada".into(),
            created_at: at(0),
            expires_at: Some(at(100)),
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn a_key_is_good_until_it_expires_or_is_revoked() {
        let (key, right) = (key(), [7; 32]);
        assert_eq!(key.judge(&right, at(99)), Verdict::Good);
        assert_eq!(key.judge(&right, at(100)), Verdict::Expired);
        let revoked = key.revoked(at(50)).unwrap();
        assert_eq!(revoked.judge(&right, at(50)), Verdict::Revoked);
        assert!(revoked.revoked(at(60)).is_none(), "it was revoked when it was");
        assert_eq!(ApiKey { expires_at: None, ..key }.judge(&right, at(1_000_000_000)), Verdict::Good);
    }

    #[test]
    fn who_has_another_secret_hears_nothing_of_the_key() {
        let revoked = key().revoked(at(50)).unwrap();
        for wrong in [[8; 32].as_slice(), &[7; 31], &[7; 33], &[]] {
            for key in [&key(), &revoked] {
                for now in [at(1), at(200)] {
                    assert_eq!(key.judge(wrong, now), Verdict::WrongSecret);
                }
            }
        }
    }

    #[test]
    fn uses_of_one_minute_are_one() {
        let used = ApiKey { last_used_at: Some(at(0)), ..key() };
        assert!(key().is_news(at(0)));
        assert!(!used.is_news(at(59)));
        assert!(used.is_news(at(60)));
    }
}
