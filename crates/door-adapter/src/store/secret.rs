//! Secrets of doors, sealed.

use std::collections::BTreeMap;

use chrono::Duration;
use domain::Timestamp;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::request::Matter;
use crate::secret::{SealedSecret, SecretChange, SecretKind};

/// Writes what became of secrets, in this order.
pub(crate) async fn record<'a>(
    conn: &mut PgConnection,
    changes: impl Iterator<Item = (Matter, &'a SecretChange)>,
) -> Result<(), sqlx::Error> {
    // One change an owner, in one order: two writers could wait for each other otherwise.
    let mut by_owner: BTreeMap<(Uuid, Uuid), SecretChange> = BTreeMap::new();
    for (owner, change) in changes.filter(|(_, change)| **change != SecretChange::Stays) {
        let known = by_owner.entry((owner.workspace().uuid(), owner.id())).or_insert(SecretChange::Stays);
        *known = known.clone().then(change.clone());
    }
    if by_owner.is_empty() {
        return Ok(());
    }
    let secrets: Vec<Option<&SealedSecret>> = by_owner
        .values()
        .map(|change| if let SecretChange::Is(secret) = change { Some(secret) } else { None })
        .collect();
    let ends: Vec<Option<Timestamp>> = by_owner
        .values()
        .map(|change| match change {
            SecretChange::Stays | SecretChange::Goes => None,
            SecretChange::Lasts(ends_at) => Some(*ends_at),
            SecretChange::Is(secret) => Some(secret.ends_at),
        })
        .collect();
    sqlx::query(
        "with told as (
           select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::timestamptz[])
             as told (workspace_id, owner_id, kind, sealed, ends_at)),
         gone as (
           delete from door_secret s using told
           where told.ends_at is null and s.workspace_id = told.workspace_id and s.owner_id = told.owner_id),
         lasting as (
           update door_secret s set ends_at = told.ends_at from told
           where told.ends_at is not null and told.kind is null
             and s.workspace_id = told.workspace_id and s.owner_id = told.owner_id)
         insert into door_secret (workspace_id, owner_id, kind, sealed, ends_at)
         select workspace_id, owner_id, kind, sealed, ends_at from told where kind is not null
         on conflict (workspace_id, owner_id) do update
           set kind = excluded.kind, sealed = excluded.sealed, ends_at = excluded.ends_at",
    )
    .bind(by_owner.keys().map(|(workspace, _)| *workspace).collect::<Vec<_>>())
    .bind(by_owner.keys().map(|(_, id)| *id).collect::<Vec<_>>())
    .bind(secrets.iter().map(|secret| secret.map(|it| it.kind)).collect::<Vec<_>>())
    .bind(secrets.iter().map(|secret| secret.map(|it| it.sealed.as_slice())).collect::<Vec<_>>())
    .bind(ends)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    kind: SecretKind,
    sealed: Vec<u8>,
    ends_at: Timestamp,
}

/// The secret of an owner.
pub(crate) async fn find(
    conn: &mut PgConnection,
    owner: Matter,
) -> Result<Option<SealedSecret>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select kind, sealed, ends_at from door_secret where workspace_id = $1 and owner_id = $2",
    )
    .bind(owner.workspace().uuid())
    .bind(owner.id())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|Row { kind, sealed, ends_at }| SealedSecret { kind, sealed, ends_at }))
}

/// Forgets what has opened nothing for longer than `age`.
pub(crate) async fn forget_over(pool: &PgPool, now: Timestamp, age: Duration) -> Result<(), sqlx::Error> {
    sqlx::query("delete from door_secret where ends_at < $1").bind(now - age).execute(pool).await?;
    Ok(())
}
