//! The service beside the vendors' stand-ins, and a system of record played by the test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::routing::post;
use chassis::auth::Role;
use domain::names::{BookingName, PersonName, WorkspaceName};
use domain::{BookingId, EventId, PersonId, Timestamp, WorkspaceId};
use events::{Bus, Envelope};
use proto::Fact;
use proto::access::v1::door_provider_service_server::DoorProviderServiceServer;
use proto::auth::v1 as pb_auth;
use proto::notification::v1 as npb;
use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::notification::v1::webhook_service_client::WebhookServiceClient;
use proto::workspace::v1 as pb;
use sandbox::sendgrid::{ApiKey, SIGNATURE_HEADER, TIMESTAMP_HEADER, WebhookSeed};
use sandbox::twilio::{Account, AccountKind, Sender};
use sandbox::{Action, Fault, Sandbox, Vendor};
use sqlx::PgPool;
use testkit::{Bearer, Harness, eventually};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::adapter::{Adapter, Knobs};

/// Longest wait for what is bound to happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const EMAIL: &str = "ada@example.org";
pub(crate) const PHONE: &str = "+436641234567";
pub(crate) const KEY: &str = "SG.testkey.secret";
pub(crate) const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub(crate) const NUMBER: &str = "+436769876543";

/// One workspace, one person, one booking.
pub(crate) struct World {
    pub harness: Harness,
    pub sandbox: Sandbox,
    pub adapter: Arc<Knobs>,
    pub pool: PgPool,
    pub address: String,
    pub workspace: WorkspaceId,
    pub person: PersonId,
    pub booking: BookingId,
    pub email: &'static str,
    pub phone: &'static str,
    /// Where Twilio's posts are taken.
    pub twilio_webhook: String,
    bus: Bus,
    shutdown: CancellationToken,
}

