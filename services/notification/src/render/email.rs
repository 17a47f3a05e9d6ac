//! An email in words.

use super::calendar::CalendarFile;

/// Characters of a subject: mail programs show far fewer.
pub(super) const SUBJECT_CHARS_MAX: usize = 150;

/// An email, without its addresses.
#[derive(Debug, Clone)]
pub(crate) struct RenderedEmail {
    pub subject: String,
    pub text: String,
    pub html: String,
    /// What it changes in the person's calendar.
    pub calendar: Option<CalendarFile>,
}
