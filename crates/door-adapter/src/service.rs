//! A provider as a service.

use std::sync::Arc;
use std::time::Duration;

use chassis::rpc::AddressError;
use chassis::{Definition, Deps, Service};
use domain::Clock;
use sealing::{KeyError, SealingConfig};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::accounts::Accounts;
use crate::card::Cards;
use crate::config::{CommandsConfig, ConfigError, LogConfig, PeersConfig, ReconcilerConfig};
use crate::consumers::{commands, integrations};
use crate::control::DoorControl;
use crate::credentials::Credentials;
use crate::facts::Source;
use crate::grpc::{Controls, Methods};
use crate::runtime::{LogReader, Reconciler, Recorder, Scheduler, Worker};
use crate::secret::Sealer;
use crate::store::command::forget_answered;
use crate::store::secret::forget_over;

/// As long as the bus may deliver a command again.
const ANSWERED_KEPT: chrono::Duration = events::retention::INBOX;

/// Secrets whose end nobody reported are kept so long after it.
const SECRETS_KEPT: chrono::Duration = chrono::Duration::days(1);

/// Why an adapter can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The integrations service has no usable address.
    #[error("peers.integrations")]
    Peer(#[from] AddressError),
    /// There is no key to seal secrets with.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What an adapter's settings say to what all adapters share.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// How commands are worked off.
    pub commands: &'a CommandsConfig,
    /// How accounts are compared with what they should have.
    pub reconciler: &'a ReconcilerConfig,
    /// How accounts' logs are read.
    pub log: &'a LogConfig,
    /// What secrets are sealed with.
    pub sealing: &'a SealingConfig,
    /// Where other services are.
    pub peers: &'a PeersConfig,
}

/// The parts of the adapter of `provider`. Its definition's migrations include
/// [`MIGRATOR`](crate::MIGRATOR).
pub fn build<P: DoorControl + Cards>(
    provider: P,
    settings: Settings<'_>,
    deps: &Deps,
    definition: &'static Definition,
) -> Result<Service, BuildError> {
    build_with_accounts(provider, settings, deps, definition).map(|(service, _)| service)
}

/// The same, with the accounts, for jobs of the adapter's own. Accounts are known of providers that have a log.
pub fn build_with_accounts<P: DoorControl + Cards>(
    provider: P,
    settings: Settings<'_>,
    deps: &Deps,
    definition: &'static Definition,
) -> Result<(Service, Accounts), BuildError> {
    let Settings { commands: config, reconciler, log, sealing, peers } = settings;
    config.validate()?;
    reconciler.validate()?;
    log.validate()?;
    let basic = &deps.basic;
    let source = Source { service: definition.name, provider: P::NAME };
    let provider = Arc::new(provider);
    let sealer = Arc::new(Sealer::new(P::NAME, sealing.keys()?));
    let channel = chassis::rpc::channel(&peers.integrations, "integrations", &basic.identity)?;
    let keep = Duration::from_millis(config.credentials_ms);
    let credentials = Arc::new(Credentials::new(channel, P::NAME, keep));
    let accounts = Accounts::new(deps.platform.clone(), credentials.clone());
    let wake = Arc::new(Notify::new());
    let scheduler = Scheduler::new(Worker {
        provider: provider.clone(),
        pool: deps.platform.clone(),
        clock: basic.clock.clone(),
        credentials: credentials.clone(),
        recorder: Recorder::new(provider.clone(), deps.platform.clone(), basic.clock.clone(), source),
        config: config.clone(),
        reconciler: reconciler.clone(),
        sealer: sealer.clone(),
        source,
        wake: wake.clone(),
    });
    let reconciling = Arc::new(Notify::new());
    let reconciler = Reconciler {
        provider: provider.clone(),
        pool: deps.platform.clone(),
        clock: basic.clock.clone(),
        credentials: credentials.clone(),
        config: reconciler.clone(),
        poll: config.poll(),
        source,
        wake: reconciling.clone(),
        commands: wake.clone(),
        turns: opentelemetry::global::meter("door-adapter")
            .u64_counter("access.reconciliations")
            .with_description("Comparisons of accounts with what they should have, by outcome")
            .build(),
    };
    let reading = Arc::new(Notify::new());
    let log_reader = provider.capabilities().has_log.then(|| LogReader {
        provider: provider.clone(),
        pool: deps.platform.clone(),
        clock: basic.clock.clone(),
        credentials: credentials.clone(),
        config: log.clone(),
        poll: config.poll(),
        lease: config.lease(),
        source,
        wake: reading.clone(),
        readings: opentelemetry::global::meter("door-adapter")
            .u64_counter("access.log_readings")
            .with_description("Readings of providers' own logs, by outcome")
            .build(),
    });
    let (pool, clock) = (deps.platform.clone(), basic.clock.clone());
    let methods = Methods {
        provider: provider.clone(),
        credentials: credentials.clone(),
        sealer,
        pool: deps.pool.clone(),
    };
    let service = Service::new(definition.name, basic)
        .grpc(Methods::door_provider_service(methods.clone()))
        .grpc(Controls::service(provider, credentials.clone()))
        .grpc(Methods::connection_service(methods))
        .outbox(deps, definition)
        .consumer(
            deps,
            commands::config(source),
            commands::Commands { source, clock: basic.clock.clone(), wake },
        )
        .consumer(
            deps,
            integrations::config(source),
            integrations::Integrations {
                source,
                clock: basic.clock.clone(),
                credentials,
                wakes: [reconciling, reading],
            },
        )
        .task("scheduler", move |shutdown| scheduler.run(shutdown))
        .task("reconciler", move |shutdown| reconciler.run(shutdown))
        .task("retention", move |shutdown| retain(pool, clock, shutdown));
    let service = match log_reader {
        Some(log_reader) => service.task("log-reader", move |shutdown| log_reader.run(shutdown)),
        None => service,
    };
    Ok((service, accounts))
}

/// Forgets old answers and secrets now and then.
async fn retain(pool: PgPool, clock: Arc<dyn Clock>, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(3_600));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = forget_answered(&pool, clock.now(), ANSWERED_KEPT).await {
            tracing::warn!(error = %error, "old answers cannot be forgotten; trying again later");
        }
        if let Err(error) = forget_over(&pool, clock.now(), SECRETS_KEPT).await {
            tracing::warn!(error = %error, "old secrets cannot be forgotten; trying again later");
        }
    }
}
