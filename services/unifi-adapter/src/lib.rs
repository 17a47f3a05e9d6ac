//! Makes UniFi Access's doors obey: a person has exactly the window that access-control says, at one door or one
//! group of doors of a console.
//!
//! Owns which visitor of a console stands for which grant. What commands and accounts are worked off in which order
//! is the `door-adapter` crate's part. What holds here:
//! - A grant is a visitor of its own, with the grant's name in its remarks and the window as its visit: the console
//!   ends it by itself. One that has begun and has no end is a user's, by a policy of ours for just that door; what others
//!   gave a user is never touched. Who moves from one to the other has both for a moment, and never neither.
//! - A visitor, or user, has a PIN that we know, kept sealed by the `door-adapter` crate, and the person is told of it once.
//! - Before the console is asked for a visitor, the ledger says so. Whatever becomes of the answer, the visitor is found
//!   again by its remarks and made only once.
//! - A visitor that Latchkey did not make is never changed or deleted.
//! - A card is given to a person's user; one that someone else has stays theirs.
//! - A hold ends when it should, or at the next full minute by the console itself, whatever becomes of us.
//! - What a console reports has its log read sooner; the log is what counts.
//! - Nothing is sent to a host that shows another certificate than the one that was seen at the first check.

mod access;
mod card;
mod config;
mod control;
mod holds;
mod log;
mod member;
mod members;
mod provider;
mod roll;
mod store;
mod survey;
pub mod vendor;
mod visit;
mod webhooks;

use std::sync::Arc;

use anyhow::Context as _;

pub use config::{Config, UnifiConfig};
pub use provider::UnifiProvider;
pub use store::{Change, Hold};
pub use webhooks::Webhooks;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "unifi-adapter",
    schema: "unifi_adapter",
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
    let outgoing = config.outgoing.rules().context("configuration")?;
    let unifi = config.unifi.client(clock.clone(), outgoing).context("configuration: section unifi")?;
    let keys = Arc::new(config.sealing.keys().context("configuration: section sealing")?);
    let provider = UnifiProvider::new(unifi, deps.pool.clone(), clock, keys.clone())
        .with_webhooks(Webhooks::at(&config.webhooks.public_url, keys));
    let settings = door_adapter::Settings {
        commands: &config.commands,
        reconciler: &config.reconciler,
        log: &config.log,
        sealing: &config.sealing,
        peers: &config.peers,
    };
    let (service, accounts) =
        door_adapter::build_with_accounts(provider.clone(), settings, &deps, &DEFINITION)?;
    let pool = deps.platform.clone();
    let service = service.grpc(webhooks::service(provider.clone()));
    Ok(service.task("holds", move |shutdown| holds::run(provider, pool, accounts, shutdown)))
}
