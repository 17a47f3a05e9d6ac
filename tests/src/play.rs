//! What happens on the stage: a workspace, and a stream of bookings.

use chassis::input::timestamp;
use chrono::Duration;
use domain::{Clock as _, SystemClock, Timestamp, Window};
use proto::access::v1 as access;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as pb;

use crate::Stage;
use crate::client::{Client, insist};
use crate::door::Door;

/// A workspace with rooms that all open by one Kisi group, and people.
#[derive(Debug, Clone)]
pub struct World {
    /// Its name.
    pub workspace: String,
    /// Its location.
    pub location: String,
    /// Its rooms.
    pub rooms: Vec<String>,
    /// Its people: name and email.
    pub people: Vec<(String, String)>,
    /// Where its doors are.
    pub kisi: Account,
}

/// People of each workspace that the latency measure uses; the others are the sustained one's.
pub const PEOPLE_KNOWN: usize = 24;

/// Windows that are kept apart: the hour in which each lane begins.
#[derive(Debug, Clone, Copy)]
pub enum Lane {
    /// Of the latency measure.
    Latency = 0,
    /// Of bookings that make people known to Kisi.
    Known = 8,
    /// Of the sustained measure.
    Sustained = 16,
}

/// A Kisi organization of the sandbox.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub organization: i64,
    /// The group that opens all rooms.
    pub group: i64,
    /// An API key of its owner.
    pub key: String,
}

/// A booking as it should be in the end.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Its name.
    pub name: String,
    /// Which of the people.
    pub person: usize,
    /// When.
    pub window: Window,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
    /// Messages that were due to the person: one for each of confirm, move, cancel.
    pub steps: usize,
}

/// The first booking of a stream starts at a full hour some hours from now.
pub fn first_hour() -> Timestamp {
    let hour = SystemClock.now().timestamp() / 3_600 + 4;
    chrono::DateTime::from_timestamp(hour * 3_600, 0).unwrap()
}

impl World {
    /// Makes a workspace and connects it to the sandbox's first organization.
    pub async fn build(stage: &Stage, rooms: usize, people: usize) -> Self {
        Self::build_one(&stage.client(), "", &stage.new_account("Story"), rooms, people).await
    }

    /// Makes one of several workspaces; `tag` keeps their people apart.
    pub async fn build_one(client: &Client, tag: &str, kisi: &Account, rooms: usize, people: usize) -> Self {
        let request = pb::CreateWorkspaceRequest {
            workspace: Some(pb::Workspace { display_name: format!("Story {tag}"), ..Default::default() }),
            request_id: format!("workspace{tag}"),
        };
        let workspace =
            insist(&client.places, request, |mut c, r| async move { c.create_workspace(r).await }).await;
        let workspace = workspace.workspace.unwrap().name;
        let request = pb::CreateLocationRequest {
            parent: workspace.clone(),
            location: Some(pb::Location {
                display_name: "Vienna".into(),
                time_zone: "Europe/Vienna".into(),
                country: "AT".into(),
                ..Default::default()
            }),
            request_id: "location".into(),
        };
        let location =
            insist(&client.places, request, |mut c, r| async move { c.create_location(r).await }).await;
        let mut world = Self {
            workspace,
            location: location.location.unwrap().name,
            rooms: Vec::new(),
            people: Vec::new(),
            kisi: kisi.clone(),
        };
        world.connect_kisi(client, &kisi.key, "connect").await;
        for _ in 0..rooms {
            world.add_room(client).await;
        }
        for person in 0..people {
            world.add_person(client, tag, person).await;
        }
        world
    }

    /// Saves a Kisi key.
    pub async fn connect_kisi(&self, client: &Client, key: &str, request_id: &str) {
        self.connect(client, "kisi", &[("api_key", key.to_owned())], request_id).await;
    }

    /// Saves the values of an integration.
    pub async fn connect(
        &self,
        client: &Client,
        provider: &str,
        values: &[(&str, String)],
        request_id: &str,
    ) {
        let request = integrations::ConnectIntegrationRequest {
            parent: self.workspace.clone(),
            provider: provider.into(),
            location: String::new(),
            credentials: values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            request_id: request_id.into(),
        };
        insist(&client.integrations, request, |mut c, r| async move { c.connect_integration(r).await }).await;
    }

    /// From now on doors open at the moment of a start, and shut at that of an end.
    pub async fn without_margins(&self, client: &Client) {
        let none = Some(pbjson_types::Duration::default());
        let request = access::UpdateAccessSettingsRequest {
            parent: self.workspace.clone(),
            access_settings: Some(access::AccessSettings { lead: none, lag: none }),
            request_id: "margins".into(),
        };
        insist(&client.access, request, |mut c, r| async move { c.update_access_settings(r).await }).await;
    }

    /// Makes a room that opens by the one group.
    async fn add_room(&mut self, client: &Client) {
        let room = self.add_bare_room(client).await;
        self.map(client, room, "kisi", self.target()).await;
    }

    /// Makes a room that opens by all of these doors.
    pub async fn add_room_behind(&mut self, client: &Client, doors: &[&Door]) {
        let room = self.add_bare_room(client).await;
        for door in doors {
            self.map(client, room, door.system().provider(), door.target()).await;
        }
    }

