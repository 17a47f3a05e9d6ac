//! Rows of what is told once more.

use domain::{Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

chassis::text_enum! {
    /// What can be told once more.
    pub(crate) enum Kind {
        Booking = "booking",
        Contract = "contract",
        Entitlement = "entitlement",
        Membership = "membership",
        Pass = "pass",
        Person = "person",
    }
}

/// Which row of a table.
pub(crate) type RowKey = (WorkspaceId, Uuid);

/// What is to be told next, and after which row; its progress is locked. `None`: nothing, or another replica is at it.
pub(crate) async fn claim(conn: &mut PgConnection) -> Result<Option<(Kind, RowKey)>, sqlx::Error> {
    let row: Option<(Kind, Uuid, Uuid)> = sqlx::query_as(
        "select kind, after_workspace, after_id from retelling order by kind limit 1 for update skip locked",
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(kind, workspace, id)| (kind, (WorkspaceId::from_uuid(workspace), id))))
}

/// The next rows after one that were not over at that time, whatever their state; and all people.
pub(crate) async fn keys(
    conn: &mut PgConnection,
    kind: Kind,
    (workspace, id): RowKey,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<RowKey>, sqlx::Error> {
    let select = match kind {
        Kind::Booking => {
            "select workspace_id, id from booking
             where (workspace_id, id) > ($1, $2) and ends_at > $4 order by workspace_id, id limit $3"
        }
        Kind::Contract => {
            "select workspace_id, id from contract
             where (workspace_id, id) > ($1, $2) and (ends_at is null or ends_at > $4)
             order by workspace_id, id limit $3"
        }
        Kind::Entitlement => {
            "select workspace_id, id from entitlement
             where (workspace_id, id) > ($1, $2) and (ends_at is null or ends_at > $4)
             order by workspace_id, id limit $3"
        }
        Kind::Membership => {
            "select workspace_id, id from membership
             where (workspace_id, id) > ($1, $2)
               and coalesce(ended_at, period_ends_at + grace_days * interval '24 hours') > $4
             order by workspace_id, id limit $3"
        }
        Kind::Pass => {
            "select workspace_id, id from pass
             where (workspace_id, id) > ($1, $2) and ends_at > $4 order by workspace_id, id limit $3"
        }
        Kind::Person => {
            "select workspace_id, id from person
             where (workspace_id, id) > ($1, $2) and $4::timestamptz is not null
             order by workspace_id, id limit $3"
        }
    };
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(select)
        .bind(workspace.uuid())
        .bind(id)
        .bind(limit)
        .bind(since)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|(workspace, id)| (WorkspaceId::from_uuid(workspace), id)).collect())
}

/// Notes up to which row a kind was told.
pub(crate) async fn advance(
    conn: &mut PgConnection,
    kind: Kind,
    (workspace, id): RowKey,
) -> Result<(), sqlx::Error> {
    sqlx::query("update retelling set after_workspace = $2, after_id = $3 where kind = $1")
        .bind(kind)
        .bind(workspace.uuid())
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that all of a kind was told.
pub(crate) async fn finish(conn: &mut PgConnection, kind: Kind) -> Result<(), sqlx::Error> {
    sqlx::query("delete from retelling where kind = $1").bind(kind).execute(conn).await?;
    Ok(())
}
