//! The cost of an event and of a tick does not grow with the history.
//!
//! It is the service's own statements that are judged: its connections are asked for what they have
//! prepared, and Postgres for the plans of just that.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use crate::world::{World, at_minute, ended};

const TABLES: [&str; 6] =
    ["access_grant", "door_mapping", "entitlement", "location_settings", "person", "preflight"];

/// Connections that work across workspaces, but for those on which the publisher and the watchers listen.
const CONNECTIONS: usize = 6;

#[derive(sqlx::FromRow)]
struct Prepared {
    name: String,
    statement: String,
    parameters: Vec<String>,
}

impl World {
    /// 20 workspaces with 1,000 people each, this one among them: bookings of the past and of the future,
    /// grants at rest and grants that are due in some weeks.
    async fn fill(&self) {
        let mut conn = self.pool.acquire().await.unwrap();
        sqlx::query(
            "create temp table someone as
             select case tenant when 1 then $1 else md5(tenant::text)::uuid end as workspace_id,
               gen_random_uuid() as person_id, gen_random_uuid() as resource_id, number
             from generate_series(1, 20) as tenant, generate_series(1, 1000) as number",
        )
        .bind(self.workspace.uuid())
        .execute(&mut *conn)
        .await
        .unwrap();
        for statement in [
            "insert into person
             select workspace_id, person_id, 1, 'Ada', 'ada@example.org', $1 is not null, 1 from someone",
            "insert into door_mapping (workspace_id, id, subject_kind, subject_id, location_id, provider,
               target_kind, target_ref, target_name, created_at)
             select workspace_id, gen_random_uuid(), 'resource', resource_id, workspace_id, 'kisi', 'group',
               'group-' || number, '', $1 from someone",
            "insert into entitlement_source
             select workspace_id, 'booking', gen_random_uuid(), 2 from someone where $1 is not null",
            "insert into entitlement (workspace_id, id, source_kind, source_id, person_id, subject_kind,
               subject_id, starts_at, ends_at)
             select workspace_id, gen_random_uuid(), 'booking', gen_random_uuid(), person_id, 'resource',
               resource_id, $1 + make_interval(days => day), $1 + make_interval(days => day, hours => 1)
             from someone, unnest(array[-40, -20, 20, 40]) as day",
            "insert into entitlement (workspace_id, id, source_kind, source_id, person_id, location_id,
               provider, target_kind, target_ref, target_name, starts_at, ends_at)
             select workspace_id, gen_random_uuid(), 'manual', gen_random_uuid(), person_id, workspace_id,
               'kisi', 'group', 'group-' || number, '',
               $1 + make_interval(days => day), $1 + make_interval(days => day, hours => 1)
             from someone, unnest(array[-40, 40]) as day",
            "insert into access_grant (workspace_id, id, person_id, location_id, provider, target_kind,
               target_ref, target_name, next_check_at)
             select workspace_id, gen_random_uuid(), person_id, workspace_id, 'kisi', 'group',
               'group-' || number, '',
               case when number % 2 = 0 then $1 + make_interval(days => 17, secs => number) end
             from someone",
        ] {
            sqlx::query(statement).bind(self.now()).execute(&mut *conn).await.unwrap();
        }
        sqlx::query("drop table someone").execute(&mut *conn).await.unwrap();
        sqlx::query("analyze").execute(&self.owner().await).await.unwrap();
    }
}

/// What this connection has prepared that names one of the tables.
async fn prepared(conn: &mut PgConnection) -> Vec<Prepared> {
    let statements: Vec<Prepared> = sqlx::query_as(
        "select name, statement, parameter_types::text[] as parameters from pg_prepared_statements
         where statement not like '%pg_prepared_statements%' and statement not like '%from someone%'",
    )
    .persistent(false)
    .fetch_all(conn)
    .await
    .unwrap();
    let names_a_table = |prepared: &Prepared| TABLES.iter().any(|table| prepared.statement.contains(table));
    statements.into_iter().filter(names_a_table).collect()
}

