//! Why Twilio says no: its error codes, each with the HTTP status it comes with.
//!
//! Twilio documentation, Error and warning dictionary. The body is `{code, message, more_info, status}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 20003: unknown sid, wrong secret, or a key that may not read this resource.
    #[error("Authenticate")]
    Unauthenticated,
    /// 20404: no such path, or not in this account.
    #[error("The requested resource {0} was not found")]
    NotFound(String),
    /// 20429: not processed, safe to repeat.
    #[error("Too many requests")]
    TooManyRequests,
    /// 21211: `To` is not E.164.
    #[error("The 'To' number {0} is not a valid phone number")]
    ToInvalid(String),
    /// 21212: `From` is neither E.164 nor a short code nor an alphanumeric sender.
    #[error("The 'From' number {0} is not a valid phone number, short code or alphanumeric sender")]
    FromInvalid(String),
    /// 21408: the account may not send to this country.
    #[error("Permission to send an SMS has not been enabled for the region of the 'To' number {0}")]
    CountryNotEnabled(String),
    /// 21603: neither `From` nor `MessagingServiceSid`.
    #[error("A 'From' phone number or a 'MessagingServiceSid' is required")]
    SenderMissing,
    /// 21604: no `To`.
    #[error("A 'To' phone number is required")]
    ToMissing,
    /// 21606: not a number of this account, or one that cannot send.
    #[error("The 'From' phone number {0} is not a message-capable number of this account")]
    SenderNotOurs(String),
    /// 21608: a trial account writes to verified numbers only.
    #[error("The number {0} is unverified. Trial accounts cannot send messages to unverified numbers")]
    TrialUnverified(String),
    /// 21609: the callback's URL cannot be called.
    #[error("The 'StatusCallback' URL {0} is not a valid URL")]
    CallbackInvalid(String),
    /// 21610: the recipient wrote STOP to this sender.
    #[error("Attempt to send to unsubscribed recipient")]
    OptedOut,
    /// 21611: too many messages wait for this sender.
    #[error("This 'From' number has exceeded the maximum number of queued messages")]
    QueueFull,
    /// 21612: no route between these two.
    #[error("The 'To' phone number {0} is not reachable with this sender")]
    NotRoutable(String),
    /// 21614: a landline, for example.
    #[error("'To' number {0} is not a valid mobile number")]
    NotMobile(String),
    /// 21617: more than 1,600 characters.
    #[error("The message body exceeds the 1600 character limit")]
    BodyTooLong,
    /// 21619: neither body nor media nor template.
    #[error("A message body, media URLs or a content template must be given")]
    ContentMissing,
    /// 21701: the service does not exist in this account.
    #[error("The messaging service {0} does not exist")]
    ServiceUnknown(String),
    /// 21703: the service has no sender.
    #[error("The messaging service {0} has no phone number to send from")]
    ServiceEmpty(String),
    /// 21712: `From` given with a service that does not have it.
    #[error("The 'From' number {0} is not in the sender pool of the messaging service")]
    SenderNotInService(String),
    /// 35118: scheduling without a service.
    #[error("A 'MessagingServiceSid' is required to schedule a message")]
    ScheduleNeedsService,
    /// 35111: `SendAt` is missing, unreadable or too near or far.
    #[error("'SendAt' must be an ISO 8601 time, at least 300 seconds and at most 35 days ahead")]
    SendAtInvalid,
    /// 20009: a message that is no longer `scheduled` cannot be cancelled.
    #[error("The message is {0} and cannot be changed so")]
    StateForbids(&'static str),
    /// 20001: a parameter outside its range; no code of its own is known.
    #[error("Invalid parameter {0}")]
    ParameterInvalid(&'static str),
    /// A code that a test asked for, with the status that code comes with.
    #[error("Refused on demand of the sandbox")]
    OnDemand(u32),
}

impl Refusal {
    /// Twilio's error code.
    pub fn code(&self) -> u32 {
        match self {
            Self::Unauthenticated => 20003,
            Self::NotFound(_) => 20404,
            Self::TooManyRequests => 20429,
            Self::ToInvalid(_) => 21211,
            Self::FromInvalid(_) => 21212,
            Self::CountryNotEnabled(_) => 21408,
            Self::SenderMissing => 21603,
            Self::ToMissing => 21604,
            Self::SenderNotOurs(_) => 21606,
            Self::TrialUnverified(_) => 21608,
            Self::CallbackInvalid(_) => 21609,
            Self::OptedOut => 21610,
            Self::QueueFull => 21611,
            Self::NotRoutable(_) => 21612,
            Self::NotMobile(_) => 21614,
            Self::BodyTooLong => 21617,
            Self::ContentMissing => 21619,
            Self::ServiceUnknown(_) => 21701,
            Self::ServiceEmpty(_) => 21703,
            Self::SenderNotInService(_) => 21712,
            Self::SendAtInvalid => 35111,
            Self::ScheduleNeedsService => 35118,
            Self::StateForbids(_) => 20009,
            Self::ParameterInvalid(_) => 20001,
            Self::OnDemand(code) => *code,
        }
    }

    /// The HTTP status that the code comes with.
    pub fn status(&self) -> StatusCode {
        match self.code() {
            20003 => StatusCode::UNAUTHORIZED,
            20404 => StatusCode::NOT_FOUND,
            20429 => StatusCode::TOO_MANY_REQUESTS,
            21408 => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (code, status) = (self.code(), self.status());
        let body = json!({
            "code": code,
            "message": self.to_string(),
            "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
            "status": status.as_u16(),
        });
        (status, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_with_their_http_status() {
        let to = || "+43".to_owned();
        for (refusal, code, status) in [
            (Refusal::Unauthenticated, 20003, 401),
            (Refusal::NotFound(to()), 20404, 404),
            (Refusal::TooManyRequests, 20429, 429),
            (Refusal::CountryNotEnabled(to()), 21408, 403),
            (Refusal::ToInvalid(to()), 21211, 400),
            (Refusal::OptedOut, 21610, 400),
            (Refusal::OnDemand(20429), 20429, 429),
            (Refusal::OnDemand(21611), 21611, 400),
        ] {
            assert_eq!((refusal.code(), refusal.status().as_u16()), (code, status));
        }
    }
}
