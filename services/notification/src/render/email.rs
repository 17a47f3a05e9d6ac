//! An email in words.

use mrml::prelude::parser::ParserOptions;
use mrml::prelude::render::RenderOptions;

use super::RenderError;
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

/// MJML as HTML.
pub(super) fn html(mjml: &str) -> Result<String, RenderError> {
    let broken = |error: &dyn std::fmt::Display| RenderError::Layout(error.to_string());
    // Nothing is loaded from elsewhere.
    let parsed = mrml::parse_with_options(mjml, &ParserOptions::default()).map_err(|error| broken(&error))?;
    parsed.element.render(&RenderOptions::default()).map_err(|error| broken(&error))
}
