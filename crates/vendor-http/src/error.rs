//! Why a call failed, and whether it may have taken effect all the same.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::certificate::Certificate;

/// Cause of a failed call. It alone decides between retry, park and fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No answer, or one that says that the vendor is out of order. Try again later.
    Unreachable,
    /// Too many calls for now. Also when our own limit would not give the call its turn in time.
    RateLimited {
        /// When to come back, if known.
        retry_after: Option<Duration>,
    },
    /// The credential is wrong, expired or revoked. No call of the account will work until it changes.
    Unauthorized,
    /// The thing does not exist, or not for this account.
    NotFound,
    /// The thing exists already, or its state forbids the call.
    Conflict,
    /// The vendor understood the call and refuses it; the same call will be refused again.
    Rejected,
    /// The answer was not what the vendor documents.
    Malformed,
    /// The host leads where hosts that people type may not. Nothing was sent.
    AddressRefused,
    /// The host shows another certificate than the one that is pinned. Nothing was sent.
    CertificateChanged,
    /// The account failed too often of late, so nothing was sent.
    CircuitOpen {
        /// When the next probe is due.
        retry_after: Duration,
    },
}

impl ErrorKind {
    /// Name for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Malformed => "malformed",
            Self::AddressRefused => "address_refused",
            Self::CertificateChanged => "certificate_changed",
            Self::CircuitOpen { .. } => "circuit_open",
        }
    }
}

/// Whether a failed call may have taken effect at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It did not: it was not sent, or it was refused.
    None,
    /// It may have: it was sent and the answer was lost, or does not say.
    Unknown,
}

impl Effect {
    /// The effect of several attempts together.
    pub(crate) fn or(self, other: Self) -> Self {
        if self == Self::None { other } else { Self::Unknown }
    }
}

/// A failed call. Holds no URL with values, no body, and no header but the vendor's challenge.
pub struct VendorError {
    /// Cause.
    pub kind: ErrorKind,
    /// Whether it may have taken effect, over all attempts of the call.
    pub effect: Effect,
    detail: Box<Detail>,
}

/// Where a call went: the part of it that may be shown.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) vendor: &'static str,
    pub(crate) method: http::Method,
    pub(crate) template: &'static str,
    pub(crate) is_read: bool,
}

#[derive(Debug)]
struct Detail {
    site: Site,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    retry_after: Option<Duration>,
    is_final: bool,
    certificate: Option<Certificate>,
    challenge: Option<http::HeaderValue>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl VendorError {
    pub(crate) fn new(site: &Site, kind: ErrorKind, effect: Effect) -> Self {
        let retry_after = match kind {
            ErrorKind::RateLimited { retry_after } => retry_after,
            ErrorKind::CircuitOpen { retry_after } => Some(retry_after),
            _ => None,
        };
        // A read changes nothing, whatever became of it.
        let effect = if site.is_read { Effect::None } else { effect };
        let detail = Detail {
            site: site.clone(),
            status: None,
            code: None,
            message: None,
            retry_after,
            is_final: false,
            certificate: None,
            challenge: None,
            source: None,
        };
        Self { kind, effect, detail: Box::new(detail) }
    }

    pub(crate) fn with_status(mut self, status: http::StatusCode) -> Self {
        self.detail.status = Some(status.as_u16());
        self
    }

    pub(crate) fn with_code(mut self, code: Option<String>) -> Self {
        self.detail.code = code;
        self
    }

    pub(crate) fn with_message(mut self, message: Option<String>) -> Self {
        self.detail.message = message;
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.detail.retry_after = retry_after;
        self
    }

    pub(crate) fn with_final(mut self, is_final: bool) -> Self {
        self.detail.is_final = is_final;
        self
    }

    pub(crate) fn with_certificate(mut self, certificate: Option<Certificate>) -> Self {
        self.detail.certificate = certificate;
        self
    }

    pub(crate) fn with_challenge(mut self, challenge: Option<http::HeaderValue>) -> Self {
        self.detail.challenge = challenge;
        self
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.detail.source = Some(Box::new(source));
        self
    }

    /// The vendor, by the name its profile has.
    pub fn vendor(&self) -> &'static str {
        self.detail.site.vendor
    }

    /// URL template of the call, such as `/users/{id}`.
    pub fn template(&self) -> &'static str {
        self.detail.site.template
    }

    /// HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.detail.status
    }

    /// The vendor's own code, if its answer had one. At most 100 characters.
    pub fn code(&self) -> Option<&str> {
        self.detail.code.as_deref()
    }

    /// The vendor's words, at most 200 characters, without addresses and numbers.
    pub fn message(&self) -> Option<&str> {
        self.detail.message.as_deref()
    }

    /// Whether the vendor was reached, and gave no whole answer in time.
    pub fn is_timeout(&self) -> bool {
        let source = self.detail.source.as_deref().and_then(|source| source.downcast_ref::<reqwest::Error>());
        source.is_some_and(|source| source.is_timeout() && !source.is_connect())
    }

    /// The certificate that the host showed, to a client that is told whom to [trust](crate::Trust): also the
    /// one that was refused.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.detail.certificate.as_ref()
    }

    /// How the vendor wants callers to prove who they are: the `WWW-Authenticate` of its refusal.
    pub fn challenge(&self) -> Option<&str> {
        self.detail.challenge.as_ref()?.to_str().ok()
    }

    /// Whether the vendor said that it is no use to make the call again.
    pub(crate) fn is_final(&self) -> bool {
        self.detail.is_final
    }

    /// When the vendor wants to be called again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.detail.retry_after
    }
}

impl fmt::Display for VendorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site { vendor, method, template, .. } = &self.detail.site;
        match self.kind {
            ErrorKind::Unreachable => write!(f, "{vendor} did not serve {method} {template}"),
            ErrorKind::RateLimited { .. } => write!(f, "{vendor} is called too often: {method} {template}"),
            ErrorKind::Unauthorized => {
                write!(f, "{vendor} does not accept the credential: {method} {template}")
            }
            ErrorKind::NotFound => write!(f, "{vendor} does not have what {method} {template} names"),
            ErrorKind::Conflict => write!(f, "{vendor} finds {method} {template} in conflict with its state"),
            ErrorKind::Rejected => write!(f, "{vendor} refused {method} {template}"),
            ErrorKind::Malformed => write!(f, "{vendor} gave an unexpected answer to {method} {template}"),
            ErrorKind::AddressRefused => write!(f, "{method} {template} was not sent to {vendor}"),
            ErrorKind::CertificateChanged => {
                write!(f, "{method} {template} was not sent to {vendor}, whose certificate has changed")
            }
            ErrorKind::CircuitOpen { .. } => {
                write!(f, "{vendor} failed too often of late, so {method} {template} was not sent")
            }
        }?;
        match (self.detail.status, self.code()) {
            (Some(status), Some(code)) => write!(f, " ({status}, {code})")?,
            (Some(status), None) => write!(f, " ({status})")?,
            (None, Some(code)) => write!(f, " ({code})")?,
            (None, None) => {}
        }
        if self.effect == Effect::Unknown {
            f.write_str("; it may have taken effect")?;
        }
        match self.message() {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for VendorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VendorError")
            .field("kind", &self.kind)
            .field("effect", &self.effect)
            .field("detail", &self.detail)
            .finish()
    }
}

impl StdError for VendorError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.detail.source.as_deref().map(|source| source as _)
    }
}
