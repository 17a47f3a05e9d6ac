//! What can go wrong, by cause, and what the caller should make of it.

use chassis::error::{Class, Classify, store_class};
use chassis::idempotency::IntentError;
use chassis::input::InvalidInput;
use domain::{IntegrationId, WorkspaceId};
use events::outbox::OutboxError;
use sealing::SealError;

use crate::vault::{MasterKeyError, WrapError};

/// Every error of this service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Not there, or another workspace's.
    #[error("integration {0} not found")]
    IntegrationNotFound(IntegrationId),
    /// There is nothing to ask with.
    #[error("integration {0} is disconnected; connect it again")]
    Disconnected(IntegrationId),
    /// The account that is to be confirmed is not the one that is connected.
    #[error("integration {0} is not connected to that account; look again which one it is")]
    OtherAccount(IntegrationId),
    /// The certificate that is to be accepted is not the one that was shown.
    #[error("the host of integration {0} does not show that certificate; look again which one it shows")]
    OtherCertificate(IntegrationId),
    /// The integration is another location's.
    #[error("integration {0} is for another location")]
    OtherLocation(IntegrationId),
    /// The provider has no such place.
    #[error("the provider has no place of that id")]
    PlaceNotFound,
    /// Its adapter knows no places.
    #[error("{0} has no places")]
    NoPlaces(&'static str),
    /// The provider did not give what was asked for.
    #[error("{0}")]
    ProviderRefused(String),
    /// Nobody was there to ask the provider.
    #[error("{0}")]
    NotAsked(String),
    /// The values can't be saved like this.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// A master key is missing, or can't be read.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The data key can't be wrapped or opened.
    #[error(
        "cannot use the data key of workspace {workspace}; if it is damaged, restore its row in data_key"
    )]
    DataKey {
        /// Whose.
        workspace: WorkspaceId,
        /// Why.
        #[source]
        source: WrapError,
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
            Self::IntegrationNotFound(_) | Self::PlaceNotFound => Class::NotFound,
            Self::Disconnected(_)
            | Self::OtherAccount(_)
            | Self::OtherCertificate(_)
            | Self::OtherLocation(_)
            | Self::NoPlaces(_)
            | Self::ProviderRefused(_)
            | Self::MasterKey(_) => Class::StateForbids,
            Self::NotAsked(_) | Self::DataKey { source: WrapError::Kms(_), .. } => Class::Unavailable,
            Self::Invalid(error) => error.class(),
            Self::DataKey { source: WrapError::Sealed(_), .. } | Self::Credential { .. } => Class::Internal,
            Self::Intent(error) => error.class(),
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => store_class(error),
            Self::Outbox(OutboxError::TooLarge { .. }) => Class::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::IntegrationNotFound(_) => "INTEGRATION_NOT_FOUND",
            Self::Disconnected(_) => "INTEGRATION_DISCONNECTED",
            Self::OtherAccount(_) => "ACCOUNT_NOT_CONNECTED",
            Self::OtherCertificate(_) => "CERTIFICATE_NOT_SHOWN",
            Self::OtherLocation(_) => "INTEGRATION_OF_OTHER_LOCATION",
            Self::PlaceNotFound => "PLACE_NOT_FOUND",
            Self::NoPlaces(_) => "PROVIDER_WITHOUT_PLACES",
            Self::ProviderRefused(_) => "PROVIDER_REFUSED",
            Self::NotAsked(_) => "ADAPTER_UNAVAILABLE",
            Self::Invalid(error) => error.reason(),
            Self::MasterKey(_) => "MASTER_KEY",
            Self::DataKey { .. } => "DATA_KEY",
            Self::Credential { .. } => "CREDENTIAL",
            Self::Intent(error) => error.reason(),
            Self::Outbox(_) => "OUTBOX",
            Self::Store(_) => "STORE",
        }
    }
}
