//! Contracts: whom one is for, by the desk that it names, until its end or until further notice.

use domain::ContractId;
use domain::names::ContractName;
use proto::membership::v1 as told;

use super::names::moment;
use super::source::{Entitled, Holders, Mapped, Told, Whim, everyone};
use super::truth::{GRAIN, NEVER, Second, Site};

/// What was last done with one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Last {
    Started,
    Shortened,
    Ended,
    PeopleChanged,
}

#[derive(Debug)]
pub(super) struct Contract {
    pub id: ContractId,
    pub holders: Holders,
    pub resource: usize,
    pub start: Second,
    pub end: Option<Second>,
    pub ended: Option<Second>,
    pub last: Last,
}

impl Contract {
    pub(super) fn gives(&self) -> Vec<Entitled> {
        if self.ended.is_some() {
            return Vec::new();
        }
        let span = (self.start, self.end.unwrap_or(NEVER));
        everyone(&self.holders.people, [Mapped::Resource(self.resource), Mapped::Location], span, None)
    }

    pub(super) fn change(&mut self, Whim { now, start, choice, .. }: Whim) {
        let end = self.end.unwrap_or(NEVER);
        if self.ended.is_some() || end <= now {
            return;
        }
        if choice < 6 {
            self.end = Some(end.min(start.max(self.start + GRAIN)));
            self.last = Last::Shortened;
        } else {
            self.ended = Some(now);
            self.last = Last::Ended;
        }
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
        let name = ContractName { workspace: site.workspace, id: self.id }.to_string();
        let contract = told::Contract {
            name: name.clone(),
            resources: vec![site.resource(self.resource)],
            start_time: Some(moment(self.start)),
            end_time: self.end.map(moment),
            ended_time: self.ended.map(moment),
            version,
            ..Default::default()
        };
        let snapshot = Some(told::ContractSnapshot {
            contract: Some(contract),
            locations: vec![site.told_location()],
            people: self.holders.people.iter().map(|&number| site.person(number)).collect(),
            ..Default::default()
        });
        match self.last {
            Last::Started => Told::new(name, &told::ContractStarted { snapshot }),
            Last::Shortened => Told::new(name, &told::ContractShortened { snapshot, ..Default::default() }),
            Last::Ended => Told::new(name, &told::ContractEnded { snapshot }),
            Last::PeopleChanged => Told::new(name, &told::ContractPeopleChanged { snapshot }),
        }
    }
}
