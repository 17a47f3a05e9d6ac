//! Rows of pass products.

use chassis::paging::Page;
use domain::{LocationId, PassProductId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::pass::TermsColumns;
use crate::model::{PassProduct, PassProductDetails};

#[derive(sqlx::FromRow)]
struct PassProductRow {
    workspace_id: Uuid,
    id: Uuid,
    location_id: Uuid,
    display_name: String,
    description: String,
    #[sqlx(flatten)]
    terms: TermsColumns,
    is_disabled: bool,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<PassProductRow> for PassProduct {
    type Error = sqlx::Error;
    fn try_from(row: PassProductRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: PassProductId::from_uuid(row.id),
            location: LocationId::from_uuid(row.location_id),
            details: PassProductDetails {
                display_name: row.display_name,
                description: row.description,
                terms: row.terms.terms(),
            },
            is_disabled: row.is_disabled,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &PassProduct) -> Result<(), sqlx::Error> {
    let terms = TermsColumns::of(&new.details.terms);
    sqlx::query(
        "insert into pass_product (workspace_id, id, location_id, display_name, description, uses, validity_days,
           weekly_hours, is_disabled, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.location.uuid())
    .bind(&new.details.display_name)
    .bind(&new.details.description)
    .bind(terms.uses)
    .bind(terms.validity_days)
    .bind(terms.weekly_hours.map(Json))
    .bind(new.is_disabled)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of a locked product.
pub(crate) async fn update(conn: &mut PgConnection, after: &PassProduct) -> Result<(), sqlx::Error> {
    let terms = TermsColumns::of(&after.details.terms);
    sqlx::query(
        "update pass_product set display_name = $3, description = $4, uses = $5, validity_days = $6,
           weekly_hours = $7, is_disabled = $8, version = $9, updated_at = $10
         where workspace_id = $1 and id = $2",
    )
    .bind(after.workspace.uuid())
    .bind(after.id.uuid())
    .bind(&after.details.display_name)
    .bind(&after.details.description)
    .bind(terms.uses)
    .bind(terms.validity_days)
    .bind(terms.weekly_hours.map(Json))
    .bind(after.is_disabled)
    .bind(after.version)
    .bind(after.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PassProductId,
) -> Result<Option<PassProduct>, sqlx::Error> {
    let row: Option<PassProductRow> =
        sqlx::query_as("select * from pass_product where workspace_id = $1 and id = $2")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(PassProduct::try_from).transpose()
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PassProductId,
) -> Result<Option<PassProduct>, sqlx::Error> {
    let row: Option<PassProductRow> =
        sqlx::query_as("select * from pass_product where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(PassProduct::try_from).transpose()
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<PassProduct>, sqlx::Error> {
    let rows: Vec<PassProductRow> =
        sqlx::query_as("select * from pass_product where workspace_id = $1 and id > $2 order by id limit $3")
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(PassProduct::try_from).collect()
}
