//! What can go wrong for a caller, by cause, and what they should make of it.

use chassis::error::{Class, Classify, store_class};

use crate::vendor::sendgrid::{EventsMalformed, SignatureError};

/// Every error that a caller sees.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Without the key nobody can tell a vendor's report from a forged one.
    #[error("SendGrid's events are not taken: set sendgrid.webhook_public_key")]
    WebhookKeyMissing,
    /// Not from SendGrid, changed on its way, or replayed.
    #[error("SendGrid's events are not taken: {0}")]
    WebhookUnverified(SignatureError),
    /// Signed, but not as documented.
    #[error("SendGrid's events can't be read: {0}")]
    WebhookMalformed(EventsMalformed),
    /// Postgres refused.
    #[error("cannot read or write")]
    Store(#[from] sqlx::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::WebhookKeyMissing => Class::StateForbids,
            Self::WebhookUnverified(_) => Class::Forbidden,
            Self::WebhookMalformed(problem) => Class::Invalid(vec![chassis::error::Violation {
                field: "body".to_owned(),
                problem: problem.to_string(),
            }]),
            Self::Store(error) => store_class(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::WebhookKeyMissing => "WEBHOOK_KEY_MISSING",
            Self::WebhookUnverified(_) => "WEBHOOK_UNVERIFIED",
            Self::WebhookMalformed(_) => "WEBHOOK_MALFORMED",
            Self::Store(_) => "STORE",
        }
    }
}
