//! The bookings of one event: one, or one for each occurrence.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, Timelike};
use domain::Timestamp;

use super::event::Event;
use super::recurrence::Rule;
use super::values::{Length, Stamp};
use crate::import::{Fault, ImportedBooking, Options, State};

/// What a rule costs at least: one that rarely comes true is much work for few occurrences.
const RULE_COST: usize = 500;
/// What a rule costs that never comes true: it takes the search to its limit.
const VAIN_RULE_COST: usize = 50_000;

/// How much a file may still make us do, in occurrences that are gone through, those outside of
/// the horizon included.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn of(steps: usize) -> Self {
        Self(steps)
    }

    fn spend(&mut self, steps: usize) -> Option<()> {
        self.0 = self.0.checked_sub(steps)?;
        Some(())
    }
}

/// The bookings of an event, and what to say about them.
pub(super) struct Series {
    pub(super) bookings: Vec<ImportedBooking>,
    pub(super) notes: Vec<String>,
}

/// The bookings of an event and of those of its occurrences that differ from it. The event itself
/// can be absent: a person invited to one occurrence gets only that.
pub(super) fn bookings(
    event: Option<&Event>,
    others: &[Event],
    options: &Options,
    budget: &mut Budget,
) -> Result<Series, Fault> {
    let mut series = Series { bookings: Vec::new(), notes: Vec::new() };
    let mut told = BTreeSet::new();
    for other in others {
        let Some(original) = &other.stands_for else { continue };
        let start = event.map_or(&original.stamp, |event| &event.start);
        let at = meant(&original.stamp, start);
        told.insert(at);
        let called_off = event.is_some_and(|event| event.state == State::Cancelled);
        let state = if called_off { State::Cancelled } else { other.state };
        let reference = occurrence_ref(&other.uid, start, at);
        series.bookings.push(booking(other, reference, other.start.local, None, state)?);
    }
    let Some(event) = event else { return Ok(series) };
    if !event.repeats() && others.is_empty() {
        series.bookings.push(booking(event, event.uid.clone(), event.start.local, None, event.state)?);
        return Ok(series);
    }
    let occurrences = occurrences(event, options, budget)?;
    for (at, (local, length)) in occurrences.list {
        if told.contains(&at) {
            continue;
        }
        // What was taken out is told, too: an earlier import may have had it.
        let state = if occurrences.excluded.contains(&at) { State::Cancelled } else { event.state };
        series.bookings.push(booking(
            event,
            occurrence_ref(&event.uid, &event.start, at),
            local,
            length,
            state,
        )?);
    }
    let day = |at: Timestamp| at.with_timezone(&options.zone).date_naive();
    if occurrences.is_cut_off {
        series.notes.push(format!(
            "repeats: taken from {} until {}, what lies outside is left out",
            day(options.horizon.start()),
            day(options.horizon.end())
        ));
    }
    if occurrences.is_too_long {
        series.notes.push(format!(
            "repeats more than {} times in that window; the later ones are left out",
            options.occurrences_max
        ));
    }
    Ok(series)
}

struct Occurrences {
    /// By the moment they start at: what clocks show, and a length of their own.
    list: BTreeMap<Timestamp, (NaiveDateTime, Option<Length>)>,
    excluded: BTreeSet<Timestamp>,
    is_cut_off: bool,
    is_too_long: bool,
}

fn occurrences(event: &Event, options: &Options, budget: &mut Budget) -> Result<Occurrences, Fault> {
    let mut found = Occurrences {
        list: BTreeMap::new(),
        excluded: BTreeSet::new(),
        is_cut_off: false,
        is_too_long: false,
    };
    let start = &event.start;
    // The event itself is its first occurrence, whether or not its rule has it.
    found.add(event, start.at(), start.local, None, options);
    for (line, rule) in &event.rules {
        go_through(rule, *line, "RRULE", start, budget, |local, at| {
            found.add(event, at, local, None, options)
        })?;
    }
    for (stamp, length) in &event.dates {
        let at = meant(stamp, start);
        found.add(event, at, start.zone.local(at), *length, options);
    }
    for (line, rule) in &event.excluded_rules {
        go_through(rule, *line, "EXRULE", start, budget, |_, at| {
            found.excluded.insert(at);
            at < options.horizon.end()
        })?;
    }
    found.excluded.extend(event.excluded.iter().map(|stamp| meant(stamp, start)));
    Ok(found)
}

