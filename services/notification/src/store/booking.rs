//! Bookings as they were last told.

use std::collections::HashMap;

use chrono::Duration;
use domain::{BookingId, PersonId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::model::{Booking, Contact, Content};

/// Something may be said of a booking for so long after its end.
const KEPT: Duration = Duration::days(1);

/// Those that are forgotten at once.
const FORGOTTEN_MAX: i64 = 500;

/// Keeps the newest version of each booking, and forgets some of those that are over.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    bookings: Vec<&Booking>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut newest: HashMap<(WorkspaceId, BookingId), &Booking> = HashMap::with_capacity(bookings.len());
    for booking in bookings {
        let kept = newest.entry((booking.workspace, booking.content.booking)).or_insert(booking);
        if kept.content.booking_version < booking.content.booking_version {
            *kept = booking;
        }
    }
    let mut newest: Vec<&Booking> = newest.into_values().collect();
    // In one order, or two writers could wait for each other.
    newest.sort_by_key(|booking| (booking.workspace, booking.content.booking));
    sqlx::query(
        "insert into booking (workspace_id, id, version, told_at, ends_at, stands, is_final, content, people)
         select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[],
           $6::boolean[], $7::boolean[], $8::jsonb[], $9::jsonb[])
         on conflict (workspace_id, id) do update
           set version = excluded.version, told_at = excluded.told_at, ends_at = excluded.ends_at,
             stands = excluded.stands, is_final = excluded.is_final, content = excluded.content,
             people = excluded.people
           where booking.version < excluded.version",
    )
    .bind(newest.iter().map(|booking| booking.workspace.uuid()).collect::<Vec<_>>())
    .bind(newest.iter().map(|booking| booking.content.booking.uuid()).collect::<Vec<_>>())
    .bind(newest.iter().map(|booking| booking.content.booking_version).collect::<Vec<_>>())
    .bind(newest.iter().map(|booking| booking.content.told_at).collect::<Vec<_>>())
    .bind(newest.iter().map(|booking| booking.content.window.end()).collect::<Vec<_>>())
    .bind(newest.iter().map(|booking| booking.stands).collect::<Vec<_>>())
    .bind(newest.iter().map(|booking| booking.is_final).collect::<Vec<_>>())
    .bind(newest.iter().map(|booking| Json(&booking.content)).collect::<Vec<_>>())
    .bind(newest.iter().map(|booking| Json(&booking.people)).collect::<Vec<_>>())
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "delete from booking where (workspace_id, id) in (
           select workspace_id, id from booking where ends_at < $1 order by ends_at limit $2
           for update skip locked)",
    )
    .bind(now - KEPT)
    .bind(FORGOTTEN_MAX)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct BookingRow {
    stands: bool,
    is_final: bool,
    content: Json<Content>,
    people: Json<HashMap<PersonId, Contact>>,
}

/// A booking; `None`: it was not told of, or is forgotten.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: BookingId,
) -> Result<Option<Booking>, sqlx::Error> {
    let row: Option<BookingRow> = sqlx::query_as(
        "select stands, is_final, content, people from booking where workspace_id = $1 and id = $2",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Booking {
        workspace,
        stands: row.stands,
        is_final: row.is_final,
        content: row.content.0,
        people: row.people.0,
    }))
}
