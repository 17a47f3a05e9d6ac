//! What people do, and what is told of it.

use std::collections::BTreeSet;

use chrono::DateTime;
use domain::{BookingId, EntitlementId, EventId, IntegrationId};
use events::Envelope;
use proto::Fact;
use proto::access::v1 as pb;
use proto::integrations::v1::IntegrationStatusChanged;
use proto::workspace::v1 as told;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::shell::{Consumer, Message, Request};
use super::truth::{
    DOORS, GRAIN, HOUR, Integration, MAPPED, MINUTE, Mapping, PROVIDERS, RESOURCES, Second, Source, Told,
    What, target,
};
use super::world::{Violation, World};

impl World<'_> {
    pub(super) async fn act(&mut self) -> Result<(), Violation> {
        const ACTS_MAX: usize = 14;
        self.acts += 1;
        if self.acts > ACTS_MAX {
            return Ok(());
        }
        let site = self.any_site();
        match self.rng.random_range(0..100) {
            0..34 => self.new_booking(site),
            34..56 => self.change_source(site),
            56..66 => self.new_manual(site),
            66..76 => self.change_person(site),
            76..94 => {
                let request = self.any_request(site);
                return self.call(site, request).await;
            }
            _ => self.change_integration(site),
        }
        Ok(())
    }

    pub(super) fn minutes(&mut self) -> pbjson_types::Duration {
        let minutes = *[0, 5, 15, 30, 60].choose(&mut self.rng).unwrap();
        pbjson_types::Duration { seconds: minutes * MINUTE, nanos: 0 }
    }

    /// A time that a window may begin at: soon, or later, or where another one begins or ends.
    pub(super) fn any_start(&mut self, site: usize) -> Second {
        let turns: Vec<Second> =
            self.sites[site].turns().into_iter().filter(|turn| *turn > self.now - HOUR).collect();
        if let Some(turn) = turns.choose(&mut self.rng).copied()
            && self.rng.random_bool(0.4)
            && turn < self.now + 90 * HOUR
        {
            return turn.max(self.now - HOUR) / GRAIN * GRAIN;
        }
        let ahead = match self.rng.random_range(0..10) {
            0 => -self.rng.random_range(0..60 * MINUTE),
            1..8 => self.rng.random_range(0..4 * HOUR),
            8 => self.rng.random_range(0..48 * HOUR),
            _ => self.rng.random_range(70 * HOUR..90 * HOUR),
        };
        (self.now + ahead) / GRAIN * GRAIN
    }

    pub(super) fn any_length(&mut self) -> Second {
        self.rng.random_range(1..=24) * GRAIN
    }

    pub(super) fn any_person(&mut self) -> usize {
        usize::from(self.one_in(4))
    }

    pub(super) fn new_booking(&mut self, site: usize) {
        let start = self.any_start(site);
        let end = start + self.any_length();
        let what = What::Booking {
            id: BookingId::new(),
            resource: self.rng.random_range(0..RESOURCES),
            holder: self.any_person(),
            attendees: if self.one_in(4) { BTreeSet::from([1]) } else { BTreeSet::new() },
            start,
            end,
            state: told::BookingState::Confirmed,
        };
        self.sites[site].sources.push(Source::new(2, what));
        self.tell_source(site, self.sites[site].sources.len() - 1);
    }

    pub(super) fn new_manual(&mut self, site: usize) {
        let start = self.any_start(site);
        let length = self.any_length();
        let what = What::Manual {
            id: EntitlementId::new(),
            person: self.any_person(),
            door: self.rng.random_range(0..DOORS.len()),
            start,
            end: (!self.one_in(5)).then_some(start + length),
            is_ended: false,
        };
        self.sites[site].sources.push(Source::new(1, what));
        self.tell_source(site, self.sites[site].sources.len() - 1);
    }

    pub(super) fn change_source(&mut self, site: usize) {
        if self.sites[site].sources.is_empty() {
            return;
        }
        let number = self.rng.random_range(0..self.sites[site].sources.len());
        let (new_start, length, choice) =
            (self.any_start(site), self.any_length(), self.rng.random_range(0..10));
        let now = self.now;
        if let What::Booking { state: told::BookingState::Completed, attendees, .. } =
            &self.sites[site].sources[number].what
        {
            // All that can still happen to it.
            if attendees.contains(&1) {
                self.take_invitation_back(site, number);
            }
            return;
        }
        self.sites[site].sources[number].change(|what| match what {
            What::Manual { is_ended, .. } => *is_ended = true,
            What::Booking { attendees, start, end, state, .. } => match choice {
                0..4 => (*start, *end) = (new_start, new_start + length),
                4 => *end += length,
                5..7 => {
                    if !attendees.remove(&1) {
                        attendees.insert(1);
                    }
                }
                7 if *end <= now => *state = told::BookingState::Completed,
                8 if *state == told::BookingState::Confirmed => *state = told::BookingState::Failed,
                9 if *state != told::BookingState::Confirmed => *state = told::BookingState::Confirmed,
                _ => *state = told::BookingState::Cancelled,
            },
        });
        self.tell_source(site, number);
    }

    fn take_invitation_back(&mut self, site: usize, number: usize) {
        let source = &mut self.sites[site].sources[number];
        source.change(|what| {
            if let What::Booking { attendees, .. } = what {
                attendees.remove(&1);
            }
        });
        let source = &self.sites[site].sources[number];
        let ((name, told), version) = (self.sites[site].told(source), source.version);
        self.note(format!("{site}: {:?} version {version}", self.sites[site].sources[number].what));
        if let Told::Booking(_, snapshot) = told {
            let person = self.sites[site].person_name(1);
            let fact = told::BookingAttendeeRemoved { snapshot: Some(*snapshot), person };
            self.send(site, Consumer::Workspace, &name, version, &fact);
        }
    }

    pub(super) fn change_person(&mut self, site: usize) {
        let number = self.any_person();
        let choice = self.rng.random_range(0..4);
        let person = &mut self.sites[site].people[number];
        person.version += 1;
        match choice {
            0 => person.email += 1,
            1 => person.status.becomes(told::PersonStatus::Removed),
            _ if person.status.now == told::PersonStatus::Active => {
                person.status.becomes(told::PersonStatus::Paused);
            }
            _ => person.status.becomes(told::PersonStatus::Active),
        }
        let fact = told::PersonUpdated { person: Some(self.sites[site].person(number)) };
        let (name, version) = (self.sites[site].person_name(number), self.sites[site].people[number].version);
        self.note(format!("{site}: person {number} is {:?}", self.sites[site].people[number].status.now));
        self.send(site, Consumer::Workspace, &name, version, &fact);
    }

    pub(super) fn change_integration(&mut self, site: usize) {
        let provider = PROVIDERS.choose(&mut self.rng).unwrap();
        let is_own = self.one_in(3);
        let truth = &mut self.sites[site];
        let known = truth.integrations.iter().position(|it| it.provider == *provider && it.is_own == is_own);
        let number = known.unwrap_or_else(|| {
            truth.integrations.push(Integration {
                id: IntegrationId::new(),
                provider,
                is_own,
                version: 0,
                is_active: true,
            });
            truth.integrations.len() - 1
        });
        truth.turn(number);
        self.resting.retain(|at| at.0 != site);
        self.tell_integration(site, number);
    }

    pub(super) fn tell_integration(&mut self, site: usize, number: usize) {
        let truth = &self.sites[site];
        let integration = &truth.integrations[number];
        let fact = IntegrationStatusChanged { integration: Some(truth.told_integration(integration)) };
        let (name, version) = (truth.integration_name(integration), integration.version);
        self.note(format!(
            "{site}: {} of {} is active: {}",
            self.sites[site].integrations[number].provider,
            if self.sites[site].integrations[number].is_own { "the location" } else { "all" },
            self.sites[site].integrations[number].is_active
        ));
        self.send(site, Consumer::Integrations, &name, version, &fact);
    }

    /// Something that an admin may ask for.
    pub(super) fn any_request(&mut self, site: usize) -> Option<Request> {
        match self.rng.random_range(0..10) {
            0..5 => self.new_mapping(site),
            5..8 => {
                let mappings = &self.sites[site].mappings;
                let standing: Vec<_> = mappings.iter().filter(|mapping| mapping.stands.now).collect();
                standing.choose(&mut self.rng).map(|mapping| Request::DeleteMapping(mapping.name.clone()))
            }
            8 => {
                let (lead, lag) = (Some(self.minutes()), Some(self.minutes()));
                Some(Request::UpdateSettings(pb::AccessSettings { lead, lag }))
            }
            _ => {
                let lead = self.one_in(2).then(|| self.minutes());
                let lag = self.one_in(2).then(|| self.minutes());
                let settings = pb::LocationAccessSettings { lead, lag, ..Default::default() };
                Some(Request::UpdateLocationSettings(self.sites[site].location(), settings))
            }
        }
    }

    pub(super) fn new_mapping(&mut self, site: usize) -> Option<Request> {
        let subject = *MAPPED.choose(&mut self.rng).unwrap();
        let door = self.rng.random_range(0..DOORS.len());
        let truth = &self.sites[site];
        let is_there =
            |mapping: &Mapping| mapping.stands.now && (mapping.subject, mapping.door) == (subject, door);
        if truth.mappings.iter().any(is_there) {
            return None;
        }
        let mapping = pb::DoorMapping {
            subject: truth.subject(subject),
            location: truth.location(),
            provider: DOORS[door].0.to_owned(),
            target: Some(target(door)),
            ..Default::default()
        };
        let lead = self.one_in(3).then(|| self.minutes());
        let lag = self.one_in(3).then(|| self.minutes());
        Some(Request::CreateMapping(Box::new(pb::DoorMapping { lead, lag, ..mapping })))
    }

    pub(super) fn tell_source(&mut self, site: usize, number: usize) {
        let source = &self.sites[site].sources[number];
        let (name, told) = self.sites[site].told(source);
        let version = source.version;
        self.note(format!("{site}: {:?} version {version}", self.sites[site].sources[number].what));
        match told {
            Told::Booking(state, snapshot) => {
                let snapshot = Some(*snapshot);
                match state {
                    told::BookingState::Cancelled => {
                        let fact = told::BookingCancelled { snapshot, ..Default::default() };
                        self.send(site, Consumer::Workspace, &name, version, &fact);
                    }
                    told::BookingState::Failed => {
                        let fact = told::BookingFailed { snapshot, ..Default::default() };
                        self.send(site, Consumer::Workspace, &name, version, &fact);
                    }
                    told::BookingState::Completed => {
                        let fact = told::BookingCompleted { snapshot };
                        self.send(site, Consumer::Workspace, &name, version, &fact);
                    }
                    _ if version == 2 => {
                        let fact = told::BookingConfirmed { snapshot };
                        self.send(site, Consumer::Workspace, &name, version, &fact);
                    }
                    _ => {
                        let fact = told::BookingRescheduled { snapshot, ..Default::default() };
                        self.send(site, Consumer::Workspace, &name, version, &fact);
                    }
                }
            }
            Told::Manual(entitlement, person) => {
                let (is_ended, entitlement, person) =
                    (entitlement.ended_time.is_some(), Some(*entitlement), Some(*person));
                if is_ended {
                    let fact = told::EntitlementEnded { entitlement, person };
                    self.send(site, Consumer::Workspace, &name, version, &fact);
                } else {
                    let fact = told::EntitlementGiven { entitlement, person };
                    self.send(site, Consumer::Workspace, &name, version, &fact);
                }
            }
        }
    }

    pub(super) fn send<T: Fact>(&mut self, site: usize, to: Consumer, name: &str, version: i64, body: &T) {
        let id = EventId::new();
        let envelope = Envelope {
            id,
            type_name: T::TYPE.to_owned(),
            source: "/latchkey/simulation".to_owned(),
            subject: name.to_owned(),
            time: DateTime::from_timestamp(self.now, 0).unwrap(),
            workspace: self.sites[site].workspace,
            sequence: version,
            correlation: id.to_string(),
            causation: None,
            traceparent: None,
        };
        self.bus.push(Message { to, envelope, payload: serde_json::to_vec(body).unwrap() });
    }
}
