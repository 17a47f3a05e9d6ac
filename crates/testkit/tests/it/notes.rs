//! A schema with notes of workspaces, and mottos of nobody.

use chassis::{Definition, MigrationSet};
use domain::WorkspaceId;
use secrecy::SecretString;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};
use testkit::infra;

static MIGRATOR: Migrator = sqlx::migrate!("tests/migrations/note");

pub(crate) static NOTES: Definition = Definition {
    name: "notes",
    schema: "notes",
    migrations: &[MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &["motto"] }],
    config_defaults: "",
};

/// An empty database that belongs to `owner`.
pub(crate) async fn database(owner: &str) -> String {
    let name = format!("test_{}", WorkspaceId::new().uuid().simple());
    let mut admin = PgConnection::connect(&infra().database_url("postgres")).await.unwrap();
    let create = format!("create database {name} owner {owner}");
    sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
    name
}

/// Makes a login with these rights. Gives its name.
pub(crate) async fn login(rights: &str) -> String {
    let name = format!("login_{}", WorkspaceId::new().uuid().simple());
    let mut admin = PgConnection::connect(&infra().database_url("postgres")).await.unwrap();
    let create = format!("create role {name} login password 'secret' {rights}");
    sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
    name
}

/// The URL of a database for such a login.
pub(crate) fn url_of(login: &str, database: &str) -> SecretString {
    let options: PgConnectOptions = infra().database_url(database).parse().unwrap();
    options.username(login).password("secret").to_url_lossy().to_string().into()
}
