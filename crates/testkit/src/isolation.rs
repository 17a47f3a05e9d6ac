//! Whether row-level security keeps a schema's workspaces apart, whatever a statement says.

use chassis::Definition;
use chassis::postgres::WorkspacePool;
use domain::WorkspaceId;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::owner;

/// "insufficient_privilege": what Postgres says where a policy forbids a row.
const FORBIDDEN: &str = "42501";

/// A table whose rows are a workspace's.
#[derive(Debug, sqlx::FromRow)]
struct Table {
    name: String,
    /// What may be written, generated columns apart.
    columns: String,
    /// Whether the policies hold, for the owner too.
    is_forced: bool,
    /// The policies in full.
    policies: Vec<String>,
}

/// Tries to see and to write another workspace's rows with statements that name no workspace, or the wrong
/// one, as the roles that services have. Gives the tables that it tried: those in which both workspaces
/// have rows. Of all others it looks whether their policies are the same ones.
pub(crate) async fn hold(
    url: &SecretString,
    definition: &Definition,
    [ours, others]: [WorkspaceId; 2],
) -> Vec<String> {
    let owner = owner(url, definition.schema).await.unwrap();
    roles_are_powerless(&owner, definition.schema).await;
    let tables = tables(&owner).await;
    for table in &tables {
        assert!(table.is_forced, "{} is not guarded", table.name);
        assert_eq!(table.policies.len(), 2, "{}: {:?}", table.name, table.policies);
        assert_eq!(table.policies, tables[0].policies, "{} is guarded otherwise", table.name);
    }
    let (pool, _platform) = chassis::postgres::connect(url, definition, 4).await.unwrap();
    let mut tried = Vec::new();
    for table in tables {
        let count =
            format!("select count(distinct workspace_id) from {} where workspace_id = any($1)", table.name);
        let filled: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .bind([ours.uuid(), others.uuid()])
            .fetch_one(&owner)
            .await
            .unwrap();
        if filled == 2 {
            nothing_else_is_seen(&pool, &table.name, ours, others).await;
            nothing_else_is_written(&pool, &table, ours, others).await;
            tried.push(table.name);
        }
    }
    tried
}

/// The roles own nothing, are no one else, and pass over no policy.
async fn roles_are_powerless(owner: &PgPool, schema: &str) {
    for role in [format!("{schema}_service"), format!("{schema}_platform")] {
        let is_powerless: bool = sqlx::query_scalar(
            "select not (rolsuper or rolbypassrls or rolcreaterole or rolcanlogin)
               and not exists (select from pg_auth_members m where m.member = r.oid)
               and not exists (select from pg_class c where c.relowner = r.oid)
             from pg_roles r where rolname = $1",
        )
        .bind(&role)
        .fetch_one(owner)
        .await
        .unwrap();
        assert!(is_powerless, "{role} may pass over the policies");
    }
}

async fn tables(owner: &PgPool) -> Vec<Table> {
    sqlx::query_as(
        "select c.relname::text as name,
           (select string_agg(quote_ident(attname), ', ') from pg_attribute
            where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') as columns,
           c.relrowsecurity and c.relforcerowsecurity as is_forced,
           array(select concat_ws(' ', policyname, permissive, roles, cmd, qual, with_check) from pg_policies p
                 where p.schemaname = current_schema() and p.tablename = c.relname order by 1) as policies
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
         where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
         order by c.relname",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn nothing_else_is_seen(pool: &WorkspacePool, table: &str, ours: WorkspaceId, others: WorkspaceId) {
    let mut tx = pool.begin(ours).await.unwrap();
    let own = count(&mut tx, table, &format!("workspace_id = '{ours}'")).await;
    assert!(own > 0, "a workspace does not see its own rows of {table}");
    assert_eq!(count(&mut tx, table, "true").await, own, "{table} shows more than a workspace's own");
    assert_eq!(count(&mut tx, table, &format!("workspace_id = '{others}'")).await, 0, "{table}");
    for unset in ["set local latchkey.workspace = ''", "reset latchkey.workspace"] {
        sqlx::query(unset).execute(&mut *tx).await.unwrap();
        assert_eq!(count(&mut tx, table, "true").await, 0, "{table} shows rows to nobody in particular");
    }
}

async fn count(conn: &mut PgConnection, table: &str, condition: &str) -> i64 {
    let count = format!("select count(*) from {table} where {condition}");
    sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(conn).await.unwrap()
}

async fn nothing_else_is_written(
    pool: &WorkspacePool,
    Table { name, columns, .. }: &Table,
    ours: WorkspaceId,
    others: WorkspaceId,
) {
    let copy = format!(
        "insert into {name} ({columns}) select {columns} from
           (select (jsonb_populate_record(t, '{{\"workspace_id\": \"{others}\"}}')).* from {name} t limit 1) as c"
    );
    let hand_over = format!("update {name} set workspace_id = '{others}'");
    for statement in [copy, hand_over] {
        let mut tx = pool.begin(ours).await.unwrap();
        let error = sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
        assert_eq!(code, FORBIDDEN, "{name}: {error}");
    }
    let take_over = format!("update {name} set workspace_id = '{ours}' where workspace_id = '{others}'");
    let delete = format!("delete from {name} where workspace_id = '{others}'");
    for statement in [take_over, delete] {
        let mut tx = pool.begin(ours).await.unwrap();
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await.unwrap();
        assert_eq!(done.rows_affected(), 0, "{name}: another workspace's rows were written");
    }
}
