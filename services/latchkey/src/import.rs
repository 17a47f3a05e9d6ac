//! Bookings from a file that another program wrote: a table (`.csv`) or a calendar (`.ics`).
//!
//! Pure: bytes and options in, bookings out. What a file says that can't be taken is listed by its
//! line with a reason; all the rest is imported. Reading the same file again gives the same
//! external references, so an import can be repeated: a booking that moved, or was cancelled, is
//! told again under the reference that it had before.
//!
//! Deliberately absent: which resource or person a text means (the caller knows the workspace),
//! and what changed since the last import.

use chrono_tz::Tz;
use domain::Timestamp;
use domain::Window;
use domain::contact::{Country, EmailAddress, PhoneNumber};
use sha2::{Digest, Sha256};

mod csv;
mod ical;
mod line;
pub(crate) mod upload;

/// Files beyond this size are refused, unread.
pub const FILE_SIZE_MAX_BYTES: usize = 10 * 1024 * 1024;
/// Bookings beyond this number in one file are refused by line.
pub const BOOKINGS_MAX: usize = 50_000;
/// Text of a booking beyond this length is cut (a title) or refused (a resource's name).
const TEXT_MAX_CHARS: usize = 200;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table with a header row; commas, semicolons or tabs between columns.
    Csv,
    /// An iCalendar file (RFC 5545).
    Ical,
}

impl Format {
    /// The kind that a file's name says: `.csv`, `.tsv` or `.txt`, and `.ics` or `.ical`.
    pub fn of_file_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "ics" | "ical" => Some(Self::Ical),
            _ => None,
        }
    }
}

/// What a file leaves open.
#[derive(Debug, Clone)]
pub struct Options {
    /// The location's time zone: for times that name none, and for whole days.
    pub zone: Tz,
    /// The resource of bookings that name none.
    pub resource: Option<String>,
    /// Whom bookings belong to that name nobody.
    pub person: Option<EmailAddress>,
    /// How phone numbers without a country prefix are read.
    pub country: Option<Country>,
    /// Who of an event's people holds the booking.
    pub holder: Holder,
    /// Repeated events are given for this window only.
    pub horizon: Window,
    /// Of one repeated event, at most so many occurrences are given.
    pub occurrences_max: usize,
}

/// Who of an event's people holds the booking. A file does not tell: in a member's own calendar
/// it is the organizer, in one that the staff keeps for the members it is the attendee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The organizer, or the first attendee if there is none.
    Organizer,
    /// The first attendee other than the organizer, or the organizer if there is none.
    Attendee,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// The bookings, in the order of the file, occurrences of one event in the order of time.
    pub bookings: Vec<ImportedBooking>,
    /// What could not be taken.
    pub refused: Vec<Refused>,
    /// What was taken, but not as the file has it.
    pub notes: Vec<Note>,
}

/// A booking as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedBooking {
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// The same each time the booking is read: the file's own id (with the occurrence, for one of
    /// a repeated event), else made from the content. At most 255 bytes.
    pub external_ref: String,
    /// What is booked, in the file's words. None only where `state` is cancelled.
    pub resource: Option<String>,
    /// Who holds the booking. None only where `state` is cancelled.
    pub person_email: Option<EmailAddress>,
    /// What they are called.
    pub person_name: Option<String>,
    /// Their phone number.
    pub phone: Option<PhoneNumber>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when; after `starts_at`.
    pub ends_at: Timestamp,
    /// What it is called, at most 200 characters; can be empty.
    pub title: String,
    /// Whether it stands.
    pub state: State,
}

/// Whether a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It stands.
    Confirmed,
    /// Not yet sure: a pending booking.
    Tentative,
    /// It was called off. What is unknown to the caller needs no cancelling.
    Cancelled,
}

/// Something that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where in the file, from 1.
    pub line: usize,
    /// What it is about: an event's title or id, or the row. Can hold personal data: for the
    /// operator's eyes, never for a log.
    pub what: String,
    /// The column or property at fault; empty if it is the whole.
    pub field: String,
    /// Why, and what to do if something can be done.
    pub reason: String,
}

