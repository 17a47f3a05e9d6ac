//! What people do, and what is told of it.

use chrono::DateTime;
use domain::{EventId, IntegrationId};
use events::Envelope;
use proto::Fact;
use proto::access::v1 as pb;
use proto::integrations::v1::IntegrationStatusChanged;
use proto::workspace::v1 as told;
use rand::Rng as _;
use rand::seq::IndexedRandom as _;

use super::names::target;
use super::shell::{Consumer, Message, Request};
use super::source::{MAPPED, Told};
use super::truth::{DOORS, GRAIN, HOUR, Integration, MINUTE, Mapping, PROVIDERS, Second};
use super::world::{Violation, World};

impl World<'_> {
    pub(super) async fn act(&mut self) -> Result<(), Violation> {
        const ACTS_MAX: usize = 16;
        self.acts += 1;
        if self.acts > ACTS_MAX {
            return Ok(());
        }
        let site = self.any_site();
        match self.rng.random_range(0..100) {
            0..40 => self.new_source(site),
            40..62 => self.change_source(site),
            62..68 => self.change_team(site),
            68..76 => self.change_person(site),
            76..90 => {
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
            self.sites[site].turns(self.now).into_iter().filter(|turn| *turn > self.now - HOUR).collect();
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
        let provider: &'static str = PROVIDERS.choose(&mut self.rng).unwrap();
        let (is_own, is_mended) = (self.one_in(3), self.one_in(2));
        let truth = &self.sites[site];
        // Whoever sees that one is disconnected connects it again.
        let broken = truth.integrations.iter().position(|it| is_mended && !it.is_active);
        let same = truth.integrations.iter().position(|it| it.provider == provider && it.is_own == is_own);
        match broken.or(same) {
            Some(number) => self.turn_integration(site, number),
            None => self.connect(site, provider, is_own),
        }
    }

    /// What is told first of an integration is that it is active, or that it is not yet.
    pub(super) fn connect(&mut self, site: usize, provider: &'static str, is_own: bool) {
        let id = IntegrationId::new();
        let is_not_yet = self.one_in(3);
        let integrations = &mut self.sites[site].integrations;
        integrations.push(Integration { id, provider, is_own, version: 0, is_active: is_not_yet });
        let number = integrations.len() - 1;
        self.turn_integration(site, number);
    }

    fn turn_integration(&mut self, site: usize, number: usize) {
        self.sites[site].turn(number);
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

    pub(super) fn send<T: Fact>(&mut self, site: usize, to: Consumer, name: &str, version: i64, body: &T) {
        self.tell(site, to, version, Told::new(name.to_owned(), body));
    }

    pub(super) fn tell(&mut self, site: usize, to: Consumer, version: i64, told: Told) {
        let id = EventId::new();
        let envelope = Envelope {
            id,
            type_name: told.type_name.to_owned(),
            source: "/latchkey/simulation".to_owned(),
            subject: told.name,
            time: DateTime::from_timestamp(self.now, 0).unwrap(),
            workspace: self.sites[site].workspace,
            sequence: version,
            correlation: id.to_string(),
            causation: None,
            traceparent: None,
        };
        self.bus.push(Message { to, envelope, payload: told.payload });
    }
}
