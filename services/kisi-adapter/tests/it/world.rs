//! The adapter as a service, beside a twin and a make-believe integrations service, told by commands on the
//! bus.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::HeaderMap;
use domain::names::{
    GrantName, IntegrationName, LocationName, PersonName, ProviderUserName, WayInName, WorkspaceName,
};
use domain::{
    Clock as _, EventId, GrantId, IntegrationId, LocationId, PersonId, ProviderUserId, Timestamp, Window,
    WorkspaceId,
};
use door_adapter::{CommandsConfig, LogConfig, PeersConfig, ReconcilerConfig, SealingConfig};
use events::{Bus, Envelope};
use futures::StreamExt as _;
use kisi_adapter::{Config, DEFINITION, KisiConfig};
use proto::access::v1 as pb;
use proto::access::v1::access_command_completed::Outcome;
use proto::access::v1::door_control_service_client::DoorControlServiceClient;
use proto::access::v1::door_provider_service_client::DoorProviderServiceClient;
use proto::integrations::v1::credential_service_server::{CredentialService, CredentialServiceServer};
use proto::integrations::v1::{
    Integration, IntegrationStatus, IntegrationStatusChanged, ResolveCredentialRequest,
    ResolveCredentialResponse,
};
use sandbox::kisi::Switches;
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use testkit::{Harness, eventually};
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::twin::{Org, Twin};

/// Longest wait for anything that is bound to happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A location, or the workspace as a whole.
type Where = (WorkspaceId, Option<LocationId>);

/// Which keys are in force where.
#[derive(Default)]
pub(crate) struct Keys {
    keys: Mutex<HashMap<Where, (IntegrationId, String)>>,
    /// Questions so far.
    pub asked: AtomicUsize,
    /// Whoever writes holds answers back.
    pub gate: RwLock<()>,
}

impl Keys {
    pub(crate) fn set(&self, site: &Site, key: &str) {
        let value = (site.integration.id, key.to_owned());
        self.keys.lock().unwrap().insert((site.workspace, Some(site.location)), value);
    }

    /// Of the workspace as a whole.
    pub(crate) fn set_of_workspace(&self, site: &Site, key: &str) {
        let value = (site.integration.id, key.to_owned());
        self.keys.lock().unwrap().insert((site.workspace, None), value);
    }

    pub(crate) fn remove(&self, site: &Site) {
        self.keys.lock().unwrap().remove(&(site.workspace, Some(site.location)));
    }
}

struct Integrations(Arc<Keys>);

#[tonic::async_trait]
impl CredentialService for Integrations {
    async fn resolve_credential(
        &self,
        request: Request<ResolveCredentialRequest>,
    ) -> Result<Response<ResolveCredentialResponse>, Status> {
        let request = request.into_inner();
        assert_eq!(request.provider, "kisi");
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let _open = self.0.gate.read().await;
        let WorkspaceName(workspace) = request.workspace.parse().unwrap();
        let location = request.location.parse().ok().map(|location: LocationName| location.id);
        let keys = self.0.keys.lock().unwrap();
        let own = keys.get(&(workspace, location)).map(|found| (found, request.location));
        let whole = || keys.get(&(workspace, None)).map(|found| (found, String::new()));
        let Some(((integration, key), location)) = own.or_else(whole) else {
            return Ok(Response::new(ResolveCredentialResponse::default()));
        };
        let integration = IntegrationName { workspace, id: *integration };
        Ok(Response::new(ResolveCredentialResponse {
            values: [("api_key".to_owned(), key.clone())].into(),
            integration: integration.to_string(),
            location,
            ..Default::default()
        }))
    }
}

/// A location with an account of its own, at an organization of its own.
pub(crate) struct Site {
    pub workspace: WorkspaceId,
    pub location: LocationId,
    pub integration: IntegrationName,
    pub org: Org,
}

/// A grant whose commands are sent.
#[derive(Clone)]
pub(crate) struct Grant {
    pub name: GrantName,
    location: Option<LocationName>,
    target: pb::DoorTarget,
    pub person: pb::AccessPerson,
    is_guest: bool,
    pub email: String,
    pub lock: i64,
}

