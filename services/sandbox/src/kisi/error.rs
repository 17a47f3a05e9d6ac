//! Kisi's error bodies: `{code, error}`, and for 422 alone `{errors}` by field (Kisi API reference, Errors).

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApiError {
    /// `{"code","error"}`.
    Plain { status: StatusCode, code: Cow<'static, str>, text: Cow<'static, str> },
    /// 422 `{"errors"}`.
    Fields(BTreeMap<String, Vec<String>>),
    /// 429, with or without `Retry-After: 1`.
    RateLimited { retry_after: bool },
}

impl ApiError {
    /// With one of the codes of Kisi's table.
    pub(super) fn coded(status: StatusCode, code: &'static str, text: &'static str) -> Self {
        Self::Plain { status, code: Cow::Borrowed(code), text: Cow::Borrowed(text) }
    }

    /// With the general code of the status.
    fn general(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Plain { status, code: general_code(status).into(), text: text.into() }
    }

    pub(super) fn bad_request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::general(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn unauthorized() -> Self {
        Self::general(StatusCode::UNAUTHORIZED, "Authentication required")
    }

    pub(super) fn forbidden() -> Self {
        Self::general(StatusCode::FORBIDDEN, "Access denied")
    }

    pub(super) fn not_found() -> Self {
        Self::general(StatusCode::NOT_FOUND, "The record could not be found")
    }

    pub(super) fn no_route() -> Self {
        Self::general(StatusCode::NOT_FOUND, "The requested endpoint does not exist")
    }

    pub(super) fn conflict() -> Self {
        Self::general(StatusCode::CONFLICT, "The record already exists")
    }

    pub(super) fn unavailable() -> Self {
        Self::general(StatusCode::SERVICE_UNAVAILABLE, "The service is unavailable")
    }

    pub(super) fn field(name: &str, text: impl Into<String>) -> Self {
        Self::Fields(BTreeMap::from([(name.to_owned(), vec![text.into()])]))
    }

    pub(super) fn general_body(status: StatusCode) -> Value {
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            return json!({ "errors": { "base": ["is not accepted"] } });
        }
        json!({ "code": general_code(status), "error": status.canonical_reason().unwrap_or("Error") })
    }
}

/// `000` and the status, as seen for 404 and 409; `ffffff` stands for the unexpected.
fn general_code(status: StatusCode) -> String {
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        "ffffff".to_owned()
    } else {
        format!("000{}", status.as_u16())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Plain { status, code, text } => {
                (status, Json(json!({ "code": code, "error": text }))).into_response()
            }
            Self::Fields(errors) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "errors": errors }))).into_response()
            }
            Self::RateLimited { retry_after } => {
                let body = json!({ "code": "000429", "error": "Too many requests" });
                let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
                if retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                }
                response
            }
        }
    }
}
