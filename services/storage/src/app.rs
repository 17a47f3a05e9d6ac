//! Use cases: begin, read, decide, write, outbox, commit. No call to the store of objects is made inside a transaction.

mod due;
mod orphans;
mod read;
mod remove;
mod take;
mod upload;

use std::sync::Arc;

use chassis::postgres::WorkspacePool;
use domain::Clock;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::config::{FilesConfig, SweepConfig};
use crate::error::Error;
use crate::objects::Objects;
use crate::scanner::Scanner;

pub(crate) use upload::Begun;

/// The service's use cases.
pub(crate) struct App {
    pub pool: WorkspacePool,
    /// For what works across workspaces.
    pub platform: PgPool,
    pub clock: Arc<dyn Clock>,
    /// None: no bucket is configured.
    pub objects: Option<Objects>,
    /// None: nothing is scanned.
    pub scanner: Option<Scanner>,
    /// How many pictures are worked on at once, for each takes memory.
    pub pictures: Semaphore,
    pub files: FilesConfig,
    pub sweep: SweepConfig,
}

impl App {
    fn objects(&self) -> Result<&Objects, Error> {
        self.objects.as_ref().ok_or(Error::StoreNotConfigured)
    }
}