/// Something that was taken, but not as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where in the file, from 1.
    pub line: usize,
    /// What it is about: see [`Refused::what`].
    pub what: String,
    /// What was done.
    pub text: String,
}

/// Why a whole file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is too large.
    #[error("the file has {bytes} bytes; at most {FILE_SIZE_MAX_BYTES} are read: split it")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is not in UTF-8, but in an encoding of two bytes a character.
    #[error("the file is in UTF-16; save it as \"CSV UTF-8\"")]
    Utf16,
    /// A table without a header row.
    #[error("the file is empty; its first row must name the columns")]
    Empty,
    /// A table without a column that every booking needs.
    #[error("no column for {missing}; it can be called {accepted}; the file has: {found}")]
    ColumnMissing {
        /// What the column is for.
        missing: &'static str,
        /// The names by which it is known.
        accepted: String,
        /// The names that the file has.
        found: String,
    },
    /// Two columns of the same name.
    #[error("two columns are called {name}; remove or rename one")]
    ColumnTwice {
        /// The name.
        name: String,
    },
    /// No calendar in it.
    #[error("the file has no BEGIN:VCALENDAR line, so it is no iCalendar file")]
    NotCalendar,
}

/// Reads a file.
pub fn read(format: Format, bytes: &[u8], options: &Options) -> Result<Import, FileError> {
    if bytes.len() > FILE_SIZE_MAX_BYTES {
        return Err(FileError::TooLarge { bytes: bytes.len() });
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    match format {
        Format::Csv => csv::read(bytes, options),
        Format::Ical => ical::read(bytes, options),
    }
}

/// Something wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    line: usize,
    field: String,
    reason: String,
}

impl Fault {
    fn new(line: usize, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { line, field: field.into(), reason: reason.into() }
    }

    fn about(self, what: &str) -> Refused {
        Refused { line: self.line, what: shortened(what), field: self.field, reason: self.reason }
    }
}

/// A text of at most [`TEXT_MAX_CHARS`] characters, on one line.
fn shortened(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().take(TEXT_MAX_CHARS).collect()
}

/// A reference made from content, for what has no id of its own.
fn content_ref<'a>(kind: &str, parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    // Half of the hash: still far from meeting by chance.
    let digits: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}:{digits}")
}

#[cfg(test)]
mod testing {
    use super::*;

    /// Options for a location in Vienna, with a horizon from March to the end of October 2027.
    pub(super) fn options() -> Options {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        Options {
            zone: chrono_tz::Europe::Vienna,
            resource: None,
            person: None,
            country: "AT".parse().ok(),
            holder: Holder::Organizer,
            horizon: Window::new(time("2027-03-01T00:00:00Z"), time("2027-11-01T00:00:00Z")).unwrap(),
            occurrences_max: 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::options;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_name_of_a_file_says_its_format() {
        assert_eq!(Format::of_file_name("Bookings 2027.CSV"), Some(Format::Csv));
        assert_eq!(Format::of_file_name("/tmp/room.ics"), Some(Format::Ical));
        assert_eq!(Format::of_file_name("room.xlsx"), None);
        assert_eq!(Format::of_file_name("room"), None);
    }

    #[test]
    fn a_file_beyond_the_size_is_refused_unread() {
        let bytes = vec![b'x'; FILE_SIZE_MAX_BYTES + 1];
        assert!(matches!(read(Format::Csv, &bytes, &options()), Err(FileError::TooLarge { .. })));
    }

    #[test]
    fn content_references_differ_where_the_content_does() {
        assert_eq!(content_ref("csv", ["a", "b"]), content_ref("csv", ["a", "b"]));
        assert_ne!(content_ref("csv", ["a", "b"]), content_ref("csv", ["ab", ""]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = read(Format::Csv, &bytes, &options());
            let _ = read(Format::Ical, &bytes, &options());
        }
    }
}
