//! What files are for: one table of what holds for which kind.

use super::types::{ANY, FileType, PAPERS, PICTURES, SCREENS};
use super::who::Who;

chassis::text_enum! {
    /// What a file is for. Its text stands in keys at the store.
    pub(crate) enum Kind {
        /// A person's picture.
        PersonPicture = "person-picture",
        /// A company's picture.
        CompanyPicture = "company-picture",
        /// A picture of what is booked.
        ResourcePicture = "resource-picture",
        /// A picture of what is rented.
        ItemPicture = "item-picture",
        /// A picture of a pass product.
        PassPicture = "pass-picture",
        /// A picture of an event.
        EventPicture = "event-picture",
        /// A picture of the public pages.
        SitePicture = "site-picture",
        /// A logo, an icon, a background.
        Branding = "branding",
        /// A picture of a newsletter.
        NewsletterPicture = "newsletter-picture",
        /// What a screen shows.
        Signage = "signage",
        /// A picture of a post in the feed.
        FeedPicture = "feed-picture",
        /// A letter from the outside.
        MailOutside = "mail-outside",
        /// What was in a letter.
        MailInside = "mail-inside",
        /// A document.
        Document = "document",
        /// A receipt.
        Receipt = "receipt",
        /// Attached to a message.
        MessageAttachment = "message-attachment",
        /// Attached to a task or a ticket.
        TaskAttachment = "task-attachment",
    }
}

/// What holds for the files of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Which kind.
    pub kind: Kind,
    /// Bytes that one may have.
    pub bytes_max: i64,
    /// What it may be.
    pub types: &'static [&'static FileType],
    /// Whether whoever has the link may see it for as long as it is there.
    pub is_public: bool,
    /// Days for which it is kept. None: until somebody deletes it.
    pub days_kept: Option<i64>,
    /// Who puts such files there.
    pub put: Who,
    /// Who reads them.
    pub read: Who,
    /// Who deletes and replaces them.
    pub delete: Who,
}

const MB: i64 = 1_000_000;

#[rustfmt::skip]
static TABLE: [Rules; 17] = [
    rules(Kind::PersonPicture,      10 * MB,   PICTURES, false, None,      [Who::Owner,   Who::Everyone, Who::Owner]),
    rules(Kind::CompanyPicture,     10 * MB,   PICTURES, false, None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::ResourcePicture,    10 * MB,   PICTURES, false, None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::ItemPicture,        10 * MB,   PICTURES, false, None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::PassPicture,        10 * MB,   PICTURES, false, None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::EventPicture,       10 * MB,   PICTURES, false, None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::SitePicture,        10 * MB,   PICTURES, true,  None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::Branding,           10 * MB,   PICTURES, true,  None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::NewsletterPicture,  10 * MB,   PICTURES, true,  None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::Signage,            1_000 * MB, SCREENS, false, None,      [Who::Admins,  Who::Everyone, Who::Admins]),
    rules(Kind::FeedPicture,        10 * MB,   PICTURES, false, None,      [Who::Members, Who::Members,  Who::Owner]),
    rules(Kind::MailOutside,        50 * MB,   ANY,      false, Some(365), [Who::Admins,  Who::Owner,    Who::Admins]),
    rules(Kind::MailInside,         50 * MB,   ANY,      false, Some(365), [Who::Admins,  Who::Owner,    Who::Admins]),
    rules(Kind::Document,           50 * MB,   PAPERS,   false, None,      [Who::Admins,  Who::Owner,    Who::Admins]),
    rules(Kind::Receipt,            20 * MB,   PAPERS,   false, None,      [Who::Owner,   Who::Owner,    Who::Admins]),
    rules(Kind::MessageAttachment,  20 * MB,   PAPERS,   false, Some(730), [Who::Owner,   Who::Owner,    Who::Owner]),
    rules(Kind::TaskAttachment,     20 * MB,   PAPERS,   false, None,      [Who::Owner,   Who::Owner,    Who::Owner]),
];

const fn rules(
    kind: Kind,
    bytes_max: i64,
    types: &'static [&'static FileType],
    is_public: bool,
    days_kept: Option<i64>,
    [put, read, delete]: [Who; 3],
) -> Rules {
    Rules { kind, bytes_max, types, is_public, days_kept, put, read, delete }
}

impl Kind {
    /// What holds for its files.
    pub(crate) fn rules(self) -> &'static Rules {
        TABLE.iter().find(|rules| rules.kind == self).expect("each kind stands in the table")
    }

    /// The kind of that text.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        TABLE.iter().map(|rules| rules.kind).find(|kind| kind.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Nature;

    #[test]
    fn each_kind_stands_in_the_table_once() {
        for rules in &TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.kind == rules.kind).count(), 1, "{}", rules.kind);
            assert_eq!(Kind::of_text(rules.kind.as_str()), Some(rules.kind));
        }
        let kinds = proto::storage::v1::FileKind::TaskAttachment as usize;
        assert_eq!(TABLE.len(), kinds, "as many as the contract has");
    }

    #[test]
    fn what_is_public_is_pictures_for_everyone_and_put_there_by_admins() {
        for rules in TABLE.iter().filter(|rules| rules.is_public) {
            assert!(rules.types.iter().all(|it| matches!(it.nature, Nature::Picture(_))), "{}", rules.kind);
            assert_eq!((rules.put, rules.read), (Who::Admins, Who::Everyone), "{}", rules.kind);
        }
    }

    #[test]
    fn what_an_owner_puts_they_can_read() {
        for rules in TABLE.iter().filter(|rules| rules.put == Who::Owner) {
            assert_ne!(rules.read, Who::Admins, "{}", rules.kind);
        }
    }

    #[test]
    fn a_picture_is_never_more_than_is_read_at_once() {
        for rules in TABLE.iter().filter(|rules| rules.kind != Kind::Signage) {
            assert!(rules.bytes_max <= crate::check::PICTURE_BYTES_MAX, "{}", rules.kind);
        }
    }
}
