//! The ledger as the senders see it: rows that are due, and what became of them.

use domain::{BookingId, MessageId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::ledger::Line;
use crate::engine::{Due, SUPERSEDED};
use crate::model::{Channel, Content, Kind, MessageKey, Standing, State, SuppressionReason};

/// A row whose time has come.
#[derive(Debug)]
pub(crate) struct DueMessage {
    pub key: MessageKey,
    pub booking: BookingId,
    pub booking_version: Option<i64>,
    pub kind: Kind,
    /// `None`: what is stored can't be read.
    pub content: Option<Content>,
    pub traceparent: Option<String>,
    pub due: Due,
}

#[derive(sqlx::FromRow)]
struct DueRow {
    workspace_id: Uuid,
    id: Uuid,
    booking_id: Uuid,
    booking_version: Option<i64>,
    kind: Kind,
    content: Json<serde_json::Value>,
    traceparent: Option<String>,
    state: State,
    attempts: i32,
    due_at: Option<Timestamp>,
    in_doubt_since: Option<Timestamp>,
    last_error: Option<String>,
    expires_at: Timestamp,
    is_superseded: bool,
    is_blocked: bool,
    suppressed: Option<SuppressionReason>,
}

/// Rows of all workspaces that are due, longest first; they are locked, those that other replicas have
/// locked passed over.
pub(crate) async fn lock_due(
    conn: &mut PgConnection,
    channel: Channel,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<DueMessage>, sqlx::Error> {
    let rows: Vec<DueRow> = sqlx::query_as(
        "select workspace_id, id, booking_id, booking_version, kind, content, traceparent, state, attempts,
           due_at, in_doubt_since, last_error, expires_at,
           exists (
             select 1 from message n
             where n.workspace_id = m.workspace_id and n.booking_id = m.booking_id
               and n.channel = m.channel and n.booking_version > m.booking_version) as is_superseded,
           -- Queued ones too: another replica may be taking one up right now.
           exists (
             select 1 from message o
             where o.workspace_id = m.workspace_id and o.booking_id = m.booking_id
               and o.channel = m.channel and o.booking_version < m.booking_version
               and o.state in ('queued', 'sending')) as is_blocked,
           -- Nothing that is sent so far is sent without need.
           (select min(reason) from suppression s
            where s.workspace_id = m.workspace_id and s.channel = m.channel
              and s.address = lower(m.content ->> 'to') and s.reason <> 'unsubscribed') as suppressed
         from message m
         where channel = $1 and due_at <= $2
         order by due_at limit $3 for update of m skip locked",
    )
    .bind(channel)
    .bind(now)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(conn)
    .await?;
    let message = |row: DueRow| DueMessage {
        key: MessageKey {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: MessageId::from_uuid(row.id),
        },
        booking: BookingId::from_uuid(row.booking_id),
        booking_version: row.booking_version,
        kind: row.kind,
        // One that can't be read must not keep the others from being sent.
        content: serde_json::from_value(row.content.0).ok(),
        traceparent: row.traceparent,
        due: Due {
            standing: Standing {
                state: row.state,
                attempts: row.attempts,
                due_at: row.due_at,
                in_doubt_since: row.in_doubt_since,
                vendor_ref: None,
                last_error: row.last_error,
                sent_at: None,
            },
            expires_at: row.expires_at,
            is_superseded: row.is_superseded,
            is_blocked: row.is_blocked,
            suppressed: row.suppressed,
        },
    };
    Ok(rows.into_iter().map(message).collect())
}

/// A row's change: from a state and a number of attempts to a standing.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub key: MessageKey,
    pub from: (State, i32),
    pub to: Standing,
}

/// Writes changes. A row that is no longer where its change comes from is left alone: someone else
/// knows better, such as the vendor's report, or a replica that has taken it up since.
pub(crate) async fn write(conn: &mut PgConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update message m set state = c.state, attempts = c.attempts, due_at = c.due_at,
           in_doubt_since = c.in_doubt_since, vendor_ref = c.vendor_ref, last_error = c.last_error,
           sent_at = c.sent_at
         from (
           select n.* from unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::text[],
             $6::integer[], $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[],
             $11::timestamptz[])
             as n (workspace_id, id, from_state, from_attempts, state, attempts, due_at, in_doubt_since,
                   vendor_ref, last_error, sent_at)
           join message l on l.workspace_id = n.workspace_id and l.id = n.id
             and l.state = n.from_state and l.attempts = n.from_attempts
           -- In one order, or two writers could wait for each other.
           order by l.workspace_id, l.id for update of l
         ) as c
         where m.workspace_id = c.workspace_id and m.id = c.id",
    )
    .bind(changes.iter().map(|c| c.key.workspace.uuid()).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.key.id.uuid()).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.from.0).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.from.1).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.to.state).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.to.attempts).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.to.due_at).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.to.in_doubt_since).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.to.vendor_ref.as_deref()).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.to.last_error.as_deref()).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.to.sent_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Expires messages that wait although there is one about a newer version. One that a replica has
/// locked is about to be sent; the newer one waits for it.
pub(crate) async fn supersede_older(
    conn: &mut PgConnection,
    newest: impl IntoIterator<Item = (Line, i64)>,
) -> Result<(), sqlx::Error> {
    let mut columns: (Vec<Uuid>, Vec<Uuid>, Vec<Channel>, Vec<i64>) = Default::default();
    for ((workspace, booking, channel), version) in newest {
        columns.0.push(workspace.uuid());
        columns.1.push(booking.uuid());
        columns.2.push(channel);
        columns.3.push(version);
    }
    sqlx::query(
        "update message m set state = 'expired', due_at = null, last_error = $5
         from (
           select o.workspace_id, o.id from message o
           join unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
             as n (workspace_id, booking_id, channel, booking_version)
             on o.workspace_id = n.workspace_id and o.booking_id = n.booking_id
               and o.channel = n.channel and o.booking_version < n.booking_version
           where o.state = 'queued'
           for update of o skip locked
         ) as old
         where m.workspace_id = old.workspace_id and m.id = old.id",
    )
    .bind(columns.0)
    .bind(columns.1)
    .bind(columns.2)
    .bind(columns.3)
    .bind(SUPERSEDED)
    .execute(conn)
    .await?;
    Ok(())
}

/// When the next row of a channel is due.
pub(crate) async fn next_due(
    conn: &mut PgConnection,
    channel: Channel,
) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select min(due_at) from message where channel = $1 and due_at is not null")
        .bind(channel)
        .fetch_one(conn)
        .await
}
