//! Accounts that the provider refuses.

use domain::names::IntegrationName;
use domain::{IntegrationId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

fn columns(accounts: &[IntegrationName]) -> (Vec<Uuid>, Vec<Uuid>) {
    accounts.iter().map(|name| (name.workspace.uuid(), name.id.uuid())).unzip()
}

fn names(rows: Vec<(Uuid, Uuid)>) -> Vec<IntegrationName> {
    let name = |(workspace, id)| IntegrationName {
        workspace: WorkspaceId::from_uuid(workspace),
        id: IntegrationId::from_uuid(id),
    };
    rows.into_iter().map(name).collect()
}

/// Notes that accounts are refused, each with its reason; returns those of which it is news. Each may be
/// given once.
pub(crate) async fn refuse(
    conn: &mut PgConnection,
    refused: &[(IntegrationName, &str)],
    now: Timestamp,
) -> Result<Vec<IntegrationName>, sqlx::Error> {
    let accounts: Vec<IntegrationName> = refused.iter().map(|(account, _)| *account).collect();
    let (workspaces, ids) = columns(&accounts);
    let reasons: Vec<&str> = refused.iter().map(|(_, reason)| *reason).collect();
    let news = sqlx::query_as(
        "insert into refused_account (workspace_id, account_id, reason, refused_at)
         select *, $4 from unnest($1::uuid[], $2::uuid[], $3::text[]) order by 1, 2
         on conflict do nothing returning workspace_id, account_id",
    )
    .bind(workspaces)
    .bind(ids)
    .bind(reasons)
    .bind(now)
    .fetch_all(conn)
    .await?;
    Ok(names(news))
}

/// Notes that accounts are taken; returns those of which it is news.
pub(crate) async fn accept(
    conn: &mut PgConnection,
    accepted: &[IntegrationName],
) -> Result<Vec<IntegrationName>, sqlx::Error> {
    let (workspaces, ids) = columns(accepted);
    let news = sqlx::query_as(
        "delete from refused_account using unnest($1::uuid[], $2::uuid[]) as accepted (workspace_id, id)
         where refused_account.workspace_id = accepted.workspace_id
           and refused_account.account_id = accepted.id
         returning refused_account.workspace_id, refused_account.account_id",
    )
    .bind(workspaces)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    Ok(names(news))
}
