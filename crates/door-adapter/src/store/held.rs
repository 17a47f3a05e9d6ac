//! What the provider has by the last answers.

use std::collections::HashMap;

use domain::names::{GrantName, IntegrationName};
use domain::{GrantId, Timestamp, Window};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::drift::Held;
use crate::request::{Target, TargetKind};

/// What an answer says that the provider has for a grant.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub account: IntegrationName,
    pub grant: GrantName,
    pub generation: i64,
    pub target: Target,
    /// The window and the provider's id; `None`: nothing.
    pub right: Option<(Window, String)>,
}

/// Notes outcomes, of each grant the newest.
pub(crate) async fn record(conn: &mut PgConnection, outcomes: &[&Outcome]) -> Result<(), sqlx::Error> {
    let mut newest: HashMap<GrantName, &Outcome> = HashMap::new();
    for &outcome in outcomes {
        let kept = newest.entry(outcome.grant).or_insert(outcome);
        if kept.generation <= outcome.generation {
            *kept = outcome;
        }
    }
    let mut holding = Vec::new();
    let mut gone = Vec::new();
    for outcome in newest.into_values() {
        match &outcome.right {
            Some((window, provider_ref)) => holding.push((outcome, window, provider_ref.as_str())),
            None => gone.push(outcome),
        }
    }
    if !gone.is_empty() {
        delete(conn, &gone).await?;
    }
    if holding.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "with told as (
           select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::text[],
                                $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[])
             as told (workspace_id, grant_id, generation, account_id, kind, ref, name, starts_at, ends_at,
                      provider_ref)),
         used as (
           insert into used_target (workspace_id, account_id, kind, ref, name)
           select distinct on (workspace_id, account_id, kind, ref) workspace_id, account_id, kind, ref, name
           from told order by workspace_id, account_id, kind, ref
           on conflict do nothing)
         insert into held (workspace_id, grant_id, generation, account_id, target_kind, target_ref,
                           target_name, starts_at, ends_at, provider_ref)
         select * from told order by workspace_id, grant_id
         on conflict (workspace_id, grant_id) do update
           set generation = excluded.generation, account_id = excluded.account_id,
               target_kind = excluded.target_kind, target_ref = excluded.target_ref,
               target_name = excluded.target_name, starts_at = excluded.starts_at,
               ends_at = excluded.ends_at, provider_ref = excluded.provider_ref,
               recorded_at = excluded.recorded_at
           where held.generation <= excluded.generation",
    )
    .bind(holding.iter().map(|(o, ..)| o.grant.workspace.uuid()).collect::<Vec<_>>())
    .bind(holding.iter().map(|(o, ..)| o.grant.id.uuid()).collect::<Vec<_>>())
    .bind(holding.iter().map(|(o, ..)| o.generation).collect::<Vec<_>>())
    .bind(holding.iter().map(|(o, ..)| o.account.id.uuid()).collect::<Vec<_>>())
    .bind(holding.iter().map(|(o, ..)| kind_text(o.target.kind)).collect::<Vec<_>>())
    .bind(holding.iter().map(|(o, ..)| o.target.provider_ref.as_str()).collect::<Vec<_>>())
    .bind(holding.iter().map(|(o, ..)| o.target.display_name.as_str()).collect::<Vec<_>>())
    .bind(holding.iter().map(|(_, window, _)| window.start()).collect::<Vec<_>>())
    .bind(holding.iter().map(|(_, window, _)| window.end()).collect::<Vec<_>>())
    .bind(holding.iter().map(|(.., provider_ref)| *provider_ref).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

async fn delete(conn: &mut PgConnection, gone: &[&Outcome]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from held using unnest($1::uuid[], $2::uuid[], $3::bigint[])
           as gone (workspace_id, grant_id, generation)
         where held.workspace_id = gone.workspace_id and held.grant_id = gone.grant_id
           and held.generation <= gone.generation",
    )
    .bind(gone.iter().map(|outcome| outcome.grant.workspace.uuid()).collect::<Vec<_>>())
    .bind(gone.iter().map(|outcome| outcome.grant.id.uuid()).collect::<Vec<_>>())
    .bind(gone.iter().map(|outcome| outcome.generation).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct HeldRow {
    grant_id: Uuid,
    generation: i64,
    target_kind: String,
    target_ref: String,
    target_name: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    provider_ref: String,
    is_at_rest: bool,
}

/// What an account has. At rest is what no command has touched since `began_at`, none that waits, and none
/// that failed.
pub(crate) async fn of_account(
    conn: &mut PgConnection,
    account: IntegrationName,
    began_at: Timestamp,
) -> Result<Vec<Held>, sqlx::Error> {
    let rows: Vec<HeldRow> = sqlx::query_as(
        "select grant_id, generation, target_kind, target_ref, target_name, starts_at, ends_at, provider_ref,
           recorded_at < $3
             and not exists (select from command c
               where c.workspace_id = held.workspace_id and c.grant_id = held.grant_id)
             and not exists (select from answered a
               where a.workspace_id = held.workspace_id and a.grant_id = held.grant_id
                 and a.generation > held.generation) as is_at_rest
         from held where workspace_id = $1 and account_id = $2",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(began_at)
    .fetch_all(conn)
    .await?;
    let held = |row: HeldRow| {
        Some(Held {
            grant: GrantName { workspace: account.workspace, id: GrantId::from_uuid(row.grant_id) },
            generation: row.generation,
            target: target(&row.target_kind, row.target_ref, row.target_name),
            window: Window::new(row.starts_at, row.ends_at).ok()?,
            provider_ref: row.provider_ref,
            is_at_rest: row.is_at_rest,
        })
    };
    Ok(rows.into_iter().filter_map(held).collect())
}

/// Where an account ever had something of ours.
pub(crate) async fn used_targets(
    conn: &mut PgConnection,
    account: IntegrationName,
) -> Result<Vec<Target>, sqlx::Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select kind, ref, name from used_target where workspace_id = $1 and account_id = $2
         order by kind, ref",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(kind, provider_ref, name)| target(&kind, provider_ref, name)).collect())
}

fn kind_text(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Group => "group",
        TargetKind::Lock => "lock",
    }
}

fn target(kind: &str, provider_ref: String, display_name: String) -> Target {
    let kind = if kind == "group" { TargetKind::Group } else { TargetKind::Lock };
    Target { kind, provider_ref, display_name }
}
