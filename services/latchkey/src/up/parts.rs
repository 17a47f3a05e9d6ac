//! The services in this process: a list of their builds.

use std::future::Future;
use std::sync::Arc;

use anyhow::Context as _;
use chassis::{BasicDeps, Definition, Deps, PlatformConfig, Service, config, postgres};
use events::Bus;
use local_infra::Certificates;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;

use super::UpConfig;
use super::servers::taken;
use super::wiring::Wiring;

/// Where everything listens. Bound first, so that each part can be told where the others are.
pub(crate) struct Listeners {
    pub gateway: Arc<TcpListener>,
    pub sandbox: Arc<TcpListener>,
    pub workspace: Arc<TcpListener>,
    pub integrations: Arc<TcpListener>,
    pub access_control: Arc<TcpListener>,
    pub kisi_adapter: Arc<TcpListener>,
    pub relay_adapter: Arc<TcpListener>,
    pub unifi_adapter: Arc<TcpListener>,
    pub notification: Arc<TcpListener>,
    pub billing: Arc<TcpListener>,
    pub storage: Arc<TcpListener>,
}

impl Listeners {
    pub(super) async fn bind(config: &UpConfig) -> anyhow::Result<Self> {
        let open = async |address: &str, key: &str, variable: &str| {
            let bound = TcpListener::bind(address).await;
            let bound = bound.with_context(|| format!("cannot listen on {address}"));
            bound.map(Arc::new).with_context(|| taken(key, variable))
        };
        let inner = async || {
            TcpListener::bind("127.0.0.1:0")
                .await
                .map(Arc::new)
                .context("cannot listen on the loopback address")
        };
        Ok(Self {
            gateway: open(&config.up.gateway, "up.gateway", "LATCHKEY_UP__GATEWAY").await?,
            sandbox: open(&config.up.sandbox, "up.sandbox", "LATCHKEY_UP__SANDBOX").await?,
            workspace: inner().await?,
            integrations: inner().await?,
            access_control: inner().await?,
            kisi_adapter: inner().await?,
            relay_adapter: inner().await?,
            unifi_adapter: inner().await?,
            notification: inner().await?,
            billing: inner().await?,
            storage: inner().await?,
        })
    }

    pub(super) fn gateway_url(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}", self.gateway.local_addr()?))
    }

    pub(super) fn integrations_url(&self) -> anyhow::Result<String> {
        url(&self.integrations)
    }

    pub(super) fn sandbox_url(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}", self.sandbox.local_addr()?))
    }

    /// A handle of the sandbox's socket that it can own.
    pub(super) fn take_sandbox(&self) -> anyhow::Result<TcpListener> {
        Ok(chassis::duplicate(&self.sandbox)?)
    }
}

/// `https://address:port` of a service that the others call.
pub(super) fn url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("https://{}", listener.local_addr()?))
}

/// Builds all services, each with a certificate of its own. Their schemas are migrated first.
pub(super) async fn build(
    wiring: &Wiring,
    listeners: &Listeners,
    certificates: &Certificates,
) -> anyhow::Result<Vec<Service>> {
    let (l, site) = (listeners, Site { wiring, certificates });
    Ok(vec![
        site.with_data(&workspace::DEFINITION, &l.workspace, workspace::build).await?,
        site.with_data(&integrations::DEFINITION, &l.integrations, integrations::build).await?,
        site.with_data(&access_control::DEFINITION, &l.access_control, access_control::build).await?,
        site.with_data(&kisi_adapter::DEFINITION, &l.kisi_adapter, kisi_adapter::build).await?,
        site.with_data(&relay_adapter::DEFINITION, &l.relay_adapter, relay_adapter::build).await?,
        site.with_data(&unifi_adapter::DEFINITION, &l.unifi_adapter, unifi_adapter::build).await?,
        site.with_data(&notification::DEFINITION, &l.notification, notification::build).await?,
        site.with_data(&billing::DEFINITION, &l.billing, billing::build).await?,
        site.with_data(&storage::DEFINITION, &l.storage, storage::build).await?,
        site.without_data(gateway::NAME, gateway::CONFIG_DEFAULTS, &l.gateway, gateway::build).await?,
    ])
}

/// What all services are built with.
struct Site<'a> {
    wiring: &'a Wiring,
    certificates: &'a Certificates,
}

impl Site<'_> {
    async fn with_data<C, F>(
        &self,
        definition: &'static Definition,
        listener: &Arc<TcpListener>,
        build: impl FnOnce(C, Deps) -> F,
    ) -> anyhow::Result<Service>
    where
        C: DeserializeOwned,
        F: Future<Output = anyhow::Result<Service>>,
    {
        let name = definition.name;
        let (platform, own) = self.load::<C>(name, definition.config_defaults)?;
        let url = &platform.database.url;
        postgres::migrate(url, definition).await?;
        let connections_max = platform.database.connections_max;
        let (pool, across) = postgres::connect(url, definition, connections_max).await?;
        let bus = Bus::connect(platform.bus()?, name).await?;
        let basic = self.basic(name, &platform, listener)?;
        let deps = Deps { basic, pool, platform: across, bus };
        build(own, deps).await.with_context(|| format!("cannot start {name}"))
    }

    async fn without_data<C, F>(
        &self,
        name: &'static str,
        defaults: &str,
        listener: &Arc<TcpListener>,
        build: impl FnOnce(C, BasicDeps) -> F,
    ) -> anyhow::Result<Service>
    where
        C: DeserializeOwned,
        F: Future<Output = anyhow::Result<Service>>,
    {
        let (platform, own) = self.load::<C>(name, defaults)?;
        build(own, self.basic(name, &platform, listener)?)
            .await
            .with_context(|| format!("cannot start {name}"))
    }

    fn load<C: DeserializeOwned>(
        &self,
        name: &str,
        defaults: &str,
    ) -> Result<(PlatformConfig, C), config::ConfigError> {
        config::load(defaults, self.wiring.environment(name))
    }

    fn basic(
        &self,
        name: &str,
        platform: &PlatformConfig,
        listener: &Arc<TcpListener>,
    ) -> anyhow::Result<BasicDeps> {
        self.certificates.write(name)?;
        chassis::basic_on(name, platform, listener.clone())
    }
}
