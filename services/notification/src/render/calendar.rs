//! The calendar file of a message (RFC 5545, RFC 5546): the same UID for all messages of a booking, with
//! the booking's version as SEQUENCE, so that a program updates or removes the entry that it has.

use icalendar::{Calendar, Component as _, Event, EventLike as _, EventStatus, Property};

use crate::model::{Content, Kind};

/// A file that adds, moves or removes a calendar entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CalendarFile {
    /// With the method: mail programs want it here, too.
    pub media_type: &'static str,
    pub text: String,
}

/// The file; `None` if the message changes nothing in anybody's calendar.
pub(super) fn file(kind: Kind, content: &Content, organizer: &str) -> Option<CalendarFile> {
    let (method, status, media_type) = match kind {
        Kind::Confirmed | Kind::Rescheduled => {
            ("REQUEST", EventStatus::Confirmed, "text/calendar; charset=utf-8; method=REQUEST")
        }
        Kind::Cancelled => ("CANCEL", EventStatus::Cancelled, "text/calendar; charset=utf-8; method=CANCEL"),
        Kind::StaffAlert | Kind::WayIn | Kind::AccessReady | Kind::VisitorArrived | Kind::DisputeOpened => {
            return None;
        }
    };
    let mut event = Event::new();
    event
        .uid(&format!("booking-{}@latchkey", content.booking))
        // Its time, not ours: the same message again is the same file.
        .timestamp(content.told_at)
        .sequence(u32::try_from(content.booking_version).unwrap_or(i32::MAX.unsigned_abs()))
        .starts(content.window.start())
        .ends(content.window.end())
        .summary(&summary(content))
        .location(&place(content))
        .status(status)
        .append_property(
            Property::new("ORGANIZER", mailto(organizer))
                .add_parameter("CN", &parameter(&content.workspace_name))
                .done(),
        )
        .append_property(
            // The person has booked it: there is nothing to answer.
            Property::new("ATTENDEE", mailto(&content.to))
                .add_parameter("CN", &parameter(&content.person_name))
                .add_parameter("PARTSTAT", "ACCEPTED")
                .add_parameter("ROLE", "REQ-PARTICIPANT")
                .add_parameter("RSVP", "FALSE")
                .done(),
        );
    let mut calendar = Calendar::empty();
    calendar
        .append_property(("VERSION", "2.0"))
        .append_property(("PRODID", "-//Latchkey//Notification//EN"))
        .append_property(("CALSCALE", "GREGORIAN"))
        .append_property(("METHOD", method));
    calendar.push(event.done());
    Some(CalendarFile { media_type, text: calendar.to_string() })
}

fn summary(content: &Content) -> String {
    if content.title.is_empty() {
        format!("{} ({})", content.resource_name, content.workspace_name)
    } else {
        format!("{} ({})", content.title, content.resource_name)
    }
}

fn place(content: &Content) -> String {
    if content.address.is_empty() {
        content.location_name.clone()
    } else {
        format!("{}, {}", content.location_name, content.address)
    }
}

/// An address as a URI (RFC 6068): what has a meaning there is encoded.
fn mailto(address: &str) -> String {
    let mut uri = String::from("mailto:");
    for character in address.chars() {
        match character {
            '%' | '?' | '#' | '&' | '/' | '^' | '`' | '{' | '|' | '}' => {
                uri.push_str(&format!("%{:02X}", u32::from(character)));
            }
            other => uri.push(other),
        }
    }
    uri
}

/// A parameter's value can hold no double quote, in whatever form (RFC 5545, section 3.2).
fn parameter(text: &str) -> String {
    text.replace('"', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_address_is_one_address() {
        assert_eq!(mailto("ada+a&b?c%d@example.org"), "mailto:ada+a%26b%3Fc%25d@example.org");
    }
}
