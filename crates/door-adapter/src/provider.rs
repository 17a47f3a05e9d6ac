//! What a door access system must be able to do.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use domain::host::HostError;
use domain::names::IntegrationName;
use domain::{Fingerprint, Host, PersonId, Port, Timestamp, Window};
use futures::{Stream, stream};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgConnection;
use vendor_http::{BaseUrl, Certificate, Trust};

use crate::error::{ApplyError, ErrorKind, HOST, Problem, ProblemKind, ProviderError};
use crate::log::DoorEvent;
use crate::request::{AccessRequest, Target, TargetKind, UserRequest, WayInRequest};
use crate::secret::DoorSecret;

/// A door access system. Everything else an adapter needs is in this crate.
pub trait DoorProvider: Send + Sync + 'static {
    /// Its name in commands and subjects, such as `kisi`.
    const NAME: &'static str;
    /// Its name for people, such as `Kisi`.
    const DISPLAY_NAME: &'static str;

    /// A change of the provider's own ledger, written in one transaction with the answer.
    type Change: Clone + Send + Sync + 'static;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Tries the credentials. Says what was found, or what is wrong with which of them.
    fn check(&self, account: &Account) -> impl Future<Output = Result<AccountInfo, Problem>> + Send;

    /// The places that the account has, by what they are called; none for a provider that knows no places.
    fn list_places(
        &self,
        account: &Account,
    ) -> impl Future<Output = Result<Vec<Place>, ProviderError>> + Send;

    /// The doors and groups that mappings can name: groups first, then locks; by name.
    fn list_targets(
        &self,
        account: &Account,
    ) -> impl Future<Output = Result<Vec<Listed>, ProviderError>> + Send;

    /// Makes it so that the person has exactly the window at the target, or nothing. Tries once.
    ///
    /// May be dropped at any point and asked again, with the ledger as it was then: what was done at the
    /// provider meanwhile must be found. What is to be noted in the ledger along with the outcome, success
    /// or not, is pushed to `changes`. No transaction may be open during calls. An account's requests for
    /// one person are made one after the other.
    fn apply(
        &self,
        account: &Account,
        request: &AccessRequest,
        changes: &mut Vec<Self::Change>,
    ) -> impl Future<Output = Result<Applied, ApplyError>> + Send;

    /// Has the user that the provider takes the person for be as wished, and says how it is then. Tries once, as
    /// [`Self::apply`] does; twice is once. Nobody's access is taken away by it: with access by the ledger, or with
    /// rights that others gave, a user is neither suspended nor deleted. One that Latchkey did not make is kept
    /// unless the request says otherwise. Whoever is given access by [`Self::apply`] is in use again.
    fn set_user(
        &self,
        account: &Account,
        request: &UserRequest,
    ) -> impl Future<Output = Result<UserApplied, ApplyError>> + Send;

    /// Has another way in than the person's own access be there, or not, as wished: it opens the target within the
    /// window, for whoever has the secret that is given back. Tries once, as [`Self::apply`] does. Who is asked again for
    /// one whose secret was never given back makes it anew, and leaves none but that.
    fn set_way_in(
        &self,
        account: &Account,
        request: &WayInRequest,
    ) -> impl Future<Output = Result<WayInApplied, ApplyError>> + Send {
        let _ = (account, request);
        let reason = format!("{} has no way in but a person's own access", Self::DISPLAY_NAME);
        async move { Err(ProviderError::new(ErrorKind::Rejected, reason).into()) }
    }

    /// Makes a login by which the phone of a person whom the provider knows opens doors. Its secrets are given back once,
    /// and kept nowhere. Someone waits. Tries once; twice is two.
    fn create_login(
        &self,
        account: &Account,
        person: PersonId,
        device_name: &str,
    ) -> impl Future<Output = Result<MobileLogin, ApplyError>> + Send {
        let _ = (account, person, device_name);
        let reason = format!("{} has no logins for phones", Self::DISPLAY_NAME);
        async move { Err(ProviderError::new(ErrorKind::Rejected, reason).into()) }
    }

    /// Reads everybody's rights at the targets, and wherever else Latchkey alone gives rights, whoever gave
    /// them. Those that are over may lack.
    ///
    /// An item comes with each call, empty if it takes more calls to be sure of what it has: commands come
    /// first, so the next call is made when there is room for it. A right that was there all the time must
    /// not lack; whoever can't be sure of that ends with an error, and nothing is concluded.
    fn survey<'a>(
        &'a self,
        account: &'a Account,
        targets: &'a [Target],
    ) -> impl Stream<Item = Result<Vec<Right>, ApplyError>> + Send + 'a;

    /// Takes a right of [`Origin::Kept`] away, if it still is as it was found. None of the account's requests
    /// is carried out meanwhile.
    fn remove(&self, account: &Account, right: &Right)
    -> impl Future<Output = Result<(), ApplyError>> + Send;

    /// Tells what is at an account's doors what it has to know now and then, such as the time. Asked before each
    /// reading of the log, and soon after [`look_soon`](crate::look_soon) was told; whether it goes well or not, the log
    /// is read.
    fn tend(&self, account: &Account) -> impl Future<Output = Result<(), ApplyError>> + Send {
        let _ = account;
        async { Ok(()) }
    }

    /// What the provider's own log says of doors in the window. A log that keeps what was not fetched yet gives all of
    /// that, whatever the window. What lies outside of Latchkey's part of the account belongs to it, too.
    ///
    /// An event that comes again, from the same window or an overlapping one, has the same id. The next page is asked for
    /// once the one before is stored for good: then it may be forgotten over there. With an error all is read again.
    /// Of an account, one process reads at a time.
    fn read_log<'a>(
        &'a self,
        account: &'a Account,
        window: Window,
    ) -> impl Stream<Item = Result<Vec<DoorEvent>, ApplyError>> + Send + 'a {
        let _ = (account, window);
        stream::empty()
    }

    /// Writes changes to the ledger in the given transaction, in their order.
    fn record(
        &self,
        conn: &mut PgConnection,
        changes: &[Self::Change],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// What a provider can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether people can be let in by group.
    pub has_groups: bool,
    /// Whether people can be let in by single lock.
    pub has_locks: bool,
    /// Whether it keeps users for people, beside what they may open.
    pub has_users: bool,
    /// Whether it has a log of its own of what happened at doors.
    pub has_log: bool,
}

