//! SendGrid's error body: `{"errors": [{"message", "field", "help"}]}`.
//!
//! SendGrid v3 API reference, Errors. `field` is the path of what is wrong, such as `personalizations.0.to`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) errors: Vec<FieldError>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) message: String,
    pub(crate) field: Option<String>,
}

impl Refusal {
    /// A refusal that is about no field.
    pub(crate) fn new(status: StatusCode, message: &str) -> Self {
        Self { status, errors: vec![FieldError { message: message.to_owned(), field: None }] }
    }

    /// A refusal because of one field.
    pub(crate) fn of_field(status: StatusCode, field: &str, message: &str) -> Self {
        let error = FieldError { message: message.to_owned(), field: Some(field.to_owned()) };
        Self { status, errors: vec![error] }
    }

    pub(crate) fn unauthorized() -> Self {
        let message = "The provided authorization grant is invalid, expired, or revoked";
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "access forbidden")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found")
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn too_many_requests() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests")
    }

    pub(crate) fn body(&self) -> Value {
        let shown =
            |error: &FieldError| json!({ "message": error.message, "field": error.field, "help": null });
        json!({ "errors": self.errors.iter().map(shown).collect::<Vec<_>>() })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}
