//! Rows of plans.

use chassis::paging::Page;
use domain::{LocationId, PlanId, Timestamp, WeeklyHours, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::model::{Plan, Terms};

/// The columns of terms, which plans and memberships have alike.
#[derive(sqlx::FromRow)]
pub(super) struct TermsRow {
    location_id: Uuid,
    shared_locations: Vec<Uuid>,
    weekly_hours: Option<Json<WeeklyHours>>,
    grace_days: i32,
}

impl From<TermsRow> for Terms {
    fn from(row: TermsRow) -> Self {
        Self {
            location: LocationId::from_uuid(row.location_id),
            shared_locations: row.shared_locations.into_iter().map(LocationId::from_uuid).collect(),
            weekly_hours: row.weekly_hours.map(|hours| hours.0),
            grace_days: row.grace_days,
        }
    }
}

/// What stands in the column of shared locations.
pub(super) fn shared_locations(terms: &Terms) -> Vec<Uuid> {
    terms.shared_locations.iter().map(|location| location.uuid()).collect()
}

#[derive(sqlx::FromRow)]
struct PlanRow {
    workspace_id: Uuid,
    id: Uuid,
    display_name: String,
    #[sqlx(flatten)]
    terms: TermsRow,
    disabled_at: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
}

impl From<PlanRow> for Plan {
    fn from(row: PlanRow) -> Self {
        Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: PlanId::from_uuid(row.id),
            display_name: row.display_name,
            terms: row.terms.into(),
            disabled_at: row.disabled_at,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &Plan) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into plan (workspace_id, id, display_name, location_id, shared_locations, weekly_hours,
           grace_days, disabled_at, version, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(&new.display_name)
    .bind(new.terms.location.uuid())
    .bind(shared_locations(&new.terms))
    .bind(new.terms.weekly_hours.as_ref().map(Json))
    .bind(new.terms.grace_days)
    .bind(new.disabled_at)
    .bind(new.version)
    .bind(new.created_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes a plan over the version before it. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, plan: &Plan) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update plan set display_name = $3, location_id = $4, shared_locations = $5, weekly_hours = $6,
           grace_days = $7, disabled_at = $8, version = $9
         where workspace_id = $1 and id = $2",
    )
    .bind(plan.workspace.uuid())
    .bind(plan.id.uuid())
    .bind(&plan.display_name)
    .bind(plan.terms.location.uuid())
    .bind(shared_locations(&plan.terms))
    .bind(plan.terms.weekly_hours.as_ref().map(Json))
    .bind(plan.terms.grace_days)
    .bind(plan.disabled_at)
    .bind(plan.version)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PlanId,
) -> Result<Option<Plan>, sqlx::Error> {
    let row: Option<PlanRow> = sqlx::query_as("select * from plan where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(row.map(Plan::from))
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PlanId,
) -> Result<Option<Plan>, sqlx::Error> {
    let row: Option<PlanRow> =
        sqlx::query_as("select * from plan where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Plan::from))
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Plan>, sqlx::Error> {
    let rows: Vec<PlanRow> =
        sqlx::query_as("select * from plan where workspace_id = $1 and id > $2 order by id limit $3")
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(Plan::from).collect())
}
