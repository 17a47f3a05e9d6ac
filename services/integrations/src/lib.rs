//! The connections to providers, and the credentials that they take.
//!
//! Owns integrations and their values. The only service that can open a value: they are sealed at rest
//! ([`vault`]), leave through `CredentialService` alone, to the adapter of their provider, and are never
//! in a log, an error, an event or a Debug. An integration's status is what the provider's adapter found
//! when it was last asked, or by itself. Knows nothing of locations but their names, and nothing of
//! doors.

mod adapters;
mod app;
mod config;
mod consumers;
mod convert;
mod error;
mod facts;
mod grpc;
mod model;
mod providers;
mod store;
mod vault;

use std::path::Path;
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

/// Makes the service's parts. Fails if the master key is missing, or another one than the values in the
/// database are sealed with.
pub async fn build(config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    let adapters = adapters::Adapters::new(config.adapters, &deps.basic.identity)?;
    let master_key = open_vault(&config.vault.master_key_file, &deps.platform).await?;
    let clock = deps.basic.clock.clone();
    let app = Arc::new(app::App::new(deps.pool.clone(), clock, master_key, adapters));
    Ok(chassis::Service::new(DEFINITION.name, &deps.basic)
        .grpc(grpc::integration_service(app.clone()))
        .grpc(grpc::credential_service(app.clone()))
        .outbox(&deps, &DEFINITION)
        .consumer(&deps, consumers::connections::config(), consumers::connections::Connections::new(app)))
}

/// The master key, if it is the one that this schema was sealed with. The first one ever is.
async fn open_vault(path: &Path, pool: &sqlx::PgPool) -> anyhow::Result<vault::MasterKey> {
    let key = vault::MasterKey::load(path)?;
    let mut conn = pool.acquire().await?;
    let check = store::vault::ensure_check(&mut conn, &key.new_check()).await?;
    if !key.opens_check(&check) {
        return Err(MasterKeyError::Other { path: path.to_owned() }.into());
    }
    Ok(key)
}
