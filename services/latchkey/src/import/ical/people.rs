//! Who an event is about, and which room it is in: its `ORGANIZER` and `ATTENDEE`s.

use domain::contact::EmailAddress;

use super::components::Component;
use crate::import::line::ContentLine;
use crate::import::{Holder, shortened};

/// Addresses of Google's rooms and calendars, which are nobody's (Google Calendar API reference,
/// Calendars and resources).
const NOBODYS: [&str; 2] = ["resource.calendar.google.com", "group.calendar.google.com"];

/// Someone with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) email: EmailAddress,
    pub(super) name: Option<String>,
}

/// The people and rooms of one event. Who declined, or is only told, is not among them.
pub(super) struct Parties {
    organizer: Option<Party>,
    attendees: Vec<Party>,
    room: Option<String>,
}

impl Parties {
    pub(super) fn of(component: &Component) -> Self {
        let is_in =
            |line: &&ContentLine| !is(line, "PARTSTAT", "DECLINED") && !is(line, "ROLE", "NON-PARTICIPANT");
        let invited = || component.properties_named("ATTENDEE").filter(is_in);
        let is_room = |line: &&ContentLine| is(line, "CUTYPE", "ROOM") || is(line, "CUTYPE", "RESOURCE");
        let is_group = |line: &ContentLine| is(line, "CUTYPE", "GROUP");
        Self {
            organizer: component.property("ORGANIZER").and_then(party),
            attendees: invited().filter(|line| !is_room(line) && !is_group(line)).filter_map(party).collect(),
            room: invited().find(is_room).and_then(name),
        }
    }

    /// The room that was invited and has not declined.
    pub(super) fn room(&self) -> Option<String> {
        self.room.clone()
    }

    /// Who holds the booking.
    pub(super) fn holder(&self, holder: Holder) -> Option<Party> {
        let organizer = self.organizer.as_ref();
        let is_organizer =
            |party: &&Party| organizer.is_some_and(|organizer| organizer.email.matches(party.email.as_str()));
        let attendee = self.attendees.iter().find(|party| !is_organizer(party));
        match holder {
            Holder::Organizer => organizer.or(attendee),
            Holder::Attendee => attendee.or(organizer),
        }
        .cloned()
    }

    /// How many people there are beside the holder.
    pub(super) fn others(&self, holder: Option<&Party>) -> usize {
        let mut others: Vec<String> = self
            .attendees
            .iter()
            .filter(|party| holder.is_none_or(|holder| !holder.email.matches(party.email.as_str())))
            .map(|party| party.email.as_str().to_lowercase())
            .collect();
        others.sort();
        others.dedup();
        others.len()
    }
}

fn party(line: &ContentLine) -> Option<Party> {
    let email: EmailAddress = address(line)?.parse().ok()?;
    let domain = email.as_str().rsplit_once('@')?.1;
    if NOBODYS.iter().any(|nobodys| domain.eq_ignore_ascii_case(nobodys)) {
        return None;
    }
    let name = name(line).filter(|name| !email.matches(name));
    Some(Party { email, name })
}

/// The address: where programs put it if the value is not one (RFC 7986, 6.2), else the value.
fn address(line: &ContentLine) -> Option<&str> {
    let mail = |text: &str| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    line.param("EMAIL").or_else(|| mail(&line.value).then(|| &line.value[7..]))
}

fn name(line: &ContentLine) -> Option<String> {
    line.param("CN").map(shortened).filter(|name| !name.is_empty())
}

fn is(line: &ContentLine, param: &str, value: &str) -> bool {
    line.param(param).is_some_and(|text| text.eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::ical::components;

    const MEETING: &str = "BEGIN:VEVENT\n\
        ORGANIZER;CN=Ada:mailto:ada@example.org\n\
        ATTENDEE;CN=Ada;PARTSTAT=ACCEPTED:MAILTO:Ada@example.org\n\
        ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.org\n\
        ATTENDEE;CN=cleo@example.org;EMAIL=cleo@example.org:urn:uuid:1\n\
        ATTENDEE;CUTYPE=GROUP:mailto:all@example.org\n\
        ATTENDEE;CUTYPE=ROOM;PARTSTAT=DECLINED;CN=Red Room:mailto:red@example.org\n\
        ATTENDEE;CUTYPE=RESOURCE;CN=Blue Room:mailto:c_1@resource.calendar.google.com\n\
        END:VEVENT\n";

    fn parties(text: &str) -> Parties {
        Parties::of(&components::read(text.as_bytes()).0[0])
    }

    fn holder(text: &str, holder: Holder) -> Option<(String, Option<String>)> {
        parties(text).holder(holder).map(|party| (party.email.as_str().to_owned(), party.name))
    }

    #[test]
    fn the_caller_says_whether_the_organizer_or_the_attendee_holds_the_booking() {
        assert_eq!(holder(MEETING, Holder::Organizer), Some(("ada@example.org".into(), Some("Ada".into()))));
        assert_eq!(holder(MEETING, Holder::Attendee), Some(("cleo@example.org".into(), None)));
        let parties = parties(MEETING);
        assert_eq!(parties.others(parties.holder(Holder::Organizer).as_ref()), 1);
    }

    #[test]
    fn each_stands_in_for_the_other() {
        let alone = "BEGIN:VEVENT\nORGANIZER:mailto:ada@example.org\nEND:VEVENT\n";
        assert_eq!(holder(alone, Holder::Attendee).unwrap().0, "ada@example.org");
        let by_a_calendar = "BEGIN:VEVENT\nORGANIZER:mailto:c_9@group.calendar.google.com\n\
            ATTENDEE:mailto:bob@example.org\nEND:VEVENT\n";
        assert_eq!(holder(by_a_calendar, Holder::Organizer).unwrap().0, "bob@example.org");
        assert_eq!(holder("BEGIN:VEVENT\nORGANIZER:invalid:nomail\nEND:VEVENT\n", Holder::Organizer), None);
    }

    #[test]
    fn a_room_that_declined_is_not_booked() {
        assert_eq!(parties(MEETING).room().as_deref(), Some("Blue Room"));
    }
}
