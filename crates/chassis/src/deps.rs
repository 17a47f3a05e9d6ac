//! What a service is given. Nothing in a service reads a clock, the environment or a port number by
//! itself.

use std::sync::Arc;

use domain::Clock;
use events::Bus;
use sqlx::PgPool;
use tokio::net::TcpListener;

use crate::auth::Verifier;
use crate::identity::Identity;
use crate::postgres::WorkspacePool;

/// What every service needs.
#[derive(Clone)]
pub struct BasicDeps {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Knows people by their tokens.
    pub verifier: Verifier,
    /// Who this service is to others.
    pub identity: Identity,
    /// Where the service is reached. Shared so that the bundle can be cloned; used once.
    pub listener: Arc<TcpListener>,
}

/// What a service with data of its own needs.
#[derive(Clone)]
pub struct Deps {
    /// The basic ones.
    pub basic: BasicDeps,
    /// For what is done in one workspace: the calls of people and other services.
    pub pool: WorkspacePool,
    /// For what works across workspaces: consumers, jobs, the publisher. Its statements say themselves
    /// whose rows they mean.
    pub platform: PgPool,
    /// The bus.
    pub bus: Bus,
}
