//! What a daily run costs: 20,000 memberships that begin a period, with a short history of invoices, and a long one.

use std::fs;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::Instant;

use super::memory;
use crate::Stage;

const WORKSPACES: i32 = 20;
/// Each pays one membership.
const PAYERS_OF_EACH: i32 = 1_000;
/// Invoices that were paid long ago.
const HISTORY_SHORT: i32 = 10_000;
const HISTORY_LONG: i32 = 1_000_000;

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Invoices that were there before.
    pub history: i64,
    /// Invoices that it wrote.
    pub invoices: i64,
    /// For each, in milliseconds.
    pub each_ms: f64,
    /// Of the processor time of Postgres and billing together, the share of Postgres.
    pub in_postgres: f64,
    /// Resident memory of billing afterwards, in MiB.
    pub resident_mib: f64,
}

/// Measures a run with either history. Nothing is charged: that is Stripe's time.
pub async fn measure(stage: &mut Stage) -> [Run; 2] {
    stage.kill("billing").await;
    let mut conn = PgConnection::connect(&stage.postgres.url("latchkey")).await.expect("connects");
    conn.execute("set search_path = billing").await.expect("the schema");
    prepare(&mut conn).await;
    add_history(&mut conn, 0, HISTORY_SHORT).await;
    let short = run(stage, &mut conn).await;
    stage.kill("billing").await;
    add_history(&mut conn, HISTORY_SHORT, HISTORY_LONG).await;
    [short, run(stage, &mut conn).await]
}

/// Has billing write what is due from now on.
async fn run(stage: &mut Stage, conn: &mut PgConnection) -> Run {
    let history = count(conn).await;
    sqlx::query(
        "update subscription set billed_until = starts_on, due_at = now() - interval '1 minute' * random()",
    )
    .execute(&mut *conn)
    .await
    .expect("due");
    rest(conn).await;
    let left = "select count(*) from subscription where due_at <= now()";
    let mut left = async || -> i64 { sqlx::query_scalar(left).fetch_one(&mut *conn).await.expect("counts") };
    let all = left().await;
    stage.start("billing").await;
    // From the first invoice on: a process takes its time to start.
    while left().await == all {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (start, before) = (Instant::now(), Processors::of(stage));
    let invoices = left().await;
    while left().await > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (elapsed, after) = (start.elapsed(), Processors::of(stage));
    let [postgres, billing] = [after.postgres - before.postgres, after.billing - before.billing];
    let resident = memory::measure(stage).into_iter().find(|(service, _)| *service == "billing");
    Run {
        history,
        invoices,
        each_ms: elapsed.as_secs_f64() * 1_000.0 / invoices as f64,
        in_postgres: postgres as f64 / (postgres + billing) as f64,
        resident_mib: resident.map_or(f64::NAN, |(_, mib)| mib),
    }
}

async fn count(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from invoice").fetch_one(conn).await.expect("counts")
}

async fn rest(conn: &mut PgConnection) {
    for statement in ["vacuum analyze", "checkpoint"] {
        conn.execute(statement).await.expect("at rest");
    }
}

/// Processor time that was used until now, in ticks.
struct Processors {
    postgres: u64,
    billing: u64,
}

impl Processors {
    fn of(stage: &Stage) -> Self {
        let postmaster = stage.postgres.pid().expect("Postgres runs");
        let billing = stage.pid("billing").expect("billing runs");
        let processes = fs::read_dir("/proc").expect("Linux").filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, ticks(pid)?))
        });
        let mut found = Self { postgres: 0, billing: 0 };
        for (pid, (parent, own)) in processes {
            match pid {
                _ if pid == postmaster || parent == postmaster => found.postgres += own,
                _ if pid == billing => found.billing += own,
                _ => {}
            }
        }
        found
    }
}

/// A process's parent, and the ticks of it and of its children that have ended.
fn ticks(pid: u32) -> Option<(u32, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may have blanks.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((fields.get(1)?.parse().ok()?, ticks))
}

async fn prepare(conn: &mut PgConnection) {
    let payer = "create temp table bench_payer as
         select md5('bills ' || tenant)::uuid as workspace_id, md5('payer ' || tenant || ' ' || number)::uuid as id,
           (now() at time zone 'Europe/Vienna')::date as today
         from generate_series(1, $1) as tenant, generate_series(1, $2) as number";
    sqlx::query(payer).bind(WORKSPACES).bind(PAYERS_OF_EACH).execute(&mut *conn).await.expect("payers");
    for statement in [
        "insert into billing_settings (workspace_id, currency, time_zone, anchor_day, due_days, auto_charge,
           pause_after_days, booking_payment, cancellation, seller_name, seller_address, seller_tax_id, seller_footer,
           number_prefix, version, updated_at)
         select distinct workspace_id, 'EUR', 'Europe/Vienna', 1, 14, false, 0, 'before_confirmation', 'keep',
           'Bench GmbH', '{}'::text[], '', '', 'INV-', 1, now() from bench_payer",
        "insert into customer (workspace_id, id, person_id, created_at)
         select workspace_id, id, id, now() from bench_payer",
        "insert into payer (workspace_id, customer_id, display_name, email)
         select workspace_id, id, 'Ada', 'ada@example.org' from bench_payer",
        "insert into subscription (workspace_id, membership_id, customer_id, location_id, time_zone, description, rate,
           currency, cycle_interval, starts_on, billed_until, is_paused, version)
         select workspace_id, gen_random_uuid(), id, workspace_id, 'Europe/Vienna', 'Flex', 30000, 'EUR', 'month', today,
           today, false, 1 from bench_payer",
        "insert into document_number select distinct workspace_id, 'invoice', 0 from bench_payer",
    ] {
        conn.execute(statement).await.expect("rows");
    }
}

/// Adds invoices that were paid a year ago, evenly over all payers.
async fn add_history(conn: &mut PgConnection, from: i32, until: i32) {
    let old = "create temp table bench_old as
         select workspace_id, customer_id, gen_random_uuid() as id,
           document_number.last + row_number() over (partition by workspace_id) as number, today - 365 as day
         from (
           select workspace_id, id as customer_id, today, row_number() over () - 1 as place from bench_payer
         ) as known
         join generate_series($1, $2 - 1) as nth on nth % $3 = place
         join document_number using (workspace_id)";
    let payers = WORKSPACES * PAYERS_OF_EACH;
    sqlx::query(old).bind(from).bind(until).bind(payers).execute(&mut *conn).await.expect("old invoices");
    for statement in [
        "insert into invoice (workspace_id, id, customer_id, location_id, time_zone, currency, stage, due_on, subtotal,
           tax, total, paid, number, number_text, issued_on, bill_to_name, bill_to_email, bill_to_address,
           bill_to_tax_id, memo, version, created_at, updated_at)
         select workspace_id, id, customer_id, workspace_id, 'Europe/Vienna', 'EUR', 'out', day + 14, 30000, 0, 30000,
           30000, number, 'INV-' || number, day, 'Ada', 'ada@example.org', '{}', '', '', 3, day, day from bench_old",
        "insert into invoice_line (workspace_id, invoice_id, line, description, quantity, unit_price, discount, amount,
           tax, subject_kind, subject_id, starts_on, ends_on)
         select workspace_id, id, 0, 'Flex', 1000, 30000, 0, 30000, 0, 'membership', customer_id, day, day + 30
         from bench_old",
        "update document_number set last = (
           select coalesce(max(number), 0) from invoice where invoice.workspace_id = document_number.workspace_id)",
        "drop table bench_old",
    ] {
        conn.execute(statement).await.expect("rows");
    }
}
