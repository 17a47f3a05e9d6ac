//! What can go wrong, by cause, and what the caller should make of it.

use chassis::error::{Class, Classify, store_class};
use chassis::idempotency::IntentError;
use domain::{IntegrationId, WorkspaceId};
use events::outbox::OutboxError;

use crate::vault::SealError;

/// Every error of this service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Not there, or another workspace's.
    #[error("integration {0} not found")]
    IntegrationNotFound(IntegrationId),
    /// There is nothing to check.
    #[error("integration {0} is disconnected; connect it again")]
    Disconnected(IntegrationId),
    /// The data key was wrapped by another master key, or is damaged.
    #[error("cannot open the data key of workspace {workspace}; restore its row in data_key")]
    DataKey {
        /// Whose.
        workspace: WorkspaceId,
        /// Why.
        #[source]
        source: SealError,
    },
    /// The value was sealed for another place, or is damaged.
    #[error("cannot open credential {name} of integration {integration}; connect it again")]
    Credential {
        /// Whose.
        integration: IntegrationId,
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// The request's key was used before, or can't be remembered.
    #[error(transparent)]
    Intent(#[from] IntentError),
    /// An event can't be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Postgres refused.
    #[error("cannot read or write")]
    Store(#[from] sqlx::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::IntegrationNotFound(_) => Class::NotFound,
            Self::Disconnected(_) => Class::StateForbids,
            Self::DataKey { .. } | Self::Credential { .. } => Class::Internal,
            Self::Intent(error) => error.class(),
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => store_class(error),
            Self::Outbox(OutboxError::TooLarge { .. }) => Class::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::IntegrationNotFound(_) => "INTEGRATION_NOT_FOUND",
            Self::Disconnected(_) => "INTEGRATION_DISCONNECTED",
            Self::DataKey { .. } => "DATA_KEY",
            Self::Credential { .. } => "CREDENTIAL",
            Self::Intent(error) => error.reason(),
            Self::Outbox(_) => "OUTBOX",
            Self::Store(_) => "STORE",
        }
    }
}
