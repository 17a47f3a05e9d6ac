//! The vendors that carry messages: SendGrid for email, Twilio for text messages.
//!
//! Thin clients over `vendor-http`. Neither vendor takes an idempotency key, so a send whose answer is
//! lost is not repeated here: its error says that its effect is unknown, and the caller finds out, by the
//! events of [`sendgrid`] or by [`twilio::Twilio::find_recent`].

pub mod sendgrid;
pub mod twilio;

/// A credential that cannot be one: nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the credential has characters that no credential of this vendor has: copy it again")]
pub struct CredentialUnusable;
