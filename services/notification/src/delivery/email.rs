//! Emails through SendGrid.

use domain::contact::EmailAddress;
use vendor_http::{Effect, ErrorKind, VendorError};

use super::Delivery;
use crate::app::Work;
use crate::engine::Outcome;
use crate::model::{MessageKey, Report, ReportKind, SuppressionReason};
use crate::render::Renderer;
use crate::secrets::DoorSecret;
use crate::vendor::sendgrid::{Attachment, Event, EventKind, Mail, Mailbox, Reason, SendGrid, VendorText};

/// Names of the values that come back with each event of a mail.
const WORKSPACE_ARG: &str = "workspace";
const MESSAGE_ARG: &str = "message";

/// Characters of what a server said that are kept.
const DETAIL_CHARS_MAX: usize = 500;

/// Sends emails.
pub(crate) struct EmailDelivery {
    pub sendgrid: SendGrid,
    pub renderer: Renderer,
    pub from: EmailAddress,
    /// `None`: the workspace's name.
    pub from_name: Option<String>,
}

impl Delivery for EmailDelivery {
    async fn deliver(&self, work: &Work, secret: Option<&DoorSecret>) -> Outcome {
        let content = &work.content;
        let Ok(to) = content.to.parse::<EmailAddress>() else {
            return Outcome::Refused {
                reason: "ADDRESS_INVALID: the person has no valid email address".to_owned(),
            };
        };
        let email = match self.renderer.email(work.kind, content, secret) {
            Ok(email) => email,
            Err(error) => return Outcome::Refused { reason: format!("CONTENT_INVALID: {error}") },
        };
        let reply_to = content.reply_to.as_deref().and_then(|address| address.parse::<EmailAddress>().ok());
        let (workspace, message) = (work.key.workspace.to_string(), work.key.id.to_string());
        let workspace_name = content.workspace_name.as_str();
        let calendar = email.calendar.as_ref().map(|file| Attachment {
            filename: "booking.ics",
            media_type: file.media_type,
            content: file.text.as_bytes(),
        });
        let mail = Mail {
            from: Mailbox {
                email: &self.from,
                name: Some(self.from_name.as_deref().unwrap_or(workspace_name)),
            },
            reply_to: reply_to.as_ref().map(|email| Mailbox { email, name: Some(workspace_name) }),
            to: Mailbox { email: &to, name: Some(&content.person_name) },
            subject: &email.subject,
            text: &email.text,
            html: Some(&email.html),
            attachments: calendar.as_slice(),
            custom_args: &[(WORKSPACE_ARG, &workspace), (MESSAGE_ARG, &message)],
            categories: &["booking"],
        };
        match self.sendgrid.send(&mail).await {
            Ok(accepted) => Outcome::Accepted { vendor_ref: accepted.message_id.unwrap_or_default() },
            Err(error) => outcome(&error),
        }
    }
}

/// What an event says of a message of ours. `None`: nothing, or it is of none.
pub(crate) fn report(event: &Event) -> Option<Report> {
    let workspace = event.arg(WORKSPACE_ARG)?.parse().ok()?;
    let id = event.arg(MESSAGE_ARG)?.parse().ok()?;
    let (kind, detail, suppresses) = match &event.kind {
        EventKind::Processed => (ReportKind::Processed, None, None),
        EventKind::Deferred { response, .. } => (ReportKind::Deferred, text(response.as_ref()), None),
        EventKind::Delivered => (ReportKind::Delivered, None, None),
        EventKind::Bounce { reason, status, is_block } => {
            let detail = text(reason.as_ref()).or_else(|| status.clone());
            (ReportKind::Bounced, detail, (!is_block).then_some(SuppressionReason::Bounced))
        }
        EventKind::Dropped { reason } => (ReportKind::Dropped, text(reason.as_ref()), None),
        EventKind::SpamReport => (ReportKind::Complained, None, Some(SuppressionReason::Complained)),
        EventKind::Unsubscribe | EventKind::GroupUnsubscribe { .. } => {
            (ReportKind::Unsubscribed, None, Some(SuppressionReason::Unsubscribed))
        }
        EventKind::GroupResubscribe { .. } => return None,
        EventKind::Open => (ReportKind::Opened, None, None),
        EventKind::Click => (ReportKind::Clicked, None, None),
    };
    Some(Report {
        key: MessageKey { workspace, id },
        vendor_ref: event.message_id.clone().unwrap_or_default(),
        report_ref: event.id.clone().unwrap_or_else(|| format!("{kind} {}", event.at.timestamp())),
        kind,
        at: event.at,
        detail,
        suppresses,
    })
}

/// As much of what a server said as is kept.
fn text(said: Option<&VendorText>) -> Option<String> {
    said.map(|said| said.as_str().chars().filter(|c| !c.is_control()).take(DETAIL_CHARS_MAX).collect())
}

/// What a failed call means for its message.
fn outcome(error: &VendorError) -> Outcome {
    let retry_after = error.retry_after();
    if error.effect == Effect::Unknown {
        return Outcome::Unknown { reason: error.to_string() };
    }
    match error.kind {
        ErrorKind::Unreachable
        | ErrorKind::RateLimited { .. }
        | ErrorKind::CircuitOpen { .. }
        | ErrorKind::AddressRefused
        | ErrorKind::CertificateChanged => Outcome::NotSent { reason: error.to_string(), retry_after },
        // The operator's to repair, and then the message can go.
        ErrorKind::Unauthorized => {
            Outcome::NotSent { reason: format!("KEY_REFUSED: check sendgrid.api_key: {error}"), retry_after }
        }
        ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Rejected | ErrorKind::Malformed => {
            match Reason::of(error) {
                Reason::Sender => Outcome::NotSent {
                    reason: format!("SENDER_REFUSED: check sendgrid.from_email: {error}"),
                    retry_after,
                },
                Reason::Recipient => Outcome::Refused {
                    reason: format!("ADDRESS_REFUSED: the person's email address is not taken: {error}"),
                },
                Reason::TooLarge => Outcome::Refused { reason: format!("TOO_LARGE: {error}") },
                Reason::Other => Outcome::Refused { reason: format!("REFUSED: {error}") },
            }
        }
    }
}