impl Capabilities {
    /// Whether access at such a target can be given.
    pub fn can(self, kind: TargetKind) -> bool {
        match kind {
            TargetKind::Group => self.has_groups,
            TargetKind::Lock => self.has_locks,
        }
    }
}

/// A workspace's connection to a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The integration that the credential came from.
    pub integration: IntegrationName,
    /// Its values in force.
    pub credential: Credential,
    /// The certificate that its host must show, for providers whose hosts show certificates of their own.
    /// `None`: it has shown none yet.
    pub certificate: Option<Fingerprint>,
}

impl Account {
    /// Whom a check trusts: the first certificate is taken as it is, and told along with what was found.
    pub fn trust_in_checks(&self) -> Trust {
        self.certificate.map_or(Trust::FirstUse, Trust::Pinned)
    }

    /// Whom everything else trusts: a certificate that a check has seen before, and nothing is sent without.
    pub fn trust(&self) -> Result<Trust, ProviderError> {
        self.certificate.map(Trust::Pinned).ok_or_else(|| {
            let reason = "the host's certificate was not seen yet: check the connection first";
            ProviderError::new(ErrorKind::Unauthorized, reason)
        })
    }
}

/// Named secrets. Cheap to clone.
#[derive(Clone)]
pub struct Credential(Arc<BTreeMap<String, SecretString>>);

impl Credential {
    /// From values by name.
    pub fn new(values: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        Self(Arc::new(values.into_iter().collect()))
    }

