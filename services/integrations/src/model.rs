//! An integration, and what a word about it changes.

use chrono::Duration;
use domain::{IntegrationId, LocationId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};

/// A connection that works is looked at so often.
const CHECK_EVERY: Duration = Duration::minutes(15);
/// One that does not, at first after this, then twice as long each time.
const FAILED_AGAIN: Duration = Duration::minutes(1);
/// The same, if our own adapter could not be asked: it will be back soon, and a new connection waits for it.
const NOT_ASKED_AGAIN: Duration = Duration::seconds(2);
/// At most.
const CHECK_EVERY_MAX: Duration = Duration::hours(1);

chassis::text_enum! {
    /// How a connection stands.
    pub(crate) enum Status {
        /// Values are missing, were forgotten on request, or were not tried yet.
        NotConnected = "not_connected",
        /// The provider takes the values.
        Connected = "connected",
        /// The provider refuses the values, or can't be reached with them.
        Failing = "failing",
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
    pub status_at: Timestamp,
    pub problems: Vec<Problem>,
    /// What the values in force lead to; `None` until they were taken once.
    pub account: Option<Account>,
    /// The account that mappings were made for.
    pub confirmed_account_ref: Option<String>,
    /// When the latest word on the status was said, be it a new one or not.
    pub heard_at: Timestamp,
    pub version: i64,
    /// Checks in a row that did not go well.
    pub failures: i32,
    pub check_at: Option<Timestamp>,
    /// Its own values. None: it is disconnected.
    pub credentials: Vec<SavedCredential>,
}

/// A value that is kept, without the value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct SavedCredential {
    pub name: String,
    pub mask: String,
    pub saved_by: String,
    pub saved_at: Timestamp,
}

/// An account at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The provider's id.
    pub account_ref: String,
    pub display_name: String,
    /// Empty: the provider knows no modes.
    pub mode: String,
    pub findings: Vec<Finding>,
}

/// Things that an account has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub kind: String,
    pub count: i32,
    pub names: Vec<String>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// The value that it lies with; empty: none of them.
    pub credential: String,
    pub kind: ProblemKind,
    pub reason: String,
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProblemKind {
    Missing,
    Wrong,
    Unreachable,
    TimedOut,
    CertificateChanged,
}

/// What is said about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// The provider takes the values. `account`: what they lead to, if that was said.
    Accepted { account: Option<Account> },
    /// The provider refuses the values, or can't be reached.
    Failed { problems: Vec<Problem> },
    /// There are not enough values to ask with.
    Incomplete { problems: Vec<Problem> },
    /// Nobody was there to ask the provider. That says nothing about the connection.
    NotAsked { reason: String },
}

impl Word {
    /// These values are not there.
    pub(crate) fn missing(names: &[&str]) -> Self {
        let problem = |name: &&str| Problem {
            credential: (*name).to_owned(),
            kind: ProblemKind::Missing,
            reason: format!("{name} is missing"),
        };
        Self::Incomplete { problems: names.iter().map(problem).collect() }
    }
}

impl Integration {
    /// Whether the values lead to another account than the one that mappings were made for.
    pub(crate) fn account_changed(&self) -> bool {
        match (&self.account, &self.confirmed_account_ref) {
            (Some(account), Some(confirmed)) => account.account_ref != *confirmed,
            _ => false,
        }
    }

    /// Whether mappings are followed.
    pub(crate) fn is_active(&self) -> bool {
        self.account.is_some() && !self.account_changed()
    }

