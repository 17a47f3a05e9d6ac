//! What vendors report of messages that they took. Pure. Reports come late, twice and in any order; what they come to is
//! the same.

use domain::Timestamp;

use super::{MessageKey, SuppressionReason};

chassis::text_enum! {
    /// What a vendor reports.
    pub(crate) enum ReportKind {
        /// It has the message and tries to deliver it.
        Processed = "processed",
        /// The receiving side wants it later.
        Deferred = "deferred",
        /// The receiving side took it.
        Delivered = "delivered",
        /// It was opened, by a person or a machine.
        Opened = "opened",
        /// A link in it was followed.
        Clicked = "clicked",
        /// The receiving side refused it.
        Bounced = "bounced",
        /// The vendor did not try.
        Dropped = "dropped",
        /// A text that did not arrive.
        Undelivered = "undelivered",
        /// The person called it spam.
        Complained = "complained",
        /// The person wants no more of what is not needed.
        Unsubscribed = "unsubscribed",
    }
}

chassis::text_enum! {
    /// What became of a message that the vendor took.
    pub(crate) enum Receipt {
        Delivered = "delivered",
        Opened = "opened",
        Bounced = "bounced",
        Dropped = "dropped",
        Undelivered = "undelivered",
    }
}

/// A report of a message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub key: MessageKey,
    /// The vendor's id of the message; may be empty.
    pub vendor_ref: String,
    /// The vendor's id of the report.
    pub report_ref: String,
    pub kind: ReportKind,
    pub at: Timestamp,
    /// What the receiving side said, or what to do. It may name people.
    pub detail: Option<String>,
    /// That the address is to get nothing more, because of this.
    pub suppresses: Option<SuppressionReason>,
}

impl ReportKind {
    /// What the message has come to by this alone.
    pub(crate) fn receipt(self) -> Option<Receipt> {
        match self {
            Self::Delivered => Some(Receipt::Delivered),
            // Whoever opens it, or complains of it, has it.
            Self::Opened | Self::Clicked | Self::Complained | Self::Unsubscribed => Some(Receipt::Opened),
            Self::Bounced => Some(Receipt::Bounced),
            Self::Dropped => Some(Receipt::Dropped),
            Self::Undelivered => Some(Receipt::Undelivered),
            Self::Processed | Self::Deferred => None,
        }
    }
}

impl Receipt {
    /// Whether this is the last word after that. A server may take a mail and send it back later; but what was opened was
    /// not lost.
    pub(crate) fn outranks(self, known: Option<Self>) -> bool {
        known.is_none_or(|known| self.rank() > known.rank())
    }

    fn rank(self) -> u8 {
        match self {
            Self::Delivered => 1,
            Self::Dropped => 2,
            Self::Undelivered => 3,
            Self::Bounced => 4,
            Self::Opened => 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [ReportKind; 10] = [
        ReportKind::Processed,
        ReportKind::Deferred,
        ReportKind::Delivered,
        ReportKind::Opened,
        ReportKind::Clicked,
        ReportKind::Bounced,
        ReportKind::Dropped,
        ReportKind::Undelivered,
        ReportKind::Complained,
        ReportKind::Unsubscribed,
    ];

    fn last_word(kinds: &[ReportKind]) -> Option<Receipt> {
        kinds
            .iter()
            .filter_map(|kind| kind.receipt())
            .fold(None, |known, receipt| if receipt.outranks(known) { Some(receipt) } else { known })
    }

    #[test]
    fn the_last_word_is_what_happened_to_the_person() {
        use ReportKind::{Bounced, Deferred, Delivered, Dropped, Opened, Processed};
        for (kinds, receipt) in [
            (&[][..], None),
            (&[Processed, Deferred], None),
            (&[Processed, Delivered], Some(Receipt::Delivered)),
            (&[Opened, Delivered], Some(Receipt::Opened)),
            (&[Delivered, Bounced], Some(Receipt::Bounced)),
            (&[Bounced, Opened], Some(Receipt::Opened)),
            (&[Processed, Dropped], Some(Receipt::Dropped)),
        ] {
            assert_eq!(last_word(kinds), receipt, "{kinds:?}");
        }
    }

    proptest! {
        #[test]
        fn reports_come_to_the_same_in_any_order_and_twice(
            picked in prop::collection::vec(0..KINDS.len(), 0..6), seed in any::<prop::sample::Index>(),
        ) {
            let kinds: Vec<_> = picked.iter().map(|nth| KINDS[*nth]).collect();
            let mut other = [kinds.clone(), kinds.clone()].concat();
            if !other.is_empty() {
                let middle = seed.index(other.len());
                other.rotate_left(middle);
                other[..middle].reverse();
            }
            prop_assert_eq!(last_word(&kinds), last_word(&other));
        }
    }
}
