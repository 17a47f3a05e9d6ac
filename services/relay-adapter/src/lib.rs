//! Makes relay boards obey.
//!
//! Owns who may open which relay and by which PIN, and which doors are held open or locked down: boards know neither
//! people nor times.
//! What commands and accounts are worked off in which order, and how calls come in, is the `door-adapter` crate's part.
//! What holds here:
//! - A contact is closed for a time that its board measures: whatever becomes of this process, the door locks.
//! - A door that is held open has a lease, which is renewed as long as the hold stands in the ledger.
//! - A door that is locked down is opened by nothing of this, wherever it runs, until that is lifted.
//! - A controller of ours has who may open what by a PIN within two days, and decides alone while nobody reaches it.
//! - A PIN stands nowhere in plain but at whoever has it.
//! - A board is called only where the operator's rules let hosts lead that people type.

pub mod boards;
mod config;
mod control;
pub mod driver;
mod holds;
mod lasting;
mod ledger;
mod log;
mod offline;
mod provider;
mod round;

use anyhow::Context as _;

pub use config::{BoardsConfig, Config};
pub use lasting::Lasting;
pub use ledger::Change;
pub use provider::RelayProvider;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "relay-adapter",
    schema: "relay_adapter",
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
    let outgoing = config.outgoing.rules().context("configuration: section outgoing")?;
    let lasting = Lasting::default();
    let boards = boards::Boards::new(config.boards, outgoing, clock.clone(), lasting.clone())?;
    let keys = config.sealing.keys().context("configuration: section sealing")?;
    let provider = RelayProvider::new(boards, deps.pool.clone(), clock, lasting.clone(), keys);
    let settings = door_adapter::Settings {
        commands: &config.commands,
        reconciler: &config.reconciler,
        log: &config.log,
        sealing: &config.sealing,
        peers: &config.peers,
    };
    let service = door_adapter::build(provider, settings, &deps, &DEFINITION)?;
    Ok(service.task("lasting", move |shutdown| lasting.run(shutdown)))
}
