//! One `VEVENT`, read (RFC 5545, 3.6.1).

use domain::Timestamp;
use domain::contact::EmailAddress;

use super::components::Component;
use super::people::{Parties, Party};
use super::recurrence::Rule;
use super::values::{Length, Stamp, length, only_stamp, stamp, stamps};
use super::zones::Zones;
use crate::import::line::ContentLine;
use crate::import::{Fault, Options, State, content_ref, shortened};

/// An event, or one occurrence of a repeated event that differs from the rest.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) line: usize,
    pub(super) uid: String,
    /// How the event is called towards the operator.
    pub(super) what: String,
    /// Which of several versions is the newest: the highest.
    pub(super) version: (i64, Option<Timestamp>, usize),
    /// The occurrence that this one stands for.
    pub(super) stands_for: Option<StandsFor>,
    pub(super) start: Stamp,
    pub(super) length: Length,
    pub(super) rules: Vec<(usize, Rule)>,
    pub(super) excluded_rules: Vec<(usize, Rule)>,
    pub(super) dates: Vec<(Stamp, Option<Length>)>,
    pub(super) excluded: Vec<Stamp>,
    pub(super) state: State,
    pub(super) title: String,
    pub(super) resource: Option<String>,
    pub(super) person: Option<Party>,
    /// People of the event who are not its holder.
    pub(super) others: usize,
}

/// Which occurrence is meant by a `RECURRENCE-ID`.
#[derive(Debug)]
pub(super) struct StandsFor {
    pub(super) line: usize,
    pub(super) stamp: Stamp,
    /// Whether all later ones are meant, too.
    pub(super) and_later: bool,
}

impl Event {
    /// Whether it says by itself when it repeats.
    pub(super) fn repeats(&self) -> bool {
        !self.rules.is_empty() || !self.dates.is_empty()
    }

    /// Reads an event of a calendar with that `METHOD`.
    pub(super) fn read(
        component: &Component,
        method: &str,
        zones: &Zones,
        options: &Options,
    ) -> Result<Self, Fault> {
        if let Some(fault) = &component.fault {
            return Err(fault.clone());
        }
        let state = state(component, method)?;
        let stands_for = component.only("RECURRENCE-ID")?.map(|line| stands_for(line, zones)).transpose()?;
        let start = match (component.only("DTSTART")?, &stands_for) {
            (Some(line), _) => only_stamp(line, zones)?,
            // A cancellation can name the occurrence alone (RFC 5546, 3.2.5).
            (None, Some(original)) if state == State::Cancelled => original.stamp.clone(),
            (None, _) => return Err(Fault::new(component.line, "DTSTART", "is missing")),
        };
        let length = how_long(component, &start, state, zones)?;
        let local = |at| start.zone.local(at);
        let rules_named = |name| -> Result<Vec<(usize, Rule)>, Fault> {
            let read = |line: &ContentLine| match Rule::read(&line.value, local) {
                Ok(rule) => Ok((line.number, rule)),
                Err(reason) => Err(Fault::new(line.number, name, reason)),
            };
            component.properties_named(name).map(read).collect()
        };
        let rules = rules_named("RRULE")?;
        let excluded_rules = rules_named("EXRULE")?;
        let mut dates = Vec::new();
        for line in component.properties_named("RDATE") {
            dates.extend(periods(line, zones)?);
        }
        let mut excluded = Vec::new();
        for line in component.properties_named("EXDATE") {
            excluded.extend(stamps(line, zones)?);
        }

        let parties = Parties::of(component);
        let text = |name| component.property(name).map(ContentLine::text).filter(|text| !text.is_empty());
        let resource = parties.room().or_else(|| text("LOCATION")).or_else(|| options.resource.clone());
        let resource = resource.map(|name| shortened(&name));
        let person = parties.holder(options.holder);
        let others = parties.others(person.as_ref());
        let default = || options.person.clone().map(|email: EmailAddress| Party { email, name: None });
        let person = person.or_else(default);
        if state != State::Cancelled {
            if resource.is_none() {
                let reason = "is missing, no room is invited, and no default was given";
                return Err(Fault::new(component.line, "LOCATION", reason));
            }
            if person.is_none() {
                let reason = "with a usable email address is missing, and no default was given";
                return Err(Fault::new(component.line, "ORGANIZER or ATTENDEE", reason));
            }
        }
        Ok(Self {
            line: component.line,
            uid: uid(component)?,
            what: what(component),
            version: version(component, zones)?,
            stands_for,
            start,
            length,
            rules,
            excluded_rules,
            dates,
            excluded,
            state,
            title: shortened(&text("SUMMARY").unwrap_or_default()),
            resource,
            person,
            others,
        })
    }
}

