//! What can go wrong, by cause, and what the caller should make of it.

use std::time::Duration;

use chassis::error::{Class, Classify, store_class};
use chassis::idempotency::IntentError;
use chassis::input::InvalidInput;
use domain::{CardId, DoorMappingId, LockdownId, OperationId, PersonId};
use events::outbox::OutboxError;
use proto::access::v1::AccessReason;

use crate::explain::sentence;

/// Every error of this service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request makes no sense.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// Not there, or another workspace's.
    #[error("door mapping {0} not found")]
    DoorMappingNotFound(DoorMappingId),
    /// Not there, or none of the caller's business.
    #[error("person {0} not found")]
    PersonNotFound(PersonId),
    /// Not there, or none of the caller's business.
    #[error("door {0:?} not found")]
    DoorNotFound(String),
    /// It would have no end, or none that the device keeps.
    #[error("door {0:?} can't be held open: set its hours at its provider, if that knows some")]
    DoorCannotHold(String),
    /// It has none, or is not there.
    #[error("door {0:?} has no schedule")]
    DoorScheduleNotFound(String),
    /// Not there, or none of the caller's.
    #[error("door operation {0} not found")]
    OperationNotFound(OperationId),
    /// Not there, or another workspace's.
    #[error("lockdown {0} not found")]
    LockdownNotFound(LockdownId),
    /// A machine, or whoever is none of the workspace's people.
    #[error("only people have logins for their phones: call as the person")]
    NotAPerson,
    /// Paused, or removed.
    #[error("person {0} is not active, so nothing lets them in")]
    PersonNotActive(PersonId),
    /// No integration that is active opens the doors there.
    #[error("no active {0} integration serves that location")]
    NotServed(String),
    /// The provider did not do it, or nobody knows.
    #[error("no login was made: {} Whoever has no access there has none", sentence(*.0, None))]
    Provider(AccessReason),
    /// Not there, or none of the caller's business.
    #[error("card {0} not found")]
    CardNotFound(CardId),
    /// A card has one holder.
    #[error("person {0} has that card: take it away from them first")]
    CardHeld(PersonId),
    /// It may still open doors for whoever had it.
    #[error("that card was just taken away, and a provider has not confirmed it yet: try again")]
    CardBeingTaken,
    /// The provider does not know it, has no cards, or can't be asked.
    #[error("no card was given: {}", sentence(*.0, None))]
    Card(AccessReason),
    /// The same mapping is there already.
    #[error("that is mapped to that door already")]
    DoorMappingExists,
    /// Watches take something of each process.
    #[error("too many watches; end some, or come again later")]
    TooManyWatches,
    /// More grants than a watch can follow.
    #[error("more than 1,000 grants: name a person, a door or a source")]
    WatchTooWide,
    /// Another replica goes on.
    #[error("this process is shutting down; call again")]
    ShuttingDown,
    /// The request's key was used before, or can't be remembered.
    #[error(transparent)]
    Intent(#[from] IntentError),
    /// An event or command can't be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Postgres refused.
    #[error("cannot read or write")]
    Store(#[from] sqlx::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(error) => error.class(),
            Self::DoorMappingNotFound(_)
            | Self::PersonNotFound(_)
            | Self::DoorNotFound(_)
            | Self::DoorScheduleNotFound(_)
            | Self::OperationNotFound(_)
            | Self::LockdownNotFound(_)
            | Self::CardNotFound(_) => Class::NotFound,
            Self::NotAPerson | Self::PersonNotActive(_) | Self::NotServed(_) => Class::StateForbids,
            Self::CardHeld(_) => Class::Exists,
            Self::CardBeingTaken => Class::Unavailable,
            Self::Card(AccessReason::CardUnknown) => Class::NotFound,
            Self::Provider(reason) | Self::Card(reason) => match reason {
                AccessReason::ProviderUnreachable => Class::Unavailable,
                AccessReason::ProviderRateLimited | AccessReason::DoorBusy => {
                    Class::Exhausted(Duration::from_secs(1))
                }
                _ => Class::StateForbids,
            },
            Self::DoorMappingExists => Class::Exists,
            Self::TooManyWatches => Class::Exhausted(Duration::from_secs(30)),
            Self::WatchTooWide | Self::DoorCannotHold(_) => Class::StateForbids,
            Self::ShuttingDown => Class::Unavailable,
            Self::Intent(error) => error.class(),
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => store_class(error),
            Self::Outbox(OutboxError::TooLarge { .. }) => Class::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::DoorMappingNotFound(_) => "DOOR_MAPPING_NOT_FOUND",
            Self::PersonNotFound(_) => "PERSON_NOT_FOUND",
            Self::DoorNotFound(_) => "DOOR_NOT_FOUND",
            Self::DoorCannotHold(_) => "DOOR_CANNOT_HOLD",
            Self::DoorScheduleNotFound(_) => "DOOR_SCHEDULE_NOT_FOUND",
            Self::OperationNotFound(_) => "DOOR_OPERATION_NOT_FOUND",
            Self::LockdownNotFound(_) => "LOCKDOWN_NOT_FOUND",
            Self::NotAPerson => "NOT_A_PERSON",
            Self::PersonNotActive(_) => "PERSON_NOT_ACTIVE",
            Self::NotServed(_) => "LOCATION_NOT_SERVED",
            Self::CardNotFound(_) => "CARD_NOT_FOUND",
            Self::CardHeld(_) => "CARD_HELD",
            Self::CardBeingTaken => "CARD_BEING_TAKEN",
            Self::Card(AccessReason::CardUnknown) => "CARD_UNKNOWN",
            Self::Card(AccessReason::CardUnsupported) => "CARD_UNSUPPORTED",
            Self::Provider(reason) | Self::Card(reason) => match reason {
                AccessReason::ProviderUnreachable => "PROVIDER_UNREACHABLE",
                AccessReason::ProviderRateLimited | AccessReason::DoorBusy => "PROVIDER_RATE_LIMITED",
                _ => "PROVIDER_REJECTED",
            },
            Self::DoorMappingExists => "DOOR_MAPPING_EXISTS",
            Self::TooManyWatches => "TOO_MANY_WATCHES",
            Self::WatchTooWide => "WATCH_TOO_WIDE",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Intent(error) => error.reason(),
            Self::Outbox(_) => "OUTBOX",
            Self::Store(_) => "STORE",
        }
    }
}

impl From<Error> for events::ApplyError {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Outbox(error) => error.into(),
            error => Self::Never(error.to_string()),
        }
    }
}