    /// The value of that name; one that is missing or blank is a matter for the operator.
    pub fn require(&self, name: &'static str) -> Result<&SecretString, ProviderError> {
        self.0.get(name).filter(|value| !value.expose_secret().trim().is_empty()).ok_or_else(|| {
            let reason = format!("the credentials lack {name:?}; connect the integration again with it");
            ProviderError::of_value(name, ProblemKind::Missing, reason)
        })
    }

    /// The value of that name, read as what it must be, such as a [`domain::Host`] or a [`domain::Port`].
    pub fn parse<T>(&self, name: &'static str) -> Result<T, ProviderError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        parse(name, self.require(name)?.expose_secret())
    }

    /// The same for a value that need not be there: then it is `default`.
    pub fn parse_or<T>(&self, name: &'static str, default: &str) -> Result<T, ProviderError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let given =
            self.0.get(name).map(|value| value.expose_secret()).filter(|value| !value.trim().is_empty());
        parse(name, given.unwrap_or(default))
    }

    /// Where the host among the values is called, by TLS (`https`) or in plain (`http`).
    pub fn base_url(&self, scheme: &str, port: Port) -> Result<BaseUrl, ProviderError> {
        let host: Host = self.parse(HOST)?;
        BaseUrl::of_host(scheme, &host, port)
            .map_err(|_| ProviderError::of_value(HOST, ProblemKind::Wrong, format!("{HOST} {HostError}")))
    }
}

fn parse<T>(name: &'static str, value: &str) -> Result<T, ProviderError>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    value.parse().map_err(|problem: T::Err| {
        ProviderError::of_value(name, ProblemKind::Wrong, format!("{name} {problem}"))
    })
}

impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        let exposed = |credential: &Self| -> Vec<(String, String)> {
            let values = credential.0.iter();
            values.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
        };
        Arc::ptr_eq(&self.0, &other.0) || exposed(self) == exposed(other)
    }
}

/// The names, never the values.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a provider says of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// The provider's id of it: always the same for the same account. Empty if it has none.
    pub account_ref: String,
    /// What it is called over there.
    pub display_name: String,
    /// What it has.
    pub findings: Vec<Finding>,
    /// The certificate that its host showed, for providers whose hosts show certificates of their own.
    pub certificate: Option<Certificate>,
}

/// Things that an account has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What they are, in the singular: `place`, `door`, `relay`.
    pub kind: &'static str,
    /// How many.
    pub count: usize,
    /// What they are called, as far as that is known; the first of them will do.
    pub names: Vec<String>,
}

/// A site at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The provider's id.
    pub provider_ref: String,
    /// What it is called over there.
    pub display_name: String,
}

/// A door or group as a provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub target: Target,
    /// Restrictions of the provider's own that may keep people out whom we let in there, for a person to act on.
    pub warnings: Vec<String>,
}

impl Listed {
    /// As people look through them: groups first, each by what it is called.
    pub fn in_order(mut all: Vec<Self>) -> Vec<Self> {
        all.sort_by_cached_key(|it| (it.target.kind == TargetKind::Lock, it.target.display_name.clone()));
        all
    }
}

/// The provider has what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The window, as asked for; the provider's may be wider by less than a second at either end.
    /// `None`: nothing, also if the window was over already.
    pub window: Option<Window>,
    /// The provider's id of the assignment.
    pub provider_ref: Option<String>,
    /// What lets the person in, if that was made just now; `None`: as before.
    pub secret: Option<DoorSecret>,
    /// Whether the provider took the credentials. It did not if it did not have to be asked.
    pub was_asked: bool,
}

/// How a provider's user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserApplied {
    /// How.
    pub state: UserState,
    /// Whether the provider took the credentials. It did not if it did not have to be asked.
    pub was_asked: bool,
}

/// What became of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserState {
    /// It may be used.
    InUse,
    /// It opens nothing.
    Suspended,
    /// It is not there any more.
    Deleted,
    /// There was none.
    Absent,
    /// It was left alone, for this reason.
    Kept(String),
}

