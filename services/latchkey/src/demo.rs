//! `latchkey demo`: makes a booking that starts in a few seconds, and tells what comes of it as it
//! happens: event, Kisi, email, text, and the door before, within and after. Fails loudly if a step is
//! missing.

mod story;

use std::time::Duration;

use anyhow::Context as _;
use chassis::input::timestamp;
use domain::{Clock as _, SystemClock, Timestamp};
use futures::StreamExt as _;
use proto::access::v1 as access;
use proto::workspace::v1 as workspace;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, said};
use crate::installation::{DataDir, DemoWorkspace, Running};
use story::Story;

/// From the confirmation to the start.
const UNTIL_START: chrono::Duration = chrono::Duration::seconds(6);
/// From the start to the end.
const STAY: chrono::Duration = chrono::Duration::seconds(5);
/// How long a step may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The names and ids of the sandbox organization's doors.
pub(crate) async fn locks(sandbox: &str, organization: i64) -> anyhow::Result<Vec<(String, i64)>> {
    #[derive(Deserialize)]
    struct Lock {
        id: i64,
        name: String,
    }
    let url = format!("{sandbox}/_control/kisi/organizations/{organization}/locks");
    let locks: Vec<Lock> = http()?.get(url).send().await?.error_for_status()?.json().await?;
    Ok(locks.into_iter().map(|lock| (lock.name, lock.id)).collect())
}

fn http() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?)
}

pub(crate) async fn run() -> anyhow::Result<()> {
    let data = DataDir::configured()?;
    let running = data.running()?;
    let organization = running
        .kisi_organization
        .context("the demo taps at the sandbox's doors, but a real Kisi account is connected")?;
    let client = Client::new(&running.gateway, &data)?;
    let demo = data.demo()?;
    let (_, lock) = locks(&running.sandbox, organization)
        .await?
        .into_iter()
        .next_back()
        .context("the sandbox has no door")?;
    let sandbox = Twins { url: running.sandbox.clone(), organization, http: http()? };
    Demo { client, demo, running, sandbox, lock, story: Story::new() }.tell().await
}

/// The sandbox, seen from the street.
struct Twins {
    url: String,
    organization: i64,
    http: reqwest::Client,
}

