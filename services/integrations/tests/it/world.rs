//! The service and an adapter, with an admin of one workspace.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chassis::auth::Role;
use chassis::rpc::ServiceChannel;
use domain::names::{LocationName, WorkspaceName};
use domain::{LocationId, WorkspaceId};
use futures::StreamExt as _;
use integrations::{Config, VaultConfig};
use proto::access::v1::door_provider_service_server::DoorProviderServiceServer;
use proto::integrations::v1 as pb;
use proto::integrations::v1::connection_service_server::ConnectionServiceServer;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use proto::integrations::v1::key_service_client::KeyServiceClient;
use testkit::{Bearer, Harness};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::adapter::{Adapter, Knobs};
use crate::console::{Console, ConsoleAdapter};

type AsAdmin = InterceptedService<Channel, Bearer>;

pub(crate) struct World {
    pub harness: Harness,
    pub address: String,
    pub workspace: WorkspaceId,
    pub parent: String,
    pub adapter: Arc<Knobs>,
    pub console: Arc<Console>,
    pub pool: sqlx::PgPool,
    pub integrations: IntegrationServiceClient<AsAdmin>,
    pub credentials: CredentialServiceClient<ServiceChannel>,
    pub folder: tempfile::TempDir,
}

/// Settings with a master key file in `folder`, which is made.
pub(crate) fn config(folder: &std::path::Path, adapter: &str) -> Config {
    let master_key_file: PathBuf = folder.join("master-key");
    integrations::ensure_master_key_file(&master_key_file).unwrap();
    Config {
        vault: VaultConfig { aws_kms_key: String::new(), master_key: String::new().into(), master_key_file },
        adapters: BTreeMap::from([("kisi".to_owned(), adapter.to_owned())]),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let mut harness = Harness::new().await;
        let adapter = Arc::<Knobs>::default();
        let adapter_service =
            chassis::Service::new("kisi-adapter", &harness.basic_deps("kisi-adapter").await)
                .grpc(DoorProviderServiceServer::new(Adapter(adapter.clone())))
                .grpc(ConnectionServiceServer::new(Adapter(adapter.clone())));
        let adapter_address = harness.run(adapter_service);

        let console = Arc::<Console>::default();
        let console_service =
            chassis::Service::new("unifi-adapter", &harness.basic_deps("unifi-adapter").await)
                .grpc(ConnectionServiceServer::new(ConsoleAdapter(console.clone())));
        let console_address = harness.run(console_service);

        let folder = tempfile::tempdir().unwrap();
        let deps = harness.deps(&integrations::DEFINITION).await;
        let pool = deps.platform.clone();
        let mut config = config(folder.path(), &adapter_address);
        config.adapters.insert("unifi".into(), console_address);
        let service = integrations::build(config, deps).await.unwrap();
        let address = harness.run(service);
        let credentials = CredentialServiceClient::new(harness.channel(&address, "kisi-adapter"));
        assert!(adapter.credentials.set(credentials.clone()).is_ok());
        let of_consoles = CredentialServiceClient::new(harness.channel(&address, "unifi-adapter"));
        assert!(console.credentials.set(of_consoles).is_ok());
        let workspace = WorkspaceId::new();
        Self {
            integrations: IntegrationServiceClient::new(harness.channel_as(&address, Role::Admin, workspace)),
            parent: WorkspaceName(workspace).to_string(),
            harness,
            address,
            workspace,
            adapter,
            console,
            pool,
            credentials,
            folder,
        }
    }

    /// From now on the world's workspace is another one, in which nothing is yet.
    pub(crate) fn move_elsewhere(&mut self) {
        self.workspace = WorkspaceId::new();
        self.parent = WorkspaceName(self.workspace).to_string();
        let channel = self.harness.channel_as(&self.address, Role::Admin, self.workspace);
        self.integrations = IntegrationServiceClient::new(channel);
    }

    pub(crate) fn new_location(&self) -> String {
        LocationName { workspace: self.workspace, id: LocationId::new() }.to_string()
    }

    pub(crate) fn request(&self, location: &str, key: &str) -> pb::ConnectIntegrationRequest {
        pb::ConnectIntegrationRequest {
            parent: self.parent.clone(),
            provider: "kisi".into(),
            location: location.into(),
            credentials: BTreeMap::from([("api_key".to_owned(), key.to_owned())]),
            request_id: String::new(),
        }
    }

    pub(crate) async fn connect(&mut self, location: &str, key: &str) -> Result<pb::Integration, Status> {
        let request = self.request(location, key);
        self.send(request).await
    }

    pub(crate) async fn send(
        &mut self,
        request: pb::ConnectIntegrationRequest,
    ) -> Result<pb::Integration, Status> {
        let response = self.integrations.connect_integration(request).await?;
        Ok(response.into_inner().integration.unwrap())
    }

    /// Saves values of a provider for the whole workspace.
    pub(crate) async fn save(
        &mut self,
        provider: &str,
        values: &[(&str, &str)],
    ) -> Result<pb::Integration, Status> {
        let request = pb::ConnectIntegrationRequest {
            provider: provider.into(),
            credentials: values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ..self.request("", "")
        };
        self.send(request).await
    }

    /// Has one batch of data keys wrapped anew, as the command line does.
    pub(crate) async fn rotate(&self) -> Result<pb::RotateKeysResponse, Status> {
        let mut keys = KeyServiceClient::new(self.harness.channel(&self.address, "latchkey"));
        Ok(keys.rotate_keys(pb::RotateKeysRequest {}).await?.into_inner())
    }

    pub(crate) async fn check(&mut self, name: &str) -> Result<pb::Integration, Status> {
        let request = pb::CheckIntegrationRequest { name: name.into() };
        Ok(self.integrations.check_integration(request).await?.into_inner().integration.unwrap())
    }

    pub(crate) async fn disconnect(&mut self, name: &str) -> Result<pb::Integration, Status> {
        let request = pb::DisconnectIntegrationRequest { name: name.into(), request_id: String::new() };
        Ok(self.integrations.disconnect_integration(request).await?.into_inner().integration.unwrap())
    }

    pub(crate) async fn list(&self) -> Vec<pb::Integration> {
        let request = pb::ListIntegrationsRequest { parent: self.parent.clone(), ..Default::default() };
        self.integrations.clone().list_integrations(request).await.unwrap().into_inner().integrations
    }

    /// Waits until the one integration is as `is_so` says.
    pub(crate) async fn until(
        &self,
        what: &str,
        is_so: impl Fn(&pb::Integration) -> bool,
    ) -> pb::Integration {
        testkit::eventually(what, Duration::from_secs(10), async || match self.list().await.as_slice() {
            [integration] if is_so(integration) => Ok(integration.clone()),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    pub(crate) async fn resolve(&mut self, location: &str) -> pb::ResolveCredentialResponse {
        let request = pb::ResolveCredentialRequest {
            workspace: self.parent.clone(),
            provider: "kisi".into(),
            location: location.into(),
        };
        self.credentials.resolve_credential(request).await.unwrap().into_inner()
    }

    /// What was told so far: the name's last part, status and version, in the order of the stream.
    pub(crate) async fn facts(&self, count: usize) -> Vec<(String, i64)> {
        let bus = self.harness.bus().await;
        let stream = bus.stream(events::subject::StreamKind::Event).await.unwrap();
        let config = async_nats::jetstream::consumer::pull::Config {
            filter_subject: bus
                .root()
                .subject(&format!("event.integrations.integration_status_changed.{}", self.workspace)),
            ack_policy: async_nats::jetstream::consumer::AckPolicy::None,
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let mut facts = Vec::new();
        while facts.len() < count {
            let message = tokio::time::timeout(Duration::from_secs(10), messages.next());
            let message = message.await.expect("a fact within 10 s").unwrap().unwrap();
            let fact: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
            let headers = message.headers.as_ref().unwrap();
            assert_eq!(fact["integration"]["name"], headers.get("ce-subject").unwrap().as_str());
            let status = fact["integration"]["status"].as_str().unwrap();
            let version = headers.get("ce-sequence").unwrap().as_str().parse().unwrap();
            facts.push((status.trim_start_matches("INTEGRATION_STATUS_").to_owned(), version));
        }
        facts
    }
}

/// The code and the machine-readable reason of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    use tonic_types::StatusExt as _;
    let status = outcome.unwrap_err();
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}
