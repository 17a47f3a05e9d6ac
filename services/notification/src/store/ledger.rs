//! The ledger as its readers and writers see it: messages written, reported, listed.

use std::collections::HashMap;

use chassis::paging::Page;
use domain::names::MessageName;
use domain::{BookingId, MessageId, PersonId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::queue;
use crate::engine::SUPERSEDED;
use crate::model::{
    Channel, Delivery, Entry, Filter, Kind, MessageKey, NewMessage, Receipt, Standing, State, Trail,
};

/// A booking's messages of one channel: at most one of them, the newest, is of interest.
pub(crate) type Line = (WorkspaceId, BookingId, Channel);

/// Writes messages that were not written yet; those of an event that was are left as they are. A
/// message about a version of a booking that is not the newest is written as expired, and older ones
/// that still wait expire. One that is of no version neither expires others nor by them.
pub(crate) async fn insert(conn: &mut PgConnection, messages: &[NewMessage]) -> Result<(), sqlx::Error> {
    let mut newest: HashMap<Line, i64> = HashMap::with_capacity(messages.len());
    for message in messages {
        if let Some(version) = message.booking_version {
            let newest = newest.entry(line(message)).or_insert(version);
            *newest = (*newest).max(version);
        }
    }
    let is_old = |message: &NewMessage| {
        message.booking_version.is_some_and(|version| version < newest[&line(message)])
    };
    let column = |value: fn(&NewMessage) -> Uuid| messages.iter().map(value).collect::<Vec<Uuid>>();
    sqlx::query(
        "insert into message (workspace_id, id, event_id, channel, kind, booking_id, booking_version,
           person_id, content, state, attempts, due_at, expires_at, last_error, traceparent, created_at)
         select workspace_id, id, event_id, channel, kind, booking_id, booking_version, person_id, content,
           case when is_old then 'expired' else 'queued' end, 0, case when is_old then null else created_at end,
           expires_at, case when is_old then $14 end, traceparent, created_at
         from (
           select n.*, n.is_old_here or exists (
             select 1 from message m
             where m.workspace_id = n.workspace_id and m.booking_id = n.booking_id
               and m.channel = n.channel and m.booking_version > n.booking_version) as is_old
           from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::bigint[],
             $8::uuid[], $9::jsonb[], $10::timestamptz[], $11::text[], $12::timestamptz[], $13::boolean[])
             as n (workspace_id, id, event_id, channel, kind, booking_id, booking_version, person_id,
                   content, expires_at, traceparent, created_at, is_old_here)
         ) as judged
         on conflict (workspace_id, event_id, channel, person_id) do nothing",
    )
    .bind(column(|m| m.key.workspace.uuid()))
    .bind(column(|m| m.key.id.uuid()))
    .bind(column(|m| m.event.uuid()))
    .bind(messages.iter().map(|m| m.channel).collect::<Vec<Channel>>())
    .bind(messages.iter().map(|m| m.kind).collect::<Vec<Kind>>())
    .bind(column(|m| m.booking.uuid()))
    .bind(messages.iter().map(|m| m.booking_version).collect::<Vec<Option<i64>>>())
    .bind(column(|m| m.person.uuid()))
    .bind(messages.iter().map(|m| Json(&m.content)).collect::<Vec<_>>())
    .bind(messages.iter().map(|m| m.expires_at).collect::<Vec<Timestamp>>())
    .bind(messages.iter().map(|m| m.traceparent.as_deref()).collect::<Vec<Option<&str>>>())
    .bind(messages.iter().map(|m| m.created_at).collect::<Vec<Timestamp>>())
    .bind(messages.iter().map(is_old).collect::<Vec<bool>>())
    .bind(SUPERSEDED)
    .execute(&mut *conn)
    .await?;
    queue::supersede_older(conn, newest).await
}

fn line(message: &NewMessage) -> Line {
    (message.key.workspace, message.booking, message.channel)
}

