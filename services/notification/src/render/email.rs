//! An email in words.

/// Characters of a subject: mail programs show far fewer.
pub(super) const SUBJECT_CHARS_MAX: usize = 150;

/// An email, without its addresses.
#[derive(Debug, Clone)]
pub(crate) struct RenderedEmail {
    pub subject: String,
    pub text: String,
    pub html: String,
    /// A file that adds, moves or removes the calendar entry.
    pub calendar: String,
    /// Its media type, with the method.
    pub calendar_type: &'static str,
}