/// An event of the adapter.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    id: String,
    pub type_name: String,
    pub correlation: String,
    pub causation: String,
    body: Vec<u8>,
}

impl Told {
    fn of(message: &async_nats::Message) -> Self {
        let headers = message.headers.as_ref().unwrap();
        let header = |name| headers.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default();
        Self {
            id: header("ce-id"),
            type_name: header("ce-type"),
            correlation: header("ce-correlationid"),
            causation: header("ce-causationid"),
            body: message.payload.to_vec(),
        }
    }

    pub(crate) fn read<T: proto::Fact + DeserializeOwned>(&self) -> Option<T> {
        (self.type_name == T::TYPE).then(|| serde_json::from_slice(&self.body).unwrap())
    }
}

pub(crate) struct World {
    pub harness: Harness,
    pub twin: Twin,
    pub keys: Arc<Keys>,
    pub pool: PgPool,
    pub address: String,
    bus: Bus,
    integrations: String,
    told: async_nats::Subscriber,
    /// All that was told, in order.
    pub history: Vec<Told>,
}

impl World {
    /// With an adapter that calls as fast as it can.
    pub(crate) async fn start() -> Self {
        let mut world = Self::without_adapter().await;
        let config = world.config();
        world.address = world.run_adapter(config, CancellationToken::new()).await;
        world
    }

