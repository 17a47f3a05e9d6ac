//! Why Stripe says no (Stripe API reference, Errors).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// A refused request. Keys in it are masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("You did not provide an API key: send it in the Authorization header, using Bearer auth.")]
    KeyMissing,
    #[error("Invalid API Key provided: {0}")]
    KeyInvalid(String),
    #[error("Expired API Key provided: {0}")]
    KeyExpired(String),
    /// Clients read the account out of it: nothing else tells it to a restricted key.
    #[error(
        "The provided key '{key}' does not have the required permissions for this endpoint on account \
         '{account}'. Having the '{permission}' permission would allow this request to continue."
    )]
    NotPermitted { key: String, account: String, permission: &'static str },
    #[error("Invalid Stripe API version: {0}")]
    VersionInvalid(String),
    #[error("Unrecognized request URL ({0}).")]
    PathUnknown(String),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::KeyMissing | Self::KeyInvalid(_) | Self::KeyExpired(_) => StatusCode::UNAUTHORIZED,
            Self::NotPermitted { .. } => StatusCode::FORBIDDEN,
            Self::VersionInvalid(_) => StatusCode::BAD_REQUEST,
            Self::PathUnknown(_) => StatusCode::NOT_FOUND,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error = json!({ "type": "invalid_request_error", "message": self.to_string() });
        if let Self::KeyExpired(_) = self {
            error["code"] = json!("api_key_expired");
        }
        (self.status(), Json(json!({ "error": error }))).into_response()
    }
}
