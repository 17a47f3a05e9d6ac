//! What a calendar means by a `TZID`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use chrono::{Duration, NaiveDateTime};
use chrono_tz::Tz;
use domain::{Timestamp, zone};
use windows_timezones::WindowsTimezone;

use super::components::Component;
use super::recurrence::Rule;
use super::values::wall_time;

/// Changes of clocks that a definition in the file can have. A rule with two changes a year since
/// 1601, as Outlook writes them, has 1,200 until the last year that we take.
const CHANGES_MAX: usize = 2_000;

/// A time zone.
#[derive(Debug, Clone)]
pub(super) enum Zone {
    /// One of the IANA database.
    Named(Tz),
    /// One that the file defines.
    Defined(Rc<Definition>),
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named(one), Self::Named(other)) => one == other,
            (Self::Defined(one), Self::Defined(other)) => Rc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Zone {
    /// The moment at which clocks show `local`; what occurs twice or never is taken as
    /// [`zone::resolve`] has it.
    pub(super) fn resolve(&self, local: NaiveDateTime) -> Timestamp {
        match self {
            Self::Named(tz) => zone::resolve(*tz, local),
            Self::Defined(definition) => {
                // A change counts from when both offsets agree that it has happened.
                let after = |change: &&Change| local >= change.at + change.from.max(change.to);
                (local - definition.offset(after)).and_utc()
            }
        }
    }

    /// What clocks show at that moment.
    pub(super) fn local(&self, at: Timestamp) -> NaiveDateTime {
        match self {
            Self::Named(tz) => at.with_timezone(tz).naive_local(),
            Self::Defined(definition) => {
                let utc = at.naive_utc();
                utc + definition.offset(|change| change.at <= utc)
            }
        }
    }
}

/// A zone by its changes of clocks.
#[derive(Debug)]
pub(super) struct Definition {
    /// The offset before the first change.
    first: Duration,
    /// In the order of time.
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    /// In UTC.
    at: NaiveDateTime,
    from: Duration,
    to: Duration,
}

impl Definition {
    fn offset(&self, is_past: impl Fn(&&Change) -> bool) -> Duration {
        self.changes.iter().rfind(is_past).map_or(self.first, |change| change.to)
    }

    /// Reads a `VTIMEZONE` (RFC 5545, 3.6.5), or says what is wrong with it.
    fn read(component: &Component) -> Option<Self> {
        let mut changes = Vec::new();
        for observance in &component.children {
            let offset = |name| observance.property(name).and_then(|line| offset(&line.value));
            let (from, to) = (offset("TZOFFSETFROM")?, offset("TZOFFSETTO")?);
            let (start, _) = wall_time(&observance.property("DTSTART")?.value)?;
            let mut onsets = vec![start];
            for line in observance.properties_named("RDATE") {
                onsets.extend(line.value.split(',').filter_map(wall_time).map(|(local, _)| local));
            }
            for line in observance.properties_named("RRULE") {
                // An end in UTC is meant by the offset before the change.
                let rule = Rule::read(&line.value, |utc| utc.naive_utc() + from).ok()?;
                let occurrences = rule.occurrences(start).ok()?;
                onsets.extend(occurrences.take_while(|local| *local < last_year()).take(CHANGES_MAX));
            }
            changes.extend(onsets.into_iter().map(|local| Change { at: local - from, from, to }));
        }
        changes.sort_by_key(|change| change.at);
        changes.dedup_by_key(|change| change.at);
        changes.truncate(CHANGES_MAX);
        Some(Self { first: changes.first()?.from, changes })
    }
}

fn last_year() -> NaiveDateTime {
    chrono::NaiveDate::from_ymd_opt(2200, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN)
}

/// The zones of one calendar.
pub(super) struct Zones<'c> {
    default: Tz,
    definitions: HashMap<String, &'c Component>,
    found: RefCell<HashMap<String, Option<Zone>>>,
}

impl<'c> Zones<'c> {
    /// The zones that a calendar defines; `default` is for times that name none.
    pub(super) fn of(calendar: &'c Component, default: Tz) -> Self {
        let definitions = calendar
            .children
            .iter()
            .filter(|child| child.name == "VTIMEZONE")
            .filter_map(|child| Some((child.property("TZID")?.text(), child)))
            .collect();
        Self { default, definitions, found: RefCell::default() }
    }

    pub(super) fn default_zone(&self) -> Zone {
        Zone::Named(self.default)
    }