    pub(crate) async fn without_adapter() -> Self {
        let mut harness = Harness::new().await;
        let keys = Arc::new(Keys::default());
        let service = chassis::Service::new("integrations", &harness.basic_deps("integrations").await)
            .grpc(CredentialServiceServer::new(Integrations(keys.clone())));
        let integrations = harness.run(service);
        let twin = Twin::start(harness.clock.clone()).await;
        let bus = harness.bus().await;
        let subject = bus.root().subject("event.access.>");
        let told = bus.jetstream().client().subscribe(subject).await.unwrap();
        let pool = harness.deps(&DEFINITION).await.platform;
        let (address, history) = (String::new(), Vec::new());
        Self { harness, twin, keys, pool, address, bus, integrations, told, history }
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            kisi: KisiConfig { attempt_timeout_ms: 10_000, call_timeout_ms: 20_000, ..self.twin.config() },
            commands: CommandsConfig {
                accounts_max: 100,
                account_concurrency: 1,
                batch: 20,
                lease_ms: 15_000,
                poll_ms: 200,
                credentials_ms: 60_000,
            },
            reconciler: ReconcilerConfig { every_minutes: 60 },
            log: LogConfig { every_seconds: 3_600 },
            sealing: SealingConfig { key: "07".repeat(32).into(), key_file: "/nowhere".into() },
            peers: PeersConfig { integrations: self.integrations.clone() },
        }
    }

    pub(crate) async fn run_adapter(&mut self, config: Config, shutdown: CancellationToken) -> String {
        let deps = self.harness.deps(&DEFINITION).await;
        let service = kisi_adapter::build(config, deps).await.unwrap();
        self.harness.run_until(service, shutdown)
    }

    /// A workspace with one location, whose key is connected.
    pub(crate) fn site(&self, name: &str) -> Site {
        self.site_with(name, Switches { rate_limit: false, ..Switches::default() })
    }

    pub(crate) fn site_with(&self, name: &str, switches: Switches) -> Site {
        let workspace = WorkspaceId::new();
        let integration = IntegrationName { workspace, id: IntegrationId::new() };
        let org = self.twin.organization(name, switches);
        let site = Site { workspace, location: LocationId::new(), integration, org };
        self.keys.set(&site, site.org.key());
        site
    }

    /// A window so many hours from now.
    pub(crate) fn window(&self, start: i64, end: i64) -> Window {
        let at = |hours| self.harness.clock.now() + chrono::Duration::hours(hours);
        Window::new(at(start), at(end)).unwrap()
    }

    /// Sends a command that is due now.
    pub(crate) async fn send(&self, grant: &Grant, generation: i64, window: Option<Window>) -> EventId {
        self.send_due(grant, generation, window, self.harness.clock.now()).await
    }

    pub(crate) async fn send_due(
        &self,
        grant: &Grant,
        generation: i64,
        window: Option<Window>,
        due: Timestamp,
    ) -> EventId {
        let time = chassis::input::timestamp;
        let command = pb::AccessCommand {
            grant: grant.name.to_string(),
            generation,
            location: grant.location.map(|location| location.to_string()).unwrap_or_default(),
            target: Some(grant.target.clone()),
            person: Some(grant.person.clone()),
            window: window.map(|window| pb::AccessWindow {
                start_time: Some(time(window.start())),
                end_time: Some(time(window.end())),
            }),
            due_time: Some(time(due)),
            is_guest: grant.is_guest,
        };
        self.send_message(grant.name, &command).await
    }

    pub(crate) async fn send_message(&self, grant: GrantName, command: &pb::AccessCommand) -> EventId {
        let subject = format!("command.access.kisi.{}", grant.workspace);
        self.publish(&subject, "latchkey.access.v1.AccessCommand", grant.workspace, command).await
    }

    /// Sends a command about a grant's person's user. Gives whose answer it gets.
    pub(crate) async fn send_user(
        &self,
        grant: &Grant,
        state: pb::ProviderUserState,
        due: Timestamp,
    ) -> ProviderUserName {
        let name = ProviderUserName { workspace: grant.name.workspace, id: ProviderUserId::new() };
        let command = pb::UserCommand {
            provider_user: name.to_string(),
            generation: 1,
            location: grant.location.map(|name| name.to_string()).unwrap_or_default(),
            person: Some(grant.person.clone()),
            state: state.into(),
            includes_foreign_users: false,
            due_time: Some(chassis::input::timestamp(due)),
        };
        let subject = format!("command.access.kisi.{}", name.workspace);
        self.publish(&subject, events::outbox::USER_COMMAND, name.workspace, &command).await;
        name
    }

    /// Sends a command about another way in where a grant is, and for its person.
    pub(crate) async fn send_way_in(
        &self,
        name: WayInName,
        generation: i64,
        grant: &Grant,
        window: Option<Window>,
    ) {
        let time = chassis::input::timestamp;
        let command = pb::WayInCommand {
            way_in: name.to_string(),
            generation,
            location: grant.location.map(|name| name.to_string()).unwrap_or_default(),
            target: Some(grant.target.clone()),
            person: Some(grant.person.clone()),
            window: window.map(|window| pb::AccessWindow {
                start_time: Some(time(window.start())),
                end_time: Some(time(window.end())),
            }),
            due_time: Some(time(self.harness.clock.now())),
        };
        let subject = format!("command.access.kisi.{}", name.workspace);
        self.publish(&subject, events::outbox::WAY_IN_COMMAND, name.workspace, &command).await;
    }

    /// The next answer about a way in, and the words of it.
    pub(crate) async fn way_in_answer(&mut self) -> (pb::WayInCommandCompleted, String) {
        loop {
            let told = self.next().await;
            if let Some(answer) = told.read() {
                return (answer, String::from_utf8(told.body).unwrap());
            }
        }
    }

    /// The next answer about a user.
    pub(crate) async fn user_answer(&mut self) -> pb::UserCommandCompleted {
        loop {
            if let Some(answer) = self.next().await.read() {
                return answer;
            }
        }
    }

    /// Tells the adapter that something changed in a workspace.
    pub(crate) async fn tell_status_changed(&self, workspace: WorkspaceId) {
        let integration = Integration { provider: "kisi".into(), ..Default::default() };
        let body = IntegrationStatusChanged { integration: Some(integration) };
        let subject = format!("event.integrations.integration_status_changed.{workspace}");
        self.publish(&subject, "latchkey.integrations.v1.IntegrationStatusChanged", workspace, &body).await;
    }

    /// Tells the adapter that an account is connected.
    pub(crate) async fn tell_connected(&self, account: IntegrationName) {
        self.tell_integration(Integration {
            name: account.to_string(),
            provider: "kisi".into(),
            status: IntegrationStatus::Connected.into(),
            is_active: true,
            ..Default::default()
        })
        .await;
    }

    /// Tells the adapter how an integration is.
    pub(crate) async fn tell_integration(&self, integration: Integration) {
        let IntegrationName { workspace, .. } = integration.name.parse().unwrap();
        let body = IntegrationStatusChanged { integration: Some(integration) };
        let subject = format!("event.integrations.integration_status_changed.{workspace}");
        let type_name = "latchkey.integrations.v1.IntegrationStatusChanged";
        self.publish(&subject, type_name, workspace, &body).await;
    }

    async fn publish(
        &self,
        subject: &str,
        type_name: &str,
        workspace: WorkspaceId,
        body: &impl serde::Serialize,
    ) -> EventId {
        let id = EventId::new();
        let envelope = Envelope {
            id,
            type_name: type_name.to_owned(),
            source: "/latchkey/test".to_owned(),
            subject: String::new(),
            time: self.harness.clock.now(),
            workspace,
            sequence: 1,
            correlation: "the story".to_owned(),
            causation: None,
            traceparent: None,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in envelope.headers() {
            headers.insert(name, value.as_str());
        }
        let payload = serde_json::to_vec(body).unwrap();
        let subject = self.bus.root().subject(subject);
        let published = self.bus.jetstream().publish_with_headers(subject, headers, payload.into()).await;
        published.unwrap().await.unwrap();
        id
    }

    /// The next event. Publishers may send one twice; it is the same event then.
    pub(crate) async fn next(&mut self) -> Told {
        let told = loop {
            let message = tokio::time::timeout(LIMIT, self.told.next()).await;
            let message = message.expect("an event in time").unwrap();
            let told = Told::of(&message);
            if self.history.iter().all(|known| known.id != told.id) {
                break told;
            }
        };
        self.history.push(told.clone());
        told
    }

    /// The next answer, whosever it is.
    pub(crate) async fn next_answer(&mut self) -> (GrantName, i64, Outcome) {
        loop {
            if let Some(answer) = self.next().await.read::<pb::AccessCommandCompleted>() {
                return (answer.grant.parse().unwrap(), answer.generation, answer.outcome.unwrap());
            }
        }
    }

    /// So many answers, in order.
    pub(crate) async fn answers(&mut self, count: usize) -> Vec<(GrantName, i64, Outcome)> {
        let mut answers = Vec::with_capacity(count);
        while answers.len() < count {
            answers.push(self.next_answer().await);
        }
        answers
    }

    /// The next answer, which must be of this grant and a failure.
    pub(crate) async fn failure(&mut self, grant: &Grant) -> pb::AccessFailure {
        match self.next_answer().await {
            (name, _, Outcome::Failed(failure)) if name == grant.name => failure,
            other => panic!("{other:?} is no failure of {}", grant.name),
        }
    }

    /// The next answer, which must be of this grant and a success.
    pub(crate) async fn success(&mut self, grant: &Grant) -> pb::AccessApplied {
        match self.next_answer().await {
            (name, _, Outcome::Applied(applied)) if name == grant.name => applied,
            other => panic!("{other:?} is no success of {}", grant.name),
        }
    }

    /// Waits until so many commands are stored.
    pub(crate) async fn stored(&self, count: i64) {
        eventually("commands are stored", LIMIT, async || {
            let stored: i64 =
                sqlx::query_scalar("select count(*) from command").fetch_one(&self.pool).await.unwrap();
            if stored == count { Ok(()) } else { Err(stored) }
        })
        .await;
    }

    /// Holds a new account up while commands are sent, as many as `send` says, so that they are found
    /// together. One more command, of another grant, is answered before them.
    pub(crate) async fn send_together(&self, site: &Site, send: impl AsyncFnOnce() -> i64) {
        let held = self.keys.gate.write().await;
        let asked = self.keys.asked.load(Ordering::SeqCst);
        let long_ago = self.harness.clock.now() - chrono::Duration::days(1);
        self.send_due(&site.grant("Group 39"), 1, None, long_ago).await;
        eventually("credentials are asked for", LIMIT, async || {
            let now = self.keys.asked.load(Ordering::SeqCst);
            if now > asked { Ok(()) } else { Err(now) }
        })
        .await;
        let count = send().await;
        self.stored(count + 1).await;
        drop(held);
    }

    pub(crate) fn provider_service(&self) -> DoorProviderServiceClient<chassis::rpc::ServiceChannel> {
        DoorProviderServiceClient::new(self.harness.channel(&self.address, "integrations"))
    }

    /// As who tells people what lets them in.
    pub(crate) fn secrets(&self) -> DoorProviderServiceClient<chassis::rpc::ServiceChannel> {
        DoorProviderServiceClient::new(self.harness.channel(&self.address, "notification"))
    }

    pub(crate) fn control_service(&self) -> DoorControlServiceClient<chassis::rpc::ServiceChannel> {
        DoorControlServiceClient::new(self.harness.channel(&self.address, "access-control"))
    }

    /// Nothing more is to come: everything was answered, once.
    pub(crate) async fn finish(self) {
        let left: i64 =
            sqlx::query_scalar("select count(*) from command").fetch_one(&self.pool).await.unwrap();
        assert_eq!(left, 0, "commands wait without an answer");
        self.harness.finish().await;
    }
}

