//! Errors as answers.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::bank::NotDone;
use crate::error::Error;
use crate::lines::Unavailable;
use crate::offline::NotTaken;

#[derive(Serialize)]
struct Body {
    error: Told,
}

#[derive(Serialize)]
struct Told {
    reason: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::RequestInvalid(_)
        | Error::OutOfRange(_)
        | Error::NameInvalid
        | Error::IdInvalid { .. }
        | Error::ActorInvalid
        | Error::TimeInvalid => StatusCode::BAD_REQUEST,
        Error::KeyWrong => StatusCode::UNAUTHORIZED,
        Error::TooManyWrongKeys(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::ChannelUnknown(_) | Error::RequestUnknown | Error::PathUnknown => StatusCode::NOT_FOUND,
        Error::MethodWrong => StatusCode::METHOD_NOT_ALLOWED,
        Error::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Error::NotDone(NotDone::Refused(_) | NotDone::IdReused) => StatusCode::CONFLICT,
        Error::NotDone(NotDone::RelayFailed) => StatusCode::INTERNAL_SERVER_ERROR,
        Error::NotTaken(NotTaken::Outdated { .. }) => StatusCode::CONFLICT,
        Error::NotTaken(NotTaken::NotSaved(_)) | Error::NotSaved { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        Error::NotTaken(NotTaken::MacWrong | NotTaken::Invalid(_) | NotTaken::ForAnotherController(_)) => {
            StatusCode::BAD_REQUEST
        }
        Error::Unavailable(Unavailable::Busy | Unavailable::Stopping) => StatusCode::SERVICE_UNAVAILABLE,
        Error::TimedOut => StatusCode::GATEWAY_TIMEOUT,
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let told = Told { reason: self.reason(), message: self.to_string(), field: self.field() };
        let mut response = (status(&self), Json(Body { error: told })).into_response();
        if let Self::TooManyWrongKeys(wait) = self {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1_000) as u64));
        }
        response
    }
}