    /// Why it is not connected, for a person to act on.
    pub(crate) fn status_reason(&self) -> String {
        match self.status {
            Status::Connected => String::new(),
            Status::NotConnected if self.problems.is_empty() && !self.credentials.is_empty() => {
                "saved; the provider was not asked yet".to_owned()
            }
            Status::NotConnected | Status::Failing => {
                self.problems.iter().map(|problem| problem.reason.as_str()).collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// What others are told of when it changes.
    fn told(&self) -> (Status, bool, bool) {
        (self.status, self.is_active(), self.account_changed())
    }

    /// The integration after a word that was said at `time`; `None` if it changes nothing: an older
    /// one than was heard already, or one about values that were forgotten.
    pub(crate) fn hear(&self, word: &Word, time: Timestamp) -> Option<Self> {
        if self.credentials.is_empty() || time < self.heard_at {
            return None;
        }
        let mut after = Self { heard_at: time, ..self.clone() };
        match word {
            Word::Accepted { account } => {
                (after.status, after.problems) = (Status::Connected, Vec::new());
                if let Some(account) = account {
                    after.confirmed_account_ref.get_or_insert_with(|| account.account_ref.clone());
                    after.account = Some(account.clone());
                }
                (after.failures, after.check_at) = (0, Some(time + CHECK_EVERY));
            }
            Word::Failed { problems } => {
                (after.status, after.problems) = (Status::Failing, problems.clone());
                after.check_later(time, FAILED_AGAIN);
            }
            Word::Incomplete { problems } => {
                (after.status, after.problems) = (Status::NotConnected, problems.clone());
                after.account = None;
                // There is nothing to ask until somebody saves something.
                (after.failures, after.check_at) = (0, None);
            }
            Word::NotAsked { reason } => {
                if after.status == Status::NotConnected {
                    let (credential, kind) = (String::new(), ProblemKind::Unreachable);
                    after.problems = vec![Problem { credential, kind, reason: reason.clone() }];
                }
                after.check_later(time, NOT_ASKED_AGAIN);
            }
        }
        if after.status != self.status {
            after.status_at = time;
        }
        if after.is_news_after(self) {
            after.version += 1;
        }
        Some(after)
    }

    /// After `first`, twice as long each time.
    fn check_later(&mut self, time: Timestamp, first: Duration) {
        let doubled = first * (1 << self.failures.clamp(0, 10));
        self.check_at = Some(time + doubled.min(CHECK_EVERY_MAX));
        self.failures = self.failures.saturating_add(1);
    }

    /// Whether others are to be told.
    pub(crate) fn is_news_after(&self, before: &Self) -> bool {
        self.told() != before.told()
    }

    /// The integration whose mappings are meant for the account that is connected now; `None` if that is
    /// not this one.
    pub(crate) fn confirm(&self, account_ref: &str) -> Option<Self> {
        let account = self.account.as_ref().filter(|account| account.account_ref == account_ref)?;
        let confirmed_account_ref = Some(account.account_ref.clone());
        let mut after = Self { confirmed_account_ref, ..self.clone() };
        if after.is_news_after(self) {
            after.version += 1;
        }
        Some(after)
    }

    /// The integration without its values.
    pub(crate) fn disconnect(&self, now: Timestamp) -> Self {
        Self {
            status: Status::NotConnected,
            status_at: now,
            problems: Vec::new(),
            account: None,
            heard_at: now,
            version: self.version + 1,
            failures: 0,
            check_at: None,
            credentials: Vec::new(),
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

    fn account(account_ref: &str) -> Account {
        Account {
            account_ref: account_ref.into(),
            display_name: "Acme".into(),
            mode: String::new(),
            findings: Vec::new(),
        }
    }

    fn connected() -> Integration {
        Integration {
            workspace: WorkspaceId::new(),
            id: IntegrationId::new(),
            provider: "kisi".into(),
            location: None,
            status: Status::Connected,
            status_at: at(10),
            problems: Vec::new(),
            account: Some(account("9")),
            confirmed_account_ref: Some("9".into()),
            heard_at: at(20),
            version: 3,
            failures: 0,
            check_at: Some(at(900)),
            credentials: vec![SavedCredential {
                name: "api_key".into(),
                mask: "••••••••abcd".into(),
                saved_by: "someone".into(),
                saved_at: at(0),
            }],
        }
    }

    /// As it is right after new values were saved.
    fn saved() -> Integration {
        Integration { status: Status::NotConnected, account: None, ..connected() }
    }

    fn refused() -> Word {
        let (credential, kind) = ("api_key".to_owned(), ProblemKind::Wrong);
        Word::Failed { problems: vec![Problem { credential, kind, reason: "no".into() }] }
    }

    fn accepted(account_ref: &str) -> Word {
        Word::Accepted { account: Some(account(account_ref)) }
    }

    #[test]
    fn a_new_status_is_a_new_version() {
        let after = connected().hear(&refused(), at(30)).unwrap();
        assert_eq!((after.status, after.status_reason().as_str()), (Status::Failing, "no"));
        assert_eq!((after.status_at, after.heard_at, after.version), (at(30), at(30), 4));
        assert_eq!(after.account, Some(account("9")), "it is still that account");
        assert!(after.is_active(), "what was in force is in force when the provider is back");
    }

    #[test]
    fn the_same_status_again_is_heard_and_no_new_version() {
        let after = connected().hear(&Word::Accepted { account: None }, at(30)).unwrap();
        assert_eq!((after.status_at, after.heard_at, after.version), (at(10), at(30), 3));
        assert_eq!(after.account, Some(account("9")));
        let failing = connected().hear(&refused(), at(30)).unwrap();
        let still = failing.hear(&refused(), at(40)).unwrap();
        assert_eq!((still.status_at, still.version), (at(30), 4), "it is failing since then");
    }

    #[test]
    fn an_older_word_changes_nothing() {
        assert_eq!(connected().hear(&refused(), at(19)), None);
    }

    #[test]
    fn what_is_disconnected_stays_so() {
        let gone = connected().disconnect(at(30));
        assert_eq!((gone.status, gone.version), (Status::NotConnected, 4));
        assert!(!gone.is_active() && !gone.account_changed() && gone.check_at.is_none());
        assert_eq!(gone.hear(&Word::Accepted { account: None }, at(40)), None);
    }

    #[test]
    fn the_first_account_is_taken_as_it_is_and_another_one_must_be_confirmed() {
        let first = Integration { confirmed_account_ref: None, ..saved() };
        assert!(!first.is_active(), "nobody knows yet where the values lead");
        assert!(first.hear(&accepted("9"), at(30)).unwrap().is_active());
        assert!(saved().hear(&accepted("9"), at(30)).unwrap().is_active(), "the same one again");

        let other = saved().hear(&accepted("10"), at(30)).unwrap();
        assert_eq!((other.status, other.version), (Status::Connected, 4));
        assert!(other.account_changed() && !other.is_active());
        assert_eq!(other.confirm("9"), None, "that is not the one");
        let confirmed = other.confirm("10").unwrap();
        assert!(!confirmed.account_changed() && confirmed.is_active());
        assert_eq!(confirmed.version, 5);
        assert_eq!(confirmed.confirm("10").unwrap().version, 5, "twice is once");
        assert_eq!(saved().confirm("9"), None, "nothing is connected");
    }

    #[test]
    fn values_that_were_never_taken_are_not_in_force() {
        let failing = saved().hear(&refused(), at(30)).unwrap();
        assert_eq!((failing.status, failing.is_active()), (Status::Failing, false));
        // An adapter that says so by itself does not say where they lead.
        let after = failing.hear(&Word::Accepted { account: None }, at(40)).unwrap();
        assert_eq!((after.status, after.is_active()), (Status::Connected, false));
    }

    #[test]
    fn what_is_missing_is_said_and_nobody_is_asked() {
        let after = saved().hear(&Word::missing(&["host", "port"]), at(30)).unwrap();
        assert_eq!(after.status, Status::NotConnected);
        assert_eq!(after.status_reason(), "host is missing; port is missing");
        assert_eq!(after.check_at, None);
    }

    #[test]
    fn an_adapter_that_is_away_changes_no_status() {
        let not_asked = Word::NotAsked { reason: "the adapter is away".into() };
        let after = connected().hear(&not_asked, at(30)).unwrap();
        assert_eq!((after.status, after.version), (Status::Connected, 3));
        let after = saved().hear(&not_asked, at(30)).unwrap();
        assert_eq!(after.status_reason(), "the adapter is away");
        assert_eq!(after.version, 3);
        assert_eq!(after.check_at, Some(at(32)), "a new connection does not wait long");
        let again = after.hear(&not_asked, at(32)).unwrap();
        assert_eq!(again.check_at, Some(at(36)));
    }

    #[test]
    fn a_working_connection_is_checked_each_quarter_and_a_failing_one_less_and_less() {
        let minutes =
            |integration: &Integration| (integration.check_at.unwrap() - integration.heard_at).num_minutes();
        assert_eq!(minutes(&connected().hear(&accepted("9"), at(30)).unwrap()), 15);
        let mut failing = connected();
        let mut waits = Vec::new();
        for _ in 0..8 {
            failing = failing.hear(&refused(), at(30)).unwrap();
            waits.push(minutes(&failing));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(failing.hear(&accepted("9"), at(30)).unwrap().failures, 0);
        let worn_out = Integration { failures: i32::MAX, ..connected() };
        assert_eq!(minutes(&worn_out.hear(&refused(), at(30)).unwrap()), 60);
    }
}