impl Site {
    /// The account, as calls name it.
    pub(crate) fn account_ref(&self) -> pb::ProviderAccountRef {
        let (integration, location) = (self.integration.to_string(), self.location_name());
        pb::ProviderAccountRef { integration, location }
    }

    /// A new person's grant on `Group 00` and the like, or on `Lock 00` and the like.
    pub(crate) fn grant(&self, door: &str) -> Grant {
        let id = PersonId::new();
        let email = format!("ada+{id}@example.org");
        let (kind, number, lock) = if door.starts_with("Group") {
            let opens = door.replace("Group", "Door");
            (pb::DoorTargetKind::Group, self.org.group(door), self.org.lock(&opens))
        } else {
            (pb::DoorTargetKind::Lock, self.org.lock(door), self.org.lock(door))
        };
        let workspace = self.workspace;
        Grant {
            name: GrantName { workspace, id: GrantId::new() },
            location: Some(LocationName { workspace, id: self.location }),
            target: pb::DoorTarget {
                kind: kind.into(),
                r#ref: number.to_string(),
                display_name: door.to_owned(),
            },
            person: pb::AccessPerson {
                name: PersonName { workspace, id }.to_string(),
                display_name: "Ada L.".to_owned(),
                email: email.clone(),
            },
            is_guest: false,
            email,
            lock,
        }
    }

