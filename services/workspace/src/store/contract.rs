//! Rows of contracts.

use chassis::paging::Page;
use domain::{ContractId, ResourceId, TeamId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::team::{Filter, HolderRow, holder};
use crate::model::Contract;

#[derive(sqlx::FromRow)]
struct ContractRow {
    workspace_id: Uuid,
    id: Uuid,
    #[sqlx(flatten)]
    holder: HolderRow,
    resources: Vec<Uuid>,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<ContractRow> for Contract {
    type Error = sqlx::Error;
    fn try_from(row: ContractRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: ContractId::from_uuid(row.id),
            holder: row.holder.try_into()?,
            resources: row.resources.into_iter().map(ResourceId::from_uuid).collect(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            ended_at: row.ended_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &Contract) -> Result<(), sqlx::Error> {
    let (person, team) = holder(new.holder);
    sqlx::query(
        "insert into contract (workspace_id, id, person_id, team_id, resources, starts_at, ends_at, version,
           created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(person)
    .bind(team)
    .bind(new.resources.iter().map(|resource| resource.uuid()).collect::<Vec<_>>())
    .bind(new.starts_at)
    .bind(new.ends_at)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(&mut *conn)
    .await?;
    // To be found by location; what it names stays the same, and where that is, too.
    sqlx::query(
        "insert into contract_location (workspace_id, location_id, contract_id)
         select distinct $1::uuid, location_id, $2::uuid from resource
         where workspace_id = $1 and id = any($3)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.resources.iter().map(|resource| resource.uuid()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of a contract over the version before it. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, contract: &Contract) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update contract set ends_at = $3, ended_at = $4, version = $5, updated_at = $6
         where workspace_id = $1 and id = $2",
    )
    .bind(contract.workspace.uuid())
    .bind(contract.id.uuid())
    .bind(contract.ends_at)
    .bind(contract.ended_at)
    .bind(contract.version)
    .bind(contract.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: ContractId,
) -> Result<Option<Contract>, sqlx::Error> {
    let row: Option<ContractRow> =
        sqlx::query_as("select * from contract where workspace_id = $1 and id = $2")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Contract::try_from).transpose()
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: ContractId,
) -> Result<Option<Contract>, sqlx::Error> {
    let row: Option<ContractRow> =
        sqlx::query_as("select * from contract where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Contract::try_from).transpose()
}

/// What a team holds that was not over at that time; the rows are locked. The team's must be, before: so nothing
/// begins meanwhile.
pub(crate) async fn lock_of_team(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    team: TeamId,
    since: Timestamp,
) -> Result<Vec<Contract>, sqlx::Error> {
    let rows: Vec<ContractRow> = sqlx::query_as(
        "select * from contract
         where workspace_id = $1 and team_id = $2 and ended_at is null and (ends_at is null or ends_at > $3)
         order by id for update",
    )
    .bind(workspace.uuid())
    .bind(team.uuid())
    .bind(since)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Contract::try_from).collect()
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Contract>, sqlx::Error> {
    let mut query = filter.query("contract", workspace, page);
    let rows: Vec<ContractRow> = query.build_query_as().fetch_all(conn).await?;
    rows.into_iter().map(Contract::try_from).collect()
}
