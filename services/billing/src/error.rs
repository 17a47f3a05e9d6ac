//! What can go wrong for a caller, by cause, and what they should make of it.

use chassis::error::{Class, Classify};
use tonic::Status;

/// Every error that a caller sees. What is wrong with a connection is an answer, no error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The integrations service does not answer.
    #[error("the credentials can't be asked for")]
    Credentials(#[source] Status),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Credentials(_) => Class::Unavailable,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "CREDENTIALS_UNAVAILABLE",
        }
    }
}