    async fn add_bare_room(&mut self, client: &Client) -> usize {
        let number = self.rooms.len();
        let request = pb::CreateResourceRequest {
            parent: self.workspace.clone(),
            resource: Some(pb::Resource {
                location: self.location.clone(),
                display_name: format!("Room {number}"),
                ..Default::default()
            }),
            request_id: format!("room-{number}"),
        };
        let room =
            insist(&client.places, request, |mut c, r| async move { c.create_resource(r).await }).await;
        self.rooms.push(room.resource.unwrap().name);
        number
    }

    /// Has a room open by one more door.
    async fn map(&self, client: &Client, room: usize, provider: &str, target: access::DoorTarget) {
        let request = access::CreateDoorMappingRequest {
            parent: self.workspace.clone(),
            door_mapping: Some(access::DoorMapping {
                resource: self.rooms[room].clone(),
                location: self.location.clone(),
                provider: provider.into(),
                target: Some(target),
                ..Default::default()
            }),
            request_id: format!("mapping-{provider}-{room}"),
        };
        insist(&client.access, request, |mut c, r| async move { c.create_door_mapping(r).await }).await;
    }

    async fn add_person(&mut self, client: &Client, tag: &str, number: usize) {
        let email = format!("person{tag}-{number}@demo.example");
        let request = pb::CreatePersonRequest {
            parent: self.workspace.clone(),
            person: Some(pb::Person {
                display_name: format!("Person {number}"),
                email: email.clone(),
                phone: format!("+43664{:07}", 1_000_000 + number),
                ..Default::default()
            }),
            request_id: format!("person-{number}"),
        };
        let person = insist(&client.people, request, |mut c, r| async move { c.create_person(r).await })
            .await
            .person
            .unwrap();
        self.people.push((person.name, email));
    }

    /// Gives one of the people the group directly, for a while or for good. Says by what name.
    pub async fn give(&self, client: &Client, person: usize, window: Option<Window>) -> String {
        let entitlement = pb::Entitlement {
            person: self.people[person].0.clone(),
            location: self.location.clone(),
            provider: "kisi".into(),
            target: Some(self.target()),
            start_time: window.map(|window| timestamp(window.start())),
            end_time: window.map(|window| timestamp(window.end())),
            reason: "repairs".into(),
            ..Default::default()
        };
        let request = pb::CreateEntitlementRequest {
            parent: self.workspace.clone(),
            entitlement: Some(entitlement),
            request_id: format!("give-{person}"),
        };
        insist(&client.entitlements, request, |mut c, r| async move { c.create_entitlement(r).await })
            .await
            .entitlement
            .unwrap()
            .name
    }

    /// The group that opens all rooms.
    pub fn target(&self) -> access::DoorTarget {
        access::DoorTarget {
            kind: access::DoorTargetKind::Group.into(),
            r#ref: self.kisi.group.to_string(),
            display_name: "Members".into(),
        }
    }

    /// The `number`-th window of a measure, a quarter of an hour: those of one room follow each other, and
    /// all lie within the horizon. Each lane has windows of its own.
    pub fn slot(&self, number: usize, lane: Lane) -> Window {
        let turn = i64::try_from(number / self.rooms.len()).unwrap_or_default();
        let start = first_hour() + Duration::hours(lane as i64) + Duration::minutes(turn * 15);
        Window::new(start, start + Duration::minutes(15)).unwrap()
    }

    /// A pending booking.
    pub async fn create(
        &self,
        client: &Client,
        room: usize,
        person: usize,
        window: Window,
        key: &str,
    ) -> String {
        let request = pb::CreateBookingRequest {
            parent: self.workspace.clone(),
            booking: Some(pb::Booking {
                resource: self.rooms[room].clone(),
                person: self.people[person].0.clone(),
                start_time: Some(timestamp(window.start())),
                end_time: Some(timestamp(window.end())),
                ..Default::default()
            }),
            request_id: format!("create-{key}"),
        };
        insist(&client.bookings, request, |mut c, r| async move { c.create_booking(r).await })
            .await
            .booking
            .unwrap()
            .name
    }

    /// One booking of the stream: confirmed, each third moved, each fourth cancelled. It has an hour of
    /// its own in a room of its own row, so that none is refused.
    pub async fn book(&self, client: &Client, number: usize) -> Expected {
        let (room, person) = (number % self.rooms.len(), number % self.people.len());
        let slot = i64::try_from(number / self.rooms.len()).unwrap();
        let start = first_hour() + Duration::hours(slot * 2);
        let mut window = Window::new(start, start + Duration::minutes(50)).unwrap();
        let name = self.create(client, room, person, window, &number.to_string()).await;
        let mut steps = 1;
        let request =
            pb::ConfirmBookingRequest { name: name.clone(), request_id: format!("confirm-{number}") };
        insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
        if number.is_multiple_of(3) {
            window = Window::new(start + Duration::hours(1), start + Duration::minutes(110)).unwrap();
            let request = pb::RescheduleBookingRequest {
                name: name.clone(),
                start_time: Some(timestamp(window.start())),
                end_time: Some(timestamp(window.end())),
                request_id: format!("move-{number}"),
            };
            insist(&client.bookings, request, |mut c, r| async move { c.reschedule_booking(r).await }).await;
            steps += 1;
        }
        let is_cancelled = number.is_multiple_of(4);
        if is_cancelled {
            let request = pb::CancelBookingRequest {
                name: name.clone(),
                reason: String::new(),
                request_id: format!("cancel-{number}"),
            };
            insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
            steps += 1;
        }
        Expected { name, person, window, is_cancelled, steps }
    }
}
