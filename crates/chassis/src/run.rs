//! The `main` of a service that runs alone.

use std::collections::BTreeMap;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use domain::SystemClock;
use events::Bus;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::auth::Verifier;
use crate::config::{self, PlatformConfig};
use crate::deps::{BasicDeps, Deps};
use crate::identity::Identity;
use crate::service::{Definition, Service};
use crate::{postgres, telemetry};

/// EX_USAGE of sysexits.h: it was called with settings that make no sense.
const EXIT_CONFIG: u8 = 64;

/// Runs a service with data of its own: `<service>` serves, `<service> migrate` prepares its schema.
pub fn main<C, F>(definition: &'static Definition, build: impl FnOnce(C, Deps) -> F) -> ExitCode
where
    C: DeserializeOwned,
    F: Future<Output = anyhow::Result<Service>>,
{
    start(definition.name, definition.config_defaults, async |platform: PlatformConfig, own: C, shutdown| {
        let url = &platform.database.url;
        match std::env::args().nth(1).as_deref() {
            None => {}
            Some("migrate") => {
                return Ok(postgres::migrate(url, definition).await?);
            }
            Some(other) => anyhow::bail!("unknown argument {other:?}; there is only `migrate`"),
        }
        let connections_max = platform.database.connections_max;
        let (pool, across) = postgres::connect(url, definition, connections_max).await?;
        postgres::check_version(&across, definition).await?;
        let bus = Bus::connect(platform.bus()?, definition.name).await?;
        let deps = Deps { basic: basic(definition.name, &platform).await?, pool, platform: across, bus };
        let service = build(own, deps).await?;
        Ok(announce(service)?.run(shutdown).await?)
    })
}

/// Runs a service without data.
pub fn main_basic<C, F>(
    name: &'static str,
    config_defaults: &'static str,
    build: impl FnOnce(C, BasicDeps) -> F,
) -> ExitCode
where
    C: DeserializeOwned,
    F: Future<Output = anyhow::Result<Service>>,
{
    start(name, config_defaults, async |platform: PlatformConfig, own: C, shutdown| {
        let service = build(own, basic(name, &platform).await?).await?;
        Ok(announce(service)?.run(shutdown).await?)
    })
}

/// What the service `name` needs, by the settings.
async fn basic(name: &str, platform: &PlatformConfig) -> anyhow::Result<BasicDeps> {
    let listener = TcpListener::bind(&platform.grpc.listen)
        .await
        .with_context(|| format!("cannot listen on grpc.listen {}", platform.grpc.listen))?;
    basic_on(name, platform, Arc::new(listener))
}

/// The same, with a port that is taken already.
pub fn basic_on(
    name: &str,
    platform: &PlatformConfig,
    listener: Arc<TcpListener>,
) -> anyhow::Result<BasicDeps> {
    let clock = Arc::new(SystemClock);
    let verifier = Verifier::load(&platform.auth.keys_file, clock.clone())?;
    let identity = Identity::load(&platform.tls.folder_of(name))?;
    Ok(BasicDeps { clock, verifier, identity, listener })
}

fn announce(service: Service) -> anyhow::Result<Service> {
    tracing::info!(service = service.name(), address = %service.address()?, "serving");
    Ok(service)
}

/// Runs a process that makes its parts itself: with configuration, telemetry and a token that a
/// signal to end cancels.
pub fn start<C: DeserializeOwned>(
    name: &'static str,
    config_defaults: &'static str,
    body: impl AsyncFnOnce(PlatformConfig, C, CancellationToken) -> anyhow::Result<()>,
) -> ExitCode {
    start_with(name, config_defaults, config::environment(), body)
}

/// Like [`start`], with another environment than the process's own.
pub fn start_with<C: DeserializeOwned>(
    name: &'static str,
    config_defaults: &'static str,
    environment: BTreeMap<String, String>,
    body: impl AsyncFnOnce(PlatformConfig, C, CancellationToken) -> anyhow::Result<()>,
) -> ExitCode {
    let (platform, own) = match config::load::<C>(config_defaults, environment) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{name}: {error}");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    install_crypto();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{name}: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let telemetry = match telemetry::install(name, &platform.telemetry) {
            Ok(telemetry) => telemetry,
            Err(error) => {
                eprintln!("{name}: {error}");
                return ExitCode::from(EXIT_CONFIG);
            }
        };
        let outcome = body(platform, own, signalled()).await;
        telemetry.shutdown();
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{name}: {error:#}");
                ExitCode::FAILURE
            }
        }
    })
}

/// Installs the process's TLS provider. Twice does no harm.
pub fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Cancelled by SIGINT or SIGTERM. Call within a runtime.
#[expect(clippy::disallowed_methods, reason = "lives as long as the process; nothing to drain")]
pub fn signalled() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancelled.cancel();
    });
    token
}