/// Hands over what a rule gives, in order, until `take` wants no more.
fn go_through(
    rule: &Rule,
    line: usize,
    name: &str,
    start: &Stamp,
    budget: &mut Budget,
    mut take: impl FnMut(NaiveDateTime, Timestamp) -> bool,
) -> Result<(), Fault> {
    let too_much =
        || Fault::new(line, name, "is too much to go through with the rest of the file; split the file");
    budget.spend(RULE_COST).ok_or_else(too_much)?;
    let mut is_vain = true;
    for local in rule.occurrences(start.local).map_err(|reason| Fault::new(line, name, reason))? {
        is_vain = false;
        budget.spend(1).ok_or_else(too_much)?;
        if !take(local, start.zone.resolve(local)) {
            break;
        }
    }
    if is_vain { budget.spend(VAIN_RULE_COST).ok_or_else(too_much) } else { Ok(()) }
}

impl Occurrences {
    /// Takes one up if it lies in the horizon. False when none after it can.
    fn add(
        &mut self,
        event: &Event,
        at: Timestamp,
        local: NaiveDateTime,
        length: Option<Length>,
        options: &Options,
    ) -> bool {
        if at >= options.horizon.end() {
            self.is_cut_off = true;
            return false;
        }
        let end = length.unwrap_or(event.length).end_of(local, &event.start.zone);
        if end.is_none_or(|end| end <= options.horizon.start()) {
            self.is_cut_off = true;
            return true;
        }
        if self.list.len() >= options.occurrences_max && !self.list.contains_key(&at) {
            self.is_too_long = true;
            return false;
        }
        self.list.entry(at).or_insert((local, length));
        true
    }
}

fn booking(
    event: &Event,
    external_ref: String,
    local: NaiveDateTime,
    length: Option<Length>,
    state: State,
) -> Result<ImportedBooking, Fault> {
    let zone = &event.start.zone;
    let ends_at = length.unwrap_or(event.length).end_of(local, zone);
    let person = event.person.as_ref();
    Ok(ImportedBooking {
        line: event.line,
        external_ref,
        resource: event.resource.clone(),
        person_email: person.map(|person| person.email.clone()),
        person_name: person.and_then(|person| person.name.clone()),
        phone: None,
        starts_at: zone.resolve(local),
        ends_at: ends_at.ok_or_else(|| Fault::new(event.line, "DTEND", "lies too far away"))?,
        title: event.title.clone(),
        state,
    })
}

/// The occurrence that a date in `EXDATE`, `RDATE` or `RECURRENCE-ID` means. Some programs write a
/// day for an event with a time, or a time for one of whole days.
fn meant(stamp: &Stamp, start: &Stamp) -> Timestamp {
    let date = stamp.local.date();
    match (stamp.is_day, start.is_day) {
        (true, false) => start.zone.resolve(date.and_time(start.local.time())),
        (false, true) => start.zone.resolve(date.and_time(chrono::NaiveTime::MIN)),
        _ => stamp.at(),
    }
}

/// The reference of one occurrence: the event's with the original start.
fn occurrence_ref(uid: &str, start: &Stamp, at: Timestamp) -> String {
    if start.is_day {
        format!("{uid}/{}", start.zone.local(at).format("%Y%m%d"))
    } else {
        format!("{uid}/{}", at.with_nanosecond(0).unwrap_or(at).format("%Y%m%dT%H%M%SZ"))
    }
}
