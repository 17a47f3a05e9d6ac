//! Why Stripe says no (Stripe API reference, Errors).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::test_values::Decline;

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
    NotPermitted { key: String, account: String, permission: String },
    #[error("This API call cannot be made with a publishable API key: use a secret key.")]
    SecretKeyRequired,
    #[error("The client_secret provided does not match any associated intent.")]
    ClientSecretWrong,
    #[error("Invalid Stripe API version: {0}")]
    VersionInvalid(String),
    #[error("Unrecognized request URL ({0}).")]
    PathUnknown(String),
    #[error("Missing required param: {0}.")]
    ParameterMissing(String),
    #[error("Received unknown parameter: {0}")]
    ParameterUnknown(String),
    #[error("{message}")]
    Invalid { param: String, message: String, code: Option<&'static str> },
    #[error("No such {kind}: '{id}'")]
    NoSuch { kind: &'static str, id: String, param: &'static str },
    /// What is asked does not go with what the object is now.
    #[error("{message}")]
    State { code: &'static str, message: String, about: Option<About> },
    /// The bank said no.
    #[error("{}", decline.message())]
    Card { decline: Decline, charge: Option<String>, about: About },
    #[error(
        "Keys for idempotent requests can only be used with the same parameters they were first used with."
    )]
    IdempotencyMismatch,
    #[error("There is currently another in-progress request using this idempotency key.")]
    IdempotencyInUse,
    #[error("An unknown error occurred.")]
    Internal,
}

/// The object that an error is about, in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    PaymentIntent(Value),
    SetupIntent(Value),
    /// A payment method that could not be attached.
    Nothing,
}

impl Refusal {
    pub(super) fn invalid(param: String, message: &str) -> Self {
        Self::Invalid { message: format!("{message}: {param}"), param, code: None }
    }

    /// Whether an idempotency key keeps it: only what began to be carried out (Idempotent requests).
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::State { .. } | Self::Card { .. } | Self::Internal)
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::KeyMissing | Self::KeyInvalid(_) | Self::KeyExpired(_) | Self::SecretKeyRequired => {
                StatusCode::UNAUTHORIZED
            }
            Self::NotPermitted { .. } => StatusCode::FORBIDDEN,
            Self::VersionInvalid(_)
            | Self::ClientSecretWrong
            | Self::ParameterMissing(_)
            | Self::ParameterUnknown(_)
            | Self::Invalid { .. }
            | Self::State { .. }
            | Self::IdempotencyMismatch => StatusCode::BAD_REQUEST,
            Self::PathUnknown(_) | Self::NoSuch { .. } => StatusCode::NOT_FOUND,
            Self::Card { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::IdempotencyInUse => StatusCode::CONFLICT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> Option<&'static str> {
        match self {
            Self::KeyExpired(_) => Some("api_key_expired"),
            Self::SecretKeyRequired => Some("secret_key_required"),
            Self::ParameterMissing(_) => Some("parameter_missing"),
            Self::ParameterUnknown(_) => Some("parameter_unknown"),
            Self::Invalid { code, .. } => *code,
            Self::NoSuch { .. } => Some("resource_missing"),
            Self::State { code, .. } => Some(code),
            Self::Card { decline, .. } => Some(decline.code()),
            Self::IdempotencyInUse => Some("idempotency_key_in_use"),
            _ => None,
        }
    }

    pub(super) fn body(&self) -> Value {
        let kind = match self {
            Self::Card { .. } => "card_error",
            Self::IdempotencyMismatch => "idempotency_error",
            Self::Internal => "api_error",
            _ => "invalid_request_error",
        };
        let mut error = json!({ "type": kind, "message": self.to_string() });
        if let Some(code) = self.code() {
            error["code"] = json!(code);
        }
        match self {
            Self::ParameterMissing(param) | Self::ParameterUnknown(param) | Self::Invalid { param, .. } => {
                error["param"] = json!(param);
            }
            Self::NoSuch { param, .. } => error["param"] = json!(param),
            Self::ClientSecretWrong => error["param"] = json!("client_secret"),
            Self::Card { decline, charge, .. } => {
                decline.describe(&mut error);
                if let Some(charge) = charge {
                    error["charge"] = json!(charge);
                }
            }
            _ => {}
        }
        match self {
            Self::Card { about, .. } | Self::State { about: Some(about), .. } => match about {
                About::PaymentIntent(intent) => error["payment_intent"] = intent.clone(),
                About::SetupIntent(intent) => error["setup_intent"] = intent.clone(),
                About::Nothing => {}
            },
            _ => {}
        }
        json!({ "error": error })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status(), Json(self.body())).into_response()
    }
}
