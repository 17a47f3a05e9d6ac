//! From a service's error to what its caller sees. The one place where gRPC statuses are made.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// What the caller should make of an error.
#[derive(Debug, Clone, PartialEq)]
pub enum Class {
    /// Fix these fields of the request.
    Invalid(Vec<Violation>),
    /// Sign in.
    Unauthenticated,
    /// Ask someone who may; only for what the caller can see.
    Forbidden,
    /// Stop: it is not there, or another workspace's.
    NotFound,
    /// It is there already.
    Exists,
    /// Change the state first.
    StateForbids,
    /// Read again and retry.
    LostRace,
    /// Wait this long.
    Exhausted(Duration),
    /// Retry with backoff.
    Unavailable,
    /// Ours. The text stays inside.
    Internal,
}

/// A field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path in the request, such as `booking.start_time`.
    pub field: String,
    /// Continues the field's name: `must be …`.
    pub problem: String,
}

/// An error that knows its class.
pub trait Classify: Error + Send + Sync + 'static {
    /// What the caller should make of it.
    fn class(&self) -> Class;
    /// Stable, UPPER_SNAKE; for programs.
    fn reason(&self) -> &'static str;
}

/// The status that a caller sees, with details for programs. Internal errors are logged here, with
/// their causes, and told to the caller without.
pub fn status(error: &dyn Classify) -> Status {
    let class = error.class();
    let mut details = ErrorDetails::new();
    details.set_error_info(error.reason(), "latchkey", std::collections::HashMap::new());
    let (code, text) = match &class {
        Class::Invalid(violations) => {
            details.set_bad_request(
                violations
                    .iter()
                    .map(|v| FieldViolation::new(v.field.clone(), v.problem.clone()))
                    .collect::<Vec<_>>(),
            );
            let listed: Vec<String> =
                violations.iter().map(|v| format!("{} {}", v.field, v.problem)).collect();
            (Code::InvalidArgument, listed.join("; "))
        }
        Class::Unauthenticated => (Code::Unauthenticated, error.to_string()),
        Class::Forbidden => (Code::PermissionDenied, error.to_string()),
        Class::NotFound => (Code::NotFound, error.to_string()),
        Class::Exists => (Code::AlreadyExists, error.to_string()),
        Class::StateForbids => (Code::FailedPrecondition, error.to_string()),
        Class::LostRace => (Code::Aborted, error.to_string()),
        Class::Exhausted(wait) => {
            details.set_retry_info(Some(*wait));
            (Code::ResourceExhausted, error.to_string())
        }
        Class::Unavailable => {
            tracing::warn!(error = error as &dyn Error, "unavailable");
            details.set_retry_info(Some(Duration::from_secs(1)));
            (Code::Unavailable, "temporarily unavailable; try again".to_owned())
        }
        Class::Internal => {
            tracing::error!(error = error as &dyn Error, "internal error");
            (Code::Internal, "internal error; it is in the log with this trace".to_owned())
        }
    };
    Status::with_error_details(code, text, details)
}

/// The class of a database error that no rule of the service explains.
pub fn store_class(error: &sqlx::Error) -> Class {
    if events::consumer::is_unavailable(error) { Class::Unavailable } else { Class::Internal }
}
