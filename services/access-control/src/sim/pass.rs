//! Passes: a time pass while it is valid, a day pass on the days of the location's calendar that it is used for.

use std::collections::BTreeSet;
use std::rc::Rc;

use chrono::{Days, NaiveDate};
use domain::PassId;
use domain::names::PassName;
use proto::workspace::v1 as told;
use proto::workspace::v1::{PassKind, PassState};

use super::calendar::{Calendar, Hours};
use super::names::moment;
use super::source::{Entitled, Mapped, Told, Whim, everyone};
use super::truth::{Second, Site};

#[derive(Debug)]
pub(super) struct Pass {
    pub id: PassId,
    pub person: usize,
    pub kind: PassKind,
    /// When it is valid: of a day pass that is when it can be used.
    pub start: Second,
    pub end: Second,
    pub hours: Option<Rc<Hours>>,
    pub days: Vec<NaiveDate>,
    pub uses_left: i32,
    pub is_cancelled: bool,
}

impl Pass {
    pub(super) fn gives(&self, calendar: &Calendar) -> Vec<Entitled> {
        let spans = match self.kind {
            _ if self.is_cancelled => Vec::new(),
            PassKind::Day => self.days.iter().filter_map(|&day| calendar.day(day)).collect(),
            _ => vec![(self.start, self.end)],
        };
        let people = BTreeSet::from([self.person]);
        let subjects = [Mapped::PassProduct, Mapped::Location];
        let given = spans.into_iter().flat_map(|span| everyone(&people, subjects, span, self.hours.as_ref()));
        given.collect()
    }

    /// It is used for a day, of those to come if it can be, or cancelled.
    pub(super) fn change(&mut self, Whim { now, choice, days, .. }: Whim, calendar: &Calendar) {
        let day = calendar.date(now) + Days::new(days);
        let can_be_used = self.kind == PassKind::Day && self.uses_left > 0 && !self.is_cancelled;
        if choice == 0 || self.kind == PassKind::Time && choice < 5 {
            self.is_cancelled = true;
        } else if can_be_used && !self.days.contains(&day) && calendar.day(day).is_some() {
            self.days.push(day);
            self.uses_left -= 1;
        }
    }

    pub(super) fn told(&self, site: &Site, version: i64) -> Told {
        let name = PassName { workspace: site.workspace, id: self.id }.to_string();
        // As workspace makes them.
        let days = self.days.iter().filter_map(|&date| {
            let day = domain::zone::day(site.calendar.zone, date)?;
            let [start_time, end_time] = [day.start(), day.end()].map(|time| Some(moment(time.timestamp())));
            Some(told::PassDay { date: date.to_string(), start_time, end_time })
        });
        let state = match self.uses_left {
            _ if self.is_cancelled => PassState::Cancelled,
            0 => PassState::UsedUp,
            _ => PassState::Valid,
        };
        let weekly_hours = self.hours.as_ref().map(|hours| hours.told());
        let pass = told::Pass {
            name: name.clone(),
            product: site.subject(Mapped::PassProduct),
            person: site.person_name(self.person),
            location: site.location(),
            terms: Some(told::PassTerms { kind: self.kind.into(), weekly_hours, ..Default::default() }),
            start_time: Some(moment(self.start)),
            end_time: Some(moment(self.end)),
            days: days.collect(),
            uses_left: self.uses_left,
            state: state.into(),
            version,
            ..Default::default()
        };
        let snapshot = Some(told::PassSnapshot {
            pass: Some(pass),
            person: Some(site.person(self.person)),
            location: Some(site.told_location()),
            ..Default::default()
        });
        if self.is_cancelled {
            Told::new(name, &told::PassCancelled { snapshot })
        } else if let Some(day) = self.days.last() {
            Told::new(name, &told::PassUsed { snapshot, date: day.to_string() })
        } else {
            Told::new(name, &told::PassIssued { snapshot })
        }
    }
}
