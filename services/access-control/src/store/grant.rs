//! Rows of grants: the ledger. Whoever locks several locks them in the order of their keys, so that no
//! two wait for each other.

use std::collections::HashSet;

use domain::{GrantId, LocationId, PersonId, Timestamp, Window, WorkspaceId};
use proto::access::v1::AccessReason;
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::engine::{Ledger, Observed};
use crate::model::{DoorMapping, Grant, GrantFilter, Subject, SubjectKey, Target, TargetKind};
use crate::sources::Given;
use crate::store::entitlement;

#[derive(sqlx::FromRow)]
struct GrantRow {
    workspace_id: Uuid,
    id: Uuid,
    person_id: Uuid,
    location_id: Uuid,
    provider: String,
    target_kind: TargetKind,
    target_ref: String,
    target_name: String,
    served_by: Option<Uuid>,
    generation: i64,
    in_flight_until: Option<Timestamp>,
    desired_starts_at: Option<Timestamp>,
    desired_ends_at: Option<Timestamp>,
    told_starts_at: Option<Timestamp>,
    told_ends_at: Option<Timestamp>,
    observed: ObservedKind,
    observed_starts_at: Option<Timestamp>,
    observed_ends_at: Option<Timestamp>,
    failures: i32,
    retry_at: Option<Timestamp>,
    problem: Option<String>,
    last_error: String,
    next_check_at: Option<Timestamp>,
    told_contact: i64,
    known_contact: i64,
    changed_at: Option<Timestamp>,
}

chassis::text_enum! {
    /// What the provider is known to have.
    enum ObservedKind { Nothing = "nothing", Holds = "holds", Unknown = "unknown" }
}

fn window(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Option<Window>, sqlx::Error> {
    match (start, end) {
        (Some(start), Some(end)) => {
            Window::new(start, end).map(Some).map_err(|error| sqlx::Error::Decode(error.into()))
        }
        _ => Ok(None),
    }
}

impl TryFrom<GrantRow> for Grant {
    type Error = sqlx::Error;
    fn try_from(row: GrantRow) -> Result<Self, sqlx::Error> {
        let held = window(row.observed_starts_at, row.observed_ends_at)?;
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: GrantId::from_uuid(row.id),
            person: PersonId::from_uuid(row.person_id),
            target: Target {
                location: LocationId::from_uuid(row.location_id),
                provider: row.provider,
                kind: row.target_kind,
                provider_ref: row.target_ref,
                display_name: row.target_name,
            },
            served_by: row.served_by.map(LocationId::from_uuid),
            desired: window(row.desired_starts_at, row.desired_ends_at)?,
            ledger: Ledger {
                generation: row.generation,
                in_flight_until: row.in_flight_until,
                observed: match (row.observed, held) {
                    (ObservedKind::Holds, Some(held)) => Observed::Holds(held),
                    (ObservedKind::Nothing, _) => Observed::Nothing,
                    _ => Observed::Unknown,
                },
                told: window(row.told_starts_at, row.told_ends_at)?,
                failures: row.failures.unsigned_abs(),
                retry_at: row.retry_at,
                // Until it is compared with how the person is called now.
                knows_person: true,
            },
            problem: row.problem.and_then(|code| AccessReason::from_str_name(&code)),
            told_contact: row.told_contact,
            known_contact: row.known_contact,
            last_error: row.last_error,
            next_check_at: row.next_check_at,
            changed_at: row.changed_at,
        })
    }
}

/// Who is entitled to what doors are mapped to, and who to a door.
type BySubject<'a> = (Vec<(WorkspaceId, PersonId, SubjectKey)>, Vec<(WorkspaceId, PersonId, &'a Target)>);

fn by_subject<'a>(entitlements: impl IntoIterator<Item = &'a Given>) -> BySubject<'a> {
    let (mut to_mapped, mut to_targets) = BySubject::default();
    for (source, entitlement) in entitlements {
        let (workspace, person) = (source.workspace, entitlement.person);
        match &entitlement.subject {
            Subject::Target(target) => to_targets.push((workspace, person, target)),
            subject => to_mapped.extend(subject.key().map(|key| (workspace, person, key))),
        }
    }
    (to_mapped, to_targets)
}

