//! An integration, and what a word about it changes.

use domain::{IntegrationId, LocationId, Timestamp, WorkspaceId};

chassis::text_enum! {
    /// How a connection stands.
    pub(crate) enum Status {
        /// Values are saved; the provider was not asked yet or could not be.
        Unchecked = "unchecked",
        /// The provider takes the values.
        Connected = "connected",
        /// The provider refuses the values.
        Refused = "refused",
        /// The values were forgotten on request.
        Disconnected = "disconnected",
    }
}

/// A workspace's connection to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Integration {
    pub workspace: WorkspaceId,
    pub id: IntegrationId,
    pub provider: String,
    /// `None`: for the whole workspace.
    pub location: Option<LocationId>,
    pub status: Status,
    pub status_reason: String,
    pub account_display_name: String,
    pub status_at: Timestamp,
    /// When the latest word on the status was said, be it a new one or not.
    pub heard_at: Timestamp,
    pub version: i64,
    /// Which values are kept.
    pub credential_names: Vec<String>,
}

/// What is said about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// The provider takes the values. `account`: what it is called there, if that was said.
    Accepted { account: Option<String> },
    /// The provider refuses the values.
    Refused { reason: String },
    /// The provider could not be asked.
    Unreachable { reason: String },
}

impl Integration {
    /// The integration after a word that was said at `time`; `None` if it changes nothing: an older
    /// one than was heard already, or one about values that were forgotten.
    pub(crate) fn hear(&self, word: &Word, time: Timestamp) -> Option<Self> {
        if self.status == Status::Disconnected || time < self.heard_at {
            return None;
        }
        let mut after = Self { heard_at: time, ..self.clone() };
        (after.status, after.status_reason) = match word {
            Word::Accepted { account } => {
                if let Some(account) = account {
                    after.account_display_name.clone_from(account);
                }
                (Status::Connected, String::new())
            }
            Word::Refused { reason } => (Status::Refused, reason.clone()),
            Word::Unreachable { reason } => (Status::Unchecked, reason.clone()),
        };
        if after.status != self.status {
            after.status_at = time;
            after.version += 1;
        }
        Some(after)
    }

    /// The integration without its values.
    pub(crate) fn disconnect(&self, now: Timestamp) -> Self {
        Self {
            status: Status::Disconnected,
            status_reason: String::new(),
            account_display_name: String::new(),
            status_at: now,
            heard_at: now,
            version: self.version + 1,
            credential_names: Vec::new(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn connected() -> Integration {
        Integration {
            workspace: WorkspaceId::new(),
            id: IntegrationId::new(),
            provider: "kisi".into(),
            location: None,
            status: Status::Connected,
            status_reason: String::new(),
            account_display_name: "Acme".into(),
            status_at: at(10),
            heard_at: at(20),
            version: 3,
            credential_names: vec!["api_key".into()],
        }
    }

    fn refused() -> Word {
        Word::Refused { reason: "no".into() }
    }

    #[test]
    fn a_new_status_is_a_new_version() {
        let after = connected().hear(&refused(), at(30)).unwrap();
        assert_eq!((after.status, after.status_reason.as_str()), (Status::Refused, "no"));
        assert_eq!((after.status_at, after.heard_at, after.version), (at(30), at(30), 4));
        assert_eq!(after.account_display_name, "Acme", "it is still that account");
    }

    #[test]
    fn the_same_status_again_is_heard_and_no_new_version() {
        let after = connected().hear(&Word::Accepted { account: None }, at(30)).unwrap();
        assert_eq!((after.status_at, after.heard_at, after.version), (at(10), at(30), 3));
        assert_eq!(after.account_display_name, "Acme");
    }

    #[test]
    fn an_older_word_changes_nothing() {
        assert_eq!(connected().hear(&refused(), at(19)), None);
    }

    #[test]
    fn what_is_disconnected_stays_so() {
        let gone = connected().disconnect(at(30));
        assert_eq!((gone.status, gone.version), (Status::Disconnected, 4));
        assert!(gone.account_display_name.is_empty() && gone.credential_names.is_empty());
        assert_eq!(gone.hear(&Word::Accepted { account: None }, at(40)), None);
    }
}
