//! What can go wrong for a caller, by cause, and what they should make of it.

use chassis::error::{Class, Classify, store_class};
use chassis::idempotency::IntentError;
use chassis::input::InvalidInput;
use domain::{FileId, PersonId};
use events::outbox::OutboxError;

use crate::model::{Kind, Refusal};
use crate::objects::ObjectsError;
use crate::scanner::ScanError;

/// Every error that a caller sees.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no bucket.
    #[error("files are not stored here: the operator sets s3.bucket")]
    StoreNotConfigured,
    /// Not there, or none of the caller's business.
    #[error("file {0} not found")]
    FileNotFound(FileId),
    /// None of the caller's business.
    #[error("person {0} not found")]
    PersonNotFound(PersonId),
    /// Others put, or read, such files.
    #[error("files of kind {0} are not yours to {1}")]
    KindNotYours(Kind, &'static str),
    /// The workspace has as much as it may.
    #[error(
        "the workspace would have {used} bytes, and may have {quota}: delete files, or ask the operator for more"
    )]
    QuotaExceeded { used: i64, quota: i64 },
    /// Nothing was sent yet.
    #[error("nothing was sent to the store for file {0} yet; send it, then complete it")]
    UploadMissing(FileId),
    /// Somebody has it looked at.
    #[error("file {0} is being looked at; try again in a moment")]
    UploadUnderCheck(FileId),
    /// Something is wrong with it, for good.
    #[error("file {0} was refused: {why}", why = .1.explanation())]
    Refused(FileId, Refusal),
    /// There is nothing to fetch.
    #[error("file {0} is not stored, so it can't be fetched")]
    NotStored(FileId),
    /// A picture has no smaller version of that size.
    #[error("file {0} has no version of {1} pixels; `thumbnail_sides` says which there are")]
    NoThumbnail(FileId, i32),
    /// The file that was to be replaced is of another kind.
    #[error("file {0} is of another kind, so it can't be replaced by this one")]
    ReplacesAnotherKind(FileId),
    /// The store.
    #[error("the store of files can't be used")]
    Objects(#[from] ObjectsError),
    /// The virus scanner.
    #[error("files can't be scanned")]
    Scan(#[from] ScanError),
    /// A picture could not be worked on.
    #[error("a picture could not be worked on")]
    Worker(#[source] tokio::task::JoinError),
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

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::StoreNotConfigured
            | Self::QuotaExceeded { .. }
            | Self::UploadMissing(_)
            | Self::Refused(..)
            | Self::NotStored(_)
            | Self::ReplacesAnotherKind(_) => Class::StateForbids,
            Self::FileNotFound(_) | Self::PersonNotFound(_) | Self::NoThumbnail(..) => Class::NotFound,
            Self::KindNotYours(..) => Class::Forbidden,
            Self::UploadUnderCheck(_) => Class::LostRace,
            Self::Objects(_) | Self::Scan(_) => Class::Unavailable,
            Self::Worker(_) | Self::Outbox(OutboxError::TooLarge { .. }) => Class::Internal,
            Self::Intent(error) => error.class(),
            Self::Invalid(error) => error.class(),
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => store_class(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::StoreNotConfigured => "STORE_NOT_CONFIGURED",
            Self::FileNotFound(_) => "FILE_NOT_FOUND",
            Self::PersonNotFound(_) => "PERSON_NOT_FOUND",
            Self::KindNotYours(..) => "KIND_NOT_YOURS",
            Self::QuotaExceeded { .. } => "QUOTA_EXCEEDED",
            Self::UploadMissing(_) => "UPLOAD_MISSING",
            Self::UploadUnderCheck(_) => "UPLOAD_UNDER_CHECK",
            Self::Refused(_, refusal) => refusal.as_str(),
            Self::NotStored(_) => "FILE_NOT_STORED",
            Self::NoThumbnail(..) => "THUMBNAIL_NOT_FOUND",
            Self::ReplacesAnotherKind(_) => "REPLACES_ANOTHER_KIND",
            Self::Objects(_) => "OBJECTS_UNAVAILABLE",
            Self::Scan(_) => "SCANNER_UNAVAILABLE",
            Self::Worker(_) => "WORKER",
            Self::Intent(error) => error.reason(),
            Self::Invalid(error) => error.reason(),
            Self::Outbox(_) | Self::Store(_) => "STORE",
        }
    }
}