/// Makes sure that a grant stands for each person of these entitlements, at each target that they are entitled
/// to.
pub(crate) async fn ensure_for_entitlements(
    conn: &mut PgConnection,
    entitlements: &[Given],
) -> Result<(), sqlx::Error> {
    let (to_mapped, to_targets) = by_subject(entitlements);
    if !to_mapped.is_empty() {
        sqlx::query(
            "insert into access_grant (workspace_id, id, person_id, location_id, provider, target_kind,
               target_ref, target_name, served_by)
             select distinct on (k.workspace_id, k.person_id, m.provider, m.target_kind, m.target_ref,
                 own.location_id)
               k.workspace_id, gen_random_uuid(), k.person_id, m.location_id, m.provider, m.target_kind,
               m.target_ref, m.target_name, own.location_id
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[])
               as k (workspace_id, person_id, subject_kind, subject_id)
             join door_mapping m on m.workspace_id = k.workspace_id and m.subject_kind = k.subject_kind
               and m.subject_id = k.subject_id
             left join integration own on own.workspace_id = m.workspace_id and own.provider = m.provider
               and own.location_id = m.location_id and own.serves
             on conflict do nothing",
        )
        .bind(to_mapped.iter().map(|(workspace, ..)| workspace.uuid()).collect::<Vec<_>>())
        .bind(to_mapped.iter().map(|(_, person, _)| person.uuid()).collect::<Vec<_>>())
        .bind(to_mapped.iter().map(|(.., subject)| subject.kind).collect::<Vec<_>>())
        .bind(to_mapped.iter().map(|(.., subject)| subject.id).collect::<Vec<_>>())
        .execute(&mut *conn)
        .await?;
    }
    if !to_targets.is_empty() {
        sqlx::query(
            "insert into access_grant (workspace_id, id, person_id, location_id, provider, target_kind,
               target_ref, target_name, served_by)
             select distinct on (k.workspace_id, k.person_id, k.provider, k.target_kind, k.target_ref,
                 own.location_id)
               k.workspace_id, gen_random_uuid(), k.person_id, k.location_id, k.provider, k.target_kind,
               k.target_ref, k.target_name, own.location_id
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
               as k (workspace_id, person_id, location_id, provider, target_kind, target_ref, target_name)
             left join integration own on own.workspace_id = k.workspace_id and own.provider = k.provider
               and own.location_id = k.location_id and own.serves
             on conflict do nothing",
        )
        .bind(to_targets.iter().map(|(workspace, ..)| workspace.uuid()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(_, person, _)| person.uuid()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.location.uuid()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.provider.as_str()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.kind).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.provider_ref.as_str()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.display_name.as_str()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// The grants that these entitlements lead to, or led to.
pub(crate) async fn of_entitlements(
    conn: &mut PgConnection,
    entitlements: impl IntoIterator<Item = &Given>,
) -> Result<Vec<(WorkspaceId, GrantId)>, sqlx::Error> {
    let (to_mapped, to_targets) = by_subject(entitlements);
    let mut grants: Vec<(Uuid, Uuid)> = Vec::new();
    if !to_mapped.is_empty() {
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "select g.workspace_id, g.id
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[])
               as k (workspace_id, person_id, subject_kind, subject_id)
             join door_mapping m on m.workspace_id = k.workspace_id and m.subject_kind = k.subject_kind
               and m.subject_id = k.subject_id
             left join integration own on own.workspace_id = m.workspace_id and own.provider = m.provider
               and own.location_id = m.location_id and own.serves
             join access_grant g on g.workspace_id = m.workspace_id and g.provider = m.provider
               and g.target_kind = m.target_kind and g.target_ref = m.target_ref
               and g.person_id = k.person_id and g.served_by is not distinct from own.location_id",
        )
        .bind(to_mapped.iter().map(|(workspace, ..)| workspace.uuid()).collect::<Vec<_>>())
        .bind(to_mapped.iter().map(|(_, person, _)| person.uuid()).collect::<Vec<_>>())
        .bind(to_mapped.iter().map(|(.., subject)| subject.kind).collect::<Vec<_>>())
        .bind(to_mapped.iter().map(|(.., subject)| subject.id).collect::<Vec<_>>())
        .fetch_all(&mut *conn)
        .await?;
        grants.extend(rows);
    }
    if !to_targets.is_empty() {
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "select g.workspace_id, g.id
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[])
               as k (workspace_id, person_id, location_id, provider, target_kind, target_ref)
             left join integration own on own.workspace_id = k.workspace_id and own.provider = k.provider
               and own.location_id = k.location_id and own.serves
             join access_grant g on g.workspace_id = k.workspace_id and g.provider = k.provider
               and g.target_kind = k.target_kind and g.target_ref = k.target_ref
               and g.person_id = k.person_id and g.served_by is not distinct from own.location_id",
        )
        .bind(to_targets.iter().map(|(workspace, ..)| workspace.uuid()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(_, person, _)| person.uuid()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.location.uuid()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.provider.as_str()).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.kind).collect::<Vec<_>>())
        .bind(to_targets.iter().map(|(.., target)| target.provider_ref.as_str()).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?;
        grants.extend(rows);
    }
    grants.sort_unstable();
    grants.dedup();
    Ok(grants.into_iter().map(key).collect())
}

