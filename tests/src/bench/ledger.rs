//! What a look at a due grant costs the scheduler: in a small ledger, and in one of a million grants.

use std::time::Duration;

use domain::Timestamp;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::Instant;

use super::memory;
use crate::Stage;

/// Workspaces of the small ledger, each with ten doors and ten people at each: all of their grants are due.
const WORKSPACES_FEW: i32 = 100;
/// Those of the large one. Of these a tenth of the grants is due.
const WORKSPACES_MANY: i32 = 10_000;

/// What it took to look at all that was due.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// Grants in the ledger.
    pub grants: i64,
    /// Grants that were due within the same minute.
    pub due: i64,
    /// For each that was due, in milliseconds.
    pub each_ms: f64,
    /// Resident memory of access-control afterwards, in MiB.
    pub resident_mib: f64,
}

/// Measures a small ledger, then a large one. What is due has what it should have: telling is measured elsewhere.
pub async fn measure(stage: &mut Stage) -> [Looks; 2] {
    let few = measure_one(stage, 0, WORKSPACES_FEW, 1).await;
    [few, measure_one(stage, WORKSPACES_FEW, WORKSPACES_FEW + WORKSPACES_MANY, 10).await]
}

/// Adds workspaces of which each `nth` grant is due, and has all of them looked at.
async fn measure_one(stage: &mut Stage, from: i32, until: i32, nth: i32) -> Looks {
    stage.kill("access-control").await;
    let mut conn = PgConnection::connect(&stage.postgres.url("latchkey")).await.expect("connects");
    fill(&mut conn, from, until, nth).await;
    let (grants, due): (i64, i64) =
        sqlx::query_as("select count(*), count(*) filter (where next_check_at <= now()) from access_grant")
            .fetch_one(&mut conn)
            .await
            .expect("counts");
    let mut first_due = async || -> Option<Timestamp> {
        let next =
            sqlx::query_scalar("select min(next_check_at) from access_grant where next_check_at <= now()");
        next.fetch_one(&mut conn).await.expect("the next one")
    };
    let oldest = first_due().await;
    stage.start("access-control").await;
    // From the first round on: a process takes its time to start.
    while first_due().await == oldest {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let start = Instant::now();
    while first_due().await.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let each_ms = start.elapsed().as_secs_f64() * 1_000.0 / due as f64;
    let resident = memory::measure(stage).into_iter().find(|(service, _)| *service == "access-control");
    Looks { grants, due, each_ms, resident_mib: resident.map_or(f64::NAN, |(_, mib)| mib) }
}

async fn fill(conn: &mut PgConnection, from: i32, until: i32, nth: i32) {
    conn.execute("set search_path = access_control").await.expect("the schema");
    let someone = "create temp table someone as
         select md5('ledger ' || tenant)::uuid as workspace_id, md5('person ' || tenant || ' ' || number)::uuid
             as person_id,
           md5('room ' || tenant || ' ' || number % 10)::uuid as resource_id, number % 10 as door, number,
           date_trunc('minute', now()) as now
         from generate_series($1 + 1, $2) as tenant, generate_series(0, 99) as number";
    sqlx::query(someone).bind(from).bind(until).execute(&mut *conn).await.expect("people");
    for statement in [
        "insert into person (workspace_id, id, version, display_name, email, is_active, contact_version)
         select workspace_id, person_id, 1, 'Ada', 'ada@example.org', $1 > 0, 1 from someone",
        "insert into door_mapping (workspace_id, id, subject_kind, subject_id, location_id, provider, target_kind,
           target_ref, target_name, created_at)
         select workspace_id, gen_random_uuid(), 'resource', resource_id, workspace_id, 'ledger', 'group', door, '',
           now from someone where number < 10 and $1 > 0",
        "insert into entitlement (workspace_id, id, source_kind, source_id, person_id, subject_kind, subject_id,
           starts_at, ends_at)
         select workspace_id, gen_random_uuid(), 'booking', gen_random_uuid(), person_id, 'resource', resource_id,
           now - interval '1 hour', now + interval '1 day' from someone where $1 > 0",
        "insert into access_grant (workspace_id, id, person_id, location_id, provider, target_kind, target_ref,
           target_name, generation, desired_starts_at, desired_ends_at, told_starts_at, told_ends_at, observed,
           observed_starts_at, observed_ends_at, told_contact, known_contact, next_check_at)
         select workspace_id, gen_random_uuid(), person_id, workspace_id, 'ledger', 'group', door, '', 1, starts_at,
           ends_at, starts_at, ends_at, 'holds', starts_at, ends_at, 1, 1,
           case when number % $1 = 0 then now - interval '1 minute' * random() else ends_at end
         from someone, lateral (select now - interval '75 minutes' as starts_at,
           now + interval '1 day 15 minutes' as ends_at) as held",
    ] {
        sqlx::query(statement).bind(nth).execute(&mut *conn).await.expect("rows");
    }
    for statement in ["drop table someone", "vacuum analyze", "checkpoint"] {
        sqlx::query(statement).execute(&mut *conn).await.expect("at rest");
    }
}
