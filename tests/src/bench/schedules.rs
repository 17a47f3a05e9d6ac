//! What schedules of doors cost: to decide of 100,000 of them, and a tick in which a few of so many change.

use std::time::Duration;

use access_control::engine::Hours;
use access_control::schedule::{DoorHours, Influences, decide};
use chrono_tz::Tz;
use domain::{Clock as _, OtherDays, SystemClock, WeeklyHours, WeeklyInterval};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::Instant;

use crate::Stage;

/// Doors with a schedule.
const DOORS: i32 = 100_000;
/// Of each account, as many.
const OF_ACCOUNT: i32 = 20;
/// So many of them are due at once, all of an account together: as a site opens in the morning.
const DUE: i32 = 1_000;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Schedules {
    /// Doors with a schedule.
    pub doors: i32,
    /// To decide of all of them, on one thread.
    pub decided_ms: f64,
    /// How many of them were due.
    pub due: i32,
    /// The tick that looked at those.
    pub tick_ms: f64,
}

/// Measures both.
pub async fn measure(stage: &mut Stage) -> Schedules {
    let decided_ms = decide_all();
    let (due, tick_ms) = tick(stage).await;
    Schedules { doors: DOORS, decided_ms, due, tick_ms }
}

/// Office hours, in several zones, of which some are about to begin or end.
fn decide_all() -> f64 {
    let zones = [Tz::Europe__Vienna, Tz::America__New_York, Tz::Asia__Kathmandu, Tz::Australia__Lord_Howe];
    let doors: Vec<DoorHours> = (0u16..1_000)
        .map(|number| {
            let interval = |day: u8| WeeklyInterval {
                day: day.try_into().expect("a day of the week"),
                start: 420 + number % 180,
                end: 960 + number % 240,
            };
            let weekly = WeeklyHours::new((0..5).map(interval).collect()).expect("hours");
            let zone = zones[usize::from(number) % zones.len()];
            DoorHours { hours: Hours { weekly, zone }, others: OtherDays::new() }
        })
        .collect();
    let now = SystemClock.now();
    let hold_max = Duration::from_secs(24 * 3_600);
    let start = Instant::now();
    for number in 0..DOORS {
        let door = &doors[usize::try_from(number).unwrap_or_default() % doors.len()];
        let influences = Influences::new(now, Some(door), None, None, false);
        std::hint::black_box(decide(&influences, now, None, hold_max));
    }
    start.elapsed().as_secs_f64() * 1_000.0
}

/// Has access-control look at what is due. Their doors are as they should be: what it takes to tell one is measured
/// elsewhere.
async fn tick(stage: &mut Stage) -> (i32, f64) {
    stage.kill("access-control").await;
    let mut conn = PgConnection::connect(&stage.postgres.url("latchkey")).await.expect("connects");
    fill(&mut conn).await;
    // Those that are due, and with them those that are taken: these are due again in two minutes.
    let mut open = async || -> (i64, i64) {
        let count = "select count(*) filter (where due_at <= now()), count(*) from door_schedule
             where due_at < now() + interval '3 minutes'";
        sqlx::query_as(count).fetch_one(&mut conn).await.expect("counts")
    };
    let (due, _) = open().await;
    stage.start("access-control").await;
    // From the first round on: a process takes its time to start.
    while open().await.0 == due {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let start = Instant::now();
    while open().await.1 > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (i32::try_from(due).unwrap_or(i32::MAX), start.elapsed().as_secs_f64() * 1_000.0)
}

async fn fill(conn: &mut PgConnection) {
    conn.execute("set search_path = access_control").await.expect("the schema");
    let door = "create temp table door as
         select md5('schedules ' || number / $2)::uuid as workspace_id, md5('account ' || number / $2)::uuid as account_id,
           (number % $2)::text as ref, number, date_trunc('minute', now()) as now
         from generate_series(0, $1 - 1) as number";
    sqlx::query(door).bind(DOORS).bind(OF_ACCOUNT).execute(&mut *conn).await.expect("doors");
    for statement in [
        "insert into integration (workspace_id, provider, location_id, version, is_active, serves, account_id)
         select distinct workspace_id, 'schedules', null::uuid, 1, true, true, account_id from door where $1 > 0",
        "insert into door_roster select distinct workspace_id, account_id, now from door where $1 > 0",
        r#"insert into account_door
         select workspace_id, account_id, ref, 'Door', null, '{"holdMax": "86400s", "canLock": true}', '{}'
         from door where $1 > 0"#,
        "insert into operation (workspace_id, id, caller, action, hold_until, location_id, provider, account_id,
           spot_kind, spot_ref, spot_name, state, reason, detail, begun_at, ended_at, source)
         select workspace_id, gen_random_uuid(), '', 'lock', null, workspace_id, 'schedules', account_id, 'door', ref,
           'Door', 'done', '', '', now - interval '1 hour', now - interval '1 hour', 'schedule'
         from door where $1 > 0",
        // An hour of the day after tomorrow: the door is locked, and stays so.
        "insert into door_schedule (workspace_id, account_id, door_ref, id, provider, location_id, hours, time_zone,
           is_held_for_bookings, is_deleted, due_at, is_look, failures)
         select workspace_id, account_id, ref, gen_random_uuid(), 'schedules', workspace_id,
           jsonb_build_array(jsonb_build_object(
             'day', to_char(now + interval '2 days', 'Dy'), 'start', 540, 'end', 600)),
           'Europe/Vienna', true, false,
           case when number < $1 then now - interval '1 minute' * random() else now + interval '1 day' end,
           false, 0
         from door",
    ] {
        sqlx::query(statement).bind(DUE).execute(&mut *conn).await.expect("rows");
    }
    for statement in ["drop table door", "vacuum analyze", "checkpoint"] {
        sqlx::query(statement).execute(&mut *conn).await.expect("at rest");
    }
}