fn key((workspace, grant): (Uuid, Uuid)) -> (WorkspaceId, GrantId) {
    (WorkspaceId::from_uuid(workspace), GrantId::from_uuid(grant))
}

/// Makes sure that everyone who is entitled to a mapping's subject has a grant, and has all grants at its
/// target looked at; for a mapping that is new.
pub(crate) async fn ensure_for_mapping(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    mapping: &DoorMapping,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into access_grant (workspace_id, id, person_id, location_id, provider, target_kind,
           target_ref, target_name, served_by)
         select $1, gen_random_uuid(), person_id, $4, $5, $6, $7, $8, served_by($1, $5, $4) from (
           select distinct person_id from entitlement
           where workspace_id = $1 and subject_kind = $2 and subject_id = $3
             and ends_at > $9 - interval '1 day'
         ) as entitled
         on conflict do nothing",
    )
    .bind(workspace.uuid())
    .bind(mapping.subject.kind)
    .bind(mapping.subject.id)
    .bind(mapping.target.location.uuid())
    .bind(&mapping.target.provider)
    .bind(mapping.target.kind)
    .bind(&mapping.target.provider_ref)
    .bind(&mapping.target.display_name)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    make_target_due(conn, workspace, &mapping.target, now).await
}

/// Makes sure that everyone who is entitled to anything at a provider's doors at a location has a grant by the
/// integration that serves it; for one that serves it from now on.
pub(crate) async fn ensure_for_location(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    location: LocationId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into access_grant (workspace_id, id, person_id, location_id, provider, target_kind,
           target_ref, target_name, served_by)
         select $1, gen_random_uuid(), person_id, $3, $2, target_kind, target_ref, target_name, $3 from (
           select distinct on (person_id, target_kind, target_ref) person_id, target_kind, target_ref, target_name
           from (
             select e.person_id, m.target_kind, m.target_ref, m.target_name from door_mapping m
             join entitlement e on e.workspace_id = m.workspace_id and e.subject_kind = m.subject_kind
               and e.subject_id = m.subject_id and e.ends_at > $4 - interval '1 day'
             where m.workspace_id = $1 and m.location_id = $3 and m.provider = $2
             union all
             select person_id, target_kind, target_ref, target_name from entitlement
             where workspace_id = $1 and location_id = $3 and provider = $2 and ends_at > $4 - interval '1 day'
           ) as entitled
         ) as missing
         on conflict do nothing",
    )
    .bind(workspace.uuid())
    .bind(provider)
    .bind(location.uuid())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has all grants at a target looked at.
pub(crate) async fn make_target_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    target: &Target,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update access_grant g set next_check_at = $5
         from (
           select workspace_id, id from access_grant
           where workspace_id = $1 and provider = $2 and target_kind = $3 and target_ref = $4
           order by workspace_id, id for update
         ) as o
         where g.workspace_id = o.workspace_id and g.id = o.id",
    )
    .bind(workspace.uuid())
    .bind(&target.provider)
    .bind(target.kind)
    .bind(&target.provider_ref)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has all grants of a workspace looked at that are not at rest, or whose person was entitled to something
/// lately: a longer lag may open a window again. Only those at a provider, if one is named.
pub(crate) async fn make_workspace_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: Option<&str>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update access_grant g set next_check_at = $2
         from (
           select workspace_id, id from access_grant a
           where workspace_id = $1 and ($3::text is null or provider = $3)
             and (next_check_at is not null or observed <> 'nothing' or exists (
             select from entitlement e
             where e.workspace_id = $1 and e.person_id = a.person_id
               and e.ends_at > $2 - interval '1 day'))
           order by workspace_id, id for update
         ) as o
         where g.workspace_id = o.workspace_id and g.id = o.id",
    )
    .bind(workspace.uuid())
    .bind(now)
    .bind(provider)
    .execute(conn)
    .await?;
    Ok(())
}

