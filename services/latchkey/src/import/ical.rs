//! iCalendar files (RFC 5545), as calendar programs export and send them (RFC 5546).
//!
//! Events become bookings. A repeated event becomes one booking for each occurrence in the
//! horizon, at the same local time across changes of clocks; occurrences that were moved or called
//! off keep their reference. Of several versions of an event the newest counts. What is not an
//! event, and what is wrong, is listed by its line.

use std::collections::{BTreeMap, HashMap};

use domain::Timestamp;

use self::components::Component;
use self::event::Event;
use self::series::Budget;
use self::zones::Zones;
use super::line::ContentLine;
use super::{BOOKINGS_MAX, Fault, FileError, Import, Note, Options, Refused};

mod components;
mod event;
mod people;
mod recurrence;
mod series;
mod values;
mod zones;

/// Occurrences that one file may take us through: 500 daily events of ten years.
const STEPS_MAX: usize = 2_000_000;

/// Reads a calendar file.
pub(super) fn read(bytes: &[u8], options: &Options) -> Result<Import, FileError> {
    let (roots, refused) = components::read(bytes);
    if !roots.iter().any(|root| root.name == "VCALENDAR") {
        return Err(FileError::NotCalendar);
    }
    let mut import = Import { refused, ..Import::default() };
    let mut events = Vec::new();
    for root in &roots {
        if root.name == "VCALENDAR" {
            events.extend(events_of(root, options, &mut import.refused));
        } else {
            let reason = "stands outside of every VCALENDAR";
            import.refused.push(Fault::new(root.line, root.name.clone(), reason).about(&event::what(root)));
        }
    }
    let mut budget = Budget::of(STEPS_MAX);
    for group in by_uid(events) {
        take(group, options, &mut budget, &mut import);
    }
    import.bookings.sort_by_key(|booking| (booking.line, booking.starts_at));
    import.refused.sort_by_key(|refused| refused.line);
    import.notes.sort_by_key(|note| note.line);
    Ok(import)
}

/// The events of one calendar.
fn events_of(calendar: &Component, options: &Options, refused: &mut Vec<Refused>) -> Vec<Event> {
    if let Some(fault) = calendar.fault.clone() {
        refused.push(fault.about("VCALENDAR"));
    }
    let method = calendar.property("METHOD").map(ContentLine::text).unwrap_or_default().to_ascii_uppercase();
    let zones = Zones::of(calendar, options.zone);
    let mut events = Vec::new();
    for child in &calendar.children {
        let read = match child.name.as_str() {
            "VTIMEZONE" => continue,
            "VEVENT" => Event::read(child, &method, &zones, options),
            other => Err(Fault::new(child.line, other, "is not an event")),
        };
        match read {
            Ok(event) => events.push(event),
            Err(fault) => refused.push(fault.about(&event::what(child))),
        }
    }
    events
}

/// The events of each id, ids in the order of the file.
fn by_uid(events: Vec<Event>) -> Vec<Vec<Event>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Vec<Event>> = Vec::new();
    for event in events {
        let place = *places.entry(event.uid.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(event),
            None => groups.push(vec![event]),
        }
    }
    groups
}

/// Takes the events of one id: the event itself and single occurrences of it, each in possibly
/// several versions.
fn take(group: Vec<Event>, options: &Options, budget: &mut Budget, import: &mut Import) {
    let mut newest: BTreeMap<Option<Timestamp>, Event> = BTreeMap::new();
    for event in group {
        let key = event.stands_for.as_ref().map(|original| original.stamp.at());
        let older = match newest.remove(&key) {
            Some(other) if other.version > event.version => {
                let line = other.line;
                newest.insert(key, other);
                Some((event, line))
            }
            other => {
                let line = event.line;
                newest.insert(key, event);
                other.map(|other| (other, line))
            }
        };
        if let Some((older, line)) = older {
            let text = format!("left out: line {line} has a newer version of the same");
            import.notes.push(Note { line: older.line, what: older.what, text });
        }
    }
    let event = newest.remove(&None);
    let others: Vec<Event> = newest.into_values().collect();
    match bookings_of(event.as_ref(), &others, options, budget, import.bookings.len()) {
        Ok(series) => {
            let first = event.as_ref().or(others.first());
            let (line, what) = first.map(|event| (event.line, event.what.clone())).unwrap_or_default();
            let told = |text| Note { line, what: what.clone(), text };
            import.notes.extend(series.notes.into_iter().map(told));
            for event in event.iter().chain(&others).filter(|event| event.others > 0) {
                let text = format!(
                    "is one person's booking; {} more of the event get no access by it",
                    event.others
                );
                import.notes.push(Note { line: event.line, what: event.what.clone(), text });
            }
            import.bookings.extend(series.bookings);
        }
        // None of it can be trusted: every part is listed.
        Err(fault) => {
            for event in event.iter().chain(&others) {
                let line = if others.is_empty() { fault.line } else { event.line };
                import.refused.push(Fault { line, ..fault.clone() }.about(&event.what));
            }
        }
    }
}

fn bookings_of(
    event: Option<&Event>,
    others: &[Event],
    options: &Options,
    budget: &mut Budget,
    taken: usize,
) -> Result<series::Series, Fault> {
    if let Some(original) =
        others.iter().filter_map(|event| event.stands_for.as_ref()).find(|it| it.and_later)
    {
        let reason = "changes all later occurrences at once (THISANDFUTURE), which is not supported; split the \
                      event in two in the calendar";
        return Err(Fault::new(original.line, "RECURRENCE-ID", reason));
    }
    if taken >= BOOKINGS_MAX {
        let line = event.or(others.first()).map_or(0, |event| event.line);
        return Err(Fault::new(line, "", format!("one file can have {BOOKINGS_MAX} bookings; split it")));
    }
    series::bookings(event, others, options, budget)
}

#[cfg(test)]
mod tests;
