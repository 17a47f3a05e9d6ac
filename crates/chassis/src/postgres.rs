//! Postgres: one database for all services, a schema for each, which is the search path of its
//! connections. No one names another's schema.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use crate::service::Definition;

/// A connection that has been idle for less is used without asking whether it stands.
const UNTESTED_IDLE: Duration = Duration::from_secs(1);

/// All statements are small and meet an index, so each is planned once, as it is written: joined from
/// left to right, by indexes. Planned anew for its values a statement costs more than it does, and what
/// the planner guesses of a table that grew a minute ago makes it read the whole of it.
const PLANS: [(&str, &str); 7] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("join_collapse_limit", "1"),
    ("from_collapse_limit", "1"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// Why the database is of no use.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL makes no sense.
    #[error("database.url is not a Postgres URL")]
    Url(#[source] sqlx::Error),
    /// No connection, or a refusal.
    #[error("cannot use Postgres at {host}:{port}")]
    Connect {
        /// Where.
        host: String,
        /// Where.
        port: u16,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A migration failed.
    #[error("cannot migrate schema {schema}")]
    Migrate {
        /// Which.
        schema: String,
        /// Why.
        #[source]
        source: MigrateError,
    },
    /// The schema is older than this program knows.
    #[error("the schema of {service} is older than this program; run `{service} migrate` first")]
    Outdated {
        /// Whose.
        service: &'static str,
    },
}

fn options(url: &SecretString, schema: &str) -> Result<PgConnectOptions, DatabaseError> {
    let options = PgConnectOptions::from_str(url.expose_secret()).map_err(DatabaseError::Url)?;
    Ok(options
        .application_name(schema)
        .options([
            ("search_path", format!("\"{schema}\"")),
            ("statement_timeout", "15s".to_owned()),
            ("lock_timeout", "10s".to_owned()),
            ("idle_in_transaction_session_timeout", "30s".to_owned()),
            ("timezone", "UTC".to_owned()),
        ])
        .options(PLANS))
}

/// A pool of connections whose search path is `schema`. Waits up to 10 seconds for the server.
pub async fn connect(
    url: &SecretString,
    schema: &str,
    connections_max: u32,
) -> Result<PgPool, DatabaseError> {
    let options = options(url, schema)?;
    let (host, port) = (options.get_host().to_owned(), options.get_port());
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(10))
        // A busy pool is what limits load; it says so when the time runs out.
        .acquire_slow_level(log::LevelFilter::Debug)
        .idle_timeout(Duration::from_secs(300))
        // One that was used a moment ago stands; to ask each time would be a round trip more.
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                let is_new = meta.idle_for < UNTESTED_IDLE;
                Ok(is_new || conn.ping().await.is_ok())
            })
        })
        .connect_with(options)
        .await
        .map_err(|source| DatabaseError::Connect { host, port, source })
}

/// Migrations, and the table that records which of them were applied.
#[derive(Debug)]
pub struct MigrationSet {
    /// Such as `_migration`; another for each set of a schema.
    pub table: &'static str,
    /// In order.
    pub migrator: &'static Migrator,
}

static SHARED: Migrator = sqlx::migrate!();

/// The sets that every schema has.
static SHARED_SETS: [MigrationSet; 2] = [
    MigrationSet { table: "_migration_events", migrator: &events::MIGRATOR },
    MigrationSet { table: "_migration_chassis", migrator: &SHARED },
];

fn sets(definition: &Definition) -> impl Iterator<Item = &'static MigrationSet> + use<> {
    SHARED_SETS.iter().chain(definition.migrations)
}

/// Creates the schema if it is missing and brings it to the newest version.
pub async fn migrate(url: &SecretString, definition: &Definition) -> Result<(), DatabaseError> {
    let schema = definition.schema;
    let options = options(url, schema)?;
    let (host, port) = (options.get_host().to_owned(), options.get_port());
    let failed = |source| DatabaseError::Migrate { schema: schema.to_owned(), source };
    let mut conn = PgConnection::connect_with(&options).await.map_err(|source| DatabaseError::Connect {
        host,
        port,
        source,
    })?;
    let create = format!("create schema if not exists \"{schema}\"");
    // Schema names are constants of the services, never input.
    sqlx::query(sqlx::AssertSqlSafe(create))
        .execute(&mut conn)
        .await
        .map_err(|error| failed(error.into()))?;
    for set in sets(definition) {
        migrator(set).run(&mut conn).await.map_err(failed)?;
    }
    Ok(())
}

/// Refuses a schema that is older than this program knows; a newer one is fine.
pub async fn check_version(pool: &PgPool, definition: &Definition) -> Result<(), DatabaseError> {
    let schema = definition.schema;
    let failed = |source| DatabaseError::Migrate { schema: schema.to_owned(), source };
    let outdated = || DatabaseError::Outdated { service: definition.name };
    let mut conn = pool.acquire().await.map_err(|error| failed(error.into()))?;
    for set in sets(definition) {
        let applied = conn.list_applied_migrations(set.table).await.map_err(|_| outdated())?;
        let newest = applied.iter().map(|migration| migration.version).max();
        if newest < set.migrator.iter().map(|migration| migration.version).max() {
            return Err(outdated());
        }
    }
    Ok(())
}

fn migrator(set: &MigrationSet) -> Migrator {
    let mut migrator = Migrator::with_migrations(set.migrator.migrations.to_vec());
    migrator.set_ignore_missing(true);
    migrator.dangerous_set_table_name(set.table);
    migrator
}
