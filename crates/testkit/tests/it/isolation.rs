//! Row-level security: made by each migration, for every table, with rights that suffice and no more.

use chassis::postgres::{self, DatabaseError};
use chassis::{Definition, MigrationSet};
use domain::WorkspaceId;
use futures::future::join_all;
use secrecy::SecretString;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgPool};
use testkit::{Harness, infra, owner};

use crate::notes::{NOTES, database, login, url_of};

/// Writes a note in each workspace, through a service's connections.
async fn write(url: &SecretString, definition: &Definition, workspaces: [WorkspaceId; 2]) -> PgPool {
    let (pool, platform) = postgres::connect(url, definition, 4).await.unwrap();
    for workspace in workspaces {
        let mut tx = pool.begin(workspace).await.unwrap();
        let insert = "insert into note (workspace_id, words) values ($1, 'hello')";
        sqlx::query(insert).bind(workspace.uuid()).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    platform
}

async fn count(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from note").fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_nobody_guards_is_noticed() {
    let mut harness = Harness::new().await;
    let workspaces = [WorkspaceId::new(), WorkspaceId::new()];
    harness.deps(&NOTES).await;
    write(harness.database_url(), &NOTES, workspaces).await;
    assert_eq!(harness.assert_isolated(&NOTES, workspaces).await, ["note"]);

    let owner = owner(harness.database_url(), NOTES.schema).await.unwrap();
    for (harm, repair) in [
        ("drop policy workspace on note", None),
        ("create policy leak on note using (words = 'hello')", Some("drop policy leak on note")),
        ("alter policy workspace on note using (true)", Some("drop policy workspace on note")),
        ("alter table note disable row level security", None),
        ("alter table note no force row level security", None),
        ("alter role notes_service bypassrls", Some("alter role notes_service nobypassrls")),
    ] {
        sqlx::query(AssertSqlSafe(harm)).execute(&owner).await.unwrap();
        let check = std::panic::AssertUnwindSafe(harness.assert_isolated(&NOTES, workspaces));
        let noticed = futures::FutureExt::catch_unwind(check).await;
        assert!(noticed.is_err(), "not noticed: {harm}");
        if let Some(repair) = repair {
            sqlx::query(AssertSqlSafe(repair)).execute(&owner).await.unwrap();
        }
        // The next migration makes it good.
        postgres::migrate(harness.database_url(), &NOTES).await.unwrap();
        assert_eq!(harness.assert_isolated(&NOTES, workspaces).await, ["note"]);
    }
    harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_workspace_must_be_said_to_have_none() {
    static MIGRATOR: Migrator = sqlx::migrate!("tests/migrations/forgotten");
    static FORGETFUL: Definition = Definition {
        name: "forgetful",
        schema: "forgetful",
        migrations: &[MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &[] }],
        config_defaults: "",
    };
    let url = infra().database_url(&database("postgres").await).into();
    let error = postgres::migrate(&url, &FORGETFUL).await.unwrap_err();
    let DatabaseError::Isolate { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.to_string(), "table forgotten has no column workspace_id, and is not listed as shared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_databases_of_one_server_may_be_migrated_at_once() {
    static MIGRATOR: Migrator = sqlx::migrate!("tests/migrations/note");
    static HURRIED: Definition = Definition {
        name: "hurried",
        schema: "hurried",
        migrations: &[MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &["motto"] }],
        config_defaults: "",
    };
    let urls = join_all((0..8).map(async |_| infra().database_url(&database("postgres").await))).await;
    // Each twice: two processes of one service may start together.
    let migrated = join_all(
        urls.iter()
            .chain(&urls)
            .map(async |url| postgres::migrate(&SecretString::from(url.as_str()), &HURRIED).await),
    );
    for outcome in migrated.await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_who_migrates_nor_who_serves_needs_to_be_a_superuser() {
    static MIGRATOR: Migrator = sqlx::migrate!("tests/migrations/note");
    static HUMBLE: Definition = Definition {
        name: "humble",
        schema: "humble",
        migrations: &[MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &["motto"] }],
        config_defaults: "",
    };
    let builder = login("createrole").await;
    let database = database(&builder).await;
    let as_builder = url_of(&builder, &database);
    postgres::migrate(&as_builder, &HUMBLE).await.unwrap();

    let app = login("noinherit").await;
    let as_app = url_of(&app, &database);
    let refused = postgres::connect(&as_app, &HUMBLE, 4).await.unwrap_err();
    assert!(matches!(refused, DatabaseError::Connect { .. }), "{refused:?}");
    let builders = owner(&as_builder, HUMBLE.schema).await.unwrap();
    let grant = format!("grant humble_service, humble_platform to {app}");
    sqlx::query(AssertSqlSafe(grant)).execute(&builders).await.unwrap();
    let platform = write(&as_app, &HUMBLE, [WorkspaceId::new(), WorkspaceId::new()]).await;
    postgres::check_version(&platform, &HUMBLE).await.unwrap();
    assert_eq!(count(&platform).await, 2);
    assert_eq!(count(&builders).await, 2, "who migrates sees what there is to migrate");

    for forbidden in [
        "drop table note",
        "alter table note disable row level security",
        "create table other (words text)",
        "delete from _migration",
    ] {
        let error = sqlx::query(AssertSqlSafe(forbidden)).execute(&platform).await.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
        assert_eq!(code, "42501", "{forbidden}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_was_never_migrated_is_named() {
    static UNBORN: Definition =
        Definition { name: "unborn", schema: "unborn", migrations: &[], config_defaults: "" };
    let url = infra().database_url(&database("postgres").await).into();
    let error = postgres::connect(&url, &UNBORN, 4).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the schema of unborn is older than this program; run `unborn migrate` first"
    );
}
