//! Whether statements read tables through. It is a service's own statements that are judged: its connections are asked
//! for what they have prepared, and Postgres for the plans of just that.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct Prepared {
    name: String,
    statement: String,
    parameters: Vec<String>,
}

/// Fails if a statement that this connection has prepared reads one of the tables through, or all that a workspace has
/// in it, also when it is planned for these values: a workspace that has rows, and the id of one of them. Gives the
/// statements that name one of the tables.
pub async fn assert_by_index(conn: &mut PgConnection, tables: &[&str], values: [Uuid; 2]) -> Vec<String> {
    let mut judged = Vec::new();
    for Prepared { name, statement, parameters } in prepared(conn, tables).await {
        let values: Vec<String> = parameters.iter().map(|parameter| sample(parameter, values)).collect();
        let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let set = format!("set plan_cache_mode = {mode}");
            sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut *conn).await.unwrap();
            let explain = format!("explain (format json) execute {name}{values}");
            let plan = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(&mut *conn).await.unwrap();
            let plan: Value = plan.get(0);
            let mut found = Vec::new();
            read_through(&plan, tables, &mut found);
            assert!(found.is_empty(), "{mode}: {found:?}\n{statement}\n{plan:#}");
        }
        judged.push(statement);
    }
    sqlx::raw_sql("reset plan_cache_mode").execute(conn).await.unwrap();
    judged
}

/// What this connection has prepared that names one of the tables.
async fn prepared(conn: &mut PgConnection, tables: &[&str]) -> Vec<Prepared> {
    let statements: Vec<Prepared> = sqlx::query_as(
        "select name, statement, parameter_types::text[] as parameters from pg_prepared_statements
         where statement not like '%pg_prepared_statements%' and statement not like '%from someone%'",
    )
    .persistent(false)
    .fetch_all(conn)
    .await
    .unwrap();
    let names_a_table = |prepared: &Prepared| tables.iter().any(|table| prepared.statement.contains(table));
    statements.into_iter().filter(names_a_table).collect()
}

/// A value to plan with.
fn sample(parameter: &str, [workspace, id]: [Uuid; 2]) -> String {
    match parameter {
        "uuid" => format!("'{workspace}'"),
        "uuid[]" => format!("'{{{workspace},{id}}}'"),
        "bigint" | "integer" => "15".into(),
        "bigint[]" | "integer[]" => "'{1,2}'".into(),
        "timestamp with time zone" => "'2026-12-01T08:00:00Z'".into(),
        "timestamp with time zone[]" => "'{2026-12-01T08:00:00Z,2026-12-02T08:00:00Z}'".into(),
        "date" => "'2026-12-01'".into(),
        "text" => "'kisi'".into(),
        "text[]" => "'{kisi,relay}'".into(),
        "boolean" => "'true'".into(),
        "boolean[]" => "'{true,false}'".into(),
        "jsonb" => "'null'".into(),
        "jsonb[]" => "'{null,null}'".into(),
        other => panic!("no sample of {other}"),
    }
}

/// The steps of a plan that read a whole table, or all that a workspace has in it.
fn read_through(plan: &Value, tables: &[&str], found: &mut Vec<String>) {
    if let Value::Object(node) = plan {
        let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default();
        let of = [text("Relation Name"), text("Index Name")];
        let is_ours = of.iter().any(|name| tables.iter().any(|table| name.starts_with(table)));
        let (condition, filter) = (text("Index Cond"), text("Filter"));
        // Row-level security has conditions of its own about the workspace.
        let is_filtered =
            filter.split(" AND ").any(|part| !part.is_empty() && !part.contains("workspace_id"));
        // A page of all is read from where it begins; with a filter that may be far.
        let is_of_all = |part: &str| part.contains("workspace_id") || is_filtered && part.contains("id > ");
        let is_all = text("Node Type") == "Seq Scan"
            || !condition.is_empty() && condition.split(" AND ").all(is_of_all);
        if is_ours && is_all {
            found.push(format!("{} {of:?} {condition}", text("Node Type")));
        }
    }
    match plan {
        Value::Object(node) => node.values().for_each(|value| read_through(value, tables, found)),
        Value::Array(nodes) => nodes.iter().for_each(|value| read_through(value, tables, found)),
        _ => {}
    }
}
