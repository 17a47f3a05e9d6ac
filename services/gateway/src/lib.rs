//! The edge: one port for gRPC and gRPC-web, and for the vendors' webhooks.
//!
//! Owns nothing and decides nothing but who may come in: it verifies the token, then passes a call on to
//! the service that its path names, token and trace with it, and the answer back as it came. The
//! services verify again. What is internal is not routed. From outside in, a call meets
//! [`edge`] (CORS, gRPC-web, plain HTTP), the chassis's guard (token, span), and the methods that the
//! gateway has itself (health, reflection) or the [`proxy`].

mod config;
mod edge;
mod proxy;
mod refusal;

pub use config::{Config, CorsConfig, LimitsConfig};

use edge::{Edge, Webhooks};
use proxy::Proxy;

/// Its name.
pub const NAME: &str = "gateway";

/// Its `config.default.toml`.
pub const CONFIG_DEFAULTS: &str = include_str!("../config.default.toml");

/// Makes the service's parts. Connects to the services behind with the first call to each.
pub async fn build(config: Config, deps: chassis::BasicDeps) -> anyhow::Result<chassis::Service> {
    let proxy = Proxy::new(&config, &deps.identity)?;
    let webhooks = Webhooks::new(&config, &deps.identity)?;
    let edge = Edge::new(&config.cors, webhooks)?;
    Ok(chassis::Service::new(NAME, &deps).fallback(proxy).front(move |methods| edge.around(methods)))
}