/// The same of those that a location's mappings lead to, or someone's door there that is named directly: for another
/// lead or lag of the location.
pub(crate) async fn make_location_due(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    location: LocationId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with door as (
           select provider, target_kind, target_ref from door_mapping
           where workspace_id = $1 and location_id = $2
           union
           select provider, target_kind, target_ref from entitlement
           where workspace_id = $1 and location_id = $2 and ends_at > $3 - interval '1 day'
         )
         update access_grant g set next_check_at = $3
         from (
           select a.workspace_id, a.id from door
           join access_grant a on a.workspace_id = $1 and a.provider = door.provider
             and a.target_kind = door.target_kind and a.target_ref = door.target_ref
           where a.next_check_at is not null or a.observed <> 'nothing' or exists (
             select from entitlement e
             where e.workspace_id = $1 and e.person_id = a.person_id
               and e.ends_at > $3 - interval '1 day')
           order by a.workspace_id, a.id for update of a
         ) as o
         where g.workspace_id = o.workspace_id and g.id = o.id",
    )
    .bind(workspace.uuid())
    .bind(location.uuid())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Has all grants of people looked at.
pub(crate) async fn make_people_due(
    conn: &mut PgConnection,
    people: &[(WorkspaceId, PersonId)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update access_grant g set next_check_at = $3
         from (
           select a.workspace_id, a.id from access_grant a
           join unnest($1::uuid[], $2::uuid[]) as k (workspace_id, person_id)
             on a.workspace_id = k.workspace_id and a.person_id = k.person_id
           order by a.workspace_id, a.id for update of a
         ) as o
         where g.workspace_id = o.workspace_id and g.id = o.id",
    )
    .bind(people.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(people.iter().map(|(_, person)| person.uuid()).collect::<Vec<_>>())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgives the failures of a provider's grants and has them looked at; for credentials that are
/// accepted again. `location`: only what its own integration serves.
pub(crate) async fn retry_provider(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    provider: &str,
    location: Option<LocationId>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update access_grant g set failures = 0, retry_at = null, next_check_at = $4
         from (
           select workspace_id, id from access_grant
           where workspace_id = $1 and provider = $2 and ($3::uuid is null or served_by = $3)
             and retry_at is not null
           order by workspace_id, id for update
         ) as o
         where g.workspace_id = o.workspace_id and g.id = o.id",
    )
    .bind(workspace.uuid())
    .bind(provider)
    .bind(location.map(LocationId::uuid))
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks grants.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    keys: &[(WorkspaceId, GrantId)],
) -> Result<Vec<Grant>, sqlx::Error> {
    let rows: Vec<GrantRow> = sqlx::query_as(
        "select g.* from access_grant g
         join unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
           on g.workspace_id = k.workspace_id and g.id = k.id
         order by g.workspace_id, g.id for update of g",
    )
    .bind(keys.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|(_, grant)| grant.uuid()).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Grant::try_from).collect()
}

/// Locks grants of all workspaces that are due, the longest due first, passing over those that other
/// replicas have.
pub(crate) async fn claim_due(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<Grant>, sqlx::Error> {
    let rows: Vec<GrantRow> = sqlx::query_as(
        "select * from access_grant where next_check_at <= $1
         order by next_check_at limit $2 for update skip locked",
    )
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Grant::try_from).collect()
}

/// When the next grant is due.
pub(crate) async fn next_due(conn: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar("select min(next_check_at) from access_grant where next_check_at is not null")
        .fetch_one(conn)
        .await
}

/// Whoever listens there hears the ids of workspaces whose grants changed.
pub(crate) const CHANGES: &str = "access_grant";

