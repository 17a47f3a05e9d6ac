//! Rows of files.

use std::collections::HashSet;

use chassis::paging::Page;
use domain::{FileId, PersonId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{File, FileTitle, FileType, Kind, ObjectName, Refusal, State};

#[derive(sqlx::FromRow)]
struct FileRow {
    workspace_id: Uuid,
    id: Uuid,
    kind: Kind,
    person_id: Option<Uuid>,
    subject: String,
    file_name: String,
    content_type: String,
    size_bytes: i64,
    used_bytes: i64,
    state: State,
    refusal: Option<Refusal>,
    object_name: String,
    replaces_id: Option<Uuid>,
    width: Option<i32>,
    height: Option<i32>,
    thumbnail_sides: Vec<i32>,
    has_objects: bool,
    expires_at: Option<Timestamp>,
    missing_since: Option<Timestamp>,
    due_at: Timestamp,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<FileRow> for File {
    type Error = sqlx::Error;

    fn try_from(row: FileRow) -> Result<Self, sqlx::Error> {
        let unknown = format!("{:?} is no type of files that this program knows", row.content_type);
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: FileId::from_uuid(row.id),
            kind: row.kind,
            person: row.person_id.map(PersonId::from_uuid),
            subject: row.subject,
            title: FileTitle::stored(row.file_name),
            content_type: FileType::of_mime(&row.content_type)
                .ok_or_else(|| sqlx::Error::Decode(unknown.into()))?,
            size_bytes: row.size_bytes,
            used_bytes: row.used_bytes,
            state: row.state,
            refusal: row.refusal,
            object: ObjectName::stored(row.object_name),
            replaces: row.replaces_id.map(FileId::from_uuid),
            size_pixels: row.width.zip(row.height),
            thumbnail_sides: row.thumbnail_sides,
            has_objects: row.has_objects,
            expires_at: row.expires_at,
            missing_since: row.missing_since,
            due_at: row.due_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn all(rows: Vec<FileRow>) -> Result<Vec<File>, sqlx::Error> {
    rows.into_iter().map(File::try_from).collect()
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &File) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into file (workspace_id, id, kind, person_id, subject, file_name, content_type, size_bytes, used_bytes,
           state, object_name, replaces_id, thumbnail_sides, has_objects, due_at, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '{}', $13, $14, $15, $16, $17)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.kind)
    .bind(new.person.map(|id| id.uuid()))
    .bind(&new.subject)
    .bind(new.title.as_str())
    .bind(new.content_type.mime)
    .bind(new.size_bytes)
    .bind(new.used_bytes)
    .bind(new.state)
    .bind(new.object.as_str())
    .bind(new.replaces.map(|id| id.uuid()))
    .bind(new.has_objects)
    .bind(new.due_at)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of a locked file.
pub(crate) async fn update(conn: &mut PgConnection, after: &File) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update file
            set content_type = $3, size_bytes = $4, used_bytes = $5, state = $6, refusal = $7, width = $8, height = $9,
                thumbnail_sides = $10, has_objects = $11, expires_at = $12, missing_since = $13, due_at = $14,
                version = $15, updated_at = $16
          where workspace_id = $1 and id = $2",
    )
    .bind(after.workspace.uuid())
    .bind(after.id.uuid())
    .bind(after.content_type.mime)
    .bind(after.size_bytes)
    .bind(after.used_bytes)
    .bind(after.state)
    .bind(after.refusal)
    .bind(after.size_pixels.map(|(width, _)| width))
    .bind(after.size_pixels.map(|(_, height)| height))
    .bind(&after.thumbnail_sides)
    .bind(after.has_objects)
    .bind(after.expires_at)
    .bind(after.missing_since)
    .bind(after.due_at)
    .bind(after.version)
    .bind(after.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: FileId,
) -> Result<Option<File>, sqlx::Error> {
    let row: Option<FileRow> = sqlx::query_as("select * from file where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    row.map(File::try_from).transpose()
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: FileId,
) -> Result<Option<File>, sqlx::Error> {
    let row: Option<FileRow> =
        sqlx::query_as("select * from file where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(File::try_from).transpose()
}

/// The stored files of a kind: all, those of a person, those that belong to something, or both.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    kind: Kind,
    person: Option<PersonId>,
    subject: &str,
    page: &Page,
) -> Result<Vec<File>, sqlx::Error> {
    // A statement for each, for each has its index.
    let statement = match (person, subject) {
        (None, "") => {
            "select * from file where workspace_id = $1 and kind = $2 and id > $3 and state = 'stored'
              order by id limit $4"
        }
        (Some(_), "") => {
            "select * from file where workspace_id = $1 and kind = $2 and id > $3 and state = 'stored' and person_id = $5
              order by id limit $4"
        }
        (None, _) => {
            "select * from file where workspace_id = $1 and kind = $2 and id > $3 and state = 'stored' and subject = $5
                and subject <> '' order by id limit $4"
        }
        (Some(_), _) => {
            "select * from file where workspace_id = $1 and kind = $2 and id > $3 and state = 'stored' and person_id = $5
                and subject = $6 and subject <> '' order by id limit $4"
        }
    };
    let mut query =
        sqlx::query_as(statement).bind(workspace.uuid()).bind(kind).bind(page.after).bind(page.limit);
    if let Some(person) = person {
        query = query.bind(person.uuid());
    }
    if !subject.is_empty() {
        query = query.bind(subject);
    }
    all(query.fetch_all(conn).await?)
}

/// Takes files of all workspaces that are due, for so long: nobody else looks at them meanwhile.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<File>, sqlx::Error> {
    let rows = sqlx::query_as(
        "update file f set due_at = $2
           from (select workspace_id, id from file where due_at <= $1
                  order by due_at limit $3 for update skip locked) due
          where f.workspace_id = due.workspace_id and f.id = due.id
        returning f.*",
    )
    .bind(now)
    .bind(until)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    all(rows)
}

pub(crate) async fn delete(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: FileId,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from file where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

/// Which of these objects of all workspaces belong to a file that is alive, with how far that is.
pub(crate) async fn alive(
    conn: &mut PgConnection,
    objects: &HashSet<(WorkspaceId, ObjectName)>,
) -> Result<Vec<(WorkspaceId, ObjectName, State)>, sqlx::Error> {
    let workspaces: Vec<Uuid> = objects.iter().map(|(workspace, _)| workspace.uuid()).collect();
    let names: Vec<&str> = objects.iter().map(|(_, name)| name.as_str()).collect();
    let rows: Vec<(Uuid, String, State)> = sqlx::query_as(
        "select f.workspace_id, f.object_name, f.state
           from unnest($1::uuid[], $2::text[]) as o (workspace_id, object_name)
           join file f on f.workspace_id = o.workspace_id and f.object_name = o.object_name
          where f.state in ('uploading', 'checking', 'stored')",
    )
    .bind(workspaces)
    .bind(names)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(workspace, name, state)| (WorkspaceId::from_uuid(workspace), ObjectName::stored(name), state))
        .collect())
}
