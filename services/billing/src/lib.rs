//! Money: whose account a workspace's Stripe keys lead to, and the books. What is owed and why decides
//! [`billing_core`].
//!
//! Owns the books of all workspaces. Keys come from the integrations service, question by question, and are not kept.
//! What holds here:
//! - The books are only ever added to, each entry adds up, and each balance is the sum of its postings.
//! - Each call names the API version that this client was written for.
//! - A restricted key that may not read its account is good all the same.
//! - No key, and no part of one, stands in an answer or in the log.

pub mod books;
mod config;
mod convert;
mod credentials;
mod error;
mod grpc;
mod jobs;
pub mod vendor;

use anyhow::Context as _;

pub use config::{Config, PeersConfig, StripeConfig};

use credentials::Credentials;
use grpc::Methods;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "billing",
    schema: "billing",
    migrations: &[chassis::MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &[] }],
    config_defaults: include_str!("../config.default.toml"),
};

/// Makes the service's parts. Connects to the integrations service with the first question.
pub async fn build(config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    let clock = deps.basic.clock.clone();
    let stripe = config.stripe.client(clock.clone()).context("configuration: section stripe")?;
    let integrations =
        chassis::rpc::channel(&config.peers.integrations, "integrations", &deps.basic.identity)
            .context("configuration: peers.integrations")?;
    let proof = jobs::Proof::new(deps.platform.clone(), clock);
    Ok(chassis::Service::new(DEFINITION.name, &deps.basic)
        .grpc(Methods::service(Credentials::new(integrations), stripe))
        .task("proof", move |shutdown| proof.run(shutdown)))
}
