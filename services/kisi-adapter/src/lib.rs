//! Makes Kisi's doors obey: a person has exactly the window that access-control says, on one group of
//! locks or on one lock.
//!
//! Owns which Kisi user a person is, which group is kept for a single lock, and which role assignments
//! were made. What commands and accounts are worked off in which order is the `door-adapter` crate's
//! part. What holds here:
//! - Before Kisi is asked for an assignment, the ledger says so. Whatever becomes of the answer, the
//!   assignment is found again and made only once.
//! - An assignment or a user that Latchkey did not make is never changed or deleted.
//! - A new window is in place before the old one goes, unless Kisi takes only one.

mod access;
mod card;
mod config;
mod control;
mod guest;
mod log;
mod login;
mod plan;
mod provider;
mod restrictions;
mod store;
mod survey;
mod user;
pub mod vendor;
mod way_in;

use anyhow::Context as _;

pub use config::{Config, KisiConfig};
pub use provider::KisiProvider;
pub use store::Change;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "kisi-adapter",
    schema: "kisi_adapter",
    migrations: &[
        chassis::MigrationSet {
            table: door_adapter::MIGRATIONS_TABLE,
            migrator: &door_adapter::MIGRATOR,
            shared: &[],
        },
        chassis::MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &[] },
    ],
    config_defaults: include_str!("../config.default.toml"),
};

/// Makes the service's parts.
pub async fn build(config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    let clock = deps.basic.clock.clone();
    let kisi = config.kisi.client(clock.clone()).context("configuration: section kisi")?;
    let provider = KisiProvider::new(kisi, deps.pool.clone(), deps.platform.clone(), clock);
    let settings = door_adapter::Settings {
        commands: &config.commands,
        reconciler: &config.reconciler,
        log: &config.log,
        sealing: &config.sealing,
        peers: &config.peers,
    };
    Ok(door_adapter::build(provider, settings, &deps, &DEFINITION)?)
}
