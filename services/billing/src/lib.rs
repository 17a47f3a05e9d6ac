//! Speaks with Stripe: for now, whose account a workspace's keys lead to.
//!
//! Owns nothing yet. Keys come from the integrations service, question by question, and are not kept. What
//! holds here:
//! - Each call names the API version that this client was written for.
//! - A restricted key that may not read its account is good all the same.
//! - No key, and no part of one, stands in an answer or in the log.

mod config;
mod convert;
mod credentials;
mod error;
mod grpc;
pub mod vendor;

use anyhow::Context as _;

pub use config::{Config, PeersConfig, StripeConfig};

use credentials::Credentials;
use grpc::Methods;

/// Its name.
pub const NAME: &str = "billing";

/// Its `config.default.toml`.
pub const CONFIG_DEFAULTS: &str = include_str!("../config.default.toml");

/// Makes the service's parts. Connects to the integrations service with the first question.
pub async fn build(config: Config, deps: chassis::BasicDeps) -> anyhow::Result<chassis::Service> {
    let stripe = config.stripe.client(deps.clock.clone()).context("configuration: section stripe")?;
    let integrations = chassis::rpc::channel(&config.peers.integrations, "integrations", &deps.identity)
        .context("configuration: peers.integrations")?;
    Ok(chassis::Service::new(NAME, &deps).grpc(Methods::service(Credentials::new(integrations), stripe)))
}