/// Another way in is as wished.
#[derive(Debug, Clone)]
pub struct WayInApplied {
    /// What opens the target; `None`: it is not there.
    pub secret: Option<DoorSecret>,
    /// Whether the provider took the credentials. It did not if it did not have to be asked.
    pub was_asked: bool,
}

/// A login by which a person's phone opens doors.
#[derive(Debug, Clone)]
pub struct MobileLogin {
    /// The provider's id.
    pub provider_ref: String,
    /// What an app signs in with.
    pub secret: SecretString,
    /// What the phone shows a reader, and what vouches for it, where the provider has that.
    pub phone: Option<PhoneKey>,
}

/// What a phone shows a reader.
#[derive(Debug, Clone)]
pub struct PhoneKey {
    /// The key itself.
    pub key: SecretString,
    /// What vouches for it.
    pub certificate: SecretString,
}

/// A right that someone has at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The provider's id of it: the same as in [`Applied::provider_ref`].
    pub provider_ref: String,
    /// Where.
    pub target: Target,
    /// Who, as the provider calls them.
    pub holder: String,
    /// When.
    pub period: Period,
    /// Who gave it.
    pub origin: Origin,
}

/// From when until when a right holds, half-open; without an end or a begin where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First moment inside.
    pub from: Option<Timestamp>,
    /// First moment after.
    pub until: Option<Timestamp>,
}

impl Period {
    /// Whether it is over at `at`.
    pub fn is_over(self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= at)
    }
}

impl From<Window> for Period {
    fn from(window: Window) -> Self {
        Self { from: Some(window.start()), until: Some(window.end()) }
    }
}

/// Who gave a right, as far as a provider's ledger tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The ledger knows it: given by us, or in use.
    Ledger,
    /// The ledger does not know it, but it stands where Latchkey alone gives rights.
    Kept,
    /// Someone else.
    Foreign,
}

#[cfg(test)]
mod tests {
    use domain::{IntegrationId, WorkspaceId};

    use super::*;

    fn credential(value: &str) -> Credential {
        Credential::new([("api_key".to_owned(), SecretString::from(value))])
    }

    #[test]
    fn a_credential_shows_its_names_only() {
        let shown = format!("{:?}", credential("hunter2"));
        assert_eq!(shown, "{\"api_key\"}");
    }

    #[test]
    fn credentials_are_equal_by_value() {
        assert_eq!(credential("a"), credential("a"));
        assert_ne!(credential("a"), credential("b"));
    }

    #[test]
    fn a_blank_value_is_as_good_as_none() {
        assert!(credential("a").require("api_key").is_ok());
        for (credential, name) in [(credential(" "), "api_key"), (credential("a"), "host")] {
            let error = credential.require(name).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unauthorized);
            assert!(error.reason.contains(name), "{error}");
        }
    }

    #[test]
    fn a_value_that_need_not_be_there_has_a_default() {
        for (value, port) in [("", 12_445), (" ", 12_445), ("443", 443)] {
            let credential = Credential::new([("port".to_owned(), SecretString::from(value))]);
            assert_eq!(credential.parse_or::<Port>("port", "12445").unwrap().number(), port);
        }
        let wrong = Credential::new([("port".to_owned(), SecretString::from("0"))]);
        assert!(wrong.parse_or::<Port>("port", "12445").unwrap_err().reason.contains("port must be"));
    }

    #[test]
    fn only_a_check_trusts_a_host_that_has_shown_no_certificate_yet() {
        let integration = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
        let account = Account { integration, credential: credential("a"), certificate: None };
        assert_eq!(account.trust_in_checks(), Trust::FirstUse);
        assert_eq!(account.trust().unwrap_err().kind, ErrorKind::Unauthorized);
        let seen = Fingerprint::new([7; Fingerprint::BYTES]);
        let account = Account { certificate: Some(seen), ..account };
        assert_eq!(account.trust_in_checks(), Trust::Pinned(seen));
        assert_eq!(account.trust().unwrap(), Trust::Pinned(seen));
    }
}
