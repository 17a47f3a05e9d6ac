//! Memberships: whom one is for, as long as it is paid for, and for the days of grace while nobody knows whether it
//! goes on.

use std::rc::Rc;

use domain::MembershipId;
use domain::names::MembershipName;
use proto::membership::v1 as told;
use proto::membership::v1::MembershipState;

use super::calendar::Hours;
use super::names::moment;
use super::source::{Entitled, Holders, Mapped, Told, Whim, everyone};
use super::truth::{DAY, Second, Site};

/// What was last done with one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Last {
    Started,
    Renewed,
    RenewalFailed,
    Paused,
    Resumed,
    Cancelled,
    Ended,
    PeopleChanged,
}

#[derive(Debug)]
pub(super) struct Membership {
    pub id: MembershipId,
    pub holders: Holders,
    pub start: Second,
    /// Of what is paid for.
    pub end: Second,
    pub grace_days: i32,
    pub hours: Option<Rc<Hours>>,
    pub is_paused: bool,
    pub is_ending: bool,
    pub ended: Option<Second>,
    pub last: Last,
}

impl Membership {
    pub(super) fn gives(&self) -> Vec<Entitled> {
        let has_run_out = self.is_ending && self.ended == Some(self.end);
        if self.is_paused || self.ended.is_some() && !has_run_out {
            return Vec::new();
        }
        let grace = if self.is_ending { 0 } else { DAY * Second::from(self.grace_days) };
        let subjects = [Mapped::Plan, Mapped::Location];
        everyone(&self.holders.people, subjects, (self.start, self.end + grace), self.hours.as_ref())
    }

    pub(super) fn change(&mut self, Whim { now, length, choice, days, .. }: Whim) {
        if self.ended.is_some() {
            return;
        }
        self.last = match choice {
            0..3 => {
                self.end += if days > 2 { 30 * DAY } else { length };
                self.is_ending = false;
                Last::Renewed
            }
            3..6 => {
                self.is_paused = !self.is_paused;
                if self.is_paused { Last::Paused } else { Last::Resumed }
            }
            6 => {
                (self.ended, self.is_ending) = (Some(now), false);
                Last::Ended
            }
            7 if self.end <= now && !self.is_ending => {
                self.ended = Some(now);
                Last::RenewalFailed
            }
            7 => {
                self.is_ending = true;
                Last::RenewalFailed
            }
            _ if self.is_ending && self.end <= now => {
                self.ended = Some(self.end);
                Last::Ended
            }
            _ => {
                self.is_ending = true;
                Last::Cancelled
            }
        };
    }

    /// Whom it is for, if it is for a team and that changes something.
    pub(super) fn holders_of_change(&mut self) -> Option<&mut Holders> {
        if !self.holders.are_team || self.ended.is_some() {
            return None;
        }
        self.last = Last::PeopleChanged;
        Some(&mut self.holders)
    }

    pub(super) fn told(&self, site: &Site, version: i64) -> Told {
        let name = MembershipName { workspace: site.workspace, id: self.id }.to_string();
        let state = match self.ended {
            Some(_) => MembershipState::Ended,
            None if self.is_paused => MembershipState::Paused,
            None if self.is_ending => MembershipState::Ending,
            None => MembershipState::Active,
        };
        let terms = told::PlanTerms {
            location: site.location(),
            weekly_hours: self.hours.as_ref().map(|hours| hours.told()),
            grace_days: self.grace_days,
            ..Default::default()
        };
        let membership = told::Membership {
            name: name.clone(),
            plan: site.subject(Mapped::Plan),
            terms: Some(terms),
            start_time: Some(moment(self.start)),
            period_end_time: Some(moment(self.end)),
            state: state.into(),
            is_ending: self.is_ending,
            ended_time: self.ended.map(moment),
            is_paused: self.is_paused,
            version,
            ..Default::default()
        };
        let snapshot = Some(told::MembershipSnapshot {
            membership: Some(membership),
            locations: vec![site.told_location()],
            people: self.holders.people.iter().map(|&number| site.person(number)).collect(),
            ..Default::default()
        });
        match self.last {
            Last::Started => Told::new(name, &told::MembershipStarted { snapshot }),
            Last::Renewed => Told::new(name, &told::MembershipRenewed { snapshot, ..Default::default() }),
            Last::RenewalFailed => Told::new(name, &told::MembershipRenewalFailed { snapshot }),
            Last::Paused => Told::new(name, &told::MembershipPaused { snapshot }),
            Last::Resumed => Told::new(name, &told::MembershipResumed { snapshot }),
            Last::Cancelled => Told::new(name, &told::MembershipCancelled { snapshot }),
            Last::Ended => Told::new(name, &told::MembershipEnded { snapshot }),
            Last::PeopleChanged => Told::new(name, &told::MembershipPeopleChanged { snapshot }),
        }
    }
}