/// A value to plan with.
fn sample(parameter: &str, row: &(uuid::Uuid, uuid::Uuid)) -> String {
    match parameter {
        "uuid" => format!("'{}'", row.0),
        "uuid[]" => format!("'{{{},{}}}'", row.0, row.1),
        "bigint" | "integer" => "15".into(),
        "bigint[]" | "integer[]" => "'{1,2}'".into(),
        "timestamp with time zone" => "'2026-12-01T08:00:00Z'".into(),
        "timestamp with time zone[]" => "'{2026-12-01T08:00:00Z,2026-12-02T08:00:00Z}'".into(),
        "text" => "'kisi'".into(),
        "text[]" => "'{kisi,relay}'".into(),
        "boolean[]" => "'{true,false}'".into(),
        "jsonb[]" => "'{null,null}'".into(),
        other => panic!("no sample of {other}"),
    }
}

/// The steps of a plan that read a whole table, or all that a workspace has in it.
fn read_through(plan: &Value, found: &mut Vec<String>) {
    if let Value::Object(node) = plan {
        let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default();
        let of = [text("Relation Name"), text("Index Name")];
        let is_ours = of.iter().any(|name| TABLES.iter().any(|table| name.starts_with(table)));
        let condition = text("Index Cond");
        let is_all = text("Node Type") == "Seq Scan"
            || condition.contains("workspace_id") && !condition.contains(" AND ");
        if is_ours && is_all {
            found.push(format!("{} {of:?} {condition}", text("Node Type")));
        }
    }
    match plan {
        Value::Object(node) => node.values().for_each(|value| read_through(value, found)),
        Value::Array(nodes) => nodes.iter().for_each(|value| read_through(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_of_an_event_or_a_tick_reads_a_table_through() {
    let mut world = World::new().await;
    world.fill().await;
    // Everything once that happens with each event and each tick.
    let resource = world.mapped("group-1").await;
    let mut person = world.new_person();
    let stay = world.booking(&person, &resource, 9, 10);
    world.tell(&stay).await;
    world.obey().await;
    world.tell(&stay.rescheduled(11, 12)).await;
    world.obey().await;
    let friend = world.new_person();
    world.tell(&stay.rescheduled(11, 12).with(&[&friend])).await;
    world.obey().await;
    let manual = world.manual(&friend, "group-2", 9, None);
    world.tell_manual(&manual, &friend).await;
    world.obey().await;
    world.tell_manual(&ended(&manual), &friend).await;
    world.obey().await;
    person.version += 1;
    world.tell_person(&person).await;
    world.harness.clock.set(at_minute(12, 15));
    world.obey().await;
    world.obey().await;
    assert_eq!(world.quiet().await, []);

    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(world.pool.acquire().await.unwrap());
    }
    let mut judged = Vec::new();
    for conn in &mut connections {
        let row: (uuid::Uuid, uuid::Uuid) =
            sqlx::query_as("select workspace_id, id from access_grant limit 1")
                .persistent(false)
                .fetch_one(&mut **conn)
                .await
                .unwrap();
        for Prepared { name, statement, parameters } in prepared(conn).await {
            let values: Vec<String> = parameters.iter().map(|parameter| sample(parameter, &row)).collect();
            let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
            for mode in ["force_custom_plan", "force_generic_plan"] {
                let set = format!("set plan_cache_mode = {mode}");
                sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut **conn).await.unwrap();
                let explain = format!("explain (format json) execute {name}{values}");
                let plan = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_one(&mut **conn).await.unwrap();
                let plan: Value = plan.get(0);
                let mut found = Vec::new();
                read_through(&plan, &mut found);
                assert!(found.is_empty(), "{mode}: {found:?}\n{statement}\n{plan:#}");
            }
            judged.push(statement);
        }
        sqlx::raw_sql("reset plan_cache_mode").execute(&mut **conn).await.unwrap();
    }
    drop(connections);
    // The claim of what is due, when the next is, the windows of grants, and their makers.
    for part in [
        "where next_check_at <= $1",
        "min(next_check_at)",
        "coalesce(m.lead_minutes, l.lead_minutes, s.lead_minutes, $3)",
        "insert into access_grant",
        "insert into entitlement_source",
        "insert into entitlement (",
        "delete from entitlement",
        "e.source_kind = k.source_kind",
        "e.target_ref = g.target_ref",
        "join access_grant g on g.workspace_id = m.workspace_id",
        "join access_grant g on g.workspace_id = k.workspace_id and g.provider",
        "insert into person",
        "update access_grant g set generation",
        "for update of g",
    ] {
        assert!(judged.iter().any(|statement| statement.contains(part)), "{part} in {judged:#?}");
    }
    world.harness.finish().await;
}
