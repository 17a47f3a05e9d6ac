//! Rows of people.

use std::collections::HashMap;

use chassis::paging::Page;
use domain::contact::EmailAddress;
use domain::{LocationId, PersonId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Person, PersonStatus, Role};

#[derive(sqlx::FromRow)]
pub(super) struct PersonRow {
    id: Uuid,
    display_name: String,
    email: Option<String>,
    phone: Option<String>,
    country: Option<String>,
    role: Role,
    locations: Vec<Uuid>,
    status: PersonStatus,
    version: i64,
}

impl From<PersonRow> for Person {
    fn from(row: PersonRow) -> Self {
        Self {
            id: PersonId::from_uuid(row.id),
            display_name: row.display_name,
            email: row.email,
            phone: row.phone,
            country: row.country,
            role: row.role,
            locations: row.locations.into_iter().map(LocationId::from_uuid).collect(),
            status: row.status,
            version: row.version,
        }
    }
}

/// Inserts a person; `false` if another one has the email address.
pub(crate) async fn try_insert(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: &Person,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query(
        "insert into person
           (workspace_id, id, display_name, email, phone, country, role, locations, status, version, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (workspace_id, email_key) where status <> 'removed' do nothing",
    )
    .bind(workspace.uuid())
    .bind(person.id.uuid())
    .bind(&person.display_name)
    .bind(&person.email)
    .bind(&person.phone)
    .bind(&person.country)
    .bind(person.role)
    .bind(locations(person))
    .bind(person.status)
    .bind(person.version)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PersonId,
) -> Result<Option<Person>, sqlx::Error> {
    let row: Option<PersonRow> = sqlx::query_as(
        "select id, display_name, email, phone, country, role, locations, status, version from person
         where workspace_id = $1 and id = $2",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Person::from))
}

/// The people with these keys, by their ids.
pub(crate) async fn find_many(
    conn: &mut PgConnection,
    keys: &[(WorkspaceId, PersonId)],
) -> Result<HashMap<PersonId, Person>, sqlx::Error> {
    let rows: Vec<PersonRow> = sqlx::query_as(
        "select p.id, p.display_name, p.email, p.phone, p.country, p.role, p.locations, p.status, p.version
         from (select distinct * from unnest($1::uuid[], $2::uuid[]) as n (workspace_id, id)) as k
         join person p on p.workspace_id = k.workspace_id and p.id = k.id",
    )
    .bind(keys.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, person)| person.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (PersonId::from_uuid(row.id), Person::from(row))).collect())
}

/// Those of these people that there are, by their ids; until the end of the transaction they stay as they are.
pub(crate) async fn hold(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &[PersonId],
) -> Result<HashMap<PersonId, Person>, sqlx::Error> {
    let rows: Vec<PersonRow> = sqlx::query_as(
        "select id, display_name, email, phone, country, role, locations, status, version from person
         where workspace_id = $1 and id = any($2) order by id for share",
    )
    .bind(workspace.uuid())
    .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (PersonId::from_uuid(row.id), Person::from(row))).collect())
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PersonId,
) -> Result<Option<Person>, sqlx::Error> {
    let row: Option<PersonRow> = sqlx::query_as(
        "select id, display_name, email, phone, country, role, locations, status, version from person
         where workspace_id = $1 and id = $2 for update",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Person::from))
}

/// The person with that address, without regard to case; never a removed one.
pub(crate) async fn find_by_email(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    email: &EmailAddress,
) -> Result<Option<Person>, sqlx::Error> {
    let row: Option<PersonRow> = sqlx::query_as(
        "select id, display_name, email, phone, country, role, locations, status, version from person
         where workspace_id = $1 and email_key = lower($2) and status <> 'removed'",
    )
    .bind(workspace.uuid())
    .bind(email.as_str())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Person::from))
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Person>, sqlx::Error> {
    let rows: Vec<PersonRow> = sqlx::query_as(
        "select id, display_name, email, phone, country, role, locations, status, version from person
         where workspace_id = $1 and id > $2 order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Person::from).collect())
}

/// The owner of the workspace; their row is locked.
pub(crate) async fn find_owner_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<Person>, sqlx::Error> {
    let row: Option<PersonRow> = sqlx::query_as(
        "select id, display_name, email, phone, country, role, locations, status, version from person
         where workspace_id = $1 and role = 'owner' for update",
    )
    .bind(workspace.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Person::from))
}

/// Writes a person over the version before it. The row must be locked.
pub(crate) async fn update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: &Person,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update person set display_name = $3, email = $4, phone = $5, country = $6, role = $7, locations = $8,
           status = $9, version = $10
         where workspace_id = $1 and id = $2",
    )
    .bind(workspace.uuid())
    .bind(person.id.uuid())
    .bind(&person.display_name)
    .bind(&person.email)
    .bind(&person.phone)
    .bind(&person.country)
    .bind(person.role)
    .bind(locations(person))
    .bind(person.status)
    .bind(person.version)
    .execute(conn)
    .await?;
    Ok(())
}

fn locations(person: &Person) -> Vec<Uuid> {
    person.locations.iter().map(|location| location.uuid()).collect()
}
