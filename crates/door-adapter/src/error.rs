//! Why a provider did not do what it was asked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use proto::access::v1 as pb;
use proto::integrations::v1 as integrations_pb;
use vendor_http::{Certificate, ConnectError, Effect, VendorError};

/// The name of the value that says where a host is.
pub(crate) const HOST: &str = "host";

/// Cause of a failure. It alone decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No answer, or one that says "later".
    Unreachable,
    /// Too many calls.
    RateLimited,
    /// The credentials are missing or refused, or are not sent because of where their host leads or which
    /// certificate it shows. A person must act.
    Unauthorized,
    /// The door or group does not exist there.
    NotFound,
    /// What exists there stands in the way.
    Conflict,
    /// The provider says no to what was asked.
    Rejected,
    /// The answer makes no sense.
    Malformed,
}

/// A failure at a provider.
#[derive(Debug, Clone)]
pub struct ProviderError {
    /// Cause.
    pub kind: ErrorKind,
    /// Whether the provider may have it so all the same.
    pub outcome_unknown: bool,
    /// For a person to act on. No secrets, no contact details.
    pub reason: String,
    /// Not before this long.
    pub retry_after: Option<Duration>,
    code: Option<pb::AccessReason>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl ProviderError {
    /// A failure that certainly had no effect.
    pub fn new(kind: ErrorKind, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { kind, outcome_unknown: false, reason, retry_after: None, code: None, source: None }
    }

    /// The same with another kind and reason.
    #[must_use]
    pub fn meaning(self, kind: ErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), ..self }
    }

    /// The same, but the provider may have it so all the same.
    #[must_use]
    pub fn with_unknown_outcome(self) -> Self {
        Self { outcome_unknown: true, ..self }
    }

    /// The same, with a code that says more than the kind.
    #[must_use]
    pub fn with_code(self, code: pb::AccessReason) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Why, as a code of explanations.
    pub fn code(&self) -> pb::AccessReason {
        self.code.unwrap_or(match self.kind {
            ErrorKind::Unreachable | ErrorKind::Malformed => pb::AccessReason::ProviderUnreachable,
            ErrorKind::RateLimited => pb::AccessReason::ProviderRateLimited,
            ErrorKind::Unauthorized => pb::AccessReason::ProviderRefusesCredentials,
            ErrorKind::NotFound => pb::AccessReason::ProviderLacksDoor,
            ErrorKind::Conflict | ErrorKind::Rejected => pb::AccessReason::ProviderRejects,
        })
    }

    /// The provider's own code, if it answered with one.
    pub fn vendor_code(&self) -> Option<&str> {
        self.cause::<VendorError>()?.code()
    }

    /// A value is missing, or can't be used. `reason` names it.
    pub(crate) fn of_value(name: &'static str, kind: ProblemKind, reason: String) -> Self {
        let source: Arc<dyn std::error::Error + Send + Sync> = Arc::new(BadValue { name, kind });
        Self { source: Some(source), ..Self::new(ErrorKind::Unauthorized, reason) }
    }

    fn cause<T: std::error::Error + 'static>(&self) -> Option<&T> {
        self.source.as_deref().and_then(|source| source.downcast_ref())
    }

    /// The same, to be tried again no sooner than after `wait`.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ProviderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A value of the credentials that is of no use.
#[derive(Debug, thiserror::Error)]
#[error("the value {name} can't be used")]
struct BadValue {
    name: &'static str,
    kind: ProblemKind,
}

impl From<VendorError> for ProviderError {
    fn from(error: VendorError) -> Self {
        use vendor_http::ErrorKind as Vendor;
        let kind = match error.kind {
            Vendor::Unreachable | Vendor::CircuitOpen { .. } => ErrorKind::Unreachable,
            Vendor::RateLimited { .. } => ErrorKind::RateLimited,
            Vendor::Unauthorized | Vendor::AddressRefused | Vendor::CertificateChanged => {
                ErrorKind::Unauthorized
            }
            Vendor::NotFound => ErrorKind::NotFound,
            Vendor::Conflict => ErrorKind::Conflict,
            Vendor::Rejected => ErrorKind::Rejected,
            Vendor::Malformed => ErrorKind::Malformed,
        };
        let what = error.message().unwrap_or_default();
        let reason = match error.kind {
            Vendor::AddressRefused => what.to_owned(),
            Vendor::CertificateChanged => {
                format!("{what}; nothing was sent. If it was changed on purpose, accept it")
            }
            _ => error.to_string(),
        };
        Self {
            kind,
            outcome_unknown: error.effect == Effect::Unknown,
            reason,
            retry_after: error.retry_after(),
            code: None,
            source: Some(Arc::new(error)),
        }
    }
}

