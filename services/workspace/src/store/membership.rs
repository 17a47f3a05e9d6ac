//! Rows of memberships.

use chassis::paging::Page;
use domain::{MembershipId, PlanId, TeamId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::plan::{TermsRow, shared_locations};
use super::team::{Filter, HolderRow, holder};
use crate::model::Membership;

#[derive(sqlx::FromRow)]
struct MembershipRow {
    workspace_id: Uuid,
    id: Uuid,
    plan_id: Uuid,
    #[sqlx(flatten)]
    holder: HolderRow,
    #[sqlx(flatten)]
    terms: TermsRow,
    starts_at: Timestamp,
    period_ends_at: Timestamp,
    is_paused: bool,
    is_ending: bool,
    ended_at: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<MembershipRow> for Membership {
    type Error = sqlx::Error;
    fn try_from(row: MembershipRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: MembershipId::from_uuid(row.id),
            plan: PlanId::from_uuid(row.plan_id),
            holder: row.holder.try_into()?,
            terms: row.terms.into(),
            starts_at: row.starts_at,
            period_ends_at: row.period_ends_at,
            is_paused: row.is_paused,
            is_ending: row.is_ending,
            ended_at: row.ended_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn read(rows: impl IntoIterator<Item = MembershipRow>) -> Result<Vec<Membership>, sqlx::Error> {
    rows.into_iter().map(Membership::try_from).collect()
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &Membership) -> Result<(), sqlx::Error> {
    let (person, team) = holder(new.holder);
    sqlx::query(
        "insert into membership (workspace_id, id, plan_id, person_id, team_id, location_id, shared_locations,
           weekly_hours, grace_days, starts_at, period_ends_at, is_paused, is_ending, version, created_at,
           updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.plan.uuid())
    .bind(person)
    .bind(team)
    .bind(new.terms.location.uuid())
    .bind(shared_locations(&new.terms))
    .bind(new.terms.weekly_hours.as_ref().map(Json))
    .bind(new.terms.grace_days)
    .bind(new.starts_at)
    .bind(new.period_ends_at)
    .bind(new.is_paused)
    .bind(new.is_ending)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(&mut *conn)
    .await?;
    // To be found by location; its terms are its own for good.
    sqlx::query(
        "insert into membership_location (workspace_id, location_id, membership_id)
         select $1, location_id, $2 from unnest(array_append($3, $4)) as location_id on conflict do nothing",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(shared_locations(&new.terms))
    .bind(new.terms.location.uuid())
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of a membership over the version before it. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, membership: &Membership) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update membership set period_ends_at = $3, is_paused = $4, is_ending = $5, ended_at = $6, version = $7,
           updated_at = $8
         where workspace_id = $1 and id = $2",
    )
    .bind(membership.workspace.uuid())
    .bind(membership.id.uuid())
    .bind(membership.period_ends_at)
    .bind(membership.is_paused)
    .bind(membership.is_ending)
    .bind(membership.ended_at)
    .bind(membership.version)
    .bind(membership.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: MembershipId,
) -> Result<Option<Membership>, sqlx::Error> {
    let row: Option<MembershipRow> =
        sqlx::query_as("select * from membership where workspace_id = $1 and id = $2")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Membership::try_from).transpose()
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: MembershipId,
) -> Result<Option<Membership>, sqlx::Error> {
    let row: Option<MembershipRow> =
        sqlx::query_as("select * from membership where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Membership::try_from).transpose()
}

/// What a team holds that gave something, or could, at that time or later; the rows are locked. The team's must be,
/// before: so nothing begins meanwhile. What is not renewed until its grace is over stays as it is; a renewal tells
/// all.
pub(crate) async fn lock_of_team(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    team: TeamId,
    since: Timestamp,
) -> Result<Vec<Membership>, sqlx::Error> {
    let rows: Vec<MembershipRow> = sqlx::query_as(
        "select * from membership
         where workspace_id = $1 and team_id = $2
           and coalesce(ended_at, period_ends_at + grace_days * interval '24 hours') > $3
         order by id for update",
    )
    .bind(workspace.uuid())
    .bind(team.uuid())
    .bind(since)
    .fetch_all(conn)
    .await?;
    read(rows)
}

/// Memberships of all workspaces that were to end with their paid period, and it is over, oldest first; their
/// rows are locked, those of other replicas passed over.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Membership>, sqlx::Error> {
    let rows: Vec<MembershipRow> = sqlx::query_as(
        "select * from membership where is_ending and ended_at is null and period_ends_at <= $1
         order by period_ends_at limit $2 for update skip locked",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    read(rows)
}

/// When the next one ends with its paid period.
pub(crate) async fn next_due(conn: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select min(period_ends_at) from membership where is_ending and ended_at is null")
        .fetch_one(conn)
        .await
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Membership>, sqlx::Error> {
    let mut query = filter.query("membership", workspace, page);
    read(query.build_query_as::<MembershipRow>().fetch_all(conn).await?)
}