/// Writes what may change of locked grants.
pub(crate) async fn update(
    conn: &mut PgConnection,
    grants: &[Grant],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let observed = |grant: &Grant| match grant.ledger.observed {
        Observed::Nothing => (ObservedKind::Nothing, None),
        Observed::Holds(window) => (ObservedKind::Holds, Some(window)),
        Observed::Unknown => (ObservedKind::Unknown, None),
    };
    sqlx::query(
        "with changed as (
         update access_grant g set generation = n.generation, in_flight_until = n.in_flight_until,
           desired_starts_at = n.desired_starts_at, desired_ends_at = n.desired_ends_at,
           told_starts_at = n.told_starts_at, told_ends_at = n.told_ends_at,
           observed = n.observed, observed_starts_at = n.observed_starts_at,
           observed_ends_at = n.observed_ends_at, failures = n.failures, retry_at = n.retry_at,
           last_error = n.last_error, next_check_at = n.next_check_at,
           told_contact = n.told_contact, known_contact = n.known_contact, problem = n.problem,
           changed_at = case when (g.desired_starts_at, g.desired_ends_at, g.observed, g.observed_starts_at,
               g.observed_ends_at, g.problem)
             is distinct from (n.desired_starts_at, n.desired_ends_at, n.observed, n.observed_starts_at,
               n.observed_ends_at, n.problem)
             then $19 else g.changed_at end
         from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[],
           $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::text[], $10::timestamptz[],
           $11::timestamptz[], $12::integer[], $13::timestamptz[], $14::text[], $15::timestamptz[],
           $16::bigint[], $17::bigint[], $18::text[])
           as n (workspace_id, id, generation, in_flight_until, desired_starts_at, desired_ends_at,
             told_starts_at, told_ends_at, observed, observed_starts_at, observed_ends_at, failures,
             retry_at, last_error, next_check_at, told_contact, known_contact, problem)
         where g.workspace_id = n.workspace_id and g.id = n.id
         returning g.workspace_id)
         select pg_notify($20, workspace_id::text)
         from (select distinct workspace_id from changed) as workspaces",
    )
    .bind(grants.iter().map(|g| g.workspace.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.id.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.ledger.generation).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.ledger.in_flight_until).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.desired.map(Window::start)).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.desired.map(Window::end)).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.ledger.told.map(Window::start)).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.ledger.told.map(Window::end)).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| observed(g).0).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| observed(g).1.map(Window::start)).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| observed(g).1.map(Window::end)).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.ledger.failures.min(1_000_000).cast_signed()).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.ledger.retry_at).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.last_error.as_str()).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.next_check_at).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.told_contact).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.known_contact).collect::<Vec<_>>())
    .bind(grants.iter().map(|g| g.problem.map(|code| code.as_str_name())).collect::<Vec<_>>())
    .bind(now)
    .bind(CHANGES)
    .execute(conn)
    .await?;
    Ok(())
}

/// Grants with a higher id than `after`, in their order.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &GrantFilter,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Grant>, sqlx::Error> {
    let mut query = QueryBuilder::<Postgres>::new("select * from access_grant where workspace_id = ");
    query.push_bind(workspace.uuid()).push(" and id > ").push_bind(after);
    if let Some(source) = &filter.source {
        let given = entitlement::of_sources(conn, &HashSet::from([source.clone()])).await?;
        let grants = of_entitlements(conn, given.iter().map(|(_, given)| given)).await?;
        let ids: Vec<Uuid> = grants.iter().map(|(_, grant)| grant.uuid()).collect();
        query.push(" and id = any(").push_bind(ids).push(")");
    }
    if let Some(person) = filter.person {
        query.push(" and person_id = ").push_bind(person.uuid());
    }
    if let Some(target) = &filter.target {
        query.push(" and provider = ").push_bind(&target.provider);
        query.push(" and target_kind = ").push_bind(target.kind);
        query.push(" and target_ref = ").push_bind(&target.provider_ref);
        query.push(" and served_by is not distinct from served_by(").push_bind(workspace.uuid());
        query.push(", ").push_bind(&target.provider);
        query.push(", ").push_bind(target.location.uuid()).push(")");
    }
    query.push(" order by id limit ").push_bind(limit);
    let rows: Vec<GrantRow> = query.build_query_as().fetch_all(conn).await?;
    rows.into_iter().map(Grant::try_from).collect()
}

/// The grant of a person at a target.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: PersonId,
    target: &Target,
) -> Result<Option<Grant>, sqlx::Error> {
    let row: Option<GrantRow> = sqlx::query_as(
        "select * from access_grant
         where workspace_id = $1 and provider = $3 and target_kind = $4 and target_ref = $5
           and person_id = $6 and served_by is not distinct from served_by($1, $3, $2)",
    )
    .bind(workspace.uuid())
    .bind(target.location.uuid())
    .bind(&target.provider)
    .bind(target.kind)
    .bind(&target.provider_ref)
    .bind(person.uuid())
    .fetch_optional(conn)
    .await?;
    row.map(Grant::try_from).transpose()
}