impl Twins {
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let url = format!("{}/_control/{path}", self.url);
        Ok(self.http.get(url).query(query).send().await?.error_for_status()?.json().await?)
    }

    /// Asks until there is something, then gives it.
    async fn wait<T>(
        &self,
        what: &str,
        path: &str,
        query: &[(&str, &str)],
        read: impl Fn(&Value) -> Option<T>,
    ) -> anyhow::Result<T> {
        let start = Instant::now();
        loop {
            if let Some(found) = read(&self.get(path, query).await?) {
                return Ok(found);
            }
            anyhow::ensure!(start.elapsed() < PATIENCE, "{what}: missing after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn tap(&self, email: &str, lock: i64) -> anyhow::Result<(bool, String)> {
        let url = format!("{}/_control/kisi/organizations/{}/tap", self.url, self.organization);
        let body = json!({ "email": email, "lock_id": lock });
        let answer: Value = self.http.post(url).json(&body).send().await?.error_for_status()?.json().await?;
        let opens = answer["opens"].as_bool().context("the door gave no answer")?;
        Ok((opens, answer["message"].as_str().unwrap_or_default().to_owned()))
    }
}

struct Demo {
    client: Client,
    demo: DemoWorkspace,
    running: Running,
    sandbox: Twins,
    lock: i64,
    story: Story,
}

impl Demo {
    async fn tell(mut self) -> anyhow::Result<()> {
        let tag = domain::BookingId::new().to_string().split_off(28);
        let email = format!("visitor-{tag}@demo.example");
        let phone = format!("+43664{:07}", u32::from_str_radix(&tag, 16).unwrap_or_default() % 10_000_000);
        let (person, room) = self.prepare(&tag, &email, &phone).await?;

        let nats = async_nats_subscription(&self.running, &self.demo.workspace).await?;
        let start = whole_second(SystemClock.now() + UNTIL_START);
        let end = start + STAY;
        let booking = self.book(&person, &room, start, end).await?;
        self.story.step("booking confirmed", &format!("{} until {}", clock(start), clock(end)));

        self.follow(nats, &booking, &email, &phone).await?;

        self.tap("before it starts", &email, false).await?;
        self.wait_until(start).await;
        self.tap("within it", &email, true).await?;
        self.wait_until(end).await;
        self.tap("after it ended", &email, false).await?;
        let gone = format!("kisi/organizations/{}/access_windows", self.sandbox.organization);
        let query = [("email", email.as_str())];
        let none = |answer: &Value| answer.as_array().filter(|rows| rows.is_empty()).map(|_| ());
        self.sandbox.wait("clean-up at Kisi", &gone, &query, none).await?;
        self.story.step("Kisi cleaned up", "the role assignment is gone");
        self.story.end();
        Ok(())
    }

    /// A visitor and a room of their own, so that the demo can be run at any time. Its door opens exactly
    /// at the start, without the usual 15 minutes.
    async fn prepare(&mut self, tag: &str, email: &str, phone: &str) -> anyhow::Result<(String, String)> {
        let request = workspace::CreatePersonRequest {
            parent: self.demo.workspace.clone(),
            person: Some(workspace::Person {
                display_name: format!("Visitor {tag}"),
                email: email.into(),
                phone: phone.into(),
                role: proto::auth::v1::Role::Guest.into(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        let answer =
            self.client.people.create_person(request).await.map_err(|s| anyhow::anyhow!(said(&s)))?;
        let person = answer.into_inner().person.context("the person is missing")?.name;
        let request = workspace::CreateResourceRequest {
            parent: self.demo.workspace.clone(),
            resource: Some(workspace::Resource {
                location: self.demo.location.clone(),
                display_name: format!("Demo room {tag}"),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        let answer =
            self.client.places.create_resource(request).await.map_err(|s| anyhow::anyhow!(said(&s)))?;
        let room = answer.into_inner().resource.context("the room is missing")?.name;
        let at_once = Some(pbjson_types::Duration { seconds: 0, nanos: 0 });
        let request = access::CreateDoorMappingRequest {
            parent: self.demo.workspace.clone(),
            door_mapping: Some(access::DoorMapping {
                resource: room.clone(),
                location: self.demo.location.clone(),
                provider: "kisi".into(),
                target: Some(access::DoorTarget {
                    kind: access::DoorTargetKind::Lock.into(),
                    r#ref: self.lock.to_string(),
                    display_name: "Room 1".into(),
                }),
                lead: at_once,
                lag: at_once,
                ..Default::default()
            }),
            request_id: String::new(),
        };
        self.client.access.create_door_mapping(request).await.map_err(|s| anyhow::anyhow!(said(&s)))?;
        Ok((person, room))
    }

    async fn book(
        &mut self,
        person: &str,
        room: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> anyhow::Result<String> {
        let request = workspace::CreateBookingRequest {
            parent: self.demo.workspace.clone(),
            booking: Some(workspace::Booking {
                resource: room.into(),
                person: person.into(),
                start_time: Some(timestamp(start)),
                end_time: Some(timestamp(end)),
                title: "Demo".into(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        let answer =
            self.client.bookings.create_booking(request).await.map_err(|s| anyhow::anyhow!(said(&s)))?;
        let name = answer.into_inner().booking.context("the booking is missing")?.name;
        self.story.begin();
        let request = workspace::ConfirmBookingRequest { name: name.clone(), request_id: String::new() };
        self.client.bookings.confirm_booking(request).await.map_err(|s| anyhow::anyhow!(said(&s)))?;
        Ok(name)
    }

    /// What the confirmation brings about, each as soon as it is seen.
    async fn follow(
        &self,
        mut nats: async_nats::Subscriber,
        booking: &str,
        email: &str,
        phone: &str,
    ) -> anyhow::Result<()> {
        let event = async {
            loop {
                let message = tokio::time::timeout(PATIENCE, nats.next()).await;
                let message = message.ok().flatten().context("event: missing on the bus")?;
                let body: Value = serde_json::from_slice(&message.payload)?;
                if body["snapshot"]["booking"]["name"] == booking {
                    self.story.step("event on NATS", "booking_confirmed");
                    return Ok(());
                }
            }
        };
        let windows = format!("kisi/organizations/{}/access_windows", self.sandbox.organization);
        let by_email = [("email", email)];
        let assignment = async {
            let window = |answer: &Value| {
                let row = answer.as_array()?.first()?;
                Some(format!("valid {} until {}", row["valid_from"].as_str()?, row["valid_until"].as_str()?))
            };
            let found = self.sandbox.wait("role assignment at Kisi", &windows, &by_email, window).await?;
            self.story.step("Kisi role assignment", &found);
            Ok(())
        };
        let by_recipient = [("recipient", email)];
        let mail = async {
            let subject = |answer: &Value| {
                Some(answer["messages"].as_array()?.first()?["mail"]["subject"].as_str()?.to_owned())
            };
            let found = self.sandbox.wait("email", "sendgrid/messages", &by_recipient, subject).await?;
            self.story.step("email", &found);
            Ok(())
        };
        let by_number = [("to", phone)];
        let text = async {
            let body =
                |answer: &Value| Some(answer["messages"].as_array()?.first()?["body"].as_str()?.to_owned());
            let found = self.sandbox.wait("text", "twilio/messages", &by_number, body).await?;
            self.story.step("text", &found);
            Ok(())
        };
        tokio::try_join!(event, assignment, mail, text).map(|_: ((), (), (), ())| ())
    }

    async fn tap(&self, when: &str, email: &str, should_open: bool) -> anyhow::Result<()> {
        let (opens, message) = self.sandbox.tap(email, self.lock).await?;
        let what = if opens { "opens" } else { "stays shut" };
        self.story.step(&format!("tap at the door {when}"), &format!("{what}: {message}"));
        anyhow::ensure!(opens == should_open, "the door {what} {when}, which is wrong");
        Ok(())
    }

    async fn wait_until(&self, time: Timestamp) {
        // The twin's clock is this machine's; a little later it is surely past.
        let wait = (time - SystemClock.now()).to_std().unwrap_or_default() + Duration::from_millis(50);
        tokio::time::sleep(wait).await;
    }
}

async fn async_nats_subscription(
    running: &Running,
    workspace: &str,
) -> anyhow::Result<async_nats::Subscriber> {
    let root = events::subject::Root::new(running.nats_root.clone())?;
    let connection = events::Connection::new(running.nats.clone().into(), root);
    let bus = events::Bus::connect(connection, "latchkey-demo").await?;
    let id = workspace.rsplit('/').next().unwrap_or_default();
    let subject = bus.root().subject(&format!("event.workspace.booking_confirmed.{id}"));
    let client = bus.jetstream().client();
    let subscriber = client.subscribe(subject).await.context("cannot listen to events")?;
    // The server must know of the subscription before the booking is made.
    client.flush().await.context("cannot listen to events")?;
    Ok(subscriber)
}

/// Kisi's windows are in whole seconds.
fn whole_second(time: Timestamp) -> Timestamp {
    use chrono::SubsecRound as _;
    time.trunc_subsecs(0)
}

fn clock(time: Timestamp) -> String {
    time.format("%H:%M:%S UTC").to_string()
}
