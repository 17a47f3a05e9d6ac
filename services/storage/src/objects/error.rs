//! What the store says when it does not do what it should (Amazon S3 API Reference, "Error responses").

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why something at the store was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectsError {
    /// There is something else at the key than was looked at.
    #[error("what was sent was replaced while it was looked at")]
    Changed,
    /// There is nothing at the key.
    #[error("there is nothing at that key")]
    Missing,
    /// The store answered, and said no.
    #[error("the store refuses with {code}")]
    Refused {
        /// Its own word, such as `AccessDenied`.
        code: String,
        #[source]
        source: Source,
    },
    /// No answer, or none that makes sense.
    #[error("the store did not answer")]
    Unreachable(#[source] Source),
}

/// The status of an answer, if there was one.
pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

impl<E> From<SdkError<E, HttpResponse>> for ObjectsError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = status(&error);
        let code = error.as_service_error().and_then(|error| error.code()).map(str::to_owned);
        match (code.as_deref(), status) {
            (Some("PreconditionFailed"), _) | (_, Some(412)) => Self::Changed,
            (Some("NoSuchKey"), _) => Self::Missing,
            // It is busy, or has trouble of its own.
            (_, Some(500..)) | (_, None) => Self::Unreachable(Box::new(error)),
            (code, Some(status)) => {
                let code = code.map_or_else(|| format!("status {status}"), str::to_owned);
                Self::Refused { code, source: Box::new(error) }
            }
        }
    }
}
