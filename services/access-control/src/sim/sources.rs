//! What people have and get: bookings, doors, passes, memberships, contracts.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::{BookingId, ContractId, EntitlementId, MembershipId, PassId};
use proto::workspace::v1::{BookingState, PassKind};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::booking::{self, Booking};
use super::calendar::Hours;
use super::contract::{self, Contract};
use super::manual::Manual;
use super::membership::{self, Membership};
use super::pass::Pass;
use super::shell::Consumer;
use super::source::{Holders, Source, What, Whim};
use super::truth::{DAY, DOORS, RESOURCES, Second};
use super::world::World;

impl World<'_> {
    pub(super) fn new_source(&mut self, site: usize) {
        let (version, what) = match self.rng.random_range(0..10) {
            0..4 => (booking::FIRST, What::Booking(self.new_booking(site))),
            4 => (1, What::Manual(self.new_manual(site))),
            5 | 6 => (1, What::Pass(self.new_pass(site))),
            7 | 8 => (1, What::Membership(self.new_membership(site))),
            _ => (1, What::Contract(self.new_contract(site))),
        };
        let truth = &mut self.sites[site];
        truth.sources.push(Source::new(version, what, truth.calendar));
        let number = truth.sources.len() - 1;
        self.tell_source(site, number);
    }

    fn new_booking(&mut self, site: usize) -> Booking {
        let start = self.any_start(site);
        let end = start + self.any_length();
        Booking {
            id: BookingId::new(),
            resource: self.rng.random_range(0..RESOURCES),
            holder: self.any_person(),
            attendees: if self.one_in(4) { BTreeSet::from([1]) } else { BTreeSet::new() },
            start,
            end,
            state: BookingState::Confirmed,
            is_left: false,
        }
    }

    fn new_manual(&mut self, site: usize) -> Manual {
        let start = self.any_start(site);
        let length = self.any_length();
        Manual {
            id: EntitlementId::new(),
            person: self.any_person(),
            door: self.rng.random_range(0..DOORS.len()),
            start,
            end: (!self.one_in(5)).then_some(start + length),
            is_ended: false,
        }
    }

    fn new_pass(&mut self, site: usize) -> Pass {
        let (start, end) = self.any_period(site);
        Pass {
            id: PassId::new(),
            person: self.any_person(),
            kind: *[PassKind::Time, PassKind::Day].choose(&mut self.rng).unwrap(),
            start,
            end,
            hours: self.any_hours(),
            days: Vec::new(),
            uses_left: self.rng.random_range(1..4),
            is_cancelled: false,
        }
    }

    fn new_membership(&mut self, site: usize) -> Membership {
        let (start, end) = self.any_period(site);
        Membership {
            id: MembershipId::new(),
            holders: self.any_holders(site),
            start,
            end,
            grace_days: self.rng.random_range(0..4),
            hours: self.any_hours(),
            is_paused: false,
            is_ending: false,
            ended: None,
            last: membership::Last::Started,
        }
    }

    fn new_contract(&mut self, site: usize) -> Contract {
        let (start, end) = self.any_period(site);
        Contract {
            id: ContractId::new(),
            holders: self.any_holders(site),
            resource: self.rng.random_range(0..RESOURCES),
            start,
            end: (!self.one_in(3)).then_some(end),
            ended: None,
            last: contract::Last::Started,
        }
    }

    /// Hours, days or a month, some of them over in part.
    fn any_period(&mut self, site: usize) -> (Second, Second) {
        let days = [0, 0, 1, 5, 30];
        let end = self.any_start(site) + self.any_length() + DAY * days.choose(&mut self.rng).unwrap();
        let start = self.any_start(site) - DAY * [0, 0, 5].choose(&mut self.rng).unwrap();
        if start < end { (start, end) } else { (start, start + self.any_length()) }
    }

    fn any_hours(&mut self) -> Option<Rc<Hours>> {
        self.rng.random_bool(0.6).then(|| Rc::new(Hours::any(&mut self.rng)))
    }

    fn any_holders(&mut self, site: usize) -> Holders {
        let are_team = self.one_in(2);
        let people =
            if are_team { self.sites[site].team.clone() } else { BTreeSet::from([self.any_person()]) };
        Holders { people, are_team }
    }

    pub(super) fn change_source(&mut self, site: usize) {
        if self.sites[site].sources.is_empty() {
            return;
        }
        let number = self.rng.random_range(0..self.sites[site].sources.len());
        let whim = Whim {
            now: self.now,
            start: self.any_start(site),
            length: self.any_length(),
            choice: self.rng.random_range(0..10),
            days: self.rng.random_range(0..4),
        };
        let truth = &mut self.sites[site];
        truth.sources[number].change(whim, truth.calendar);
        self.tell_source(site, number);
    }

    /// Someone joins the team or leaves it. What it holds is told anew.
    pub(super) fn change_team(&mut self, site: usize) {
        let person = self.any_person();
        let truth = &mut self.sites[site];
        if !truth.team.remove(&person) {
            truth.team.insert(person);
        }
        let (team, calendar) = (truth.team.clone(), truth.calendar);
        let changed = (0..)
            .zip(&mut truth.sources)
            .filter_map(|(number, source)| source.follow(&team, calendar).then_some(number));
        let changed: Vec<usize> = changed.collect();
        self.note(format!("{site}: in the team are {team:?}"));
        for number in changed {
            self.tell_source(site, number);
        }
    }

    fn tell_source(&mut self, site: usize, number: usize) {
        let source = &self.sites[site].sources[number];
        let (version, told) = (source.version, source.told(&self.sites[site]));
        self.note(format!("{site}: {:?} version {version}", self.sites[site].sources[number].what));
        self.tell(site, Consumer::Workspace, version, told);
    }
}
