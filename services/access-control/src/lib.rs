//! Who should have what access, and when; tells the door adapters, and keeps the ledger.
//!
//! Owns door mappings, entitlements, grants and their settings. The decisions are the [`engine`]'s,
//! which is pure; around it stand consumers that store what they hear, and a scheduler that wakes at
//! the next boundary. Knows no vendor: a provider is a name on the bus.

pub mod access_log;
mod app;
mod audit;
mod config;
mod consumers;
mod control;
mod convert;
mod doors;
pub mod engine;
mod error;
mod explain;
mod facts;
mod grpc;
mod jobs;
mod live;
mod model;
mod preflight;
mod proposals;
pub mod schedule;
mod sheet;
#[cfg(test)]
mod sim;
mod sources;
mod store;

use std::sync::Arc;

pub use config::Config;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "access-control",
    schema: "access_control",
    migrations: &[chassis::MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &[] }],
    config_defaults: include_str!("../config.default.toml"),
};

/// Makes the service's parts.
pub async fn build(config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    config.validate()?;
    let adapters = control::Adapters::new(&config.adapters, &deps.basic.identity)?;
    let (pool, platform, clock) = (deps.pool.clone(), deps.platform.clone(), deps.basic.clock.clone());
    let app = Arc::new(app::App::new(pool, platform, clock, adapters, &config));
    let listener = jobs::Listener::new(deps.platform.clone(), app.watches());
    let preflight = jobs::Preflight::new(app.clone());
    let operations = jobs::Operations::new(app.clone());
    let cards = jobs::Cards::new(app.clone());
    let schedules = jobs::Schedules::new(app.clone());
    let retention = jobs::Retention::new(app.clone());
    let scheduler = jobs::Scheduler::new(app.clone(), config.scheduler.batch);
    Ok(chassis::Service::new(DEFINITION.name, &deps.basic)
        .grpc(grpc::access_service(app.clone()))
        .grpc(grpc::access_log_service(app.clone()))
        .grpc(grpc::card_service(app.clone()))
        .grpc(grpc::door_service(app.clone()))
        .grpc(grpc::door_schedule_service(app.clone()))
        .outbox(&deps, &DEFINITION)
        .consumer(&deps, consumers::workspace::config(), consumers::workspace::Workspace::new(app.clone()))
        .consumer(&deps, consumers::results::config(), consumers::results::Results::new(app.clone()))
        .consumer(&deps, consumers::listings::config(), consumers::listings::Listings::new(app.clone()))
        .consumer(
            &deps,
            consumers::door_events::config(),
            consumers::door_events::DoorEvents::new(app.clone()),
        )
        .consumer(&deps, consumers::users::config(), consumers::users::Users::new(app.clone()))
        .consumer(&deps, consumers::ways_in::config(), consumers::ways_in::WaysIn::new(app.clone()))
        .consumer(
            &deps,
            consumers::reconciliations::config(),
            consumers::reconciliations::Reconciliations::new(app.clone()),
        )
        .consumer(&deps, consumers::integrations::config(), consumers::integrations::Integrations::new(app))
        .task("scheduler", move |shutdown| scheduler.run(shutdown))
        .task("cards", move |shutdown| cards.run(shutdown))
        .task("operations", move |shutdown| operations.run(shutdown))
        .task("schedules", move |shutdown| schedules.run(shutdown))
        .task("retention", move |shutdown| retention.run(shutdown))
        .task("preflight", move |shutdown| preflight.run(shutdown))
        .task("listener", move |shutdown| listener.run(shutdown)))
}
