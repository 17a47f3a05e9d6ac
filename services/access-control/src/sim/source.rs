//! Sources of entitlement, and what is told of them.

use std::collections::BTreeSet;
use std::rc::Rc;

use proto::Fact;

use super::booking::Booking;
use super::calendar::{Calendar, Hours};
use super::contract::Contract;
use super::manual::Manual;
use super::membership::Membership;
use super::pass::Pass;
use super::truth::{Lately, Second, Site};

/// What doors are mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mapped {
    Resource(usize),
    Location,
    Plan,
    PassProduct,
}

pub(super) const MAPPED: [Mapped; 5] =
    [Mapped::Resource(0), Mapped::Resource(1), Mapped::Location, Mapped::Plan, Mapped::PassProduct];

#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    Mapped(Mapped),
    Door(usize),
}

/// That a person may enter, at all times or at hours of the week.
#[derive(Debug, Clone)]
pub(super) struct Entitled {
    pub person: usize,
    pub subject: Subject,
    pub start: Second,
    pub end: Second,
    pub hours: Option<Rc<Hours>>,
}

/// All of these people by all of these subjects.
pub(super) fn everyone(
    people: &BTreeSet<usize>,
    subjects: [Mapped; 2],
    (start, end): (Second, Second),
    hours: Option<&Rc<Hours>>,
) -> Vec<Entitled> {
    let entitled = |&person| {
        subjects.map(|mapped| Entitled {
            person,
            subject: Subject::Mapped(mapped),
            start,
            end,
            hours: hours.cloned(),
        })
    };
    people.iter().flat_map(entitled).collect()
}

/// Whom something is for: those who are in the team, or one person.
#[derive(Debug, Clone)]
pub(super) struct Holders {
    pub people: BTreeSet<usize>,
    pub are_team: bool,
}

/// An event of something.
pub(super) struct Told {
    pub name: String,
    pub type_name: &'static str,
    pub payload: Vec<u8>,
}

impl Told {
    pub(super) fn new<T: Fact>(name: String, fact: &T) -> Self {
        Self { name, type_name: T::TYPE, payload: serde_json::to_vec(fact).unwrap() }
    }
}

/// What is drawn for a change, needed or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whim {
    pub now: Second,
    pub start: Second,
    pub length: Second,
    /// Below 10.
    pub choice: u32,
    /// Days from now.
    pub days: u64,
}

#[derive(Debug)]
pub(super) enum What {
    Booking(Booking),
    Manual(Manual),
    Pass(Pass),
    Membership(Membership),
    Contract(Contract),
}

impl What {
    fn gives(&self, calendar: &Calendar) -> Vec<Entitled> {
        match self {
            Self::Booking(booking) => booking.gives(),
            Self::Manual(manual) => manual.gives(),
            Self::Pass(pass) => pass.gives(calendar),
            Self::Membership(membership) => membership.gives(),
            Self::Contract(contract) => contract.gives(),
        }
    }

    fn change(&mut self, whim: Whim, calendar: &Calendar) {
        match self {
            Self::Booking(booking) => booking.change(whim),
            Self::Manual(manual) => manual.is_ended = true,
            Self::Pass(pass) => pass.change(whim, calendar),
            Self::Membership(membership) => membership.change(whim),
            Self::Contract(contract) => contract.change(whim),
        }
    }

    /// Whether it is for a team that is another one now.
    fn follow(&mut self, team: &BTreeSet<usize>) -> bool {
        let holders = match self {
            Self::Membership(membership) => membership.holders_of_change(),
            Self::Contract(contract) => contract.holders_of_change(),
            Self::Booking(_) | Self::Manual(_) | Self::Pass(_) => return false,
        };
        let Some(holders) = holders else { return false };
        holders.people.clone_from(team);
        true
    }
}

/// A source of entitlement.
#[derive(Debug)]
pub(super) struct Source {
    pub version: i64,
    pub what: What,
    pub gives: Lately<Vec<Entitled>>,
}

impl Source {
    pub(super) fn new(version: i64, what: What, calendar: &Calendar) -> Self {
        let mut gives = Lately::new(Vec::new());
        gives.becomes(what.gives(calendar));
        Self { version, what, gives }
    }

    /// It is another one from now on.
    pub(super) fn change(&mut self, whim: Whim, calendar: &Calendar) {
        self.what.change(whim, calendar);
        self.version += 1;
        self.gives.becomes(self.what.gives(calendar));
    }

    /// Other people are in the team. Says whether that changes it.
    pub(super) fn follow(&mut self, team: &BTreeSet<usize>, calendar: &Calendar) -> bool {
        let is_changed = self.what.follow(team);
        if is_changed {
            self.version += 1;
            self.gives.becomes(self.what.gives(calendar));
        }
        is_changed
    }

    pub(super) fn told(&self, site: &Site) -> Told {
        match &self.what {
            What::Booking(booking) => booking.told(site, self.version),
            What::Manual(manual) => manual.told(site, self.version),
            What::Pass(pass) => pass.told(site, self.version),
            What::Membership(membership) => membership.told(site, self.version),
            What::Contract(contract) => contract.told(site, self.version),
        }
    }
}