/// Notes that the vendor has these messages, whatever was known of them before. Gives how many of them
/// were not known to be sent.
pub(crate) async fn mark_sent(
    conn: &mut PgConnection,
    reports: &[(MessageKey, String)],
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let marked = sqlx::query(
        "update message m set state = 'sent', due_at = null, in_doubt_since = null, vendor_ref = r.vendor_ref,
           last_error = null, sent_at = $4
         from (
           select n.* from unnest($1::uuid[], $2::uuid[], $3::text[]) as n (workspace_id, id, vendor_ref)
           join message l on l.workspace_id = n.workspace_id and l.id = n.id and l.state <> 'sent'
           -- In one order, or two writers could wait for each other.
           order by l.workspace_id, l.id for update of l
         ) as r
         where m.workspace_id = r.workspace_id and m.id = r.id",
    )
    .bind(reports.iter().map(|(key, _)| key.workspace.uuid()).collect::<Vec<_>>())
    .bind(reports.iter().map(|(key, _)| key.id.uuid()).collect::<Vec<_>>())
    .bind(reports.iter().map(|(_, vendor_ref)| vendor_ref.as_str()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(marked.rows_affected())
}

/// Which of these vendor's ids of texts are other messages of the workspace of this one.
pub(crate) async fn texts_of_others(
    conn: &mut PgConnection,
    message: MessageKey,
    vendor_refs: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select vendor_ref from message
         where workspace_id = $1 and vendor_ref = any($2) and channel = 'sms' and id <> $3",
    )
    .bind(message.workspace.uuid())
    .bind(vendor_refs)
    .bind(message.id.uuid())
    .fetch_all(conn)
    .await
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: Uuid,
    kind: Kind,
    channel: Channel,
    person_id: Uuid,
    booking_id: Uuid,
    state: State,
    attempts: i32,
    due_at: Option<Timestamp>,
    in_doubt_since: Option<Timestamp>,
    vendor_ref: Option<String>,
    last_error: Option<String>,
    sent_at: Option<Timestamp>,
    receipt: Option<Receipt>,
    receipt_at: Option<Timestamp>,
    receipt_detail: Option<String>,
    expires_at: Timestamp,
    created_at: Timestamp,
}

/// What is read of a message in a list.
macro_rules! entry_columns {
    () => {
        "id, kind, channel, person_id, booking_id, state, attempts, due_at, in_doubt_since, vendor_ref, last_error,
         sent_at, receipt, receipt_at, receipt_detail, expires_at, created_at"
    };
}

impl EntryRow {
    fn entry(self, workspace: WorkspaceId) -> Entry {
        let delivery = self.receipt.zip(self.receipt_at);
        Entry {
            key: MessageKey { workspace, id: MessageId::from_uuid(self.id) },
            kind: self.kind,
            channel: self.channel,
            person: PersonId::from_uuid(self.person_id),
            booking: BookingId::from_uuid(self.booking_id),
            standing: Standing {
                state: self.state,
                attempts: self.attempts,
                due_at: self.due_at,
                in_doubt_since: self.in_doubt_since,
                vendor_ref: self.vendor_ref,
                last_error: self.last_error,
                sent_at: self.sent_at,
            },
            delivery: delivery.map(|(receipt, at)| Delivery { receipt, at, detail: self.receipt_detail }),
            expires_at: self.expires_at,
            created_at: self.created_at,
        }
    }
}

/// One page of a workspace's messages, by their ids, which are in order of time.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    is_newest_first: bool,
    page: &Page,
) -> Result<Vec<Entry>, sqlx::Error> {
    // A statement for each, for each has an index of its own.
    let wanted = match filter {
        Filter::All => "and $4::text is null",
        Filter::Booking(_) => "and booking_id = $4::uuid",
        Filter::Person(_) => "and person_id = $4::uuid",
        Filter::Recipient(_) => "and lower(content ->> 'to') = $4",
    };
    let wanted_is = match filter {
        Filter::All => None,
        Filter::Booking(id) => Some(id.to_string()),
        Filter::Person(id) => Some(id.to_string()),
        Filter::Recipient(address) => Some(address.clone()),
    };
    let (after, order) = match (is_newest_first, page.after.is_nil()) {
        (false, _) => ("id > $2", "id"),
        (true, false) => ("id < $2", "id desc"),
        (true, true) => ("id > $2", "id desc"),
    };
    let statement = format!(
        "select {} from message where workspace_id = $1 and {after} {wanted} order by {order} limit $3",
        entry_columns!()
    );
    // Made of constants.
    let rows: Vec<EntryRow> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(workspace.uuid())
        .bind(page.after)
        .bind(page.limit)
        .bind(wanted_is)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| row.entry(workspace)).collect())
}

#[derive(sqlx::FromRow)]
struct TrailRow {
    #[sqlx(flatten)]
    entry: EntryRow,
    content: Json<serde_json::Value>,
    traceparent: Option<String>,
}

/// A message with where it goes.
pub(crate) async fn find(conn: &mut PgConnection, name: MessageName) -> Result<Option<Trail>, sqlx::Error> {
    let row: Option<TrailRow> = sqlx::query_as(concat!(
        "select content, traceparent, ",
        entry_columns!(),
        " from message where workspace_id = $1 and id = $2"
    ))
    .bind(name.workspace.uuid())
    .bind(name.id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let text = |field: &str| row.content.0.get(field).and_then(|value| value.as_str());
        Trail {
            recipient: text("to").unwrap_or_default().to_owned(),
            caused_at: text("told_at").and_then(|text| text.parse().ok()),
            traceparent: row.traceparent,
            entry: row.entry.entry(name.workspace),
        }
    }))
}
