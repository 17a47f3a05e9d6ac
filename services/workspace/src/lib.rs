//! The system of record of who may be where, when.
//!
//! Owns workspaces, locations, resources, people, bookings, plans, teams, memberships and contracts, passes, visits,
//! doors that admins give people directly, who is signed in, API keys, and the audit log of all services. Tells every change of a
//! booking, person, membership, contract, pass, visit or entitlement as an event, in the transaction of the change. No two live
//! bookings of a resource overlap: Postgres itself holds that.
//! Knows nothing of amounts or messages, only what is paid; a door is a name to it, which it passes on.

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
mod store;

use std::sync::Arc;

pub use config::Config;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "workspace",
    schema: "workspace",
    migrations: &[chassis::MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &["retelling"] }],
    config_defaults: include_str!("../config.default.toml"),
};

/// Makes the service's parts.
pub async fn build(_config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    let contracts = proto::Requirements::of_contracts()?;
    let clock = deps.basic.clock.clone();
    let app = Arc::new(app::App::new(deps.pool.clone(), deps.platform.clone(), clock, contracts));
    let completion = jobs::Completion::new(app.clone());
    let retelling = jobs::Retelling::new(app.clone());
    Ok(chassis::Service::new(DEFINITION.name, &deps.basic)
        .grpc(grpc::workspace_service(app.clone()))
        .grpc(grpc::person_service(app.clone()))
        .grpc(grpc::booking_service(app.clone()))
        .grpc(grpc::entitlement_service(app.clone()))
        .grpc(grpc::plan_service(app.clone()))
        .grpc(grpc::team_service(app.clone()))
        .grpc(grpc::membership_service(app.clone()))
        .grpc(grpc::contract_service(app.clone()))
        .grpc(grpc::pass_service(app.clone()))
        .grpc(grpc::visit_service(app.clone()))
        .grpc(grpc::session_service(app.clone()))
        .grpc(grpc::api_key_service(app.clone()))
        .grpc(grpc::api_key_exchange_service(app.clone()))
        .grpc(grpc::audit_service(app.clone()))
        .outbox(&deps, &DEFINITION)
        .consumer(&deps, consumers::ingest::config(), consumers::ingest::Ingest::new(app.clone()))
        .consumer(&deps, consumers::billing::config(), consumers::billing::Billing::new(app))
        .consumer(&deps, consumers::audit::config(), consumers::audit::Audit)
        .task("completion", move |shutdown| completion.run(shutdown))
        .task("retelling", move |shutdown| retelling.run(shutdown)))
}
