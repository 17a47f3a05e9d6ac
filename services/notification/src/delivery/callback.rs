//! Where Twilio reports what becomes of a text, and what its reports mean.

use domain::Timestamp;
use url::{Url, form_urlencoded};

use crate::model::{MessageKey, Report, ReportKind, SuppressionReason};
use crate::vendor::twilio::{MessageStatus, Reason, StatusCallback};

/// Names of the values in the address, which is signed with the rest.
const WORKSPACE: &str = "workspace";
const MESSAGE: &str = "message";

/// Where Twilio's callbacks are taken, as the public sees it.
#[derive(Debug, Clone)]
pub(crate) struct CallbackAddress(Url);

impl CallbackAddress {
    pub(crate) fn new(url: Url) -> Self {
        Self(url)
    }

    /// The address for a message.
    pub(crate) fn of(&self, key: MessageKey) -> Url {
        let mut url = self.0.clone();
        url.query_pairs_mut()
            .append_pair(WORKSPACE, &key.workspace.to_string())
            .append_pair(MESSAGE, &key.id.to_string());
        url
    }

    /// The address that was called with a query: what is signed.
    pub(crate) fn called(&self, query: &str) -> String {
        if query.is_empty() { self.0.to_string() } else { format!("{}?{query}", self.0) }
    }
}

/// Which message an address is of.
pub(crate) fn message_of(query: &str) -> Option<MessageKey> {
    let value = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    Some(MessageKey { workspace: value(WORKSPACE)?.parse().ok()?, id: value(MESSAGE)?.parse().ok()? })
}

/// What a callback says of a message. Twilio does not say when it happened.
pub(crate) fn report(key: MessageKey, callback: StatusCallback, now: Timestamp) -> Option<Report> {
    let kind = match callback.status {
        MessageStatus::Accepted
        | MessageStatus::Scheduled
        | MessageStatus::Queued
        | MessageStatus::Sending
        | MessageStatus::Sent => ReportKind::Processed,
        MessageStatus::Delivered => ReportKind::Delivered,
        MessageStatus::Undelivered | MessageStatus::Failed => ReportKind::Undelivered,
        MessageStatus::Canceled => ReportKind::Dropped,
        MessageStatus::Other(_) => return None,
    };
    let reason = callback.error_code.map(Reason::of_code);
    Some(Report {
        key,
        vendor_ref: callback.sid,
        // There is one of each.
        report_ref: kind.to_string(),
        kind,
        at: now,
        detail: callback.error_code.map(|code| format!("{}: {}", meaning(Reason::of_code(code)), code)),
        suppresses: match reason {
            Some(Reason::InvalidTo | Reason::NotMobile) => Some(SuppressionReason::Bounced),
            Some(Reason::OptedOut) => Some(SuppressionReason::Stopped),
            _ => None,
        },
    })
}

/// What a code means to staff, and what to do.
fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::InvalidTo => "the number does not exist: ask the person for theirs",
        Reason::NotMobile => "the number takes no text messages: ask the person for a mobile number",
        Reason::OptedOut => "the person has written STOP to our number; START takes it back",
        Reason::CountryNotAllowed => {
            "the Twilio account may not send to the number's country: allow it there"
        }
        Reason::TrialUnverified => "the Twilio account is a trial, and the number is not verified there",
        Reason::Configuration => "the Twilio account is not set up to send this: see its console",
        Reason::NotRoutable => "our number can't reach the person's",
        Reason::TooLong => "the text is too long",
        Reason::QueueFull => "Twilio had too much to send",
        Reason::Unreachable => "the person's phone was off or out of reach",
        Reason::Blocked => "the carrier or the person blocks our messages",
        Reason::Other => "Twilio's error dictionary says why",
    }
}

#[cfg(test)]
mod tests {
    use domain::{MessageId, WorkspaceId};

    use super::*;

    #[test]
    fn an_address_names_its_message() {
        let address = CallbackAddress::new("https://hooks.example/webhooks/twilio".parse().unwrap());
        let key = MessageKey { workspace: WorkspaceId::new(), id: MessageId::new() };
        let url = address.of(key);
        let query = url.query().unwrap();
        assert_eq!(message_of(query), Some(key));
        assert_eq!(address.called(query), url.as_str());
        assert_eq!(address.called(""), "https://hooks.example/webhooks/twilio");
        assert_eq!(message_of("workspace=1&message=2"), None);
    }
}
