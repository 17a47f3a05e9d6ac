//! The services in this process: a list of their builds.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use anyhow::Context as _;
use chassis::auth::Authority;
use chassis::{BasicDeps, Definition, Deps, Service, config, postgres};
use domain::SystemClock;
use events::Bus;
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
    pub notification: Arc<TcpListener>,
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
            notification: inner().await?,
        })
    }

    pub(super) fn gateway_url(&self) -> anyhow::Result<String> {
        url(&self.gateway)
    }

    pub(super) fn integrations_url(&self) -> anyhow::Result<String> {
        url(&self.integrations)
    }

    pub(super) fn sandbox_url(&self) -> anyhow::Result<String> {
        url(&self.sandbox)
    }

    /// A handle of the sandbox's socket that it can own.
    pub(super) fn take_sandbox(&self) -> anyhow::Result<TcpListener> {
        Ok(chassis::duplicate(&self.sandbox)?)
    }
}

/// `http://address:port`.
pub(super) fn url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Builds all services. Their schemas are migrated first.
pub(super) async fn build(wiring: &Wiring, listeners: &Listeners) -> anyhow::Result<Vec<Service>> {
    let l = listeners;
    Ok(vec![
        with_data(wiring, &workspace::DEFINITION, &l.workspace, workspace::build).await?,
        with_data(wiring, &integrations::DEFINITION, &l.integrations, integrations::build).await?,
        with_data(wiring, &access_control::DEFINITION, &l.access_control, access_control::build).await?,
        with_data(wiring, &kisi_adapter::DEFINITION, &l.kisi_adapter, kisi_adapter::build).await?,
        with_data(wiring, &notification::DEFINITION, &l.notification, notification::build).await?,
        without_data(wiring, gateway::NAME, gateway::CONFIG_DEFAULTS, &l.gateway, |mut config, deps| {
            wiring.routes(&mut config);
            gateway::build(config, deps)
        })
        .await?,
    ])
}

async fn with_data<C, F>(
    wiring: &Wiring,
    definition: &'static Definition,
    listener: &Arc<TcpListener>,
    build: impl FnOnce(C, Deps) -> F,
) -> anyhow::Result<Service>
where
    C: DeserializeOwned,
    F: Future<Output = anyhow::Result<Service>>,
{
    let environment: BTreeMap<String, String> = wiring.environment(definition.name);
    let (platform, own) = config::load::<C>(definition.config_defaults, environment)?;
    let url = &platform.database.url;
    postgres::migrate(url, definition).await?;
    let pool = postgres::connect(url, definition.schema, platform.database.connections_max).await?;
    let bus = Bus::connect(platform.bus()?, definition.name).await?;
    let basic = basic(&platform, listener)?;
    build(own, Deps { basic, pool, bus }).await.with_context(|| format!("cannot start {}", definition.name))
}

async fn without_data<C, F>(
    wiring: &Wiring,
    name: &'static str,
    defaults: &str,
    listener: &Arc<TcpListener>,
    build: impl FnOnce(C, BasicDeps) -> F,
) -> anyhow::Result<Service>
where
    C: DeserializeOwned,
    F: Future<Output = anyhow::Result<Service>>,
{
    let (platform, own) = config::load::<C>(defaults, wiring.environment(name))?;
    build(own, basic(&platform, listener)?).await.with_context(|| format!("cannot start {name}"))
}

fn basic(platform: &chassis::PlatformConfig, listener: &Arc<TcpListener>) -> anyhow::Result<BasicDeps> {
    let clock = Arc::new(SystemClock);
    let authority = Arc::new(Authority::load(&platform.auth.key_file, clock.clone())?);
    Ok(BasicDeps { clock, authority, listener: listener.clone() })
}
