//! Row-level security: who sees which rows of a schema.
//!
//! A schema has two roles, and a service's connections are always one of them. Neither owns a table nor
//! may pass over the policies.
//!
//! - `<schema>_service` sees and writes the rows of the workspace that its transaction was begun for,
//!   without one nothing ([`WorkspacePool`](super::WorkspacePool)).
//! - `<schema>_platform` sees all rows. It is for what works across workspaces.
//!
//! The owner sees nothing, either, unless it is a member of `<schema>_platform` or a superuser.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// The setting that names the workspace of a transaction.
pub(super) const WORKSPACE: &str = "latchkey.workspace";

/// One of a schema's two roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Workspace,
    Platform,
}

impl Scope {
    pub(super) fn role(self, schema: &str) -> String {
        match self {
            Self::Workspace => format!("{schema}_service"),
            Self::Platform => format!("{schema}_platform"),
        }
    }
}

/// A table as the catalog has it.
#[derive(sqlx::FromRow)]
struct Table {
    name: String,
    /// Whether its rows are a workspace's.
    is_owned: bool,
    /// Whether the policies stand.
    is_secured: bool,
}

/// Why a schema is not isolated.
#[derive(Debug, thiserror::Error)]
pub enum IsolationError {
    /// Postgres refused.
    #[error("Postgres refused")]
    Store(#[from] sqlx::Error),
    /// A table that is not said to be without workspace.
    #[error("table {0} has no column workspace_id, and is not listed as shared")]
    Unowned(String),
}

/// Makes the roles of a schema, gives them their rights, and has every table that has a `workspace_id`
/// guarded by the policies. The others must be `shared` or `internal`: the bookkeeping of migrations,
/// which services only read. Does nothing that was done before.
pub(super) async fn enforce(
    conn: &mut PgConnection,
    schema: &str,
    shared: &[&str],
    internal: &[&str],
) -> Result<(), IsolationError> {
    let (service, platform) = (Scope::Workspace.role(schema), Scope::Platform.role(schema));
    for role in [&service, &platform] {
        ensure_role(conn, role).await?;
    }
    let mut tx = conn.begin().await?;
    let mut statements = vec![
        format!("grant usage on schema {schema} to {service}, {platform}"),
        format!(
            "grant select, insert, update, delete on all tables in schema {schema} to {service}, {platform}"
        ),
    ];
    for Table { name, is_owned, is_secured } in tables(&mut tx, schema).await? {
        let table = format!("{schema}.{name}");
        if internal.contains(&name.as_str()) {
            statements.push(format!("revoke insert, update, delete on {table} from {service}, {platform}"));
        } else if !is_owned && !shared.contains(&name.as_str()) {
            return Err(IsolationError::Unowned(name));
        } else if is_owned && !is_secured {
            statements.extend([
                format!("alter table {table} enable row level security, force row level security"),
                format!("drop policy if exists workspace on {table}"),
                // A plain equality of a stable value: as good to an index as a parameter.
                format!(
                    "create policy workspace on {table} to {service}
                     using (workspace_id = nullif(current_setting('{WORKSPACE}', true), '')::uuid)"
                ),
                format!("drop policy if exists platform on {table}"),
                format!("create policy platform on {table} to {platform} using (true)"),
            ]);
        }
    }
    // Made of names of the program's own schemas and tables, never of input.
    sqlx::raw_sql(AssertSqlSafe(statements.join(";\n"))).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Roles belong to the whole server, so another database's migration may make the same one at this
/// moment. The login that migrates becomes a member: it can run the service, and its later migrations
/// see the rows.
async fn ensure_role(conn: &mut PgConnection, role: &str) -> Result<(), sqlx::Error> {
    let ensure = format!(
        "do $$ begin
           if to_regrole('{role}') is null then
             create role {role} nologin nosuperuser nobypassrls;
           end if;
         exception when duplicate_object or unique_violation then null;
         end $$;
         do $$ begin
           if not pg_has_role('{role}', 'usage') then
             grant {role} to current_user;
           end if;
         end $$"
    );
    // The name is a constant of the service.
    sqlx::raw_sql(AssertSqlSafe(ensure)).execute(conn).await?;
    Ok(())
}

async fn tables(conn: &mut PgConnection, schema: &str) -> Result<Vec<Table>, sqlx::Error> {
    sqlx::query_as(
        "select c.relname::text as name,
           exists (select from pg_attribute a
                   where a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped) as is_owned,
           c.relrowsecurity and c.relforcerowsecurity and array['platform', 'workspace']::name[] =
             array(select p.polname from pg_policy p where p.polrelid = c.oid order by p.polname) as is_secured
         from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p')
         order by c.relname",
    )
    .bind(schema)
    .fetch_all(conn)
    .await
}
