//! The service, Stripe's twin, and an integrations service that has one key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing::{Config, PeersConfig, StripeConfig};
use domain::names::{LocationName, WorkspaceName};
use domain::{LocationId, WorkspaceId};
use proto::integrations::v1 as pb;
use proto::integrations::v1::connection_service_client::ConnectionServiceClient;
use proto::integrations::v1::credential_service_server::{CredentialService, CredentialServiceServer};
use sandbox::Sandbox;
use sandbox::stripe::{Account, Key};
use serde_json::Value;
use testkit::Harness;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status};

pub(crate) const ACCOUNT: &str = "acct_1A2b3C4d5E6f7G8h";
pub(crate) const TEST_KEY: &str = "sk_test_0123456789abcdef";
pub(crate) const LIVE_KEY: &str = "sk_live_0123456789abcdef";
pub(crate) const RESTRICTED_KEY: &str = "rk_live_0123456789abcdef";

/// The account of a location that has one of its own.
pub(crate) const OTHER_ACCOUNT: &str = "acct_9Z8y7X6w5V4u3T2s";
pub(crate) const OTHER_KEY: &str = "sk_test_abcdef0123456789";
/// What browsers call either by.
const PUBLISHABLE: [(&str, &str); 2] =
    [(TEST_KEY, "pk_test_0123456789abcdef"), (OTHER_KEY, "pk_test_abcdef0123456789")];

/// What the integrations service is asked and answers: values by place.
#[derive(Default)]
pub(crate) struct Saved(Mutex<Vec<(String, BTreeMap<String, String>)>>);

impl Saved {
    /// Saves a key for a workspace, or a location, with the publishable one that belongs to it.
    pub(crate) fn set(&self, place: &str, key: &str) {
        let mut values = BTreeMap::from([("secret_key".to_owned(), key.to_owned())]);
        if let Some((_, publishable)) = PUBLISHABLE.iter().find(|(secret, _)| *secret == key) {
            values.insert("publishable_key".to_owned(), (*publishable).to_owned());
        }
        self.0.lock().unwrap().insert(0, (place.to_owned(), values));
    }

    /// Saves the secret of a place's webhook, too.
    pub(crate) fn set_webhook_secret(&self, place: &str, secret: &str) {
        let mut saved = self.0.lock().unwrap();
        let (_, values) = saved.iter_mut().find(|(name, _)| name == place).unwrap();
        values.insert("webhook_secret".to_owned(), secret.to_owned());
    }
}

struct Integrations(Arc<Saved>);

#[tonic::async_trait]
impl CredentialService for Integrations {
    async fn resolve_credential(
        &self,
        request: Request<pb::ResolveCredentialRequest>,
    ) -> Result<Response<pb::ResolveCredentialResponse>, Status> {
        let request = request.into_inner();
        assert_eq!(request.provider, "stripe");
        let saved = self.0.0.lock().unwrap();
        let of = |place: &str| saved.iter().find(|(name, _)| name == place).map(|(_, values)| values.clone());
        let own = of(&request.location);
        let location = own.as_ref().map(|_| request.location.clone()).unwrap_or_default();
        let location_values = own.iter().flatten().map(|(name, _)| name.clone()).collect();
        let mut values = of(&request.workspace).unwrap_or_default();
        values.extend(own.unwrap_or_default());
        Ok(Response::new(pb::ResolveCredentialResponse {
            values,
            location,
            location_values,
            ..Default::default()
        }))
    }
}

pub(crate) struct World {
    pub harness: Harness,
    pub sandbox: Sandbox,
    pub saved: Arc<Saved>,
    pub workspace: WorkspaceId,
    pub address: String,
    /// What the service was given.
    pub deps: chassis::Deps,
    twins: String,
    integrations: String,
    _shutdown: DropGuard,
    _serving: JoinSet<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let mut harness = Harness::new().await;
        let deps = harness.deps(&billing::DEFINITION).await;
        let saved = Arc::new(Saved::default());
        let service = chassis::Service::new("integrations", &harness.basic_deps("integrations").await)
            .grpc(CredentialServiceServer::new(Integrations(saved.clone())));
        let integrations = harness.run(service);

        let sandbox = Sandbox::new(world(), harness.clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let twins = format!("http://{}/stripe", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let (serving, stop) = (sandbox.clone(), shutdown.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { serving.serve(listener, stop).await.unwrap() });

        let mut world = Self {
            harness,
            sandbox,
            saved,
            workspace: WorkspaceId::new(),
            address: String::new(),
            deps,
            twins,
            integrations,
            _shutdown: shutdown.drop_guard(),
            _serving: tasks,
        };
        world.address = world.run(world.config()).await;
        world
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            stripe: StripeConfig {
                base_url: self.twins.clone(),
                attempt_timeout_ms: 5_000,
                // Clocks of tests leap: a turn at a customer, which is as long as a call, is not to end within one.
                call_timeout_ms: 60_000,
                attempts_max: 1,
            },
            peers: PeersConfig { integrations: self.integrations.clone() },
        }
    }

    /// Another process of the service, by other settings. Gives its address.
    pub(crate) async fn run(&mut self, config: Config) -> String {
        let service = billing::build(config, self.harness.deps(&billing::DEFINITION).await).await.unwrap();
        self.harness.run(service)
    }

    pub(crate) fn name(&self) -> String {
        WorkspaceName(self.workspace).to_string()
    }

    pub(crate) fn new_location(&self) -> String {
        LocationName { workspace: self.workspace, id: LocationId::new() }.to_string()
    }

    /// Calls Stripe's twin, as a browser with this key. Its answer.
    pub(crate) async fn post(&self, key: &str, path: &str, fields: &[(&str, &str)]) -> Value {
        let request = browser().post(format!("{}{path}", self.twins)).bearer_auth(key);
        request.form(fields).send().await.unwrap().json().await.unwrap()
    }

    /// What Stripe's twin has, as somebody with this key sees it.
    pub(crate) async fn get(&self, key: &str, path: &str) -> Value {
        let request = browser().get(format!("{}{path}", self.twins)).bearer_auth(key);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// What is said of the key of the workspace, or of one of its locations.
    pub(crate) async fn check(&self, location: &str) -> Result<pb::CheckConnectionResponse, Status> {
        self.check_at(&self.address, location).await
    }

    /// The same, by another process.
    pub(crate) async fn check_at(
        &self,
        address: &str,
        location: &str,
    ) -> Result<pb::CheckConnectionResponse, Status> {
        let mut client = ConnectionServiceClient::new(self.harness.channel(address, "integrations"));
        let request = pb::CheckConnectionRequest { workspace: self.name(), location: location.to_owned() };
        client.check_connection(request).await.map(Response::into_inner)
    }
}

/// What pages are shown by, which call Stripe themselves.
fn browser() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

fn world() -> sandbox::Config {
    let mut world = sandbox::Config::default();
    let [(_, publishable), (_, others)] = PUBLISHABLE;
    let keys = [TEST_KEY, LIVE_KEY, RESTRICTED_KEY, publishable].map(|key| (key.to_owned(), Key::default()));
    let others = [OTHER_KEY, others].map(|key| (key.to_owned(), Key::default()));
    let other = Account { id: OTHER_ACCOUNT.to_owned(), keys: others.into(), ..Account::default() };
    world.stripe.accounts = vec![
        Account {
            id: ACCOUNT.to_owned(),
            business_name: Some("Demo Space GmbH".to_owned()),
            display_name: Some("Demo Space".to_owned()),
            keys: keys.into(),
            ..Account::default()
        },
        other,
    ];
    world
}