impl From<ConnectError> for ProviderError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Refused(refused) => {
                Self::of_value(HOST, ProblemKind::AddressRefused, refused.to_string())
            }
            ConnectError::Failed(_) => {
                let reason = error.to_string();
                Self { source: Some(Arc::new(error)), ..Self::new(ErrorKind::Unreachable, reason) }
            }
        }
    }
}

impl From<&ProviderError> for pb::AccessFailure {
    fn from(error: &ProviderError) -> Self {
        let kind = match error.kind {
            ErrorKind::Unreachable | ErrorKind::Malformed => pb::AccessFailureKind::Unreachable,
            ErrorKind::RateLimited => pb::AccessFailureKind::RateLimited,
            ErrorKind::Unauthorized => pb::AccessFailureKind::Unauthorized,
            ErrorKind::NotFound => pb::AccessFailureKind::NotFound,
            ErrorKind::Conflict | ErrorKind::Rejected => pb::AccessFailureKind::Rejected,
        };
        let wait = error.retry_after.map(pbjson_types::Duration::from);
        Self {
            kind: kind.into(),
            reason: error.reason.clone(),
            outcome_unknown: error.outcome_unknown,
            retry_after: wait,
            code: error.code().into(),
        }
    }
}

/// What a check of credentials found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The value that it lies with, such as `host`; `None` if it is none of them.
    pub credential: Option<&'static str>,
    /// What kind of thing.
    pub kind: ProblemKind,
    /// For a person to act on. No secrets.
    pub reason: String,
    /// The certificate that the host showed, if it showed one of its own.
    pub certificate: Option<Certificate>,
}

/// Kinds of what can be wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The value is not there.
    Missing,
    /// The provider refuses the value.
    Wrong,
    /// The provider can't be reached.
    Unreachable,
    /// The provider was reached, and did not answer in time.
    TimedOut,
    /// The provider shows another certificate than before.
    CertificateChanged,
    /// The host leads where this installation does not call.
    AddressRefused,
}

impl Problem {
    /// What a failed call says about the connection, value by value: refused credentials are laid to `key`,
    /// what is wrong with where a host leads to `host`.
    pub fn of(error: &ProviderError, key: &'static str) -> Self {
        let problem = Self::at_work(error);
        match (problem.kind, problem.credential) {
            (ProblemKind::Wrong, None) => Self { credential: Some(key), ..problem },
            _ => problem,
        }
    }

    /// The same, where nobody says which of the values the key is.
    pub(crate) fn at_work(error: &ProviderError) -> Self {
        use vendor_http::ErrorKind as Vendor;
        let vendor = error.cause::<VendorError>();
        let (credential, kind) = match (error.cause::<BadValue>(), vendor.map(|error| error.kind)) {
            (Some(bad), _) => (Some(bad.name), bad.kind),
            (None, Some(Vendor::AddressRefused)) => (Some(HOST), ProblemKind::AddressRefused),
            (None, Some(Vendor::CertificateChanged)) => (Some(HOST), ProblemKind::CertificateChanged),
            _ if error.kind == ErrorKind::Unauthorized => (None, ProblemKind::Wrong),
            _ if vendor.is_some_and(VendorError::is_timeout) => (None, ProblemKind::TimedOut),
            _ => (None, ProblemKind::Unreachable),
        };
        let certificate = vendor.and_then(VendorError::certificate).cloned();
        Self { credential, kind, reason: error.reason.clone(), certificate }
    }
}

impl From<&Problem> for integrations_pb::ConnectionProblem {
    fn from(problem: &Problem) -> Self {
        let kind = match problem.kind {
            ProblemKind::Missing => integrations_pb::ConnectionProblemKind::Missing,
            ProblemKind::Wrong => integrations_pb::ConnectionProblemKind::Wrong,
            ProblemKind::Unreachable => integrations_pb::ConnectionProblemKind::Unreachable,
            ProblemKind::TimedOut => integrations_pb::ConnectionProblemKind::TimedOut,
            ProblemKind::CertificateChanged => integrations_pb::ConnectionProblemKind::CertificateChanged,
            ProblemKind::AddressRefused => integrations_pb::ConnectionProblemKind::AddressRefused,
        };
        Self {
            credential: problem.credential.unwrap_or_default().to_owned(),
            kind: kind.into(),
            reason: problem.reason.clone(),
        }
    }
}

/// The adapter's own ledger is not at hand. Shared by all who waited for the same batch.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the ledger cannot be read or written")]
pub struct LedgerError(#[source] pub Arc<sqlx::Error>);

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self(Arc::new(error))
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApplyError {
    /// The provider's part. It is the request's answer.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Our part: no answer; the request is carried out again.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}
