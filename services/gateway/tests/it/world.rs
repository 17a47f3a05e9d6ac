//! A gateway, the services behind it, and tokens.

use std::sync::Arc;

use chassis::BasicDeps;
use chassis::auth::{Principal, Role, Signer, Verifier};
use chassis::identity::Identity;
use domain::{SettableClock, WorkspaceId};
use gateway::{Config, ConnectionsConfig, CorsConfig, LimitsConfig, SignInConfig, TokensConfig};
use local_infra::Certificates;
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::upstream::{self, Seen};

pub(crate) const BOOKINGS: &str = "latchkey.workspace.v1.BookingService";
pub(crate) const RAW: &str = "test.v1.Raw";
pub(crate) const STREAMS: &str = "grpc.reflection.v1alpha.ServerReflection";

pub(crate) struct World {
    pub clock: Arc<SettableClock>,
    pub signer: Signer,
    verifier: Verifier,
    certificates: Certificates,
    _folder: tempfile::TempDir,
    pub workspace: WorkspaceId,
    /// `http://…` of the gateway.
    pub address: String,
    pub seen: Arc<Seen>,
    /// All that runs; it ends with the test.
    pub tasks: JoinSet<()>,
}

/// Adds a token to each call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose gateway has other settings than the usual.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        chassis::install_crypto();
        let start = chrono::DateTime::parse_from_rfc3339("2026-12-01T08:00:00Z").unwrap().to_utc();
        let clock = Arc::new(SettableClock::at(start));
        let folder = tempfile::tempdir().unwrap();
        let keys_folder = folder.path().join("keys");
        chassis::auth::ensure_keys(&keys_folder, start).unwrap();
        let signer = Signer::load(&keys_folder, clock.clone()).unwrap();
        let verifier = Verifier::load(&keys_folder.join("public.json"), clock.clone()).unwrap();
        let mut world = Self {
            signer,
            verifier,
            certificates: Certificates::ensure(folder.path()).unwrap(),
            _folder: folder,
            clock,
            workspace: WorkspaceId::new(),
            address: String::new(),
            seen: Arc::default(),
            tasks: JoinSet::new(),
        };
        let workspace = upstream::workspace(&world.deps("workspace").await, world.seen.clone());
        let workspace = world.run(workspace);
        let raw = world.run_raw().await;
        let mut config = Config {
            connections: ConnectionsConfig::default(),
            cors: CorsConfig { allowed_origins: "*".into() },
            services: [
                ("workspace", workspace),
                ("raw", raw),
                ("away", closed_port().await),
                ("billing", closed_port().await),
                ("notification", closed_port().await),
                ("unifi_adapter", closed_port().await),
            ]
            .map(|(name, address)| (name.to_owned(), address))
            .into(),
            routes: [
                (BOOKINGS, "workspace"),
                (RAW, "raw"),
                (STREAMS, "raw"),
                ("latchkey.workspace.v1.PersonService", "away"),
            ]
            .map(|(service, name)| (service.to_owned(), name.to_owned()))
            .into(),
            limits: LimitsConfig { requests_max: 100, stream_seconds_max: 60, wrong_tokens_per_minute: 60 },
            tokens: TokensConfig { keys_folder },
            sign_in: SignInConfig {
                public_url: "http://127.0.0.1:7410".into(),
                issuers: [].into(),
                clients: [].into(),
            },
        };
        change(&mut config);
        let gateway = gateway::build(config, world.deps(gateway::NAME).await).await.unwrap();
        world.address = world.run(gateway);
        world
    }

    /// What the service `name` needs.
    pub(crate) async fn deps(&self, name: &str) -> BasicDeps {
        BasicDeps {
            clock: self.clock.clone(),
            verifier: self.verifier.clone(),
            identity: self.identity(name),
            listener: Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap()),
        }
    }

    fn identity(&self, name: &str) -> Identity {
        let issued = self.certificates.issue(name).unwrap();
        Identity::new(&issued.authority, issued.certificate, issued.key)
    }

    /// Runs a service. Gives its address.
    pub(crate) fn run(&mut self, service: chassis::Service) -> String {
        let address = service.url().unwrap();
        self.tasks.spawn(async move { service.run(CancellationToken::new()).await.unwrap() });
        address
    }

    async fn run_raw(&mut self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let routes = upstream::raw(self.seen.clone());
        let issued = self.certificates.issue("raw").unwrap();
        let shown = tonic::transport::Identity::from_pem(issued.certificate, issued.key);
        let mut server = tonic::transport::Server::builder()
            .tls_config(tonic::transport::ServerTlsConfig::new().identity(shown))
            .unwrap();
        let server = server.add_routes(routes).serve_with_incoming(incoming);
        self.tasks.spawn(async move { server.await.unwrap() });
        address
    }

    pub(crate) fn admin(&self) -> Principal {
        Principal::person("ada", self.workspace, Role::Admin)
    }

    /// `Bearer …`, good for an hour.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.signer.issue(&self.admin(), chrono::Duration::hours(1)))
    }

    /// A channel to the gateway with a token.
    pub(crate) fn channel(&self) -> InterceptedService<Channel, Bearer> {
        let bearer = Bearer(self.bearer().parse().unwrap());
        InterceptedService::new(self.plain_channel(), bearer)
    }

    /// What comes of a call for a booking over `channel`, with a token or key, and through proxies that say
    /// for whom.
    pub(crate) async fn call_over(
        &self,
        channel: &Channel,
        token: &str,
        forwarded: Option<&str>,
    ) -> Result<pb::GetBookingResponse, Status> {
        let mut request = Request::new(pb::GetBookingRequest { name: "workspaces/w/bookings/1".into() });
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        if let Some(forwarded) = forwarded {
            request.metadata_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        BookingServiceClient::new(channel.clone()).get_booking(request).await.map(tonic::Response::into_inner)
    }

    /// The same over a connection of its own, straight.
    pub(crate) async fn call(&self, token: &str) -> Result<pb::GetBookingResponse, Status> {
        self.call_over(&self.plain_channel(), token, None).await
    }

    pub(crate) fn plain_channel(&self) -> Channel {
        chassis::rpc::outside_channel(&self.address).unwrap()
    }

    pub(crate) fn bookings(&self) -> BookingServiceClient<InterceptedService<Channel, Bearer>> {
        BookingServiceClient::new(self.channel())
    }
}

/// Where nobody listens.
pub(crate) async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("https://{}", listener.local_addr().unwrap())
}

/// The code and the machine-readable reason of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    use tonic_types::StatusExt as _;
    let status = outcome.unwrap_err();
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}
