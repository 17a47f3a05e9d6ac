//! Rows of doors as accounts have them, and of which targets lead to them.

use std::collections::HashMap;

use domain::{GrantId, IntegrationId, LocationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1 as pb;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::control::Account;
use crate::model::{Target, TargetKind};

/// Targets of one person, or of one workspace, that are looked at; the first ones.
const TARGETS_MAX: i64 = 20_000;

/// What serves a provider's doors at a location.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub account: Account,
    /// Whether the provider is told anything.
    pub is_followed: bool,
}

/// A provider's integration at each of these locations, where there is one, in their order.
pub(crate) async fn serving(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    places: &[(String, LocationId)],
) -> Result<Vec<Option<Serving>>, sqlx::Error> {
    let rows: Vec<(Option<Uuid>, Option<Uuid>, bool)> = sqlx::query_as(
        "select account_of($1, k.provider, k.location_id), served_by($1, k.provider, k.location_id),
           mapping_is_active($1, k.provider, k.location_id)
         from unnest($2::text[], $3::uuid[]) with ordinality as k (provider, location_id, number)
         order by k.number",
    )
    .bind(workspace.uuid())
    .bind(places.iter().map(|(provider, _)| provider.as_str()).collect::<Vec<_>>())
    .bind(places.iter().map(|(_, location)| location.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let serving =
        |((account, served_by, is_followed), (provider, _)): ((Option<Uuid>, _, _), &(String, _))| {
            let id = IntegrationId::from_uuid(account?);
            let served_by: Option<Uuid> = served_by;
            let served_by = served_by.map(LocationId::from_uuid);
            Some(Serving {
                account: Account { workspace, provider: provider.clone(), id, served_by },
                is_followed,
            })
        };
    Ok(rows.into_iter().zip(places).map(serving).collect())
}

/// When an account was last asked for its doors.
pub(crate) async fn asked_at(
    conn: &mut PgConnection,
    account: &Account,
) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select asked_at from door_roster where workspace_id = $1 and account_id = $2")
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .fetch_optional(conn)
        .await
}

/// When these accounts were last asked for their doors.
pub(crate) async fn listed_at(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    accounts: &[IntegrationId],
) -> Result<HashMap<Uuid, Timestamp>, sqlx::Error> {
    let rows: Vec<(Uuid, Timestamp)> = sqlx::query_as(
        "select account_id, asked_at from door_roster where workspace_id = $1 and account_id = any($2)",
    )
    .bind(workspace.uuid())
    .bind(accounts.iter().map(|account| account.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Keeps the doors of an account in place of those before.
pub(crate) async fn replace(
    conn: &mut PgConnection,
    account: &Account,
    doors: &[pb::ProviderDoor],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let (workspace, id) = (account.workspace.uuid(), account.id.uuid());
    // Whoever else does so waits here.
    sqlx::query(
        "insert into door_roster (workspace_id, account_id, asked_at) values ($1, $2, $3)
         on conflict (workspace_id, account_id) do update set asked_at = excluded.asked_at",
    )
    .bind(workspace)
    .bind(id)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    sqlx::query("delete from account_door where workspace_id = $1 and account_id = $2")
        .bind(workspace)
        .bind(id)
        .execute(&mut *conn)
        .await?;
    let abilities = |door: &pb::ProviderDoor| Json(door.abilities.unwrap_or_default());
    let state = |door: &pb::ProviderDoor| Json(door.state.unwrap_or_default());
    let place = |door: &pb::ProviderDoor| Some(door.place_ref.clone()).filter(|place| !place.is_empty());
    sqlx::query(
        "insert into account_door (workspace_id, account_id, ref, name, place_ref, abilities, state)
         select $1, $2, d.* from unnest($3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[]) as d
         on conflict do nothing",
    )
    .bind(workspace)
    .bind(id)
    .bind(doors.iter().map(|door| door.r#ref.as_str()).collect::<Vec<_>>())
    .bind(doors.iter().map(|door| door.display_name.as_str()).collect::<Vec<_>>())
    .bind(doors.iter().map(place).collect::<Vec<_>>())
    .bind(doors.iter().map(abilities).collect::<Vec<_>>())
    .bind(doors.iter().map(state).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Those of the groups that were not asked for their doors since `since`.
pub(crate) async fn stale_groups(
    conn: &mut PgConnection,
    account: &Account,
    groups: &[String],
    since: Timestamp,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select k.group_ref from unnest($3::text[]) as k (group_ref)
         where not exists (select from group_roster
           where workspace_id = $1 and account_id = $2 and group_ref = k.group_ref and asked_at > $4)",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(groups)
    .bind(since)
    .fetch_all(conn)
    .await
}

/// Keeps which doors a group opens.
pub(crate) async fn replace_group(
    conn: &mut PgConnection,
    account: &Account,
    group: &str,
    doors: &[String],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into group_roster (workspace_id, account_id, group_ref, door_refs, asked_at)
         values ($1, $2, $3, $4, $5)
         on conflict (workspace_id, account_id, group_ref) do update
           set door_refs = excluded.door_refs, asked_at = excluded.asked_at",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(group)
    .bind(doors)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// A door as its account had it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct KnownDoor {
    pub account_id: Uuid,
    #[sqlx(rename = "ref")]
    pub door_ref: String,
    /// What admins call it, or its provider.
    pub name: String,
    pub provider_name: String,
    /// For how long it opens for a moment, if admins say so.
    pub pulse_ms: Option<i64>,
    pub place_ref: Option<String>,
    pub abilities: Json<pb::DoorAbilities>,
    pub state: Json<pb::DoorState>,
    pub asked_at: Timestamp,
}

/// The doors of these accounts.
pub(crate) async fn known(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    accounts: &[IntegrationId],
) -> Result<Vec<KnownDoor>, sqlx::Error> {
    sqlx::query_as(
        "select d.account_id, d.ref, coalesce(s.display_name, d.name) as name, d.name as provider_name, s.pulse_ms,
           d.place_ref, d.abilities, d.state, r.asked_at
         from door_roster r
         join account_door d on d.workspace_id = r.workspace_id and d.account_id = r.account_id
         left join door_setting s on s.workspace_id = d.workspace_id and s.account_id = d.account_id
           and s.door_ref = d.ref
         where r.workspace_id = $1 and r.account_id = any($2)",
    )
    .bind(workspace.uuid())
    .bind(accounts.iter().map(|account| account.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await
}

/// Which doors the groups of these accounts open: account, group and doors.
pub(crate) async fn groups(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    accounts: &[IntegrationId],
) -> Result<Vec<(Uuid, String, Vec<String>)>, sqlx::Error> {
    sqlx::query_as(
        "select account_id, group_ref, door_refs from group_roster
         where workspace_id = $1 and account_id = any($2)",
    )
    .bind(workspace.uuid())
    .bind(accounts.iter().map(|account| account.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await
}

#[derive(sqlx::FromRow)]
struct TargetRow {
    location_id: Uuid,
    provider: String,
    target_kind: TargetKind,
    target_ref: String,
    target_name: String,
}

impl From<TargetRow> for Target {
    fn from(row: TargetRow) -> Self {
        Self {
            location: LocationId::from_uuid(row.location_id),
            provider: row.provider,
            kind: row.target_kind,
            provider_ref: row.target_ref,
            display_name: row.target_name,
        }
    }
}

/// What something is mapped to, or someone is given directly, at these locations; `None`: at all of them.
pub(crate) async fn targets(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    locations: Option<&[LocationId]>,
    now: Timestamp,
) -> Result<Vec<Target>, sqlx::Error> {
    let locations = locations.map(|all| all.iter().map(|location| location.uuid()).collect::<Vec<_>>());
    let rows: Vec<TargetRow> = sqlx::query_as(
        "select distinct on (location_id, provider, target_kind, target_ref)
           location_id, provider, target_kind, target_ref, target_name
         from (
           select location_id, provider, target_kind, target_ref, target_name from door_mapping
           where workspace_id = $1 and ($2::uuid[] is null or location_id = any($2))
           union all
           select location_id, provider, target_kind, target_ref, target_name from entitlement
           where workspace_id = $1 and location_id is not null and ends_at > $3
             and ($2::uuid[] is null or location_id = any($2))
         ) as led
         order by location_id, provider, target_kind, target_ref limit $4",
    )
    .bind(workspace.uuid())
    .bind(locations)
    .bind(now)
    .bind(TARGETS_MAX)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Target::from).collect())
}

/// A grant, by which integration it is, and where it leads.
#[derive(Debug, Clone)]
pub(crate) struct Led {
    pub grant: GrantId,
    pub served_by: Option<LocationId>,
    pub target: Target,
}

/// The person's grants: what they are, or were, entitled to.
pub(crate) async fn grants_of(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: PersonId,
) -> Result<Vec<Led>, sqlx::Error> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        served_by: Option<Uuid>,
        #[sqlx(flatten)]
        target: TargetRow,
    }
    let rows: Vec<Row> = sqlx::query_as(
        // The location of one that led there first may have an integration of its own by now.
        "select * from (
           select g.id, g.served_by, case when served_by($1, g.provider, g.location_id) is not distinct from g.served_by
               then g.location_id else (
                 select m.location_id from door_mapping m
                 where m.workspace_id = $1 and m.provider = g.provider and m.target_kind = g.target_kind
                   and m.target_ref = g.target_ref
                   and served_by($1, m.provider, m.location_id) is not distinct from g.served_by
                 order by m.location_id limit 1) end as location_id,
             g.provider, g.target_kind, g.target_ref, g.target_name
           from access_grant g where g.workspace_id = $1 and g.person_id = $2
         ) as led
         where location_id is not null order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(person.uuid())
    .bind(TARGETS_MAX)
    .fetch_all(conn)
    .await?;
    let led = |row: Row| Led {
        grant: GrantId::from_uuid(row.id),
        served_by: row.served_by.map(LocationId::from_uuid),
        target: row.target.into(),
    };
    Ok(rows.into_iter().map(led).collect())
}

/// The locations from which something leads to a door: mapped to it, or to a group that opens it; or given to someone
/// directly.
pub(crate) async fn leading(
    conn: &mut PgConnection,
    account: &Account,
    door_ref: &str,
    groups: &[String],
    now: Timestamp,
) -> Result<Vec<LocationId>, sqlx::Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select distinct location_id from (
           select location_id from door_mapping
           where workspace_id = $1 and provider = $2
             and (target_kind = 'lock' and target_ref = $3 or target_kind = 'group' and target_ref = any($4))
           union all
           select location_id from entitlement
           where workspace_id = $1 and provider = $2 and location_id is not null and ends_at > $5
             and (target_kind = 'lock' and target_ref = $3 or target_kind = 'group' and target_ref = any($4))
         ) as led
         where served_by($1, $2, location_id) is not distinct from $6",
    )
    .bind(account.workspace.uuid())
    .bind(&account.provider)
    .bind(door_ref)
    .bind(groups)
    .bind(now)
    .bind(account.served_by.map(LocationId::uuid))
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(LocationId::from_uuid).collect())
}
