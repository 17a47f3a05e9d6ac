//! Rows of the users that providers take people for, and of the policies that say what becomes of them. Locked
//! after grants, in the order of their keys.

use chassis::paging::Page;
use chrono::Duration;
use domain::{GrantId, LocationId, PersonId, ProviderUserId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::engine::{Policy, Retirement, UserLedger, UserState};
use crate::model::{Grant, NoAccessPolicy, ProviderUser};

chassis::text_enum! {
    /// What becomes of a user whom nobody needs.
    enum RetirementColumn { Suspend = "suspend", Delete = "delete" }
}

chassis::text_enum! {
    /// What is known of a user.
    enum StateColumn {
        InUse = "in_use",
        Suspended = "suspended",
        Deleted = "deleted",
        Kept = "kept",
        Unknown = "unknown",
    }
}

impl From<Retirement> for RetirementColumn {
    fn from(retirement: Retirement) -> Self {
        match retirement {
            Retirement::Suspend => Self::Suspend,
            Retirement::Delete => Self::Delete,
        }
    }
}

impl From<RetirementColumn> for Retirement {
    fn from(column: RetirementColumn) -> Self {
        match column {
            RetirementColumn::Suspend => Self::Suspend,
            RetirementColumn::Delete => Self::Delete,
        }
    }
}

impl From<UserState> for StateColumn {
    fn from(state: UserState) -> Self {
        match state {
            UserState::InUse => Self::InUse,
            UserState::Suspended => Self::Suspended,
            UserState::Deleted => Self::Deleted,
            UserState::Kept => Self::Kept,
            UserState::Unknown => Self::Unknown,
        }
    }
}

impl From<StateColumn> for UserState {
    fn from(column: StateColumn) -> Self {
        match column {
            StateColumn::InUse => Self::InUse,
            StateColumn::Suspended => Self::Suspended,
            StateColumn::Deleted => Self::Deleted,
            StateColumn::Kept => Self::Kept,
            StateColumn::Unknown => Self::Unknown,
        }
    }
}

#[derive(sqlx::FromRow)]
struct UserRow {
    workspace_id: Uuid,
    id: Uuid,
    person_id: Uuid,
    provider: String,
    served_by: Option<Uuid>,
    idle_since: Option<Timestamp>,
    generation: i64,
    in_flight_until: Option<Timestamp>,
    told: Option<RetirementColumn>,
    state: StateColumn,
    failures: i32,
    retry_at: Option<Timestamp>,
    reason: String,
    next_check_at: Option<Timestamp>,
}

impl From<UserRow> for ProviderUser {
    fn from(row: UserRow) -> Self {
        Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: ProviderUserId::from_uuid(row.id),
            person: PersonId::from_uuid(row.person_id),
            provider: row.provider,
            served_by: row.served_by.map(LocationId::from_uuid),
            ledger: UserLedger {
                idle_since: row.idle_since,
                generation: row.generation,
                in_flight_until: row.in_flight_until,
                told: row.told.map(Into::into),
                state: row.state.into(),
                failures: row.failures.unsigned_abs(),
                retry_at: row.retry_at,
            },
            reason: row.reason,
            next_check_at: row.next_check_at,
        }
    }
}

#[derive(sqlx::FromRow)]
struct PolicyRow {
    provider: String,
    retirement: RetirementColumn,
    grace_minutes: i32,
    includes_foreign: bool,
}

impl From<PolicyRow> for NoAccessPolicy {
    fn from(row: PolicyRow) -> Self {
        let grace = Duration::minutes(row.grace_minutes.into());
        Self {
            provider: row.provider,
            policy: Some(Policy { retirement: row.retirement.into(), grace }),
            includes_foreign: row.includes_foreign,
        }
    }
}

/// The policies of a workspace, by provider. Providers without one keep their users.
pub(crate) async fn policies(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Vec<NoAccessPolicy>, sqlx::Error> {
    let rows: Vec<PolicyRow> = sqlx::query_as(
        "select provider, retirement, grace_minutes, includes_foreign from no_access_policy
         where workspace_id = $1 order by provider",
    )
    .bind(workspace.uuid())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(NoAccessPolicy::from).collect())
}

