//! What can go wrong for a caller, by cause, and what they should make of it.

use chassis::error::{Class, Classify, store_class};

use domain::MessageId;
use events::outbox::OutboxError;

use crate::model::SuppressionReason;
use crate::vendor::sendgrid::{EventsMalformed, SignatureError};
use crate::vendor::twilio::CallbackError;

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
    /// Without the address nobody can tell Twilio's callbacks from forged ones.
    #[error("Twilio's callbacks are not taken: set twilio.webhook_url")]
    CallbackAddressMissing,
    /// Not Twilio's, not for this address, or not as documented.
    #[error("Twilio's callback is not taken: {0}")]
    CallbackRefused(CallbackError),
    /// No such message in this workspace.
    #[error("there is no message {0} in this workspace")]
    MessageNotFound(MessageId),
    /// Only the person takes back what they wished.
    #[error("the person wishes no messages there ({0}), and only they take it back")]
    SuppressedByPerson(SuppressionReason),
    /// SendGrid would drop what is sent to the address.
    #[error(
        "SendGrid keeps the address on its own list of bounces: {0}; its key needs the scope suppression.bounces.delete"
    )]
    BounceKept(vendor_http::VendorError),
    /// The entry for the audit log could not be written.
    #[error("cannot write")]
    Outbox(#[from] OutboxError),
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
            Self::CallbackAddressMissing | Self::SuppressedByPerson(_) | Self::BounceKept(_) => {
                Class::StateForbids
            }
            Self::CallbackRefused(CallbackError::Mismatch) => Class::Forbidden,
            Self::CallbackRefused(problem @ CallbackError::Malformed) => {
                Class::Invalid(vec![chassis::error::Violation {
                    field: "body".to_owned(),
                    problem: problem.to_string(),
                }])
            }
            Self::MessageNotFound(_) => Class::NotFound,
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => store_class(error),
            Self::Outbox(OutboxError::TooLarge { .. }) => Class::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::WebhookKeyMissing => "WEBHOOK_KEY_MISSING",
            Self::WebhookUnverified(_) => "WEBHOOK_UNVERIFIED",
            Self::WebhookMalformed(_) => "WEBHOOK_MALFORMED",
            Self::CallbackAddressMissing => "CALLBACK_ADDRESS_MISSING",
            Self::CallbackRefused(_) => "CALLBACK_REFUSED",
            Self::MessageNotFound(_) => "MESSAGE_NOT_FOUND",
            Self::SuppressedByPerson(_) => "SUPPRESSED_BY_PERSON",
            Self::BounceKept(_) => "BOUNCE_KEPT",
            Self::Outbox(_) | Self::Store(_) => "STORE",
        }
    }
}
