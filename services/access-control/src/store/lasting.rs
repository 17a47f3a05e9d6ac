//! What lasts at doors: what they were told, what was booked behind them, and since when there was no lockdown.

use std::collections::HashMap;

use domain::{LocationId, Timestamp, Window, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::control::Account;
use crate::model::Operation;

/// Bookings of one door that are looked at, the next ones.
const BOOKINGS_MAX: i64 = 200;

/// The operations of a door that hold it open or lock it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lasting {
    /// The last one, whatever came of it.
    pub last: Option<Operation>,
    /// The last one that the door may have obeyed, of those that nobody asked for.
    pub ours: Option<Operation>,
    /// The same of those that someone asked for.
    pub manual: Option<Operation>,
}

impl Lasting {
    /// The last one that the door may have obeyed.
    pub(crate) fn standing(&self) -> Option<&Operation> {
        let both = self.ours.as_ref().into_iter().chain(self.manual.as_ref());
        both.max_by_key(|operation| (operation.begun_at, operation.id))
    }
}

#[derive(sqlx::FromRow)]
struct LastingRow {
    door_ref: String,
    last: Option<Uuid>,
    ours: Option<Uuid>,
    manual: Option<Uuid>,
}

/// What these doors were told that lasts.
pub(crate) async fn told(
    conn: &mut PgConnection,
    account: &Account,
    doors: &[&str],
) -> Result<HashMap<String, Lasting>, sqlx::Error> {
    let rows: Vec<LastingRow> = sqlx::query_as(
        "select k.door_ref,
           (select o.id from operation o
            where o.workspace_id = $1 and o.account_id = $2 and o.spot_ref = k.door_ref and o.spot_kind = 'door'
              and o.action in ('hold_open', 'lock') and o.state <> 'refused'
            order by o.begun_at desc, o.id desc limit 1) as last,
           (select o.id from operation o
            where o.workspace_id = $1 and o.account_id = $2 and o.spot_ref = k.door_ref and o.spot_kind = 'door'
              and o.action in ('hold_open', 'lock') and o.state <> 'refused' and o.state <> 'failed'
              and o.source in ('schedule', 'booking')
            order by o.begun_at desc, o.id desc limit 1) as ours,
           (select o.id from operation o
            where o.workspace_id = $1 and o.account_id = $2 and o.spot_ref = k.door_ref and o.spot_kind = 'door'
              and o.action in ('hold_open', 'lock') and o.state <> 'refused' and o.state <> 'failed'
              and o.source in ('app', 'admin')
            order by o.begun_at desc, o.id desc limit 1) as manual
         from unnest($3::text[]) as k (door_ref)",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(doors)
    .fetch_all(&mut *conn)
    .await?;
    let all: Vec<Uuid> = rows.iter().flat_map(|row| [row.last, row.ours, row.manual]).flatten().collect();
    let found = super::operation::find_all(conn, account.workspace, &all).await?;
    let found: HashMap<Uuid, Operation> =
        found.into_iter().map(|operation| (operation.id.uuid(), operation)).collect();
    let get = |id: Option<Uuid>| found.get(&id?).cloned();
    let lasting = |row: LastingRow| {
        (row.door_ref, Lasting { last: get(row.last), ours: get(row.ours), manual: get(row.manual) })
    };
    Ok(rows.into_iter().map(lasting).collect())
}

/// When resources are booked that are mapped to these doors themselves, by somebody who is let in: what was not over at
/// `since`.
pub(crate) async fn bookings(
    conn: &mut PgConnection,
    account: &Account,
    doors: &[&str],
    since: Timestamp,
) -> Result<Vec<(String, Window)>, sqlx::Error> {
    let rows: Vec<(String, Timestamp, Timestamp)> = sqlx::query_as(
        "select k.door_ref, b.starts_at, b.ends_at from unnest($3::text[]) as k (door_ref)
         cross join lateral (
           select distinct e.starts_at, e.ends_at from door_mapping m
           join entitlement e on e.workspace_id = m.workspace_id and e.subject_kind = 'resource'
             and e.subject_id = m.subject_id and e.source_kind = 'booking' and e.ends_at > $4
           join person p on p.workspace_id = e.workspace_id and p.id = e.person_id and p.is_active
           where m.workspace_id = $1 and m.provider = $2 and m.target_kind = 'lock' and m.target_ref = k.door_ref
             and m.subject_kind = 'resource' and served_by($1, $2, m.location_id) is not distinct from $5
           order by e.ends_at, e.starts_at limit $6
         ) as b",
    )
    .bind(account.workspace.uuid())
    .bind(&account.provider)
    .bind(doors)
    .bind(since)
    .bind(account.served_by.map(LocationId::uuid))
    .bind(BOOKINGS_MAX)
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(door, start, end)| {
            let window = Window::new(start, end).map_err(|error| sqlx::Error::Decode(error.into()))?;
            Ok((door, window))
        })
        .collect()
}

/// When lockdowns of a workspace were last lifted, by location; `None`: those of all of it.
pub(crate) async fn lifts(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Vec<(Option<LocationId>, Timestamp)>, sqlx::Error> {
    let rows: Vec<(Option<Uuid>, Timestamp)> = sqlx::query_as(
        "select location_id, max(lifted_at) from lockdown
         where workspace_id = $1 and lifted_at is not null group by location_id",
    )
    .bind(workspace.uuid())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(location, lifted)| (location.map(LocationId::from_uuid), lifted)).collect())
}
