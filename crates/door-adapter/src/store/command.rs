//! Commands that wait, and what was answered.

use chrono::Duration;
use domain::names::{GrantName, ProviderUserName, WayInName};
use domain::{GrantId, ProviderUserId, Timestamp, WayInId, WorkspaceId};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{LaneKey, columns};
use crate::request::Matter;

chassis::text_enum! {
    /// What a command is about.
    enum Kind { Grant = "grant", User = "user", WayIn = "way_in" }
}

fn kind(matter: Matter) -> Kind {
    match matter {
        Matter::Grant(_) => Kind::Grant,
        Matter::User(_) => Kind::User,
        Matter::WayIn(_) => Kind::WayIn,
    }
}

/// A command as it came.
#[derive(Debug)]
pub(crate) struct NewCommand<'a> {
    pub matter: Matter,
    pub generation: i64,
    pub site: Uuid,
    pub due_at: Timestamp,
    pub event_id: Uuid,
    pub correlation: &'a str,
    pub traceparent: Option<&'a str>,
    pub body: Vec<u8>,
}

/// Keeps commands until they are answered: of each matter the newest, none that was answered itself, or is older
/// than one that was: nobody would hear of what it does. At most one per matter may be given.
pub(crate) async fn put(conn: &mut PgConnection, commands: &[NewCommand<'_>]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with new as (
           select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[],
                                $6::uuid[], $7::text[], $8::text[], $9::bytea[], $10::text[])
             as new (workspace_id, grant_id, generation, site_id, due_at,
                     event_id, correlation, traceparent, body, kind)),
         kept as (
           insert into command (workspace_id, grant_id, generation, site_id, lane_id, due_at,
                                event_id, correlation, traceparent, body, kind)
           select new.workspace_id, new.grant_id, new.generation, new.site_id,
                  coalesce(route.lane_id, new.site_id), due_at,
                  event_id, correlation, traceparent, body, kind
           from new
           left join route on route.workspace_id = new.workspace_id and route.site_id = new.site_id
           left join answered on answered.workspace_id = new.workspace_id
                             and answered.grant_id = new.grant_id
           where answered.generation is null or answered.generation < new.generation
           order by new.workspace_id, new.grant_id
           on conflict (workspace_id, grant_id) do update
             set generation = excluded.generation, site_id = excluded.site_id,
                 lane_id = excluded.lane_id, due_at = excluded.due_at, event_id = excluded.event_id,
                 correlation = excluded.correlation, traceparent = excluded.traceparent,
                 body = excluded.body
             where command.generation < excluded.generation
           returning workspace_id, lane_id)
         insert into lane (workspace_id, id, arrivals, is_pending)
         select distinct workspace_id, lane_id, 1, true from kept order by workspace_id, lane_id
         on conflict (workspace_id, id) do update set arrivals = lane.arrivals + 1, is_pending = true",
    )
    .bind(commands.iter().map(|c| c.matter.workspace().uuid()).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| c.matter.id()).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| c.generation).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| c.site).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| c.due_at).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| c.event_id).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| c.correlation).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| c.traceparent).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| c.body.as_slice()).collect::<Vec<_>>())
    .bind(commands.iter().map(|c| kind(c.matter)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// A command that waits.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub matter: Matter,
    pub generation: i64,
    pub event_id: Uuid,
    pub correlation: String,
    pub traceparent: Option<String>,
    pub body: Vec<u8>,
}

/// The most urgent commands of a lane.
#[derive(Debug)]
pub(crate) struct Batch {
    pub lane: LaneKey,
    /// How often commands had come in when this was read.
    pub arrivals: i64,
    pub commands: Vec<Waiting>,
}

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    lane_id: Uuid,
    arrivals: i64,
    grant_id: Option<Uuid>,
    generation: Option<i64>,
    event_id: Option<Uuid>,
    correlation: Option<String>,
    traceparent: Option<String>,
    body: Option<Vec<u8>>,
    kind: Option<Kind>,
}

