//! What all twins have in common.

use std::sync::Arc;

use axum::Router;
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::{Deliveries, SandboxClock};

/// A vendor that the sandbox stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Door access.
    Kisi,
    /// Email.
    SendGrid,
    /// Text messages.
    Twilio,
    /// Money.
    Stripe,
    /// Sign-in.
    OpenId,
    /// Relay boards, whosever they are.
    Boards,
    /// Door access by a console on site.
    Unifi,
    /// Files.
    S3,
}

impl Vendor {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Kisi,
        Self::SendGrid,
        Self::Twilio,
        Self::Stripe,
        Self::OpenId,
        Self::Boards,
        Self::Unifi,
        Self::S3,
    ];

    /// The name in paths and in the state file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kisi => "kisi",
            Self::SendGrid => "sendgrid",
            Self::Twilio => "twilio",
            Self::Stripe => "stripe",
            Self::OpenId => "openid",
            Self::Boards => "boards",
            Self::Unifi => "unifi",
            Self::S3 => "s3",
        }
    }
}

/// What the sandbox gives to each twin.
#[derive(Clone)]
pub struct TwinParts {
    /// The only clock that a twin reads for times.
    pub clock: Arc<SandboxClock>,
    /// Where webhooks and callbacks go.
    pub deliveries: Deliveries,
}

/// One vendor's stand-in, as the server sees it.
pub trait Twin: Send + Sync + 'static {
    /// Whose.
    fn vendor(&self) -> Vendor;

    /// The vendor's API. Paths are the vendor's, without the sandbox's prefix.
    fn router(self: Arc<Self>) -> Router;

    /// What the twin adds to the control API, below `/_control/<vendor>`.
    fn control(self: Arc<Self>) -> Router;

    /// The account that a request belongs to, from its credentials: what fault rules and the request log
    /// call the account. None if it has no valid ones.
    fn account(&self, request: &Parts) -> Option<String>;

    /// The JSON body with which the vendor answers `status`, for faults that name none.
    fn error_body(&self, status: StatusCode) -> serde_json::Value;

    /// The whole state.
    fn save(&self) -> Result<serde_json::Value, serde_json::Error>;

    /// Replaces the whole state by one that [`Twin::save`] gave.
    fn restore(&self, saved: serde_json::Value) -> Result<(), serde_json::Error>;

    /// Back to the state that the configuration seeds.
    fn reset(&self);

    /// What the clock brings by itself. Called a few times a second while the sandbox serves.
    fn tick(&self) {}
}