    /// The zone of a `TZID`: by its name if that is known, because the database knows more than a
    /// file, else by the file's definition.
    pub(super) fn find(&self, id: &str) -> Result<Zone, String> {
        if let Some(found) = self.found.borrow().get(id) {
            return found.clone().ok_or_else(|| unknown(id));
        }
        let definition = self.definitions.get(id);
        let found = named(id)
            // libical and Evolution: the database's name of a zone that they call otherwise.
            .or_else(|| named(&definition?.property("X-LIC-LOCATION")?.text()))
            .map(Zone::Named)
            .or_else(|| Some(Zone::Defined(Rc::new(Definition::read(definition?)?))));
        self.found.borrow_mut().insert(id.to_owned(), found.clone());
        found.ok_or_else(|| unknown(id))
    }
}

fn unknown(id: &str) -> String {
    let id: String = id.chars().take(60).collect();
    format!("is in time zone {id}, which is no IANA or Windows name, and which the file does not define")
}

/// The zone of an IANA name, of one with a prefix such as `/freeassociation.sourceforge.net/`, or
/// of a Windows name (Unicode CLDR, windowsZones).
fn named(id: &str) -> Option<Tz> {
    let id = id.trim();
    if let Ok(tz) = zone::parse(id) {
        return Some(tz);
    }
    if let Ok(windows) = id.parse::<WindowsTimezone>() {
        return zone::parse(windows.tzdb_id()).ok();
    }
    let mut rest = id.strip_prefix('/')?;
    while let Some((_, after)) = rest.split_once('/') {
        if let Ok(tz) = zone::parse(after) {
            return Some(tz);
        }
        rest = after;
    }
    None
}

/// `+0100` or `-033000`.
fn offset(text: &str) -> Option<Duration> {
    let text = text.trim();
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = &text[1..];
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize| digits.get(from..from + 2).map_or(Some(0), |pair| pair.parse::<i64>().ok());
    let seconds = number(0)? * 3_600 + number(2)? * 60 + number(4)?;
    (seconds < 86_400).then(|| Duration::seconds(sign * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::ical::components;

    /// The rules of Central Europe under a name of its own, as Outlook writes them.
    const CUSTOM: &str = "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:Customized Time Zone\n\
        BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n\
        RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n\
        BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n\
        RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\n\
        END:VTIMEZONE\nEND:VCALENDAR\n";

    fn find(text: &str, id: &str) -> Result<Zone, String> {
        let (roots, _) = components::read(text.as_bytes());
        Zones::of(&roots[0], chrono_tz::UTC).find(id)
    }

    #[test]
    fn a_definition_in_the_file_agrees_with_the_database_around_each_change() {
        let defined = find(CUSTOM, "Customized Time Zone").unwrap();
        assert!(matches!(defined, Zone::Defined(_)));
        let named = Zone::Named(chrono_tz::Europe::Vienna);
        for day in ["20270327", "20270328", "20271030", "20271031", "20300101", "20990701"] {
            for minutes in (0..48 * 60).step_by(10) {
                let local = wall_time(day).unwrap().0 + Duration::minutes(minutes);
                let at = named.resolve(local);
                assert_eq!(defined.resolve(local), at, "{local}");
                assert_eq!(defined.local(at), named.local(at), "{at}");
            }
        }
    }

    #[test]
    fn names_of_many_programs_are_known() {
        for (id, wanted) in [
            ("Europe/Vienna", "Europe/Vienna"),
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("/freeassociation.sourceforge.net/Tzfile/Europe/Vienna", "Europe/Vienna"),
            ("/citadel.org/20250101_1/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ] {
            assert_eq!(named(id).map(Tz::name), Some(wanted), "{id}");
        }
        assert_eq!(named("Middle-earth/Shire"), None);
        let aliased = "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:home\nX-LIC-LOCATION:Asia/Tokyo\nEND:VTIMEZONE\nEND:VCALENDAR";
        assert_eq!(find(aliased, "home").unwrap(), Zone::Named(chrono_tz::Asia::Tokyo));
    }

    #[test]
    fn a_zone_that_nobody_defines_is_unknown() {
        assert!(find(CUSTOM, "Middle-earth/Shire").unwrap_err().contains("Middle-earth/Shire"));
        let broken = CUSTOM.replace("TZOFFSETTO:+0100", "TZOFFSETTO:one hour");
        assert!(find(&broken, "Customized Time Zone").is_err());
    }
}