/// How the service is set up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setup {
    /// The vendors post to a gateway that passes it on.
    pub has_webhook: bool,
    /// No Twilio account is configured.
    pub is_sms_off: bool,
    /// Two processes share the work.
    pub is_twofold: bool,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let mut harness = Harness::new().await;
        let shutdown = CancellationToken::new();
        let sandbox = Sandbox::new(vendors(), harness.clock.clone());
        let vendors_at = serve(&sandbox, &shutdown).await;
        let deps = harness.deps(&notification::DEFINITION).await;
        let (pool, bus) = (deps.platform.clone(), deps.bus.clone());
        let adapter = Arc::<Knobs>::default();
        let basic = harness.basic_deps("kisi-adapter").await;
        let service = chassis::Service::new("kisi-adapter", &basic)
            .grpc(DoorProviderServiceServer::new(Adapter(adapter.clone())));
        let posts = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhooks = format!("http://{}/webhooks", posts.local_addr().unwrap());
        let mut config = config(&vendors_at, &sandbox, setup);
        if setup.has_webhook {
            config.twilio.webhook_url = format!("{webhooks}/twilio");
        }
        config.adapters = BTreeMap::from([("kisi".to_owned(), harness.run(service))]);
        let address = harness.run(notification::build(config.clone(), deps).await.unwrap());
        if setup.is_twofold {
            let deps = harness.deps(&notification::DEFINITION).await;
            harness.run(notification::build(config, deps).await.unwrap());
        }
        if setup.has_webhook {
            let client = WebhookServiceClient::new(harness.channel(&address, "gateway"));
            gateway(posts, client, &shutdown).await;
            let url = format!("{webhooks}/sendgrid");
            sandbox.sendgrid().add_webhook(WebhookSeed { url, is_signed: true });
        }
        Self {
            harness,
            sandbox,
            adapter,
            pool,
            address,
            workspace: WorkspaceId::new(),
            person: PersonId::new(),
            booking: BookingId::new(),
            email: EMAIL,
            phone: PHONE,
            twilio_webhook: format!("{webhooks}/twilio"),
            bus,
            shutdown,
        }
    }

    /// Checks the books and ends the test.
    pub(crate) async fn finish(self) {
        self.harness.finish().await;
        self.shutdown.cancel();
    }

    /// The booking in this version: from 10 o'clock UTC on 1 December 2026, for so many hours, two hours
    /// after the test begins.
    pub(crate) fn snapshot(&self, version: i64, state: pb::BookingState) -> pb::BookingSnapshot {
        let workspace = self.workspace;
        let starts_at = at("2026-12-01T10:00:00Z") + chrono::Duration::hours(version - 1);
        pb::BookingSnapshot {
            booking: Some(pb::Booking {
                name: BookingName { workspace, id: self.booking }.to_string(),
                start_time: Some(chassis::input::timestamp(starts_at)),
                end_time: Some(chassis::input::timestamp(starts_at + chrono::Duration::hours(2))),
                state: state.into(),
                version,
                ..Default::default()
            }),
            person: Some(pb::Person {
                name: PersonName { workspace, id: self.person }.to_string(),
                display_name: "Ada Lovelace".into(),
                email: self.email.into(),
                phone: self.phone.into(),
                ..Default::default()
            }),
            resource: Some(pb::Resource { display_name: "Meeting Room 4".into(), ..Default::default() }),
            location: Some(pb::Location {
                display_name: "Main Street".into(),
                time_zone: "Europe/Vienna".into(),
                ..Default::default()
            }),
            workspace: Some(pb::Workspace {
                name: WorkspaceName(workspace).to_string(),
                display_name: "Space One".into(),
                reply_to_email: "desk@space.example".into(),
            }),
            ..Default::default()
        }
    }

    pub(crate) fn confirmed(&self, version: i64) -> pb::BookingConfirmed {
        pb::BookingConfirmed { snapshot: Some(self.snapshot(version, pb::BookingState::Confirmed)) }
    }

    pub(crate) fn rescheduled(&self, version: i64, state: pb::BookingState) -> pb::BookingRescheduled {
        let before = self.snapshot(version - 1, state).booking.unwrap();
        pb::BookingRescheduled {
            snapshot: Some(self.snapshot(version, state)),
            previous_start_time: before.start_time,
            previous_end_time: before.end_time,
        }
    }

    pub(crate) fn cancelled(&self, version: i64, previous: pb::BookingState) -> pb::BookingCancelled {
        pb::BookingCancelled {
            snapshot: Some(self.snapshot(version, pb::BookingState::Cancelled)),
            previous_state: previous.into(),
        }
    }

    /// The person of the bookings as they are in this version.
    pub(crate) fn staff(&self, role: pb_auth::Role, version: i64) -> pb::PersonUpdated {
        let person = self.snapshot(1, pb::BookingState::Confirmed).person.unwrap();
        let status = pb::PersonStatus::Active.into();
        pb::PersonUpdated { person: Some(pb::Person { role: role.into(), status, version, ..person }) }
    }

    /// Publishes a fact under a new id, as the workspace service would.
    pub(crate) async fn tell<T: Fact>(&self, version: i64, fact: &T) -> EventId {
        let id = EventId::new();
        self.tell_as(id, version, fact).await;
        id
    }

    /// Publishes a fact under an id; NATS does not thin it out if it is told twice.
    pub(crate) async fn tell_as<T: Fact>(&self, id: EventId, version: i64, fact: &T) {
        self.tell_at(id, version, self.now(), fact).await;
    }

    /// The same of a fact that became true at another moment.
    pub(crate) async fn tell_at<T: Fact>(&self, id: EventId, version: i64, time: Timestamp, fact: &T) {
        let envelope = Envelope {
            id,
            type_name: T::TYPE.into(),
            source: "/latchkey/workspace".into(),
            subject: BookingName { workspace: self.workspace, id: self.booking }.to_string(),
            time,
            workspace: self.workspace,
            sequence: version,
            correlation: id.to_string(),
            causation: None,
            traceparent: None,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in envelope.headers() {
            if name != events::envelope::MESSAGE_ID {
                headers.insert(name, value.as_str());
            }
        }
        let subject = self.bus.root().subject(&events::subject::event(T::DOMAIN, T::NAME, self.workspace));
        let payload = serde_json::to_vec(fact).unwrap().into();
        let published = self.bus.jetstream().publish_with_headers(subject, headers, payload);
        published.await.unwrap().await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        use domain::Clock as _;
        self.harness.clock.now()
    }

    pub(crate) fn advance(&self, by: chrono::Duration) {
        self.harness.clock.advance(by);
    }

    /// Makes a vendor fail.
    pub(crate) fn fail(&self, vendor: Vendor, action: Action, times: Option<u32>) {
        let fault = Fault::on(vendor, action).request("POST", "(mail/send|Messages.json)$");
        let fault = match times {
            Some(times) => fault.times(times),
            None => fault,
        };
        self.sandbox.faults().add(fault).unwrap();
    }
    /// The ledger as an admin of the workspace reads it.
    pub(crate) fn ledger(&self) -> Ledger {
        NotificationServiceClient::new(self.harness.channel_as(&self.address, Role::Admin, self.workspace))
    }

    pub(crate) async fn messages(&self) -> Vec<npb::Message> {
        let parent = WorkspaceName(self.workspace).to_string();
        let request = npb::ListMessagesRequest { parent, page_size: 500, ..Default::default() };
        let page = self.ledger().list_messages(request).await.unwrap().into_inner();
        assert_eq!(page.next_page_token, "", "these would not be all");
        page.messages
    }

    /// Waits until the messages stand so: channel and state, in order of their making.
    pub(crate) async fn until(
        &self,
        wanted: &[(npb::MessageChannel, npb::MessageState)],
    ) -> Vec<npb::Message> {
        eventually("the messages stand as wanted", LIMIT, async || {
            let messages = self.messages().await;
            let mut states: Vec<_> = messages.iter().map(|m| (m.channel(), m.state())).collect();
            let mut wanted = wanted.to_vec();
            states.sort();
            wanted.sort();
            if states == wanted { Ok(messages) } else { Err(format!("{messages:#?}")) }
        })
        .await
    }

    /// Waits until everything that was told has been heard.
    pub(crate) async fn heard(&self) {
        self.harness.books().balance(0, LIMIT).await;
    }

    /// Waits until so many messages stand queued after an attempt that failed. Before that an attempt may
    /// be under way, and a clock that then leaps puts it in doubt.
    pub(crate) async fn tried(&self, count: usize) {
        eventually("the attempts have ended", LIMIT, async || {
            let messages = self.messages().await;
            let is_tried =
                |m: &npb::Message| m.state() == npb::MessageState::Queued && !m.last_error.is_empty();
            let tried = messages.iter().filter(|message| is_tried(message)).count();
            if tried == count { Ok(()) } else { Err(format!("{messages:#?}")) }
        })
        .await;
    }

    /// Moves the time on until the messages stand so: what waits for a time is then due.
    pub(crate) async fn later_until(
        &self,
        step: chrono::Duration,
        wanted: &[(npb::MessageChannel, npb::MessageState)],
    ) -> Vec<npb::Message> {
        self.advance(step);
        self.until(wanted).await
    }

    /// How many mails SendGrid has taken, and how many text messages Twilio.
    pub(crate) fn taken(&self) -> (u64, u64) {
        (self.sandbox.sendgrid().accepted(), self.sandbox.twilio().taken())
    }

    /// Subjects of the mails, in order.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let mails = self.sandbox.sendgrid().messages_to(EMAIL);
        mails.iter().map(|mail| mail.subjects().next().unwrap().to_owned()).collect()
    }

    /// Text messages, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.sandbox.twilio().messages_to(PHONE).into_iter().map(|message| message.body).collect()
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn vendors() -> sandbox::Config {
    let account = Account {
        sid: ACCOUNT.into(),
        auth_token: "token".into(),
        friendly_name: String::new(),
        kind: AccountKind::Full,
        api_keys: BTreeMap::new(),
        senders: BTreeMap::from([(NUMBER.into(), Sender::default())]),
        services: BTreeMap::new(),
        verified: Default::default(),
        blocked_prefixes: Default::default(),
        opt_outs: Default::default(),
    };
    let mut config = sandbox::Config::default();
    config.sendgrid.keys = vec![ApiKey::full_access(KEY)];
    config.sendgrid.senders = vec!["bookings@latchkey.example".into()];
    config.twilio.accounts = vec![account];
    config
}

