//! Text messages through Twilio.

use std::sync::Arc;
use std::time::Duration;

use domain::contact::PhoneNumber;
use vendor_http::{Effect, ErrorKind, VendorError};

use super::{CallbackAddress, Delivery};
use crate::app::{App, Work};
use crate::engine::Outcome;
use crate::render::Renderer;
use crate::secrets::DoorSecret;
use crate::vendor::twilio::{MESSAGE_CHARS_MAX, Reason, Sms, Twilio};

/// How far Twilio's clock may be behind ours.
const CLOCKS_APART: chrono::Duration = chrono::Duration::seconds(30);

/// Sends text messages.
pub(crate) struct SmsDelivery {
    pub app: Arc<App>,
    pub twilio: Twilio,
    pub renderer: Renderer,
    /// `None`: nobody hears what becomes of texts.
    pub callback: Option<CallbackAddress>,
    /// How long looking for a message may take.
    pub timeout: Duration,
}

impl Delivery for SmsDelivery {
    async fn deliver(&self, work: &Work, secret: Option<&DoorSecret>) -> Outcome {
        let content = &work.content;
        let Ok(to) = PhoneNumber::parse(&content.to, None) else {
            return Outcome::Refused {
                reason: "NUMBER_INVALID: the person has no valid phone number".to_owned(),
            };
        };
        let body = match self.renderer.sms(work.kind, content, secret) {
            Ok(body) if body.chars().count() <= MESSAGE_CHARS_MAX => body,
            Ok(_) => return Outcome::Refused { reason: "CONTENT_INVALID: the text is too long".to_owned() },
            Err(error) => return Outcome::Refused { reason: format!("CONTENT_INVALID: {error}") },
        };
        // An earlier attempt may have gone: Twilio knows.
        if let Some(since) = work.attempt.before.in_doubt_since {
            match self.find(work, &to, &body, since).await {
                Ok(Some(sid)) => return Outcome::Accepted { vendor_ref: sid },
                Ok(None) => {}
                Err(reason) => return Outcome::Unknown { reason },
            }
        }
        let left = (work.attempt.expires_at - self.app.now()).to_std().unwrap_or_default();
        let callback = self.callback.as_ref().map(|address| address.of(work.key));
        let sms = Sms { to: &to, body: &body, status_callback: callback.as_ref(), validity: Some(left) };
        match self.twilio.send_sms(&sms).await {
            Ok(sent) => Outcome::Accepted { vendor_ref: sent.sid },
            Err(error) => outcome(&error),
        }
    }
}

impl SmsDelivery {
    /// Twilio's id of a message of this text that is not another of ours; or why nobody can tell.
    async fn find(
        &self,
        work: &Work,
        to: &PhoneNumber,
        body: &str,
        since: domain::Timestamp,
    ) -> Result<Option<String>, String> {
        let recent = tokio::time::timeout(self.timeout, self.twilio.find_recent(to, since - CLOCKS_APART))
            .await
            .map_err(|_| "looking for it in Twilio's list took too long".to_owned())?
            .map_err(|error| error.to_string())?;
        let found: Vec<String> = recent
            .messages
            .iter()
            .filter(|found| found.has_body(body))
            .map(|found| found.sid.clone())
            .collect();
        if !found.is_empty() {
            let others = self.app.texts_of_others(work.key, &found).await;
            let others = others.map_err(|error| error.to_string())?;
            if let Some(sid) = found.into_iter().find(|sid| !others.contains(sid)) {
                return Ok(Some(sid));
            }
        }
        if recent.is_complete { Ok(None) } else { Err("Twilio's list is too long to find it".to_owned()) }
    }
}

/// What a failed call means for its message.
fn outcome(error: &VendorError) -> Outcome {
    let retry_after = error.retry_after();
    if error.effect == Effect::Unknown {
        return Outcome::Unknown { reason: error.to_string() };
    }
    let refused = |reason: &str| Outcome::Refused { reason: format!("{reason}: {error}") };
    // The operator's to repair, and then the message can go.
    let misconfigured = || Outcome::NotSent {
        reason: format!("ACCOUNT_REFUSED: check the section [twilio]: {error}"),
        retry_after,
    };
    match error.kind {
        ErrorKind::Unreachable
        | ErrorKind::RateLimited { .. }
        | ErrorKind::CircuitOpen { .. }
        | ErrorKind::AddressRefused
        | ErrorKind::CertificateChanged => Outcome::NotSent { reason: error.to_string(), retry_after },
        ErrorKind::Unauthorized | ErrorKind::NotFound => misconfigured(),
        ErrorKind::Conflict | ErrorKind::Rejected | ErrorKind::Malformed => match Reason::of(error) {
            Reason::Configuration => misconfigured(),
            Reason::QueueFull => Outcome::NotSent { reason: error.to_string(), retry_after },
            Reason::InvalidTo => refused("NUMBER_INVALID: the person's phone number does not exist"),
            Reason::NotMobile => refused("NUMBER_NOT_MOBILE: the person's number takes no text messages"),
            Reason::OptedOut => refused("OPTED_OUT: the person has written STOP to our number"),
            Reason::CountryNotAllowed => {
                refused("COUNTRY_NOT_ALLOWED: the Twilio account may not send to the number's country")
            }
            Reason::TrialUnverified => refused(
                "NUMBER_NOT_VERIFIED: the Twilio account is a trial and the number is not verified there",
            ),
            Reason::NotRoutable => refused("NOT_ROUTABLE: our number can't reach the person's"),
            Reason::TooLong => refused("CONTENT_INVALID: the text is too long"),
            Reason::Unreachable => refused("HANDSET_UNREACHABLE: the person's phone can't be reached"),
            Reason::Blocked => refused("BLOCKED: the carrier or the person blocks our messages"),
            Reason::Other => refused("REFUSED"),
        },
    }
}
