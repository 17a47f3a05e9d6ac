//! Rows of integrations.

use chassis::paging::Page;
use domain::{IntegrationId, LocationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::model::{Account, Certificate, Integration, Problem, SavedCredential, Status};

#[derive(sqlx::FromRow)]
struct IntegrationRow {
    workspace_id: Uuid,
    id: Uuid,
    provider: String,
    location_id: Option<Uuid>,
    status: Status,
    status_at: Timestamp,
    problems: Json<Vec<Problem>>,
    account: Option<Json<Account>>,
    confirmed_account_ref: Option<String>,
    heard_at: Timestamp,
    version: i64,
    failures: i32,
    check_at: Option<Timestamp>,
    certificate: Option<Json<Certificate>>,
    changed_certificate: Option<Json<Certificate>>,
    credentials: Json<Vec<SavedCredential>>,
}

impl From<IntegrationRow> for Integration {
    fn from(row: IntegrationRow) -> Self {
        Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: IntegrationId::from_uuid(row.id),
            provider: row.provider,
            location: row.location_id.map(LocationId::from_uuid),
            status: row.status,
            status_at: row.status_at,
            problems: row.problems.0,
            account: row.account.map(|account| account.0),
            confirmed_account_ref: row.confirmed_account_ref,
            heard_at: row.heard_at,
            version: row.version,
            failures: row.failures,
            check_at: row.check_at,
            certificate: row.certificate.map(|certificate| certificate.0),
            changed_certificate: row.changed_certificate.map(|certificate| certificate.0),
            credentials: row.credentials.0,
        }
    }
}

macro_rules! select_integration {
    ($rest:literal) => {
        concat!(
            "select workspace_id, id, provider, location_id, status, status_at, problems, account,
                    confirmed_account_ref, heard_at, version, failures, check_at, certificate,
                    changed_certificate,
                    coalesce(
                      (select jsonb_agg(jsonb_build_object('name', c.name, 'mask', c.mask,
                                'saved_by', c.saved_by, 'saved_at', c.saved_at) order by c.name)
                       from credential c
                       where c.workspace_id = i.workspace_id and c.integration_id = i.id),
                      '[]') as credentials
             from integration i ",
            $rest
        )
    };
}

/// Makes the integration of a workspace or location with a provider, or says of the one that is there
/// that its values are new and nobody was asked about them. A location's new one starts from the account
/// that was in force there before: the workspace's. It is checked at `check_at` if nobody does so before.
/// Locks the row.
pub(crate) async fn put(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    location: Option<LocationId>,
    now: Timestamp,
    check_at: Timestamp,
) -> Result<IntegrationId, sqlx::Error> {
    let id: Uuid = sqlx::query_scalar(
        "insert into integration
           (workspace_id, id, provider, location_id, status, status_at, problems, confirmed_account_ref,
            heard_at, version, failures, check_at, created_at)
         values ($1, $2, $3, $4, $5, $6, '[]',
           (select whole.confirmed_account_ref from integration whole
            where whole.workspace_id = $1 and whole.provider = $3 and whole.location_id is null),
           $6, 1, 0, $7, $6)
         on conflict on constraint integration_place do update
         set status = $5, status_at = $6, problems = '[]', account = null, heard_at = $6, failures = 0,
             check_at = $7, version = integration.version + 1
         returning id",
    )
    .bind(workspace.uuid())
    .bind(IntegrationId::new().uuid())
    .bind(provider)
    .bind(location.map(LocationId::uuid))
    .bind(Status::NotConnected)
    .bind(now)
    .bind(check_at)
    .fetch_one(conn)
    .await?;
    Ok(IntegrationId::from_uuid(id))
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: IntegrationId,
) -> Result<Option<Integration>, sqlx::Error> {
    let row: Option<IntegrationRow> =
        sqlx::query_as(select_integration!("where workspace_id = $1 and id = $2"))
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Integration::from))
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: IntegrationId,
) -> Result<Option<Integration>, sqlx::Error> {
    let row: Option<IntegrationRow> =
        sqlx::query_as(select_integration!("where workspace_id = $1 and id = $2 for update of i"))
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Integration::from))
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Integration>, sqlx::Error> {
    let rows: Vec<IntegrationRow> =
        sqlx::query_as(select_integration!("where workspace_id = $1 and id > $2 order by id limit $3"))
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(Integration::from).collect())
}

/// Writes what a word, a confirmation, an acceptance or a disconnection changed. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, integration: &Integration) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update integration
         set status = $3, status_at = $4, problems = $5, account = $6, confirmed_account_ref = $7,
             heard_at = $8, version = $9, failures = $10, check_at = $11, certificate = $12,
             changed_certificate = $13
         where workspace_id = $1 and id = $2",
    )
    .bind(integration.workspace.uuid())
    .bind(integration.id.uuid())
    .bind(integration.status)
    .bind(integration.status_at)
    .bind(Json(&integration.problems))
    .bind(integration.account.as_ref().map(Json))
    .bind(&integration.confirmed_account_ref)
    .bind(integration.heard_at)
    .bind(integration.version)
    .bind(integration.failures)
    .bind(integration.check_at)
    .bind(integration.certificate.as_ref().map(Json))
    .bind(integration.changed_certificate.as_ref().map(Json))
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes integrations of all workspaces that are due for a check, the longest due first, passing over
/// those that other replicas have. Until `lease_until` they are nobody else's.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u16,
) -> Result<Vec<(WorkspaceId, IntegrationId)>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "with due as (
           select workspace_id, id from integration where check_at <= $1
           order by check_at limit $3 for update skip locked
         )
         update integration i set check_at = $2 from due
         where i.workspace_id = due.workspace_id and i.id = due.id
         returning i.workspace_id, i.id",
    )
    .bind(now)
    .bind(lease_until)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    let key = |(workspace, id)| (WorkspaceId::from_uuid(workspace), IntegrationId::from_uuid(id));
    Ok(rows.into_iter().map(key).collect())
}

/// Takes integrations of all workspaces that are to be told once more, and are not from then on; their rows are locked,
/// those of other replicas passed over.
pub(crate) async fn claim_retold(
    conn: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(WorkspaceId, IntegrationId)>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "with due as (
           select workspace_id, id from integration where is_to_be_retold
           order by workspace_id, id limit $1 for update skip locked
         )
         update integration i set is_to_be_retold = false from due
         where i.workspace_id = due.workspace_id and i.id = due.id
         returning i.workspace_id, i.id",
    )
    .bind(limit)
    .fetch_all(conn)
    .await?;
    let key = |(workspace, id)| (WorkspaceId::from_uuid(workspace), IntegrationId::from_uuid(id));
    Ok(rows.into_iter().map(key).collect())
}

/// Has the connections of a workspace's locations looked at: what is in force there may have changed with
/// the workspace's own values.
pub(crate) async fn make_locations_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update integration i set check_at = $3
         where i.workspace_id = $1 and i.provider = $2 and i.location_id is not null
           and exists (select from credential c
                       where c.workspace_id = i.workspace_id and c.integration_id = i.id)",
    )
    .bind(workspace.uuid())
    .bind(provider)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}