async fn serve(sandbox: &Sandbox, shutdown: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sandbox, shutdown) = (sandbox.clone(), shutdown.clone());
    TaskTracker::new().spawn(async move { sandbox.serve(listener, shutdown).await.unwrap() });
    format!("http://{address}")
}

fn config(vendors: &str, sandbox: &Sandbox, setup: Setup) -> notification::Config {
    let key = if setup.has_webhook { sandbox.sendgrid().public_key() } else { String::new() };
    let account = if setup.is_sms_off { "" } else { ACCOUNT };
    let (sendgrid, twilio) = (format!("{vendors}/sendgrid"), format!("{vendors}/twilio"));
    let environment = [
        ("LATCHKEY_SENDGRID__BASE_URL", sendgrid.as_str()),
        ("LATCHKEY_SENDGRID__API_KEY", KEY),
        ("LATCHKEY_SENDGRID__FROM_EMAIL", "bookings@latchkey.example"),
        ("LATCHKEY_SENDGRID__WEBHOOK_PUBLIC_KEY", &key),
        ("LATCHKEY_TWILIO__BASE_URL", &twilio),
        ("LATCHKEY_TWILIO__ACCOUNT_SID", account),
        ("LATCHKEY_TWILIO__AUTH_TOKEN", "token"),
        ("LATCHKEY_TWILIO__FROM", NUMBER),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    chassis::config::load(notification::DEFINITION.config_defaults, environment).unwrap().1
}

/// A client of the ledger.
pub(crate) type Ledger = NotificationServiceClient<InterceptedService<Channel, Bearer>>;

type Webhooks = WebhookServiceClient<chassis::rpc::ServiceChannel>;

/// Passes the vendors' posts on as the gateway does.
async fn gateway(listener: TcpListener, client: Webhooks, shutdown: &CancellationToken) {
    let sendgrid = async |State(mut client): State<Webhooks>,
                          headers: axum::http::HeaderMap,
                          body: axum::body::Bytes| {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let request = npb::ReceiveSendGridEventsRequest {
            body: body.to_vec(),
            signature: header(SIGNATURE_HEADER),
            timestamp: header(TIMESTAMP_HEADER),
        };
        answer(client.receive_send_grid_events(request).await.map(drop))
    };
    let twilio = async |State(mut client): State<Webhooks>,
                        RawQuery(query): RawQuery,
                        headers: axum::http::HeaderMap,
                        body: axum::body::Bytes| {
        let request = npb::ReceiveTwilioCallbackRequest {
            body: body.to_vec(),
            signature: headers["x-twilio-signature"].to_str().unwrap().to_owned(),
            query: query.unwrap_or_default(),
        };
        answer(client.receive_twilio_callback(request).await.map(drop))
    };
    let router = Router::new()
        .route("/webhooks/sendgrid", post(sendgrid))
        .route("/webhooks/twilio", post(twilio))
        .with_state(client);
    let shutdown = shutdown.clone();
    TaskTracker::new().spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await.unwrap();
    });
}

fn answer(taken: Result<(), tonic::Status>) -> axum::http::StatusCode {
    taken.map_or(axum::http::StatusCode::FORBIDDEN, |()| axum::http::StatusCode::NO_CONTENT)
}
