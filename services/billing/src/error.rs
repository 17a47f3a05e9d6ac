//! What can go wrong for a caller, by cause, and what they should make of it.

use std::time::Duration;

use chassis::error::{Class, Classify, store_class};
use chassis::idempotency::IntentError;
use chassis::input::InvalidInput;
use domain::{PaymentId, PaymentMethodId, PersonId, TeamId};
use events::outbox::OutboxError;
use tonic::Status;
use vendor_http::{ErrorKind, VendorError};

use crate::books::BooksError;
use crate::customers::Holder;
use crate::vendor::{ChargingError, SavingError};

/// Every error that a caller sees. What is wrong with a connection is an answer, no error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The integrations service does not answer.
    #[error("the credentials can't be asked for")]
    Credentials(#[source] Status),
    /// There is no key.
    #[error("Stripe is not connected; connect it first")]
    StripeNotConnected,
    /// The key does not work.
    #[error("Stripe refuses the key that is saved; connect it again with a key that works")]
    KeyRefused,
    /// Stripe said no.
    #[error("Stripe refused: {0}")]
    StripeRefused(String),
    /// Stripe did not answer, or not as it should.
    #[error("Stripe did not answer")]
    StripeUnreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The workspace takes no debits.
    #[error("debits of bank accounts are turned off; an admin turns them on in the payment settings")]
    DebitsOff,
    /// Nobody would hear what becomes of a debit.
    #[error("debits need the signing secret of Stripe's webhook; save it with the key")]
    WebhookSecretMissing,
    /// Somebody else makes calls about this customer.
    #[error("another request about the same customer is under way; try again")]
    CustomerBusy,
    /// Not there, or another workspace's, or another person's.
    #[error("payment method {0} not found")]
    MethodNotFound(PaymentMethodId),
    /// Only what is saved can be charged.
    #[error("payment method {0} is not saved, so it can't be charged")]
    MethodNotSaved(PaymentMethodId),
    /// Not there, or another workspace's, or another person's.
    #[error("payment {0} not found")]
    PaymentNotFound(PaymentId),
    /// There is nothing to confirm.
    #[error("payment {0} waits for nobody, so there is nothing to confirm")]
    PaymentNotContinuable(PaymentId),
    /// Money can't be booked.
    #[error("cannot book what happened to money")]
    Books(#[source] BooksError),
    /// Not there, or none of the caller's business.
    #[error("person {0} not found")]
    PersonNotFound(PersonId),
    /// Not there, or none of the caller's business.
    #[error("team {0} not found")]
    TeamNotFound(TeamId),
    /// The request's key was used before, or can't be remembered.
    #[error(transparent)]
    Intent(#[from] IntentError),
    /// Input that only the whole request shows to be wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// An event can't be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Postgres refused.
    #[error("cannot reach what is stored")]
    Store(#[from] sqlx::Error),
}

impl Error {
    pub(crate) fn holder_not_found(holder: Holder) -> Self {
        match holder {
            Holder::Person(id) => Self::PersonNotFound(id),
            Holder::Team(id) => Self::TeamNotFound(id),
        }
    }
}

impl From<BooksError> for Error {
    fn from(error: BooksError) -> Self {
        match error {
            BooksError::Store(error) => Self::Store(error),
            error => Self::Books(error),
        }
    }
}

impl From<VendorError> for Error {
    fn from(error: VendorError) -> Self {
        match error.kind {
            ErrorKind::Unauthorized => Self::KeyRefused,
            ErrorKind::Rejected | ErrorKind::NotFound | ErrorKind::Conflict => {
                Self::StripeRefused(error.message().unwrap_or("it gave no reason").to_owned())
            }
            _ => Self::StripeUnreachable(Box::new(error)),
        }
    }
}

impl From<SavingError> for Error {
    fn from(error: SavingError) -> Self {
        match error {
            SavingError::Vendor(error) => error.into(),
            SavingError::UnknownStatus(_) => Self::StripeUnreachable(Box::new(error)),
        }
    }
}

impl From<ChargingError> for Error {
    fn from(error: ChargingError) -> Self {
        match error {
            ChargingError::Vendor(error) => error.into(),
            ChargingError::Amount(_) => Self::StripeRefused(error.to_string()),
            ChargingError::UnknownStatus(_) => Self::StripeUnreachable(Box::new(error)),
        }
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Credentials(_) | Self::StripeUnreachable(_) => Class::Unavailable,
            Self::StripeNotConnected
            | Self::KeyRefused
            | Self::StripeRefused(_)
            | Self::DebitsOff
            | Self::WebhookSecretMissing
            | Self::MethodNotSaved(_)
            | Self::PaymentNotContinuable(_) => Class::StateForbids,
            Self::CustomerBusy => Class::Exhausted(Duration::from_secs(1)),
            Self::MethodNotFound(_)
            | Self::PaymentNotFound(_)
            | Self::PersonNotFound(_)
            | Self::TeamNotFound(_) => Class::NotFound,
            Self::Intent(error) => error.class(),
            Self::Invalid(error) => error.class(),
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => store_class(error),
            Self::Outbox(OutboxError::TooLarge { .. }) | Self::Books(_) => Class::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "CREDENTIALS_UNAVAILABLE",
            Self::StripeNotConnected => "STRIPE_NOT_CONNECTED",
            Self::KeyRefused => "STRIPE_KEY_REFUSED",
            Self::StripeRefused(_) => "STRIPE_REFUSED",
            Self::StripeUnreachable(_) => "STRIPE_UNREACHABLE",
            Self::DebitsOff => "DEBITS_OFF",
            Self::WebhookSecretMissing => "WEBHOOK_SECRET_MISSING",
            Self::CustomerBusy => "CUSTOMER_BUSY",
            Self::MethodNotFound(_) => "PAYMENT_METHOD_NOT_FOUND",
            Self::MethodNotSaved(_) => "PAYMENT_METHOD_NOT_SAVED",
            Self::PaymentNotFound(_) => "PAYMENT_NOT_FOUND",
            Self::PaymentNotContinuable(_) => "PAYMENT_NOT_CONTINUABLE",
            Self::Books(_) => "BOOKS",
            Self::PersonNotFound(_) => "PERSON_NOT_FOUND",
            Self::TeamNotFound(_) => "TEAM_NOT_FOUND",
            Self::Intent(error) => error.reason(),
            Self::Invalid(error) => error.reason(),
            Self::Outbox(_) | Self::Store(_) => "STORE",
        }
    }
}
