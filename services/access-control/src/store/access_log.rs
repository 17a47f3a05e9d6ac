//! Rows of the access log. They are only ever added, in the transaction of what they tell.

use domain::{LocationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1 as pb;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::access_log;
use crate::convert;
use crate::model::{LogFilter, Operation, OperationState, RETENTION_DAYS_DEFAULT};

/// The channel on which Postgres tells in which workspaces entries were added.
pub(crate) const ADDITIONS: &str = "access_log";

/// An entry on its way into the log, and by what it is found there.
#[derive(Debug)]
pub(crate) struct Addition {
    pub workspace: WorkspaceId,
    /// When it happened.
    pub happened_at: Timestamp,
    /// When it was known.
    pub known_at: Timestamp,
    pub person: Option<PersonId>,
    pub location: Option<LocationId>,
    pub outcome: OperationState,
    /// Without its place in the log.
    pub entry: pb::AccessLogEntry,
}

impl Addition {
    /// What came of an operation.
    pub(crate) fn of(operation: &Operation, now: Timestamp) -> Self {
        Self {
            workspace: operation.workspace,
            happened_at: now,
            known_at: now,
            person: operation.person,
            location: Some(operation.location),
            outcome: operation.state,
            entry: convert::log_entry(operation, now),
        }
    }
}

/// Adds an entry.
pub(crate) async fn append(conn: &mut PgConnection, addition: Addition) -> Result<(), sqlx::Error> {
    let workspace = addition.workspace.uuid();
    let (last, previous) = match hold_head(conn, workspace).await? {
        Some(head) => head,
        None => begin(conn, workspace).await?,
    };
    let mut entry = pb::AccessLogEntry { sequence: last + 1, ..addition.entry };
    let hash = access_log::hash(&entry, &previous);
    entry.hash = hash.to_vec();
    let door = entry.door.clone().unwrap_or_default();
    let target = door.target.unwrap_or_default();
    sqlx::query(
        "with added as (
           insert into access_log (workspace_id, sequence, happened_at, person_id, location_id, provider, spot_ref,
             outcome, entry)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         )
         update access_log_head set sequence = $2, hash = $10,
           prune_at = coalesce(prune_at, $11 + make_interval(days => coalesce(retention_days, $12)))
         where workspace_id = $1 returning pg_notify($13, $14)",
    )
    .bind(workspace)
    .bind(entry.sequence)
    .bind(addition.happened_at)
    .bind(addition.person.map(PersonId::uuid))
    .bind(addition.location.map(LocationId::uuid))
    .bind(&door.provider)
    .bind(&target.r#ref)
    .bind(addition.outcome)
    .bind(Json(&entry))
    .bind(hash.as_slice())
    .bind(addition.known_at)
    .bind(RETENTION_DAYS_DEFAULT)
    .bind(ADDITIONS)
    .bind(addition.workspace.to_string())
    .execute(conn)
    .await?;
    Ok(())
}

/// A workspace's last sequence and hash; held until the end of the transaction.
async fn hold_head(conn: &mut PgConnection, workspace: Uuid) -> Result<Option<(i64, Vec<u8>)>, sqlx::Error> {
    sqlx::query_as("select sequence, hash from access_log_head where workspace_id = $1 for update")
        .bind(workspace)
        .fetch_optional(conn)
        .await
}

/// Begins a workspace's log, unless somebody else just does.
async fn begin(conn: &mut PgConnection, workspace: Uuid) -> Result<(i64, Vec<u8>), sqlx::Error> {
    sqlx::query(
        "insert into access_log_head (workspace_id, sequence, hash) values ($1, 0, $2) on conflict do nothing",
    )
    .bind(workspace)
    .bind(access_log::BEGIN.as_slice())
    .execute(&mut *conn)
    .await?;
    hold_head(conn, workspace).await?.ok_or(sqlx::Error::RowNotFound)
}

/// The sequence of a workspace's last entry; 0: there is none.
pub(crate) async fn last(conn: &mut PgConnection, workspace: WorkspaceId) -> Result<i64, sqlx::Error> {
    let last: Option<i64> =
        sqlx::query_scalar("select sequence from access_log_head where workspace_id = $1")
            .bind(workspace.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(last.unwrap_or_default())
}

/// The last entry since then of each who opened a door, if that was at this location and not on the way out; last seen
/// first. Doors that were opened for others, from afar, say of nobody where they are.
pub(crate) async fn last_seen(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: LocationId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<pb::AccessLogEntry>, sqlx::Error> {
    let rows: Vec<(Json<pb::AccessLogEntry>,)> = sqlx::query_as(
        "select entry from (
           select distinct on (who) who, location_id, happened_at, sequence, entry from (
             select coalesce(person_id::text, provider || ' ' || nullif(entry ->> 'holder', '')) as who,
               location_id, happened_at, sequence, entry
             from access_log
             where workspace_id = $1 and happened_at >= $3 and outcome = 'done'
               and entry ->> 'action' = 'DOOR_ACTION_PULSE'
               and entry ->> 'source' not in ('ACCESS_LOG_SOURCE_ADMIN', 'ACCESS_LOG_SOURCE_PROVIDER')
           ) as opened where who is not null
           order by who, happened_at desc, sequence desc
         ) as last
         where location_id = $2 and coalesce(entry ->> 'direction', '') <> 'PASSAGE_DIRECTION_EXIT'
         order by happened_at desc, sequence desc limit $4",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .bind(since)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(entry,)| entry.0).collect())
}

/// Newest first: those before the one with this sequence.
pub(crate) async fn before(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &LogFilter,
    sequence: i64,
    limit: i64,
) -> Result<Vec<pb::AccessLogEntry>, sqlx::Error> {
    // Each filter has an index, which a statement that leaves it open could not use.
    let mut query = selection(workspace, filter);
    query.push(" and sequence < ").push_bind(sequence);
    query.push(" order by sequence desc limit ").push_bind(limit);
    entries(query, conn).await
}

/// Oldest first: those after the one with this sequence.
pub(crate) async fn after(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &LogFilter,
    sequence: i64,
    limit: i64,
) -> Result<Vec<pb::AccessLogEntry>, sqlx::Error> {
    let mut query = selection(workspace, filter);
    query.push(" and sequence > ").push_bind(sequence);
    query.push(" order by sequence limit ").push_bind(limit);
    entries(query, conn).await
}

fn selection(workspace: WorkspaceId, filter: &LogFilter) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("select entry from access_log where workspace_id = ");
    query.push_bind(workspace.uuid());
    if let Some(locations) = &filter.locations {
        let locations: Vec<_> = locations.iter().copied().map(LocationId::uuid).collect();
        query.push(" and location_id = any(").push_bind(locations).push(")");
    }
    if let Some(person) = filter.person {
        query.push(" and person_id = ").push_bind(person.uuid());
    }
    if let Some((provider, door)) = &filter.door {
        query.push(" and provider = ").push_bind(provider.clone());
        query.push(" and spot_ref = ").push_bind(door.clone());
    }
    if let Some(from) = filter.from {
        query.push(" and happened_at >= ").push_bind(from);
    }
    if let Some(until) = filter.until {
        query.push(" and happened_at < ").push_bind(until);
    }
    if !filter.outcomes.is_empty() {
        query.push(" and outcome = any(").push_bind(filter.outcomes.clone()).push(")");
    }
    query
}

async fn entries(
    mut query: QueryBuilder<Postgres>,
    conn: &mut PgConnection,
) -> Result<Vec<pb::AccessLogEntry>, sqlx::Error> {
    let rows: Vec<(Json<pb::AccessLogEntry>,)> = query.build_query_as().fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(entry,)| entry.0).collect())
}
