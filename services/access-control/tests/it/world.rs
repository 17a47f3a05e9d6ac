//! A workspace whose bookings the test tells, and whose door adapter the test plays.

use access_control::Config;
use async_nats::HeaderMap;
use chassis::auth::Role;
use chassis::input::timestamp;
use chassis::postgres::WorkspacePool;
use domain::names::{BookingName, EntitlementName, LocationName, PersonName, ResourceName, WorkspaceName};
use domain::{
    BookingId, Clock as _, EntitlementId, EventId, LocationId, PersonId, ResourceId, Timestamp, WorkspaceId,
};
use events::{Bus, Envelope, subject};
use proto::Fact;
use proto::access::v1 as pb;
use proto::access::v1::access_service_client::AccessServiceClient;
use proto::workspace::v1 as told;
use sqlx::PgPool;
use testkit::{Bearer, Harness, eventually};
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::adapter::Commands;

/// How long anything may take.
pub(crate) const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

pub(crate) type Client = AccessServiceClient<InterceptedService<Channel, Bearer>>;

pub(crate) struct World {
    pub harness: Harness,
    pub address: String,
    pub workspace: WorkspaceId,
    pub name: String,
    pub location: String,
    pub client: Client,
    /// The service's connections across workspaces, and those in one.
    pub pool: PgPool,
    pub calls: WorkspacePool,
    pub bus: Bus,
    pub commands: Commands,
    service: CancellationToken,
    config: Config,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Harness::new().await, Config::default()).await
    }

    pub(crate) async fn of(mut harness: Harness, config: Config) -> Self {
        let deps = harness.deps(&access_control::DEFINITION).await;
        let (pool, calls, bus) = (deps.platform.clone(), deps.pool.clone(), deps.bus.clone());
        let service = access_control::build(config.clone(), deps).await.unwrap();
        let stop = CancellationToken::new();
        let address = harness.run_until(service, stop.clone());
        let workspace = WorkspaceId::new();
        let channel = harness.channel_as(&address, Role::Admin, workspace);
        Self {
            name: WorkspaceName(workspace).to_string(),
            location: LocationName { workspace, id: LocationId::new() }.to_string(),
            client: AccessServiceClient::new(channel),
            commands: Commands::of(&bus).await,
            service: stop,
            config,
            harness,
            address,
            workspace,
            pool,
            calls,
            bus,
        }
    }

    /// From now on the world's workspace is another one, in which nothing is yet.
    pub(crate) fn move_elsewhere(&mut self) {
        self.workspace = WorkspaceId::new();
        self.name = WorkspaceName(self.workspace).to_string();
        self.location = LocationName { workspace: self.workspace, id: LocationId::new() }.to_string();
        let channel = self.harness.channel_as(&self.address, Role::Admin, self.workspace);
        self.client = AccessServiceClient::new(channel);
    }

    /// Connections that may do what the service may not.
    pub(crate) async fn owner(&self) -> PgPool {
        testkit::owner(self.harness.database_url(), access_control::DEFINITION.schema).await.unwrap()
    }

    /// Ends the service and starts it again, with what happens `meanwhile`.
    pub(crate) async fn restart(&mut self, meanwhile: impl AsyncFnOnce(&Self)) {
        self.service.cancel();
        eventually("the service is gone", LIMIT, async || {
            let mut client = self.client.clone();
            let request = pb::GetAccessSettingsRequest { parent: self.name.clone() };
            if client.get_access_settings(request).await.is_err() { Ok(()) } else { Err("it answers") }
        })
        .await;
        meanwhile(self).await;
        let deps = self.harness.deps(&access_control::DEFINITION).await;
        let service = access_control::build(self.config.clone(), deps).await.unwrap();
        self.service = CancellationToken::new();
        self.address = self.harness.run_until(service, self.service.clone());
        let channel = self.harness.channel_as(&self.address, Role::Admin, self.workspace);
        self.client = AccessServiceClient::new(channel);
    }

    /// Where its adapters are.
    pub(crate) fn adapters(&self) -> std::collections::BTreeMap<String, String> {
        self.config.adapters.clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.harness.clock.now()
    }

    pub(crate) fn new_resource(&self) -> String {
        ResourceName { workspace: self.workspace, id: ResourceId::new() }.to_string()
    }

    pub(crate) fn elsewhere(&self) -> String {
        LocationName { workspace: self.workspace, id: LocationId::new() }.to_string()
    }

    pub(crate) fn new_person(&self) -> told::Person {
        told::Person {
            name: PersonName { workspace: self.workspace, id: PersonId::new() }.to_string(),
            display_name: "Ada".into(),
            email: "ada@example.org".into(),
            phone: "+436641234567".into(),
            country: "AT".into(),
            role: proto::auth::v1::Role::Member.into(),
            locations: Vec::new(),
            status: told::PersonStatus::Active.into(),
            version: 1,
        }
    }

    /// A mapping of `resource` to the Kisi group `group`.
    pub(crate) fn mapping(&self, resource: &str, group: &str) -> pb::DoorMapping {
        pb::DoorMapping { resource: resource.into(), ..self.mapping_of(resource, group) }
    }

    /// A mapping of whatever subject to the Kisi group `group`.
    pub(crate) fn mapping_of(&self, subject: &str, group: &str) -> pb::DoorMapping {
        pb::DoorMapping {
            subject: subject.into(),
            location: self.location.clone(),
            provider: "kisi".into(),
            target: Some(pb::DoorTarget {
                kind: pb::DoorTargetKind::Group.into(),
                r#ref: group.into(),
                display_name: "Front doors".into(),
            }),
            is_active: true,
            ..Default::default()
        }
    }

    pub(crate) async fn create_mapping(
        &self,
        mapping: pb::DoorMapping,
    ) -> Result<pb::DoorMapping, tonic::Status> {
        self.create_mapping_once(mapping, "").await
    }

    pub(crate) async fn create_mapping_once(
        &self,
        mapping: pb::DoorMapping,
        request_id: &str,
    ) -> Result<pb::DoorMapping, tonic::Status> {
        let request = pb::CreateDoorMappingRequest {
            parent: self.name.clone(),
            door_mapping: Some(mapping),
            request_id: request_id.into(),
        };
        let answer = self.client.clone().create_door_mapping(request).await?;
        Ok(answer.into_inner().door_mapping.unwrap())
    }

    /// Maps a new resource to a group, and gives the resource.
    pub(crate) async fn mapped(&self, group: &str) -> String {
        let resource = self.new_resource();
        self.create_mapping(self.mapping(&resource, group)).await.unwrap();
        resource
    }

    pub(crate) async fn delete_mapping(&self, name: &str) {
        let request = pb::DeleteDoorMappingRequest { name: name.into(), request_id: String::new() };
        self.client.clone().delete_door_mapping(request).await.unwrap();
    }

    pub(crate) async fn update_settings(&self, lead_minutes: i64, lag_minutes: i64) {
        let request = pb::UpdateAccessSettingsRequest {
            parent: self.name.clone(),
            access_settings: Some(pb::AccessSettings {
                lead: Some(minutes(lead_minutes)),
                lag: Some(minutes(lag_minutes)),
            }),
            request_id: String::new(),
        };
        self.client.clone().update_access_settings(request).await.unwrap();
    }

    pub(crate) async fn update_location_settings(
        &self,
        location: &str,
        lead_minutes: Option<i64>,
        lag_minutes: Option<i64>,
    ) {
        let request = pb::UpdateLocationAccessSettingsRequest {
            name: location.into(),
            location_access_settings: Some(pb::LocationAccessSettings {
                lead: lead_minutes.map(minutes),
                lag: lag_minutes.map(minutes),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        self.client.clone().update_location_access_settings(request).await.unwrap();
    }

    /// The grants, without those of the fence.
    pub(crate) async fn grants(&self) -> Vec<pb::Grant> {
        let request =
            pb::ListGrantsRequest { parent: self.name.clone(), page_size: 500, ..Default::default() };
        let answer = self.client.clone().list_grants(request).await.unwrap().into_inner();
        answer.grants.into_iter().filter(|grant| grant.provider != "fence").collect()
    }

    /// Waits until the one grant looks as wanted.
    pub(crate) async fn grant(&self, what: &str, wanted: impl Fn(&pb::Grant) -> bool) -> pb::Grant {
        eventually(what, LIMIT, async || match self.grants().await.as_slice() {
            [grant] if wanted(grant) => Ok(grant.clone()),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    /// A confirmed booking from `start` until `end` o'clock on 2 December 2026, UTC.
    pub(crate) fn booking(&self, person: &told::Person, resource: &str, start: u32, end: u32) -> Stay {
        Stay {
            person: person.clone(),
            attendees: Vec::new(),
            location: self.location.clone(),
            booking: told::Booking {
                name: BookingName { workspace: self.workspace, id: BookingId::new() }.to_string(),
                resource: resource.into(),
                person: person.name.clone(),
                start_time: Some(timestamp(at(start))),
                end_time: Some(timestamp(at(end))),
                state: told::BookingState::Confirmed.into(),
                version: 2,
                ..Default::default()
            },
        }
    }

    pub(crate) fn snapshot(&self, stay: &Stay) -> told::BookingSnapshot {
        told::BookingSnapshot {
            booking: Some(stay.booking.clone()),
            person: Some(stay.person.clone()),
            attendees: stay.attendees.clone(),
            resource: Some(told::Resource {
                name: stay.booking.resource.clone(),
                location: stay.location.clone(),
                display_name: "Room 4".into(),
            }),
            location: Some(told::Location {
                name: stay.location.clone(),
                display_name: "Main".into(),
                time_zone: "Europe/Vienna".into(),
                country: "AT".into(),
                ..Default::default()
            }),
            workspace: Some(told::Workspace {
                name: self.name.clone(),
                display_name: "Demo".into(),
                ..Default::default()
            }),
        }
    }

    /// The event of a booking, by the state it is in now.
    pub(crate) fn fact_of(&self, stay: &Stay) -> Message {
        let (name, version) = (&stay.booking.name, stay.booking.version);
        let snapshot = Some(self.snapshot(stay));
        match stay.booking.state() {
            told::BookingState::Cancelled => {
                let previous_state = told::BookingState::Confirmed.into();
                self.message(name, version, &told::BookingCancelled { snapshot, previous_state })
            }
            told::BookingState::Confirmed if !stay.attendees.is_empty() => {
                let person = stay.attendees[0].name.clone();
                self.message(name, version, &told::BookingAttendeeAdded { snapshot, person })
            }
            told::BookingState::Confirmed if version > 2 => {
                let fact = told::BookingRescheduled { snapshot, ..Default::default() };
                self.message(name, version, &fact)
            }
            _ => self.message(name, version, &told::BookingConfirmed { snapshot }),
        }
    }

    /// Tells a booking as it is now. Gives the event's id.
    pub(crate) async fn tell(&self, stay: &Stay) -> EventId {
        let message = self.fact_of(stay);
        self.send(&message).await;
        message.envelope.id
    }

    /// A group that a person is given directly from `start` until `end` o'clock, or for good.
    pub(crate) fn manual(
        &self,
        person: &told::Person,
        group: &str,
        start: u32,
        end: Option<u32>,
    ) -> told::Entitlement {
        let mapping = self.mapping("", group);
        let id = EntitlementId::new();
        told::Entitlement {
            name: EntitlementName { workspace: self.workspace, id }.to_string(),
            person: person.name.clone(),
            location: mapping.location,
            provider: mapping.provider,
            target: mapping.target,
            start_time: Some(timestamp(at(start))),
            end_time: end.map(|end| timestamp(at(end))),
            reason: "repairs".into(),
            version: 1,
            ..Default::default()
        }
    }

    /// The event of what a person is given directly, by how it is now.
    pub(crate) fn fact_of_manual(&self, given: &told::Entitlement, person: &told::Person) -> Message {
        let (entitlement, person) = (Some(given.clone()), Some(person.clone()));
        if given.ended_time.is_none() {
            let fact = told::EntitlementGiven { entitlement, person };
            self.message(&given.name, given.version, &fact)
        } else {
            let fact = told::EntitlementEnded { entitlement, person };
            self.message(&given.name, given.version, &fact)
        }
    }

    /// Tells what a person is given directly, as it is now.
    pub(crate) async fn tell_manual(&self, given: &told::Entitlement, person: &told::Person) {
        self.send(&self.fact_of_manual(given, person)).await;
    }

    /// Tells a person as they are now.
    pub(crate) async fn tell_person(&self, person: &told::Person) {
        let fact = told::PersonUpdated { person: Some(person.clone()) };
        self.send(&self.message(&person.name, person.version, &fact)).await;
    }

    pub(crate) fn message<T: Fact>(&self, name: &str, version: i64, body: &T) -> Message {
        let id = EventId::new();
        Message {
            subject: subject::event(T::DOMAIN, T::NAME, self.workspace),
            envelope: Envelope {
                id,
                type_name: T::TYPE.into(),
                source: "/latchkey/test".into(),
                subject: name.into(),
                time: self.now(),
                workspace: self.workspace,
                sequence: version,
                correlation: id.to_string(),
                causation: None,
                traceparent: None,
            },
            payload: serde_json::to_vec(body).unwrap(),
        }
    }

    /// Publishes a message. A second time it comes as JetStream would deliver it again much later.
    pub(crate) async fn send(&self, message: &Message) {
        let mut headers = HeaderMap::new();
        for (name, value) in message.envelope.headers() {
            if name != events::envelope::MESSAGE_ID {
                headers.insert(name, value.as_str());
            }
        }
        let jetstream = self.bus.jetstream();
        let subject = self.bus.root().subject(&message.subject);
        let sent = jetstream.publish_with_headers(subject, headers, message.payload.clone().into());
        sent.await.unwrap().await.unwrap();
    }

    /// What this service told so far of grants, in order: fact and grant.
    pub(crate) async fn facts(&self) -> Vec<(String, String)> {
        let facts = self.grants_told().await.into_iter();
        facts.map(|(fact, grant)| (fact, grant["name"].as_str().unwrap().to_owned())).collect()
    }

    /// What this service told so far of checks ahead.
    pub(crate) async fn preflight_told(&self) -> Vec<serde_json::Value> {
        let facts = self.bodies_told().await.into_iter();
        facts
            .filter(|(fact, _)| fact == "preflight_failed")
            .map(|(_, mut body)| body["check"].take())
            .collect()
    }

    /// The same with the grants as they were told.
    pub(crate) async fn grants_told(&self) -> Vec<(String, serde_json::Value)> {
        let facts = self.bodies_told().await.into_iter();
        facts
            .filter(|(fact, _)| ["granted", "revoked", "failing"].contains(&fact.as_str()))
            .map(|(fact, mut body)| (fact, body["grant"].take()))
            .filter(|(_, grant)| grant["provider"] != "fence")
            .collect()
    }

    /// All facts so far, in order, with their bodies.
    pub(crate) async fn bodies_told(&self) -> Vec<(String, serde_json::Value)> {
        let stream = self.bus.stream(subject::StreamKind::Event).await.unwrap();
        let mut facts = Vec::new();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            let fact = message.subject.split('.').nth(3).unwrap().to_owned();
            facts.push((fact, serde_json::from_slice(&message.payload).unwrap_or_default()));
        }
        facts
    }

    /// Waits until exactly these facts were told of the one grant, in this order.
    pub(crate) async fn told(&self, expected: &[&str]) {
        eventually("the facts are told", LIMIT, async || {
            let facts = self.facts().await;
            let told: Vec<&str> = facts.iter().map(|(fact, _)| fact.as_str()).collect();
            if told == expected { Ok(()) } else { Err(format!("{facts:?}")) }
        })
        .await;
    }
}

/// An event on its way.
#[derive(Clone)]
pub(crate) struct Message {
    pub subject: String,
    pub envelope: Envelope,
    pub payload: Vec<u8>,
}

/// A booking and its person, as the workspace service knows them.
#[derive(Clone)]
pub(crate) struct Stay {
    pub booking: told::Booking,
    pub person: told::Person,
    pub attendees: Vec<told::Person>,
    pub location: String,
}

impl Stay {
    /// The same, with these people invited and nobody else.
    pub(crate) fn with(&self, attendees: &[&told::Person]) -> Self {
        let mut invited = self.clone();
        invited.booking.version += 1;
        invited.attendees = attendees.iter().map(|&person| person.clone()).collect();
        invited
    }

    /// The same, moved.
    pub(crate) fn rescheduled(&self, start: u32, end: u32) -> Self {
        let mut moved = self.clone();
        moved.booking.version += 1;
        moved.booking.start_time = Some(timestamp(at(start)));
        moved.booking.end_time = Some(timestamp(at(end)));
        moved
    }

    /// The same, called off.
    pub(crate) fn cancelled(&self) -> Self {
        let mut cancelled = self.clone();
        cancelled.booking.version += 1;
        cancelled.booking.state = told::BookingState::Cancelled.into();
        cancelled
    }
}

/// So many o'clock on 2 December 2026, UTC: the day after the clock's start.
pub(crate) fn at(hour: u32) -> Timestamp {
    at_minute(hour, 0)
}

pub(crate) fn at_minute(hour: u32, minute: u32) -> Timestamp {
    chrono::NaiveDate::from_ymd_opt(2026, 12, 2).unwrap().and_hms_opt(hour, minute, 0).unwrap().and_utc()
}

pub(crate) fn window(start: (u32, u32), end: (u32, u32)) -> Option<pb::AccessWindow> {
    Some(pb::AccessWindow {
        start_time: Some(timestamp(at_minute(start.0, start.1))),
        end_time: Some(timestamp(at_minute(end.0, end.1))),
    })
}

pub(crate) fn minutes(minutes: i64) -> pbjson_types::Duration {
    pbjson_types::Duration { seconds: minutes * 60, nanos: 0 }
}

/// What is left of something given directly when it is taken back.
pub(crate) fn ended(given: &told::Entitlement) -> told::Entitlement {
    told::Entitlement { ended_time: given.start_time, version: given.version + 1, ..given.clone() }
}