/// How an event is called towards the operator: its title, else its id.
pub(super) fn what(component: &Component) -> String {
    let text = |name| component.property(name).map(ContentLine::text).filter(|text| !text.is_empty());
    shortened(&text("SUMMARY").or_else(|| text("UID")).unwrap_or_else(|| component.name.clone()))
}

/// The event's id. Some programs write none (calcurse); then its content has to do.
fn uid(component: &Component) -> Result<String, Fault> {
    const UID_MAX_BYTES: usize = 200;
    match component.only("UID")?.map(ContentLine::text).filter(|uid| !uid.is_empty()) {
        Some(uid) if uid.len() <= UID_MAX_BYTES && !uid.contains(char::is_control) => Ok(uid),
        Some(uid) => Ok(content_ref("uid", [uid.as_str()])),
        None => {
            let parts = ["DTSTART", "DTEND", "DURATION", "RRULE", "SUMMARY", "LOCATION"];
            let value = |name: &&str| component.property(name).map_or("", |line| line.value.as_str());
            Ok(content_ref("event", parts.iter().map(value)))
        }
    }
}

fn version(component: &Component, zones: &Zones) -> Result<(i64, Option<Timestamp>, usize), Fault> {
    let sequence = match component.only("SEQUENCE")? {
        Some(line) => {
            let wrong = |_| Fault::new(line.number, "SEQUENCE", "is no number");
            line.value.trim().parse().map_err(wrong)?
        }
        None => 0,
    };
    let written = component.property("LAST-MODIFIED").or_else(|| component.property("DTSTAMP"));
    let written = written.and_then(|line| only_stamp(line, zones).ok()).map(|stamp| stamp.at());
    Ok((sequence, written, component.line))
}

fn state(component: &Component, method: &str) -> Result<State, Fault> {
    match method {
        "" | "PUBLISH" | "REQUEST" | "ADD" => {}
        "CANCEL" => return Ok(State::Cancelled),
        other => {
            let other: String = other.chars().take(20).collect();
            let reason = format!("is part of a {other} message, which is about a booking but is none");
            return Err(Fault::new(component.line, "METHOD", reason));
        }
    }
    let Some(line) = component.only("STATUS")? else { return Ok(State::Confirmed) };
    match line.value.trim().to_ascii_uppercase().as_str() {
        "CONFIRMED" | "" => Ok(State::Confirmed),
        "TENTATIVE" => Ok(State::Tentative),
        "CANCELLED" | "CANCELED" => Ok(State::Cancelled),
        _ => Err(Fault::new(line.number, "STATUS", "is not CONFIRMED, TENTATIVE or CANCELLED")),
    }
}

fn stands_for(line: &ContentLine, zones: &Zones) -> Result<StandsFor, Fault> {
    let and_later = line.param("RANGE").is_some_and(|range| range.eq_ignore_ascii_case("THISANDFUTURE"));
    Ok(StandsFor { line: line.number, stamp: only_stamp(line, zones)?, and_later })
}

fn how_long(component: &Component, start: &Stamp, state: State, zones: &Zones) -> Result<Length, Fault> {
    let hour = Length { by_clocks: chrono::Duration::zero(), really: chrono::Duration::hours(1) };
    let day = Length { by_clocks: chrono::Duration::days(1), really: chrono::Duration::zero() };
    let (end, duration) = (component.only("DTEND")?, component.only("DURATION")?);
    match (end, duration) {
        (Some(line), _) => {
            let end = only_stamp(line, zones)?;
            if end.at() <= start.at() {
                return Err(Fault::new(line.number, "DTEND", "must be after the start"));
            }
            Ok(Length::between(start, &end))
        }
        (None, Some(line)) => length(&line.value)
            .ok_or_else(|| Fault::new(line.number, "DURATION", "is no duration such as PT1H30M")),
        // A day without an end lasts a day (RFC 5545, 3.6.1).
        (None, None) if start.is_day => Ok(day),
        // How long what is called off would have lasted does not matter.
        (None, None) if state == State::Cancelled => Ok(hour),
        (None, None) => Err(Fault::new(component.line, "DTEND", "is missing, and so is DURATION")),
    }
}

/// The values of an `RDATE`: starts, or periods with an end or a duration of their own.
fn periods(line: &ContentLine, zones: &Zones) -> Result<Vec<(Stamp, Option<Length>)>, Fault> {
    let wrong = || Fault::new(line.number, "RDATE", "has a period without a length");
    line.value
        .split(',')
        .map(|value| {
            let Some((from, to)) = value.split_once('/') else {
                return Ok((stamp(value, line, zones)?, None));
            };
            let start = stamp(from, line, zones)?;
            let length = match length(to) {
                Some(length) => length,
                None => {
                    let end = stamp(to, line, zones)?;
                    if end.at() <= start.at() {
                        return Err(wrong());
                    }
                    Length::between(&start, &end)
                }
            };
            Ok((start, Some(length)))
        })
        .collect()
}
