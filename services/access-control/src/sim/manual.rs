//! Doors that someone is given directly, until their end or until they are taken back.

use domain::EntitlementId;
use domain::names::EntitlementName;
use proto::workspace::v1 as told;

use super::names::{moment, target};
use super::source::{Entitled, Subject, Told};
use super::truth::{DOORS, NEVER, Second, Site};

#[derive(Debug)]
pub(super) struct Manual {
    pub id: EntitlementId,
    pub person: usize,
    pub door: usize,
    pub start: Second,
    pub end: Option<Second>,
    pub is_ended: bool,
}

impl Manual {
    pub(super) fn gives(&self) -> Vec<Entitled> {
        if self.is_ended {
            return Vec::new();
        }
        let (subject, end) = (Subject::Door(self.door), self.end.unwrap_or(NEVER));
        vec![Entitled { person: self.person, subject, start: self.start, end, hours: None }]
    }

    pub(super) fn told(&self, site: &Site, version: i64) -> Told {
        let name = EntitlementName { workspace: site.workspace, id: self.id }.to_string();
        let entitlement = Some(told::Entitlement {
            name: name.clone(),
            person: site.person_name(self.person),
            location: site.location(),
            provider: DOORS[self.door].0.to_owned(),
            target: Some(target(self.door)),
            start_time: Some(moment(self.start)),
            end_time: self.end.map(moment),
            ended_time: self.is_ended.then(|| moment(self.start)),
            version,
            ..Default::default()
        });
        let person = Some(site.person(self.person));
        if self.is_ended {
            Told::new(name, &told::EntitlementEnded { entitlement, person })
        } else {
            Told::new(name, &told::EntitlementGiven { entitlement, person })
        }
    }
}
