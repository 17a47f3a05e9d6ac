//! An integration, and what a word about it changes.

use chrono::Duration;
use domain::{Fingerprint, Host, IntegrationId, LocationId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::providers::HOST;

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
    /// The certificate that its host must show; `None`: it has shown none of its own.
    pub certificate: Option<Certificate>,
    /// Another one that it has shown since.
    pub changed_certificate: Option<Certificate>,
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

/// A certificate that a host showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Certificate {
    /// It counts for this host alone.
    pub host: Host,
    pub fingerprint: Fingerprint,
    pub subject: String,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
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
    AddressRefused,
}

/// What is said about a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// The provider takes the values. What they lead to, and the certificate that the host showed, if that
    /// was said.
    Accepted { account: Option<Account>, certificate: Option<Certificate> },
    /// The provider refuses the values, can't be reached, or is not who it was.
    Failed { problems: Vec<Problem>, certificate: Option<Certificate> },
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

    fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Accepted { certificate, .. } | Self::Failed { certificate, .. } => certificate.as_ref(),
            Self::Incomplete { .. } | Self::NotAsked { .. } => None,
        }
    }

    /// Whether the adapter sent nothing, because the certificate was not the one that it was told.
    fn is_certificate_changed(&self) -> bool {
        let is_so = |problem: &Problem| problem.kind == ProblemKind::CertificateChanged;
        matches!(self, Self::Failed { problems, .. } if problems.iter().any(is_so))
    }
}

impl Certificate {
    /// It is shown in place of another one.
    fn in_place_of(&self, pinned: &Self) -> Problem {
        let (credential, kind) = (HOST.to_owned(), ProblemKind::CertificateChanged);
        let reason = format!(
            "{} shows the certificate {} in place of {}; nothing is sent there. If it was changed on purpose, \
             accept it",
            self.host, self.fingerprint, pinned.fingerprint
        );
        Problem { credential, kind, reason }
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
    fn told(&self) -> impl PartialEq + '_ {
        let certificates = (&self.certificate, &self.changed_certificate);
        (self.status, self.is_active(), self.account_changed(), certificates)
    }

    /// The integration after a word that was said at `time`; `None` if it changes nothing: an older
    /// one than was heard already, or one about values that were forgotten.
    pub(crate) fn hear(&self, word: &Word, time: Timestamp) -> Option<Self> {
        if self.credentials.is_empty() || time < self.heard_at {
            return None;
        }
        let mut after = Self { heard_at: time, ..self.clone() };
        match after.see(word) {
            Err(problem) => after.fail(vec![problem], time),
            Ok(()) => after.follow(word, time),
        }
        if after.status != self.status {
            after.status_at = time;
        }
        if after.is_news_after(self) {
            after.version += 1;
        }
        Some(after)
    }

    /// Looks at the certificate that the host showed. The first one is pinned: the credentials have gone to
    /// whoever showed it. Another one is noted, and is a problem, whatever else was said.
    fn see(&mut self, word: &Word) -> Result<(), Problem> {
        let Some(shown) = word.certificate() else { return Ok(()) };
        match &self.certificate {
            Some(pinned) if pinned.host == shown.host && pinned.fingerprint != shown.fingerprint => {
                let problem = shown.in_place_of(pinned);
                self.changed_certificate = Some(shown.clone());
                Err(problem)
            }
            // Nobody would have seen the one that it was told.
            _ if word.is_certificate_changed() => Ok(()),
            _ => {
                (self.certificate, self.changed_certificate) = (Some(shown.clone()), None);
                Ok(())
            }
        }
    }