impl Row {
    /// The command; a lane without any has a row all the same.
    fn command(self, workspace: WorkspaceId) -> Option<Waiting> {
        let id = self.grant_id?;
        let matter = match self.kind? {
            Kind::Grant => Matter::Grant(GrantName { workspace, id: GrantId::from_uuid(id) }),
            Kind::User => Matter::User(ProviderUserName { workspace, id: ProviderUserId::from_uuid(id) }),
            Kind::WayIn => Matter::WayIn(WayInName { workspace, id: WayInId::from_uuid(id) }),
        };
        Some(Waiting {
            matter,
            generation: self.generation?,
            event_id: self.event_id?,
            correlation: self.correlation?,
            traceparent: self.traceparent,
            body: self.body?,
        })
    }
}

/// Up to `max` commands of each lane, in order of urgency: by when they are due, then by age. Lanes
/// without any have an empty batch.
pub(crate) async fn fetch(
    conn: &mut PgConnection,
    lanes: &[LaneKey],
    max: usize,
) -> Result<Vec<Batch>, sqlx::Error> {
    let (workspaces, ids) = columns(lanes);
    // One statement, so that arrivals and commands are of the same moment.
    let rows: Vec<Row> = sqlx::query_as(
        "select lane.workspace_id, lane.id as lane_id, lane.arrivals,
                urgent.grant_id, urgent.generation, urgent.event_id,
                urgent.correlation, urgent.traceparent, urgent.body, urgent.kind
         from unnest($1::uuid[], $2::uuid[]) as wanted (workspace_id, id)
         join lane on lane.workspace_id = wanted.workspace_id and lane.id = wanted.id
         left join lateral (
           select * from command
           where command.workspace_id = lane.workspace_id and command.lane_id = lane.id
           order by due_at, event_id limit $3) as urgent on true
         order by lane.workspace_id, lane.id, urgent.due_at, urgent.event_id",
    )
    .bind(workspaces)
    .bind(ids)
    .bind(i64::try_from(max).unwrap_or(i64::MAX))
    .fetch_all(conn)
    .await?;
    let mut batches: Vec<Batch> = Vec::with_capacity(lanes.len());
    for row in rows {
        let lane = LaneKey { workspace: WorkspaceId::from_uuid(row.workspace_id), id: row.lane_id };
        if batches.last().is_none_or(|last| last.lane != lane) {
            batches.push(Batch { lane, arrivals: row.arrivals, commands: Vec::new() });
        }
        if let (Some(batch), Some(command)) = (batches.last_mut(), row.command(lane.workspace)) {
            batch.commands.push(command);
        }
    }
    Ok(batches)
}

/// Commands were answered: they wait no longer, unless a newer one has taken their place.
pub(crate) async fn finish(
    conn: &mut PgConnection,
    answered: impl Iterator<Item = (Matter, i64)> + Clone,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with done as (
           select * from unnest($1::uuid[], $2::uuid[], $3::bigint[])
             as done (workspace_id, grant_id, generation)),
         gone as (
           delete from command using done
           where command.workspace_id = done.workspace_id and command.grant_id = done.grant_id
             and command.generation = done.generation)
         insert into answered (workspace_id, grant_id, generation, answered_at)
         select workspace_id, grant_id, max(generation), $4 from done group by workspace_id, grant_id
         order by workspace_id, grant_id
         on conflict (workspace_id, grant_id) do update
           set generation = greatest(answered.generation, excluded.generation),
               answered_at = excluded.answered_at",
    )
    .bind(answered.clone().map(|(matter, _)| matter.workspace().uuid()).collect::<Vec<_>>())
    .bind(answered.clone().map(|(matter, _)| matter.id()).collect::<Vec<_>>())
    .bind(answered.map(|(_, generation)| generation).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what was answered longer than `age` ago, in batches.
pub(crate) async fn forget_answered(pool: &PgPool, now: Timestamp, age: Duration) -> Result<(), sqlx::Error> {
    const BATCH: i64 = 5_000;
    loop {
        let removed = sqlx::query(
            "delete from answered where (workspace_id, grant_id) in (
               select workspace_id, grant_id from answered where answered_at < $1
               order by answered_at limit $2)",
        )
        .bind(now - age)
        .bind(BATCH)
        .execute(pool)
        .await?
        .rows_affected();
        if removed < BATCH as u64 {
            return Ok(());
        }
    }
}
