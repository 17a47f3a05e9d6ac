//! Twilio: sends text messages, finds those whose answer was lost, checks credentials, verifies and reads
//! status callbacks.
//!
//! Source: Twilio API reference (OpenAPI document `twilio_api_v2010`), Twilio error dictionary, Twilio
//! docs on webhook security.

mod callback;
mod client;
mod error;
mod segments;
mod status;
mod wire;

pub use callback::{
    CallbackError, Inbound, OptOut, StatusCallback, parse_callback, parse_inbound, verify_callback,
};
pub use client::{
    AccountCheck, Credentials, Found, MESSAGE_CHARS_MAX, Recent, Sender, Sent, Settings, Sms, Twilio,
};
pub use error::Reason;
pub use segments::{Encoding, Segments, segments};
pub use status::MessageStatus;
