//! A workspace with a location, a room and a person.

use chassis::auth::Role;
use chassis::postgres::WorkspacePool;
use domain::WorkspaceId;
use domain::names::WorkspaceName;
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use proto::workspace::v1::person_service_client::PersonServiceClient;
use proto::workspace::v1::workspace_service_client::WorkspaceServiceClient;
use testkit::{Bearer, Harness};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

type AsAdmin = InterceptedService<Channel, Bearer>;

/// The service with one workspace in it.
pub(crate) struct World {
    pub harness: Harness,
    pub address: String,
    /// The service's connections.
    pub pool: WorkspacePool,
    pub workspace: WorkspaceId,
    pub name: String,
    pub location: String,
    pub resource: String,
    pub person: String,
    pub bookings: BookingServiceClient<AsAdmin>,
    pub people: PersonServiceClient<AsAdmin>,
    pub places: WorkspaceServiceClient<AsAdmin>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let mut harness = Harness::new().await;
        let deps = harness.deps(&workspace::DEFINITION).await;
        let pool = deps.pool.clone();
        let service = workspace::build(workspace::Config::default(), deps).await.unwrap();
        let address = harness.run(service);
        let name = create_workspace(&harness, &address, "demo").await;
        let WorkspaceName(workspace) = name.parse().unwrap();
        let channel = harness.channel_as(&address, Role::Admin, workspace);
        let mut world = Self {
            bookings: BookingServiceClient::new(channel.clone()),
            people: PersonServiceClient::new(channel.clone()),
            places: WorkspaceServiceClient::new(channel),
            harness,
            address,
            pool,
            workspace,
            name,
            location: String::new(),
            resource: String::new(),
            person: String::new(),
        };
        world.furnish().await;
        world
    }

    async fn furnish(&mut self) {
        self.location = self.create_location().await;
        let location = self.location.clone();
        self.resource = self.create_resource(&location).await;
        self.person = self.create_person("ada@example.org").await;
    }

    /// Makes another workspace with as much in it. From then on it is the world's.
    pub(crate) async fn move_elsewhere(&mut self) {
        self.name = create_workspace(&self.harness, &self.address, "elsewhere").await;
        WorkspaceName(self.workspace) = self.name.parse().unwrap();
        let channel = self.harness.channel_as(&self.address, Role::Admin, self.workspace);
        self.bookings = BookingServiceClient::new(channel.clone());
        self.people = PersonServiceClient::new(channel.clone());
        self.places = WorkspaceServiceClient::new(channel);
        self.furnish().await;
    }

    pub(crate) async fn create_location(&mut self) -> String {
        let request = pb::CreateLocationRequest {
            parent: self.name.clone(),
            location: Some(pb::Location {
                display_name: "Main".into(),
                time_zone: "Europe/Vienna".into(),
                country: "AT".into(),
                ..Default::default()
            }),
            request_id: WorkspaceId::new().to_string(),
        };
        self.places.create_location(request).await.unwrap().into_inner().location.unwrap().name
    }

    pub(crate) async fn create_resource(&mut self, location: &str) -> String {
        let request = pb::CreateResourceRequest {
            parent: self.name.clone(),
            resource: Some(pb::Resource {
                location: location.into(),
                display_name: "Room 4".into(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        self.places.create_resource(request).await.unwrap().into_inner().resource.unwrap().name
    }

    pub(crate) async fn create_person(&mut self, email: &str) -> String {
        let request = pb::CreatePersonRequest {
            parent: self.name.clone(),
            person: Some(pb::Person {
                display_name: "Ada".into(),
                email: email.into(),
                phone: "0664 1234567".into(),
                country: "AT".into(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        self.people.create_person(request).await.unwrap().into_inner().person.unwrap().name
    }

    /// A booking from `start` until `end` o'clock on 2 December 2026, UTC.
    pub(crate) fn booking(&self, start: u32, end: u32) -> pb::Booking {
        pb::Booking {
            resource: self.resource.clone(),
            person: self.person.clone(),
            start_time: Some(at(start)),
            end_time: Some(at(end)),
            ..Default::default()
        }
    }

    pub(crate) async fn create(&mut self, booking: pb::Booking) -> Result<pb::Booking, tonic::Status> {
        let request = pb::CreateBookingRequest {
            parent: self.name.clone(),
            booking: Some(booking),
            request_id: String::new(),
        };
        Ok(self.bookings.create_booking(request).await?.into_inner().booking.unwrap())
    }

    pub(crate) async fn confirm(&mut self, name: &str) -> Result<pb::Booking, tonic::Status> {
        let request = pb::ConfirmBookingRequest { name: name.into(), request_id: String::new() };
        Ok(self.bookings.confirm_booking(request).await?.into_inner().booking.unwrap())
    }

    pub(crate) async fn get(&mut self, name: &str) -> pb::Booking {
        let request = pb::GetBookingRequest { name: name.into() };
        self.bookings.get_booking(request).await.unwrap().into_inner().booking.unwrap()
    }

    pub(crate) async fn list(&mut self) -> Vec<pb::Booking> {
        let request = pb::ListBookingsRequest { parent: self.name.clone(), ..Default::default() };
        self.bookings.list_bookings(request).await.unwrap().into_inner().bookings
    }

    /// What was told so far: fact and version, in the order of the stream.
    pub(crate) async fn facts(&self, count: usize) -> Vec<(String, i64)> {
        self.told(count).await.into_iter().map(|(fact, version, _)| (fact, version)).collect()
    }

    /// What was told so far of bookings, in the order of the stream. `count` facts were told in all.
    pub(crate) async fn snapshots(&self, count: usize) -> Vec<pb::BookingSnapshot> {
        self.told_of("booking_", count).await.into_iter().map(|(_, snapshot)| snapshot).collect()
    }

    /// What was told so far of passes: fact and pass.
    pub(crate) async fn told_of_passes(&self, count: usize) -> Vec<(String, pb::Pass)> {
        let told = self.told_of::<pb::PassSnapshot>("pass_", count).await;
        told.into_iter().map(|(fact, snapshot)| (fact, snapshot.pass.unwrap())).collect()
    }

    async fn told_of<S: serde::de::DeserializeOwned>(&self, what: &str, count: usize) -> Vec<(String, S)> {
        let told = self.told(count).await.into_iter().filter(|(fact, ..)| fact.starts_with(what));
        told.map(|(fact, _, payload)| {
            let mut body: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            (fact, serde_json::from_value(body["snapshot"].take()).unwrap())
        })
        .collect()
    }

    /// Fact, version and body of what was told so far, in the order of the stream. `count` facts were told in all.
    pub(crate) async fn told(&self, count: usize) -> Vec<(String, i64, Vec<u8>)> {
        use futures::StreamExt as _;
        let bus = self.harness.bus().await;
        let stream = bus.stream(events::subject::StreamKind::Event).await.unwrap();
        let config = async_nats::jetstream::consumer::pull::Config {
            filter_subject: bus.root().subject("event.workspace.*.*"),
            ack_policy: async_nats::jetstream::consumer::AckPolicy::None,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let mut facts = Vec::new();
        while facts.len() < count {
            let message = tokio::time::timeout(std::time::Duration::from_secs(10), messages.next());
            let message = message.await.expect("a fact within 10 s").unwrap().unwrap();
            let headers = message.headers.as_ref().unwrap();
            let fact = message.subject.split('.').nth(3).unwrap().to_owned();
            let version = headers.get("ce-sequence").unwrap().as_str().parse().unwrap();
            facts.push((fact, version, message.payload.to_vec()));
        }
        facts
    }
}

async fn create_workspace(harness: &Harness, address: &str, request_id: &str) -> String {
    let mut platform = WorkspaceServiceClient::new(harness.channel(address, "latchkey"));
    let request = pb::CreateWorkspaceRequest {
        workspace: Some(pb::Workspace { display_name: "Demo".into(), ..Default::default() }),
        request_id: request_id.into(),
    };
    platform.create_workspace(request).await.unwrap().into_inner().workspace.unwrap().name
}

/// So many o'clock on 2 December 2026, UTC.
pub(crate) fn at(hour: u32) -> pbjson_types::Timestamp {
    let time = chrono::NaiveDate::from_ymd_opt(2026, 12, 2).unwrap().and_hms_opt(hour, 0, 0).unwrap();
    chassis::input::timestamp(time.and_utc())
}
