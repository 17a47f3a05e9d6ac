//! Rows of people.

use domain::{PersonId, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::Person;

#[derive(sqlx::FromRow)]
struct PersonRow {
    workspace_id: Uuid,
    id: Uuid,
    version: i64,
    display_name: String,
    email: String,
    is_active: bool,
    is_removed: bool,
    is_guest: bool,
    contact_version: i64,
}

impl From<PersonRow> for Person {
    fn from(row: PersonRow) -> Self {
        Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: PersonId::from_uuid(row.id),
            version: row.version,
            display_name: row.display_name,
            email: row.email,
            is_active: row.is_active,
            is_removed: row.is_removed,
            is_guest: row.is_guest,
            contact_version: row.contact_version,
        }
    }
}

/// Stores people unless a newer version is known. Each may be in the list once. Gives the keys of those
/// who changed.
pub(crate) async fn upsert(
    conn: &mut PgConnection,
    people: &[&Person],
) -> Result<Vec<(WorkspaceId, PersonId)>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "insert into person (workspace_id, id, version, display_name, email, is_active, is_removed, is_guest,
           contact_version)
         select *, version
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::boolean[],
           $7::boolean[], $8::boolean[])
           as told (workspace_id, id, version, display_name, email, is_active, is_removed, is_guest)
         on conflict (workspace_id, id) do update
           set version = excluded.version, display_name = excluded.display_name,
               email = excluded.email, is_active = excluded.is_active, is_removed = excluded.is_removed,
               contact_version = case
                 when (person.display_name, person.email) = (excluded.display_name, excluded.email)
                 then person.contact_version else excluded.version end
           where person.version < excluded.version
             -- Told once more, as one that learned to make more of it hears it.
             or person.version = excluded.version
               and (person.is_active, person.is_removed) <> (excluded.is_active, excluded.is_removed)
         returning workspace_id, id",
    )
    .bind(people.iter().map(|p| p.workspace.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|p| p.id.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|p| p.version).collect::<Vec<_>>())
    .bind(people.iter().map(|p| p.display_name.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|p| p.email.as_str()).collect::<Vec<_>>())
    .bind(people.iter().map(|p| p.is_active).collect::<Vec<_>>())
    .bind(people.iter().map(|p| p.is_removed).collect::<Vec<_>>())
    .bind(people.iter().map(|p| p.is_guest).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(w, p)| (WorkspaceId::from_uuid(w), PersonId::from_uuid(p))).collect())
}

/// The people with these keys.
pub(crate) async fn find_many(
    conn: &mut PgConnection,
    keys: &[(WorkspaceId, PersonId)],
) -> Result<Vec<Person>, sqlx::Error> {
    let rows: Vec<PersonRow> = sqlx::query_as(
        "select p.workspace_id, p.id, p.version, p.display_name, p.email, p.is_active, p.is_removed,
           p.is_guest, p.contact_version
         from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
         join person p on p.workspace_id = k.workspace_id and p.id = k.id",
    )
    .bind(keys.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, person)| person.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Person::from).collect())
}
