//! Sign-in: an OpenID Connect provider towards our clients, a client of others' towards people.
//!
//! A client sends its user to `/oauth/authorize` (code flow with PKCE), from where they go on to an identity
//! provider. What comes back from there is verified ([`issuer`]), the person is looked up in the workspaces,
//! and the client gets a code, and for the code a token of ours. The gateway keeps nothing: what it must know
//! again stands in signed tickets ([`ticket`]), and sessions are `workspace`'s.

mod client;
mod grant;
mod issuer;
mod page;
mod request;
mod routes;
mod ticket;
mod tries;

use std::collections::BTreeMap;
use std::sync::Arc;

use chassis::auth::Signer;
use chassis::rpc::{ServiceChannel, Traced};
use proto::workspace::v1::session_service_client::SessionServiceClient;
use quick_cache::sync::Cache;

use crate::config::{Config, SettingError};
use crate::wrong_tokens::WrongTokens;

pub(crate) use routes::routes;

use client::Client;
use issuer::Issuer;
use page::Pages;
use ticket::Tickets;

/// Codes and refresh tokens that are remembered at most.
const ISSUED_MAX: usize = 10_000;

/// Everything that sign-in needs.
pub(crate) struct SignIn {
    /// How we are called in tokens, and where we are reached.
    public_url: String,
    clients: BTreeMap<String, Client>,
    issuers: BTreeMap<String, Issuer>,
    sessions: SessionServiceClient<ServiceChannel>,
    signer: Signer,
    tickets: Tickets,
    pages: Pages,
    wrong: WrongTokens,
    /// Codes and refresh tokens that were given out here, by their SHA-256: no guesses.
    issued: Cache<[u8; 32], ()>,
}

impl SignIn {
    pub(crate) fn new(
        config: &Config,
        deps: &chassis::BasicDeps,
        signer: Signer,
        wrong: WrongTokens,
    ) -> Result<Arc<Self>, SettingError> {
        let settings = &config.sign_in;
        let public_url = settings.public_url.trim_end_matches('/').to_owned();
        let clients = settings
            .clients
            .iter()
            .map(|(id, client)| Ok((id.clone(), Client::new(id, client)?)))
            .collect::<Result<_, SettingError>>()?;
        let callback = format!("{public_url}/oauth/callback");
        let issuers = settings
            .issuers
            .iter()
            .map(|(name, issuer)| {
                Ok((name.clone(), Issuer::new(name, issuer, &callback, deps.clock.clone())?))
            })
            .collect::<Result<_, SettingError>>()?;
        let channel = ServiceChannel::new(config.channel("workspace", &deps.identity)?, Traced);
        Ok(Arc::new(Self {
            tickets: Tickets::new(&public_url, signer.clone(), deps.verifier.clone()),
            public_url,
            clients,
            issuers,
            sessions: SessionServiceClient::new(channel),
            signer,
            pages: Pages::new(),
            wrong,
            issued: Cache::new(ISSUED_MAX),
        }))
    }
}
