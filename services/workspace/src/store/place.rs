//! Rows of workspaces, locations and resources.

use chassis::paging::Page;
use domain::{LocationId, ResourceId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::corrupt;
use crate::model::{Location, Resource, Workspace};

#[derive(sqlx::FromRow)]
struct WorkspaceRow {
    workspace_id: Uuid,
    display_name: String,
    reply_to_email: Option<String>,
}

#[derive(sqlx::FromRow)]
struct LocationRow {
    id: Uuid,
    display_name: String,
    time_zone: String,
    country: String,
    address: String,
}

impl TryFrom<LocationRow> for Location {
    type Error = sqlx::Error;
    fn try_from(row: LocationRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: LocationId::from_uuid(row.id),
            display_name: row.display_name,
            time_zone: domain::zone::parse(&row.time_zone).map_err(corrupt)?,
            country: row.country,
            address: row.address,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ResourceRow {
    id: Uuid,
    location_id: Uuid,
    display_name: String,
}

impl From<ResourceRow> for Resource {
    fn from(row: ResourceRow) -> Self {
        Self {
            id: ResourceId::from_uuid(row.id),
            location: LocationId::from_uuid(row.location_id),
            display_name: row.display_name,
        }
    }
}

pub(crate) async fn insert_workspace(
    conn: &mut PgConnection,
    workspace: &Workspace,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into workspace (workspace_id, display_name, reply_to_email, created_at) values ($1, $2, $3, $4)",
    )
    .bind(workspace.id.uuid())
    .bind(&workspace.display_name)
    .bind(&workspace.reply_to_email)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find_workspace(
    conn: &mut PgConnection,
    id: WorkspaceId,
) -> Result<Option<Workspace>, sqlx::Error> {
    let row: Option<WorkspaceRow> = sqlx::query_as(
        "select workspace_id, display_name, reply_to_email from workspace where workspace_id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Workspace {
        id: WorkspaceId::from_uuid(row.workspace_id),
        display_name: row.display_name,
        reply_to_email: row.reply_to_email,
    }))
}

pub(crate) async fn insert_location(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: &Location,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into location (workspace_id, id, display_name, time_zone, country, address, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(workspace.uuid())
    .bind(location.id.uuid())
    .bind(&location.display_name)
    .bind(location.time_zone.name())
    .bind(&location.country)
    .bind(&location.address)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find_location(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: LocationId,
) -> Result<Option<Location>, sqlx::Error> {
    let row: Option<LocationRow> = sqlx::query_as(
        "select id, display_name, time_zone, country, address from location
         where workspace_id = $1 and id = $2",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .fetch_optional(conn)
    .await?;
    row.map(Location::try_from).transpose()
}

pub(crate) async fn list_locations(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Location>, sqlx::Error> {
    let rows: Vec<LocationRow> = sqlx::query_as(
        "select id, display_name, time_zone, country, address from location
         where workspace_id = $1 and id > $2 order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Location::try_from).collect()
}

pub(crate) async fn insert_resource(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    resource: &Resource,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into resource (workspace_id, id, location_id, display_name, created_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(workspace.uuid())
    .bind(resource.id.uuid())
    .bind(resource.location.uuid())
    .bind(&resource.display_name)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find_resource(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: ResourceId,
) -> Result<Option<Resource>, sqlx::Error> {
    let row: Option<ResourceRow> = sqlx::query_as(
        "select id, location_id, display_name from resource where workspace_id = $1 and id = $2",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Resource::from))
}

pub(crate) async fn list_resources(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Resource>, sqlx::Error> {
    let rows: Vec<ResourceRow> = sqlx::query_as(
        "select id, location_id, display_name from resource
         where workspace_id = $1 and id > $2 order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Resource::from).collect())
}
