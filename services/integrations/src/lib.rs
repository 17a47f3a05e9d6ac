//! The connections to providers, and the credentials that they take.
//!
//! Owns integrations and their values. The only service that can open a value: they are sealed at rest
//! ([`vault`]), leave through `CredentialService` alone, to the adapter of their provider, and are never
//! in a log, an error, an event or a Debug. An integration's status is what the provider's adapter found
//! when it was last asked, or by itself. Knows nothing of locations but their names, and nothing of
//! doors.

mod adapters;
mod app;
mod audit;
mod config;
mod consumers;
mod convert;
mod error;
mod facts;
mod grpc;
mod jobs;
mod model;
mod providers;
mod store;
mod vault;

use std::sync::Arc;

pub use config::{Config, VaultConfig};
pub use vault::{MasterKeyError, ensure_master_key_file};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "integrations",
    schema: "integrations",
    migrations: &[chassis::MigrationSet {
        table: "_migration",
        migrator: &MIGRATOR,
        shared: &["master_key_check"],
    }],
    config_defaults: include_str!("../config.default.toml"),
};

/// Makes the service's parts. Fails if a master key that values in the database are sealed with is
/// missing.
pub async fn build(config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    let adapters = adapters::Adapters::new(config.adapters, &deps.basic.identity)?;
    let keys = open_vault(config.vault, &deps.platform).await?;
    let clock = deps.basic.clock.clone();
    let app = Arc::new(app::App::new(deps.pool.clone(), deps.platform.clone(), clock, keys, adapters));
    let checker = jobs::checker::Checker::new(app.clone());
    let retelling = jobs::retelling::Retelling::new(app.clone());
    Ok(chassis::Service::new(DEFINITION.name, &deps.basic)
        .grpc(grpc::integration_service(app.clone()))
        .grpc(grpc::credential_service(app.clone()))
        .grpc(grpc::key_service(app.clone()))
        .outbox(&deps, &DEFINITION)
        .consumer(&deps, consumers::connections::config(), consumers::connections::Connections::new(app))
        .task("checker", move |shutdown| checker.run(shutdown))
        .task("retelling", move |shutdown| retelling.run(shutdown)))
}

/// The master keys, if all that this schema's data keys are wrapped by are among them.
async fn open_vault(config: VaultConfig, pool: &sqlx::PgPool) -> anyhow::Result<vault::KeyRing> {
    let keys = vault::KeyRing::open(config).await?;
    let mut conn = pool.acquire().await?;
    for id in store::vault::list_master_keys(&mut conn).await? {
        if keys.find(&id).is_none() {
            return Err(keys.absent(&id).into());
        }
    }
    Ok(keys)
}
