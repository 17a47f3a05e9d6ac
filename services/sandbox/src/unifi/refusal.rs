//! Codes in the envelope, and the statuses that they come with (UniFi Access API reference, 2.2, 2.4).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::switches::{RefusalStyle, ScopeRefusal, Switches, VersionRefusal};

/// Why it says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    AuthFailed,
    AccessTokenInvalid,
    Unauthorized,
    OperationForbidden,
    NotExists,
    DeviceOffline,
    ApiNotSupported,
    WebhookDuplicated,
    PinExists,
    PinLengthInvalid,
    CardInvalid,
    CardHasUser,
    CardNotReadYet,
    CardSessionNotFound,
    DeviceNotFound,
    ScheduleNameExists,
    UserNotExists,
    ParamsInvalid,
    /// A route that the console does not have.
    NoRoute,
}

impl Code {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AuthFailed => "CODE_AUTH_FAILED",
            Self::AccessTokenInvalid => "CODE_ACCESS_TOKEN_INVALID",
            Self::Unauthorized => "CODE_UNAUTHORIZED",
            Self::OperationForbidden => "CODE_OPERATION_FORBIDDEN",
            Self::NotExists => "CODE_NOT_EXISTS",
            Self::NoRoute => "CODE_RESOURCE_NOT_FOUND",
            Self::DeviceOffline => "CODE_DEVICE_DEVICE_OFFLINE",
            Self::ApiNotSupported => "CODE_DEVICE_API_NOT_SUPPORTED",
            Self::WebhookDuplicated => "CODE_DEVICE_WEBHOOK_ENDPOINT_DUPLICATED",
            Self::PinExists => "CODE_CREDS_PIN_CODE_CREDS_ALREADY_EXIST",
            Self::PinLengthInvalid => "CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID",
            Self::CardInvalid => "CODE_CREDS_NFC_CARD_INVALID",
            Self::CardHasUser => "CODE_CREDS_NFC_HAS_BIND_USER",
            Self::CardNotReadYet => "CODE_CREDS_NFC_READ_POLL_TOKEN_EMPTY",
            Self::CardSessionNotFound => "CODE_CREDS_NFC_READ_SESSION_NOT_FOUND",
            Self::DeviceNotFound => "CODE_DEVICE_DEVICE_NOT_FOUND",
            Self::ScheduleNameExists => "CODE_ACCESS_POLICY_SCHEDULE_NAME_EXIST",
            Self::UserNotExists => "CODE_USER_ACCOUNT_NOT_EXIST",
            Self::ParamsInvalid => "CODE_PARAMS_INVALID",
        }
    }

    fn status(self, switches: &Switches) -> StatusCode {
        match self {
            Self::AuthFailed | Self::AccessTokenInvalid => StatusCode::UNAUTHORIZED,
            Self::Unauthorized => match switches.scope_refusal {
                ScopeRefusal::Unauthorized => StatusCode::UNAUTHORIZED,
                ScopeRefusal::Forbidden => StatusCode::FORBIDDEN,
            },
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::ApiNotSupported if switches.version_refusal == VersionRefusal::NotFound => {
                StatusCode::NOT_FOUND
            }
            _ if switches.refusals == RefusalStyle::Success => StatusCode::OK,
            Self::ParamsInvalid => StatusCode::BAD_REQUEST,
            _ => StatusCode::PAYMENT_REQUIRED,
        }
    }
}

/// A refused request. It becomes an answer by the switches, where the answer leaves the twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: Code,
}

impl Refusal {
    pub(super) fn new(code: Code) -> Self {
        Self { code }
    }

    /// An envelope without `data`.
    pub(super) fn answer(self, switches: &Switches) -> Response {
        let body = json!({ "code": self.code.name(), "msg": "The request was not carried out." });
        (self.code.status(switches), Json(body)).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