    pub(crate) fn windows(&self, grant: &Grant) -> Vec<Window> {
        self.org.windows(&grant.email, grant.lock)
    }

    pub(crate) fn name(&self) -> String {
        WorkspaceName(self.workspace).to_string()
    }

    pub(crate) fn location_name(&self) -> String {
        LocationName { workspace: self.workspace, id: self.location }.to_string()
    }
}

impl Grant {
    /// The same, by the workspace's own credentials.
    pub(crate) fn by_workspace(self) -> Self {
        Self { location: None, ..self }
    }

    /// The same person's other grant.
    pub(crate) fn on(&self, other: Self) -> Self {
        Self { person: self.person.clone(), email: self.email.clone(), ..other }
    }

    pub(crate) fn person_name(&self) -> String {
        self.person.name.clone()
    }

    /// The same, of a guest.
    pub(crate) fn of_guest(self) -> Self {
        Self { is_guest: true, ..self }
    }

    /// The person's id.
    pub(crate) fn person(&self) -> uuid::Uuid {
        self.person.name.parse::<PersonName>().unwrap().id.uuid()
    }

    /// The same, of a person who is called so now.
    pub(crate) fn called(&self, name: &str, email: &str) -> Self {
        let person =
            pb::AccessPerson { display_name: name.into(), email: email.into(), ..self.person.clone() };
        Self { person, email: email.into(), ..self.clone() }
    }

    pub(crate) fn without_email(mut self) -> Self {
        self.person.email.clear();
        self
    }
}
