//! Puts messages into words. Pure: the same content gives the same message.

mod calendar;
mod email;
mod sms;
#[cfg(test)]
mod tests;
mod text;
mod when;

use std::borrow::Cow;

use chrono_tz::Tz;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::model::{Content, Dispute, Kind, Problem};
use crate::secrets::DoorSecret;

pub(crate) use email::RenderedEmail;

/// Why a message can't be put into words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// The stored content names a zone that this program does not know.
    #[error("the location's time zone is unknown")]
    Zone(#[from] domain::zone::UnknownZone),
    /// A template is wrong.
    #[error("a template can't be filled in")]
    Template(#[from] minijinja::Error),
    /// What a template gave is no MJML.
    #[error("a template gives no email: {0}")]
    Layout(String),
}

/// The templates, read once.
pub(crate) struct Renderer {
    /// To MJML, which becomes HTML that mail programs show alike.
    html: Environment<'static>,
    text: Environment<'static>,
    /// Who calendar entries are from.
    organizer: String,
}

/// What templates see.
#[derive(Serialize)]
struct View<'a> {
    person: &'a str,
    resource: &'a str,
    location: &'a str,
    address: &'a str,
    title: &'a str,
    reason: &'a str,
    workspace: &'a str,
    /// The window, in the location's time.
    when: String,
    /// The day on which it begins.
    day: String,
    /// The window before, if the booking was moved.
    previous: Option<String>,
    /// What is not in order.
    problems: Cow<'a, [Problem]>,
    /// How many more there are.
    problems_more: usize,
    /// Who expects them, if they are a visitor: then it is a visit, and no booking.
    host: Option<&'a str>,
    /// Another way in, with its window in the location's time.
    way_in: Option<WayInView<'a>>,
    /// A visitor who has come.
    arrival: Option<ArrivalView<'a>>,
    /// A dispute: then it is no booking.
    dispute: Option<&'a Dispute>,
}

#[derive(Serialize)]
struct ArrivalView<'a> {
    visitor: &'a str,
    door: &'a str,
    when: String,
}

#[derive(Serialize)]
struct WayInView<'a> {
    door: &'a str,
    /// What opens it: one of these.
    link: Option<&'a str>,
    pin: Option<&'a str>,
    when: String,
}

/// What is said of each kind: its blocks are the words, the same for emails as HTML and as text, and for texts.
macro_rules! kinds {
    ($($name:literal),+) => { [$(($name, include_str!(concat!("../templates/en/", $name, ".jinja")))),+] };
}

const KINDS: [(&str, &str); 8] = kinds![
    "confirmed",
    "rescheduled",
    "cancelled",
    "staff_alert",
    "way_in",
    "access_ready",
    "visitor_arrived",
    "dispute_opened"
];

/// The templates in one form: how it looks, and the words.
fn templates(layout: &'static str, facts: &'static str, is_html: bool) -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(move |_| if is_html { AutoEscape::Html } else { AutoEscape::None });
    let lines = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(lines.expect("the usual delimiters are valid"));
    for (name, source) in [("layout", layout), ("facts", facts)].into_iter().chain(KINDS) {
        templates.add_template(name, source).expect("the templates are part of the program and tested");
    }
    templates
}

impl Renderer {
    /// A renderer whose calendar entries are from the address `organizer`.
    pub(crate) fn new(organizer: impl Into<String>) -> Self {
        let mjml = include_str!("../templates/layout.mjml");
        let text = include_str!("../templates/layout.txt");
        Self {
            html: templates(mjml, include_str!("../templates/facts.mjml"), true),
            text: templates(text, include_str!("../templates/facts.txt"), false),
            organizer: organizer.into(),
        }
    }

    /// The email that tells of `content`, and of the secret that goes with it.
    pub(crate) fn email(
        &self,
        kind: Kind,
        content: &Content,
        secret: Option<&DoorSecret>,
    ) -> Result<RenderedEmail, RenderError> {
        let zone = domain::zone::parse(&content.time_zone)?;
        let view = View::long(content, secret, zone);
        let mut words = self.text.get_template(kind.as_str())?.render_captured(Serde(&view))?;
        let subject = words.with_state_mut(|state| state.render_block("subject"))?;
        Ok(RenderedEmail {
            subject: text::shorten(&subject, email::SUBJECT_CHARS_MAX),
            text: words.into_output(),
            html: email::html(&self.html.get_template(kind.as_str())?.render(Serde(&view))?)?,
            calendar: calendar::file(kind, content, &self.organizer),
        })
    }

    /// The text message that tells of `content`, and of the secret that goes with it.
    pub(crate) fn sms(
        &self,
        kind: Kind,
        content: &Content,
        secret: Option<&DoorSecret>,
    ) -> Result<String, RenderError> {
        let zone = domain::zone::parse(&content.time_zone)?;
        let names = sms::Names::of(content);
        let view = View {
            resource: &names.resource,
            location: &names.location,
            workspace: &names.workspace,
            when: when::short(content.way_in.as_ref().map_or(content.window, |way_in| way_in.window), zone),
            problems: content.problems.first().map(sms::problem).into_iter().collect(),
            problems_more: content.problems_more + content.problems.len().saturating_sub(1),
            ..View::long(content, secret, zone)
        };
        let mut words = self.text.get_template(kind.as_str())?.render_captured(Serde(&view))?;
        Ok(words.with_state_mut(|state| state.render_block("sms"))?)
    }
}

impl<'a> View<'a> {
    fn long(content: &'a Content, secret: Option<&'a DoorSecret>, zone: Tz) -> Self {
        let (link, pin) = match secret {
            Some(DoorSecret::Link(link)) => (Some(link.as_str()), None),
            Some(DoorSecret::Pin(pin)) => (None, Some(pin.as_str())),
            None => (None, None),
        };
        Self {
            person: &content.person_name,
            resource: &content.resource_name,
            location: &content.location_name,
            address: &content.address,
            title: &content.title,
            reason: &content.reason,
            workspace: &content.workspace_name,
            when: when::long(content.window, zone),
            day: when::day(content.window.start(), zone),
            previous: content.previous_window.map(|window| when::long(window, zone)),
            problems: Cow::Borrowed(&content.problems),
            problems_more: content.problems_more,
            host: content.host.as_deref(),
            way_in: content.way_in.as_ref().map(|way_in| WayInView {
                door: &way_in.door,
                link,
                pin,
                when: when::long(way_in.window, zone),
            }),
            arrival: content.arrival.as_ref().map(|arrival| ArrivalView {
                visitor: &arrival.visitor,
                door: &arrival.door,
                when: when::moment(arrival.time, zone),
            }),
            dispute: content.dispute.as_ref(),
        }
    }
}
