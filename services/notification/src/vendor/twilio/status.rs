//! Where a text message stands.

use serde::Deserialize;

/// Where a text message stands (Twilio API reference, Message status values).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum MessageStatus {
    /// Twilio has it; a messaging service picks its sender.
    Accepted,
    /// Waits for its time.
    Scheduled,
    /// Waits to be sent.
    Queued,
    /// Is being sent.
    Sending,
    /// The carrier took it.
    Sent,
    /// The handset has it.
    Delivered,
    /// The carrier could not deliver it.
    Undelivered,
    /// Twilio could not send it.
    Failed,
    /// Cancelled before its time.
    Canceled,
    /// A status that is not known yet, or of other kinds of message.
    Other(String),
}

impl MessageStatus {
    /// Whether nothing comes after it.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Delivered | Self::Undelivered | Self::Failed | Self::Canceled)
    }

    /// Whether a report of it, coming while we know `known`, is news. Reports come late, twice and out of
    /// order.
    pub fn is_news_after(&self, known: &Self) -> bool {
        !known.is_final() && self.stage() > known.stage()
    }

    fn stage(&self) -> u8 {
        match self {
            Self::Other(_) => 0,
            Self::Accepted | Self::Scheduled => 1,
            Self::Queued => 2,
            Self::Sending => 3,
            Self::Sent => 4,
            Self::Delivered | Self::Undelivered | Self::Failed | Self::Canceled => 5,
        }
    }
}

impl From<String> for MessageStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
            "accepted" => Self::Accepted,
            "scheduled" => Self::Scheduled,
            "queued" => Self::Queued,
            "sending" => Self::Sending,
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "undelivered" => Self::Undelivered,
            "failed" => Self::Failed,
            "canceled" => Self::Canceled,
            _ => Self::Other(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: [&str; 5] = ["accepted", "queued", "sending", "sent", "delivered"];

    fn status(text: &str) -> MessageStatus {
        text.to_owned().into()
    }

    #[test]
    fn only_what_comes_later_is_news() {
        for (earlier, known) in ORDER.iter().enumerate() {
            for (later, told) in ORDER.iter().enumerate() {
                assert_eq!(
                    status(told).is_news_after(&status(known)),
                    later > earlier,
                    "{told} after {known}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_news_after_an_end() {
        for end in ["delivered", "undelivered", "failed", "canceled"] {
            for told in ["sent", "delivered", "undelivered", "failed", "read"] {
                assert!(!status(told).is_news_after(&status(end)), "{told} after {end}");
            }
        }
    }

    #[test]
    fn a_status_that_is_not_known_is_kept_and_never_news() {
        assert_eq!(status("read"), MessageStatus::Other("read".to_owned()));
        assert!(!status("read").is_news_after(&status("queued")));
        assert!(status("queued").is_news_after(&status("read")));
    }
}
