//! Files: pictures, papers and attachments of workspaces, in a bucket of S3 or what speaks like it.
//!
//! Owns what is known of files; what is in them lies in the bucket, under keys of workspace, kind and a random name. What
//! holds here:
//! - Browsers send to the bucket and fetch from it themselves, by requests that are signed for just that: method, key,
//!   length, type, and an end. Who may have one signed is checked before.
//! - Nothing that was sent is given to anyone before it was looked at: its size, what it really is, whether a picture is
//!   whole. Pictures are written anew.
//! - What a person calls a file stands in no key.
//! - A row and its objects never part for good: what is sent and not completed goes, what nobody knows of is removed once
//!   it is old, what is missing is looked for and told.
//! - Memory does not grow with a file's size, pictures apart, whose size has a bound.
//!
//! Deliberately absent: what files mean to those who name them; other services keep names of files.

mod app;
mod check;
mod config;
mod convert;
mod error;
mod facts;
mod grpc;
mod jobs;
mod model;
mod objects;
mod scanner;
mod store;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::app::App;
use crate::objects::Objects;
use crate::scanner::Scanner;

pub use config::{ClamavConfig, Config, FilesConfig, S3Config, SettingError, SweepConfig};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "storage",
    schema: "storage",
    migrations: &[chassis::MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &[] }],
    config_defaults: include_str!("../config.default.toml"),
};

/// Makes the service's parts. The store is tried once the service runs: what is wrong with it stands in the log, and is
/// no reason not to answer what is known of files.
pub async fn build(config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    config.validate()?;
    let app = Arc::new(App {
        pool: deps.pool.clone(),
        platform: deps.platform.clone(),
        clock: deps.basic.clock.clone(),
        objects: Objects::by(&config.s3).await,
        scanner: Scanner::by(&config.clamav),
        pictures: Semaphore::new(config.files.pictures_at_once),
        files: config.files,
        sweep: config.sweep,
    });
    let (probe, due, compare) = (app.clone(), app.clone(), app.clone());
    Ok(chassis::Service::new(DEFINITION.name, &deps.basic)
        .grpc(grpc::file_service(app))
        .outbox(&deps, &DEFINITION)
        .task("probe", move |shutdown| jobs::probe(probe, shutdown))
        .task("due", move |shutdown| jobs::do_due(due, shutdown))
        .task("compare", move |shutdown| jobs::compare(compare, shutdown)))
}
