//! The edge: one port for gRPC and gRPC-web, for sign-in, and for the vendors' webhooks.
//!
//! Owns nothing and decides nothing but who may come in: it has people sign in ([`sign_in`]), verifies the
//! token or exchanges the API key, then passes a call on to the service that its path names, token and trace
//! with it, and the answer back as it came. The services verify again. What is internal is not routed. From
//! outside in, a call meets [`edge`] (CORS, gRPC-web, plain HTTP), [`callers`] (token, API key, how many were
//! wrong), the chassis's guard (what the method requires, span), and the methods that the gateway has itself
//! (health, reflection) or the [`proxy`].

mod callers;
mod config;
mod edge;
mod proxy;
mod refusal;
mod sign_in;
mod wrong_tokens;

pub use config::{
    ClientConfig, Config, ConnectionsConfig, CorsConfig, IssuerConfig, LimitsConfig, SignInConfig,
    TokensConfig,
};

use callers::Callers;
use chassis::auth::Signer;
use edge::{Edge, TrustedProxies, Webhooks};
use proxy::Proxy;
use sign_in::SignIn;
use wrong_tokens::WrongTokens;

/// Its name.
pub const NAME: &str = "gateway";

/// Its `config.default.toml`.
pub const CONFIG_DEFAULTS: &str = include_str!("../config.default.toml");

/// Makes the service's parts. Connects to the services behind with the first call to each.
pub async fn build(config: Config, deps: chassis::BasicDeps) -> anyhow::Result<chassis::Service> {
    let wrong = WrongTokens::new(config.limits.wrong_tokens_per_minute, deps.clock.clone())?;
    let proxy = Proxy::new(&config, &deps.identity)?;
    let webhooks = Webhooks::new(&config, &deps.identity)?;
    let signer = Signer::load(&config.tokens.keys_folder, deps.clock.clone())?;
    let callers = Callers::new(&config, &deps, signer.clone(), wrong.clone())?;
    let sign_in = SignIn::new(&config, &deps, signer, wrong)?;
    let proxies = TrustedProxies::parse(&config.connections.trusted_proxies)?;
    let edge = Edge::new(&config.cors, proxies, webhooks, sign_in, callers)?;
    Ok(chassis::Service::new(NAME, &deps).fallback(proxy).front(move |methods| edge.around(methods)))
}