/// The policies of these workspaces for these providers.
async fn policies_of(
    conn: &mut PgConnection,
    users: &[ProviderUser],
) -> Result<Vec<(WorkspaceId, NoAccessPolicy)>, sqlx::Error> {
    let rows: Vec<(Uuid, String, RetirementColumn, i32, bool)> = sqlx::query_as(
        "select p.workspace_id, p.provider, p.retirement, p.grace_minutes, p.includes_foreign
         from (select distinct * from unnest($1::uuid[], $2::text[]) as k (workspace_id, provider)) as k
         join no_access_policy p on p.workspace_id = k.workspace_id and p.provider = k.provider",
    )
    .bind(users.iter().map(|user| user.workspace.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|user| user.provider.as_str()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let policy = |(workspace, provider, retirement, grace_minutes, includes_foreign)| {
        let row = PolicyRow { provider, retirement, grace_minutes, includes_foreign };
        (WorkspaceId::from_uuid(workspace), row.into())
    };
    Ok(rows.into_iter().map(policy).collect())
}

/// Sets a provider's policy, and gives the one before. Everyone who ever had access there is looked at. Without a
/// policy nobody looks, so what was known of users before that is not known any more.
pub(crate) async fn set_policy(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    policy: &NoAccessPolicy,
    now: Timestamp,
) -> Result<NoAccessPolicy, sqlx::Error> {
    let before: Option<PolicyRow> = sqlx::query_as(
        "delete from no_access_policy where workspace_id = $1 and provider = $2
         returning provider, retirement, grace_minutes, includes_foreign",
    )
    .bind(workspace.uuid())
    .bind(&policy.provider)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(rule) = policy.policy {
        sqlx::query(
            "insert into no_access_policy (workspace_id, provider, retirement, grace_minutes, includes_foreign)
             values ($1, $2, $3, $4, $5)
             on conflict (workspace_id, provider) do update
               set retirement = excluded.retirement, grace_minutes = excluded.grace_minutes,
                   includes_foreign = excluded.includes_foreign",
        )
        .bind(workspace.uuid())
        .bind(&policy.provider)
        .bind(RetirementColumn::from(rule.retirement))
        .bind(i32::try_from(rule.grace.num_minutes()).unwrap_or(i32::MAX))
        .bind(policy.includes_foreign)
        .execute(&mut *conn)
        .await?;
    }
    let before = before.map_or_else(|| NoAccessPolicy::keep(&policy.provider), Into::into);
    let is_first = before.policy.is_none() && policy.policy.is_some();
    sqlx::query(
        "insert into provider_user (workspace_id, id, person_id, provider, served_by, next_check_at)
         select $1, gen_random_uuid(), person_id, $2, served_by, $3
         from (select distinct person_id, served_by from access_grant
               where workspace_id = $1 and provider = $2 and generation > 0
               order by person_id, served_by) as had
         on conflict (workspace_id, provider, person_id, served_by) do update
           set next_check_at = excluded.next_check_at,
               idle_since = case when $4 then null else provider_user.idle_since end,
               -- A retirement under way that was told for other users is taken as lost, and told anew.
               in_flight_until = case
                 when $5 and provider_user.told is not null and provider_user.in_flight_until > $3 then $3
                 else provider_user.in_flight_until end,
               state = case
                 -- What was not touched under another policy may be under this one.
                 when provider_user.state = 'kept' then 'in_use'
                 when $4 and provider_user.state in ('suspended', 'deleted') then 'unknown'
                 else provider_user.state end",
    )
    .bind(workspace.uuid())
    .bind(&policy.provider)
    .bind(now)
    .bind(is_first)
    .bind(before.includes_foreign != policy.includes_foreign)
    .execute(conn)
    .await?;
    Ok(before)
}

/// Has the users of these grants' people looked at, each with whether the grant has no entitlement left. Costs
/// nothing where no policy is.
pub(crate) async fn look_at(
    conn: &mut PgConnection,
    grants: &[(&Grant, bool)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with looked as (
           select k.*, p.provider as of_policy
           from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::boolean[])
             as k (workspace_id, person_id, provider, served_by, is_idle)
           join no_access_policy p on p.workspace_id = k.workspace_id and p.provider = k.provider),
         seen as (
           insert into provider_user (workspace_id, id, person_id, provider, served_by, next_check_at)
           select workspace_id, gen_random_uuid(), person_id, provider, served_by, $6
           from (select distinct workspace_id, person_id, provider, served_by from looked where is_idle) as idle
           order by workspace_id, provider, person_id, served_by
           on conflict do nothing)
         update provider_user u set next_check_at = $6
         from (
           select o.workspace_id, o.id from provider_user o
           join (select workspace_id, person_id, provider, bool_or(is_idle) as is_idle from looked
                 group by workspace_id, person_id, provider) as k
             on o.workspace_id = k.workspace_id and o.provider = k.provider and o.person_id = k.person_id
           where k.is_idle or o.idle_since is not null or o.state <> 'in_use'
           order by o.workspace_id, o.provider, o.person_id, o.served_by for update of o
         ) as due
         where u.workspace_id = due.workspace_id and u.id = due.id",
    )
    .bind(grants.iter().map(|(grant, _)| grant.workspace.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(grant, _)| grant.person.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(grant, _)| grant.target.provider.as_str()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(grant, _)| grant.served_by.map(LocationId::uuid)).collect::<Vec<_>>())
    .bind(grants.iter().map(|(_, is_idle)| *is_idle).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks up to `limit` users whose time has come, those that were due first.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<ProviderUser>, sqlx::Error> {
    let rows: Vec<UserRow> = sqlx::query_as(
        "select * from provider_user where next_check_at <= $1
         order by next_check_at limit $2 for update skip locked",
    )
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(ProviderUser::from).collect())
}

/// Locks the users with these keys.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    keys: &[(WorkspaceId, ProviderUserId)],
) -> Result<Vec<ProviderUser>, sqlx::Error> {
    let rows: Vec<UserRow> = sqlx::query_as(
        "select u.* from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
         join provider_user u on u.workspace_id = k.workspace_id and u.id = k.id
         order by u.workspace_id, u.provider, u.person_id, u.served_by for update of u",
    )
    .bind(keys.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, id)| id.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let mut users: Vec<ProviderUser> = rows.into_iter().map(ProviderUser::from).collect();
    users.dedup_by_key(|user| (user.workspace, user.id));
    Ok(users)
}

/// What decides about users, beside their own rows.
pub(crate) struct Surroundings {
    /// The policies of their workspaces.
    pub policies: Vec<(WorkspaceId, NoAccessPolicy)>,
    /// All grants of their people at their providers.
    pub grants: Vec<(WorkspaceId, PersonId, String, GrantId)>,
    /// Those whose integrations take no commands.
    pub resting: Vec<ProviderUserId>,
}

/// What decides about these users.
pub(crate) async fn surroundings(
    conn: &mut PgConnection,
    users: &[ProviderUser],
) -> Result<Surroundings, sqlx::Error> {
    let policies = policies_of(conn, users).await?;
    let rows: Vec<(Uuid, Uuid, String, Uuid)> = sqlx::query_as(
        "select g.workspace_id, g.person_id, g.provider, g.id
         from (select distinct * from unnest($1::uuid[], $2::uuid[], $3::text[])
                 as k (workspace_id, person_id, provider)) as k
         join access_grant g on g.workspace_id = k.workspace_id and g.person_id = k.person_id
           and g.provider = k.provider",
    )
    .bind(users.iter().map(|user| user.workspace.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|user| user.person.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|user| user.provider.as_str()).collect::<Vec<_>>())
    .fetch_all(&mut *conn)
    .await?;
    let grant = |(workspace, person, provider, id)| {
        (WorkspaceId::from_uuid(workspace), PersonId::from_uuid(person), provider, GrantId::from_uuid(id))
    };
    let resting: Vec<Uuid> = sqlx::query_scalar(
        "select k.id from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[])
           as k (workspace_id, id, provider, served_by)
         join integration i on i.workspace_id = k.workspace_id and i.provider = k.provider
           and (i.location_id = k.served_by or i.location_id is null and k.served_by is null)
         where not i.is_active",
    )
    .bind(users.iter().map(|user| user.workspace.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|user| user.id.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|user| user.provider.as_str()).collect::<Vec<_>>())
    .bind(users.iter().map(|user| user.served_by.map(LocationId::uuid)).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(Surroundings {
        policies,
        grants: rows.into_iter().map(grant).collect(),
        resting: resting.into_iter().map(ProviderUserId::from_uuid).collect(),
    })
}

/// When the next user is due.
pub(crate) async fn next_due(conn: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select min(next_check_at) from provider_user where next_check_at is not null")
        .fetch_one(conn)
        .await
}

/// Writes what may change of locked users.
pub(crate) async fn update(conn: &mut PgConnection, users: &[ProviderUser]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update provider_user u set idle_since = n.idle_since, generation = n.generation,
           in_flight_until = n.in_flight_until, told = n.told, state = n.state, failures = n.failures,
           retry_at = n.retry_at, reason = n.reason, next_check_at = n.next_check_at
         from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::timestamptz[], $6::text[],
           $7::text[], $8::integer[], $9::timestamptz[], $10::text[], $11::timestamptz[])
           as n (workspace_id, id, idle_since, generation, in_flight_until, told, state, failures, retry_at,
             reason, next_check_at)
         where u.workspace_id = n.workspace_id and u.id = n.id",
    )
    .bind(users.iter().map(|u| u.workspace.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.id.uuid()).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.ledger.idle_since).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.ledger.generation).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.ledger.in_flight_until).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.ledger.told.map(RetirementColumn::from)).collect::<Vec<_>>())
    .bind(users.iter().map(|u| StateColumn::from(u.ledger.state)).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.ledger.failures.min(1_000_000).cast_signed()).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.ledger.retry_at).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.reason.as_str()).collect::<Vec<_>>())
    .bind(users.iter().map(|u| u.next_check_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<ProviderUser>, sqlx::Error> {
    let rows: Vec<UserRow> = sqlx::query_as(
        "select * from provider_user where workspace_id = $1 and id > $2 order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(ProviderUser::from).collect())
}
