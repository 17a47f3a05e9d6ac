//! Postgres: one database for all services, a schema for each, which is the search path of its
//! connections. No one names another's schema. Within a schema row-level security keeps workspaces apart:
//! see [`isolation`].

mod isolation;
mod workspace_pool;

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

pub use self::isolation::IsolationError;
use self::isolation::Scope;
pub use self::workspace_pool::WorkspacePool;
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
    /// The migrated schema does not keep workspaces apart.
    #[error("schema {schema} is not isolated")]
    Isolate {
        /// Which.
        schema: String,
        /// Why.
        #[source]
        source: IsolationError,
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

/// A service's connections, with the schema as their search path: those that work in one workspace at a
/// time, and those that work across them; of each kind half of `connections_max`. Waits up to 10 seconds
/// for the server.
pub async fn connect(
    url: &SecretString,
    definition: &Definition,
    connections_max: u32,
) -> Result<(WorkspacePool, PgPool), DatabaseError> {
    let platform = pool(url, definition, Scope::Platform, connections_max / 2).await?;
    let workspace = pool(url, definition, Scope::Workspace, connections_max - connections_max / 2).await?;
    Ok((WorkspacePool::new(workspace), platform))
}

async fn pool(
    url: &SecretString,
    definition: &Definition,
    scope: Scope,
    connections_max: u32,
) -> Result<PgPool, DatabaseError> {
    let options = options(url, definition.schema)?.options([("role", scope.role(definition.schema))]);
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
        .map_err(|source| match is_role_missing(&source) {
            true => DatabaseError::Outdated { service: definition.name },
            false => DatabaseError::Connect { host, port, source },
        })
}

/// Roles are made by migrations.
fn is_role_missing(error: &sqlx::Error) -> bool {
    const INVALID_PARAMETER_VALUE: &str = "22023";
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == INVALID_PARAMETER_VALUE)
}

/// Migrations, and the table that records which of them were applied.
#[derive(Debug)]
pub struct MigrationSet {
    /// Such as `_migration`; another for each set of a schema.
    pub table: &'static str,
    /// In order.
    pub migrator: &'static Migrator,
    /// The tables without `workspace_id` that it makes: what is in them belongs to no workspace.
    pub shared: &'static [&'static str],
}

static SHARED: Migrator = sqlx::migrate!();

/// The sets that every schema has.
static SHARED_SETS: [MigrationSet; 2] = [
    MigrationSet { table: "_migration_events", migrator: &events::MIGRATOR, shared: &["inbox"] },
    MigrationSet { table: "_migration_chassis", migrator: &SHARED, shared: &[] },
];

fn sets(definition: &Definition) -> impl Iterator<Item = &'static MigrationSet> + use<> {
    SHARED_SETS.iter().chain(definition.migrations)
}

/// Creates the schema if it is missing, brings it to the newest version, and keeps its workspaces apart.
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
    // Held as long as the connection: of several processes that migrate a schema, one does it at a time.
    sqlx::query("select pg_advisory_lock(hashtext('migrate'), hashtext($1))")
        .bind(schema)
        .execute(&mut conn)
        .await
        .map_err(|error| failed(error.into()))?;
    let create = format!("create schema if not exists \"{schema}\"");
    // Schema names are constants of the services, never input.
    sqlx::query(sqlx::AssertSqlSafe(create))
        .execute(&mut conn)
        .await
        .map_err(|error| failed(error.into()))?;
    for set in sets(definition) {
        migrator(set).run(&mut conn).await.map_err(failed)?;
    }
    let shared: Vec<&str> = sets(definition).flat_map(|set| set.shared).copied().collect();
    let internal: Vec<&str> = sets(definition).map(|set| set.table).collect();
    isolation::enforce(&mut conn, schema, &shared, &internal)
        .await
        .map_err(|source| DatabaseError::Isolate { schema: schema.to_owned(), source })?;
    conn.close().await.map_err(|error| failed(error.into()))
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