    /// Becomes what the word says.
    fn follow(&mut self, word: &Word, time: Timestamp) {
        let after = self;
        match word {
            Word::Accepted { account, .. } => {
                (after.status, after.problems) = (Status::Connected, Vec::new());
                after.changed_certificate = None;
                if let Some(account) = account {
                    after.confirmed_account_ref.get_or_insert_with(|| account.account_ref.clone());
                    after.account = Some(account.clone());
                }
                (after.failures, after.check_at) = (0, Some(time + CHECK_EVERY));
            }
            Word::Failed { problems, .. } => after.fail(problems.clone(), time),
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
    }

    fn fail(&mut self, problems: Vec<Problem>, time: Timestamp) {
        (self.status, self.problems) = (Status::Failing, problems);
        self.check_later(time, FAILED_AGAIN);
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

    /// The integration whose host must show this certificate from now on, and of which nobody was asked yet;
    /// `None` if the host has shown another one last, or none.
    pub(crate) fn accept(&self, fingerprint: Fingerprint, now: Timestamp) -> Option<Self> {
        let is_meant = |certificate: &&Certificate| certificate.fingerprint == fingerprint;
        if self.certificate.as_ref().is_some_and(|pinned| is_meant(&pinned)) {
            return Some(self.clone());
        }
        let changed = self.changed_certificate.as_ref().filter(is_meant)?;
        Some(Self {
            certificate: Some(changed.clone()),
            changed_certificate: None,
            status: Status::NotConnected,
            status_at: now,
            problems: Vec::new(),
            heard_at: now,
            version: self.version + 1,
            failures: 0,
            check_at: Some(now + FAILED_AGAIN),
            ..self.clone()
        })
    }

    /// The integration without the certificates of other hosts than the one in force, of which there were
    /// some.
    pub(crate) fn at(&self, host: Option<&Host>) -> Option<Self> {
        let seen = [&self.certificate, &self.changed_certificate].into_iter().flatten();
        let has_moved = seen.map(|certificate| &certificate.host).any(|seen| Some(seen) != host);
        has_moved.then(|| Self { certificate: None, changed_certificate: None, ..self.clone() })
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
            certificate: None,
            changed_certificate: None,
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
            certificate: None,
            changed_certificate: None,
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
        let problems = vec![Problem { credential, kind, reason: "no".into() }];
        Word::Failed { problems, certificate: None }
    }

    fn accepted(account_ref: &str) -> Word {
        Word::Accepted { account: Some(account(account_ref)), certificate: None }
    }

    /// As an adapter at work says it.
    const TAKEN: Word = Word::Accepted { account: None, certificate: None };

    fn certificate(host: &str, byte: u8) -> Certificate {
        Certificate {
            host: host.parse().unwrap(),
            fingerprint: Fingerprint::new([byte; Fingerprint::BYTES]),
            subject: "CN=console".into(),
            not_before: None,
            not_after: None,
        }
    }

    /// Taken by a host with this certificate.
    fn taken_at(host: &str, byte: u8) -> Word {
        Word::Accepted { account: Some(account("9")), certificate: Some(certificate(host, byte)) }
    }

    /// As it is once the certificate `a` of `console` was seen.
    fn pinned() -> Integration {
        connected().hear(&taken_at("console", 0xaa), at(30)).unwrap()
    }

    #[test]
    fn the_first_certificate_is_pinned_and_told() {
        let pinned = pinned();
        assert_eq!(pinned.certificate, Some(certificate("console", 0xaa)));
        assert_eq!((pinned.status, pinned.version), (Status::Connected, 4));
        let again = pinned.hear(&taken_at("console", 0xaa), at(40)).unwrap();
        assert_eq!(again.version, 4, "it is no news");
        let Word::Failed { problems, .. } = refused() else { panic!("a refusal") };
        let refused = Word::Failed { problems, certificate: Some(certificate("console", 0xaa)) };
        let after = saved().hear(&refused, at(30)).unwrap();
        assert!(after.certificate.is_some(), "a key that is refused has gone there, too");
    }

    #[test]
    fn another_certificate_fails_whatever_else_was_said_and_the_pin_stays() {
        let (reason, credential) = ("not sent".to_owned(), HOST.to_owned());
        let kind = ProblemKind::CertificateChanged;
        let held_back = Word::Failed {
            problems: vec![Problem { credential, kind, reason }],
            certificate: Some(certificate("console", 0xbb)),
        };
        // An adapter that was not told which one it must be says that all is well.
        for word in [held_back, taken_at("console", 0xbb)] {
            let after = pinned().hear(&word, at(40)).unwrap();
            assert_eq!((after.status, after.version), (Status::Failing, 5));
            assert_eq!(after.certificate, Some(certificate("console", 0xaa)));
            assert_eq!(after.changed_certificate, Some(certificate("console", 0xbb)));
            let [problem] = &after.problems[..] else { panic!("{after:?}") };
            assert_eq!((problem.credential.as_str(), problem.kind), (HOST, kind));
            let both = ["aa", "bb"].map(|byte| byte.repeat(32));
            assert!(both.iter().all(|shown| problem.reason.contains(shown)), "{problem:?}");

            let back = after.hear(&taken_at("console", 0xaa), at(50)).unwrap();
            assert_eq!((back.status, back.changed_certificate), (Status::Connected, None));
        }
    }

    #[test]
    fn a_change_that_nobody_pinned_before_pins_nothing() {
        let (credential, kind) = (HOST.to_owned(), ProblemKind::CertificateChanged);
        let problems = vec![Problem { credential, kind, reason: String::new() }];
        let word = Word::Failed { problems, certificate: Some(certificate("console", 0xbb)) };
        assert_eq!(connected().hear(&word, at(30)).unwrap().certificate, None);
    }

    #[test]
    fn only_the_certificate_that_was_shown_last_can_be_accepted() {
        let fingerprint = |byte| Fingerprint::new([byte; Fingerprint::BYTES]);
        assert_eq!(connected().accept(fingerprint(0xaa), at(50)), None, "none was shown");
        let changed = pinned().hear(&taken_at("console", 0xbb), at(40)).unwrap();
        let changed = changed.hear(&taken_at("console", 0xcc), at(41)).unwrap();
        assert_eq!(changed.accept(fingerprint(0xbb), at(50)), None, "that is an older one");
        assert_eq!(changed.accept(fingerprint(0xaa), at(50)), Some(changed.clone()), "twice is once");
        let accepted = changed.accept(fingerprint(0xcc), at(50)).unwrap();
        assert_eq!(accepted.certificate, Some(certificate("console", 0xcc)));
        assert_eq!((accepted.status, accepted.changed_certificate.as_ref()), (Status::NotConnected, None));
        assert_eq!((accepted.version, accepted.check_at), (changed.version + 1, Some(at(110))));
        assert!(accepted.is_active(), "mappings are followed as they were");
        assert_eq!(accepted.hear(&taken_at("console", 0xaa), at(49)), None, "an older word");
        let connected = accepted.hear(&taken_at("console", 0xcc), at(51)).unwrap();
        assert_eq!(connected.status, Status::Connected);
    }

    #[test]
    fn another_host_and_a_new_connection_begin_anew() {
        let moved = pinned().hear(&taken_at("other", 0xbb), at(40)).unwrap();
        assert_eq!((moved.status, moved.certificate), (Status::Connected, Some(certificate("other", 0xbb))));
        let host = |name: &str| Some(name.parse::<Host>().unwrap());
        assert_eq!(pinned().at(host("console").as_ref()), None, "it is still there");
        assert_eq!(pinned().at(host("other").as_ref()).unwrap().certificate, None);
        assert_eq!(pinned().at(None).unwrap().certificate, None);
        assert_eq!(connected().at(None), None, "there is nothing to forget");
        assert_eq!(pinned().disconnect(at(40)).certificate, None);
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
        let after = connected().hear(&TAKEN, at(30)).unwrap();
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
        assert_eq!(gone.hear(&TAKEN, at(40)), None);
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
        let after = failing.hear(&TAKEN, at(40)).unwrap();
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
