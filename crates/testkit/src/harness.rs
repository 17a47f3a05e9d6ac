//! One test's installation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::auth::{Principal, Role, Signer, Verifier};
use chassis::identity::Identity;
use chassis::rpc::ServiceChannel;
use chassis::{BasicDeps, Definition, Deps, Service};
use domain::{SettableClock, WorkspaceId};
use events::subject::Root;
use events::{Bus, Connection};
use local_infra::Certificates;
use proto::audit::v1::AuditEntry;
use secrecy::SecretString;
use sqlx::Connection as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::{Books, audit, infra, isolation};

/// How long the books may take to balance.
const SETTLE: Duration = Duration::from_secs(30);

/// From where people's calls come.
pub const CALLER_ADDRESS: &str = "192.0.2.7";

/// Adds one token to each call, and from where it comes, as the gateway does.
#[derive(Debug, Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        request.metadata_mut().insert("latchkey-client-address", MetadataValue::from_static(CALLER_ADDRESS));
        Ok(request)
    }
}

/// A database, a subject root, a clock and the services that a test starts. End it with
/// [`Harness::finish`]; one that is dropped otherwise fails its test.
pub struct Harness {
    /// The clock of all services. Starts on Tuesday, 1 December 2026, 08:00 UTC.
    pub clock: Arc<SettableClock>,
    /// Signs tokens that the services know.
    pub signer: Signer,
    verifier: Verifier,
    /// Issues the services' certificates.
    certificates: Certificates,
    _folder: tempfile::TempDir,
    database_url: SecretString,
    root: Root,
    schemas: Vec<&'static str>,
    /// Which service is at which address.
    names: HashMap<String, &'static str>,
    shutdown: CancellationToken,
    running: Vec<JoinHandle<Result<(), chassis::ServiceError>>>,
    is_finished: bool,
}

impl Harness {
    /// An empty installation on the servers that all tests of the process share.
    pub async fn new() -> Self {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(std::env::var("TEST_LOG").unwrap_or_else(|_| "error".into()))
            .with_test_writer()
            .try_init();
        chassis::install_crypto();
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        let mut admin = sqlx::PgConnection::connect(&infra().database_url("postgres")).await.unwrap();
        let create = format!("create database {name}");
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
        let start = chrono::DateTime::parse_from_rfc3339("2026-12-01T08:00:00Z").unwrap().to_utc();
        let clock = Arc::new(SettableClock::at(start));
        let (signer, verifier) = chassis::auth::new_pair(clock.clone());
        let folder = tempfile::tempdir().unwrap();
        Self {
            signer,
            verifier,
            certificates: Certificates::ensure(folder.path()).unwrap(),
            _folder: folder,
            clock,
            database_url: infra().database_url(&name).into(),
            root: Root::new(name).unwrap(),
            schemas: Vec::new(),
            names: HashMap::new(),
            shutdown: CancellationToken::new(),
            running: Vec::new(),
            is_finished: false,
        }
    }

    /// What the service `name` needs, if it has no data; with a port of its own.
    pub async fn basic_deps(&self, name: &str) -> BasicDeps {
        BasicDeps {
            clock: self.clock.clone(),
            verifier: self.verifier.clone(),
            identity: self.identity(name),
            listener: Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap()),
        }
    }

    /// What a service with data needs; its schema is migrated.
    pub async fn deps(&mut self, definition: &'static Definition) -> Deps {
        chassis::postgres::migrate(&self.database_url, definition).await.unwrap();
        if !self.schemas.contains(&definition.schema) {
            self.schemas.push(definition.schema);
        }
        let (pool, platform) = chassis::postgres::connect(&self.database_url, definition, 16).await.unwrap();
        Deps { basic: self.basic_deps(definition.name).await, pool, platform, bus: self.bus().await }
    }

    /// A connection of its own to this test's streams.
    pub async fn bus(&self) -> Bus {
        let connection = Connection::new(infra().nats_url.clone().into(), self.root.clone());
        Bus::connect(connection, "test").await.unwrap()
    }

    /// A certificate of the service `name`.
    pub fn identity(&self, name: &str) -> Identity {
        let issued = self.certificates.issue(name).unwrap();
        Identity::new(&issued.authority, issued.certificate, issued.key)
    }

    /// Runs a service until the end of the test. Gives its address, such as `https://127.0.0.1:1234`, to
    /// which the service's name belongs: see [`Harness::channel`].
    pub fn run(&mut self, service: Service) -> String {
        self.run_until(service, self.shutdown.child_token())
    }

    /// Runs a service until `shutdown`, or the end of the test.
    pub fn run_until(&mut self, service: Service, shutdown: CancellationToken) -> String {
        let address = service.url().unwrap();
        self.names.insert(address.clone(), service.name());
        let all = self.shutdown.clone();
        self.running.push(tokio::spawn(async move {
            let stop = shutdown.clone();
            let run = service.run(shutdown);
            tokio::pin!(run);
            tokio::select! {
                outcome = &mut run => outcome,
                () = all.cancelled() => {
                    stop.cancel();
                    run.await
                }
            }
        }));
        address
    }

    /// A channel that calls as the platform's service `name`.
    pub fn channel(&self, address: &str, name: &str) -> ServiceChannel {
        chassis::rpc::channel(address, self.peer(address), &self.identity(name)).unwrap()
    }

    /// A channel that calls as a person of a workspace, as the gateway passes their calls on.
    pub fn channel_as(
        &self,
        address: &str,
        role: Role,
        workspace: WorkspaceId,
    ) -> InterceptedService<Channel, Bearer> {
        self.channel_with(address, &Principal::person("someone", workspace, role))
    }

    /// A channel that calls as `principal`, as the gateway passes their calls on.
    pub fn channel_with(&self, address: &str, principal: &Principal) -> InterceptedService<Channel, Bearer> {
        let gateway = self.identity("gateway");
        let channel = chassis::rpc::forwarding_channel(address, self.peer(address), &gateway).unwrap();
        let bearer = format!("Bearer {}", self.token(principal)).parse().unwrap();
        InterceptedService::new(channel, Bearer(bearer))
    }

    /// A token that names `principal` for a year: tests move the clock.
    pub fn token(&self, principal: &Principal) -> String {
        self.signer.issue(principal, chrono::Duration::days(365))
    }

    /// The service that runs at an address.
    fn peer(&self, address: &str) -> &'static str {
        self.names.get(address).expect("a service of this harness")
    }

    /// The books of this installation.
    pub fn books(&self) -> Books {
        Books {
            database_url: self.database_url.clone(),
            schemas: self.schemas.clone(),
            nats_url: infra().nats_url.clone(),
            root: self.root.clone(),
        }
    }

    /// Fails unless row-level security keeps these two workspaces apart in a service's schema, whatever
    /// statements say. Gives the tables in which both have rows: those were tried, not just looked at.
    pub async fn assert_isolated(
        &self,
        definition: &Definition,
        workspaces: [WorkspaceId; 2],
    ) -> Vec<String> {
        isolation::hold(&self.database_url, definition, workspaces).await
    }

    /// What a service recorded for the audit log so far, oldest first.
    pub async fn audit_entries(&self, definition: &Definition) -> Vec<AuditEntry> {
        audit::recorded(&self.database_url, definition.schema).await
    }

    /// Where this test's database is.
    pub fn database_url(&self) -> &SecretString {
        &self.database_url
    }

    /// Checks the books, expecting no dead letter, and stops all services.
    pub async fn finish(self) {
        self.finish_with_dead_letters(0).await;
    }

    /// Checks the books, expecting so many dead letters, and stops all services.
    pub async fn finish_with_dead_letters(mut self, dead_letters: u64) {
        self.is_finished = true;
        if !self.schemas.is_empty() {
            self.books().balance(dead_letters, SETTLE).await;
        }
        self.shutdown.cancel();
        for service in std::mem::take(&mut self.running) {
            service.await.expect("no service panics").expect("no service fails");
        }
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.shutdown.cancel();
        assert!(self.is_finished || std::thread::panicking(), "end a test with harness.finish().await");
    }
}
