//! Rows of entitlements and of the sources that give them.

use std::collections::{HashMap, HashSet};

use chrono::Duration;
use domain::{DoorMappingId, GrantId, LocationId, PersonId, Timestamp, WeeklyHours, Window, WorkspaceId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::engine::{Entitled, Hours};
use crate::explain::Passage;
use crate::model::{
    Entitlement, MINUTES_MAX, Settings, SourceFacts, SourceKey, Subject, SubjectKey, SubjectKind, Target,
    TargetKind,
};
use crate::sources::{Given, VISIT};

/// What is over for longer explains nothing any more.
const PASSAGES_KEPT: Duration = Duration::days(7);

/// What leads someone to one door is looked at as far as this.
const PASSAGES_MAX: i64 = 500;

fn source_key((workspace, kind, id): (Uuid, String, Uuid)) -> SourceKey {
    SourceKey { workspace: WorkspaceId::from_uuid(workspace), kind, id }
}

/// Keeps the versions of these sources that are not older than what is known, and gives those sources; their rows
/// are locked. What is told once more at the same version may give more by what is made of it now. Each may be in the list once, in the order of their keys.
pub(crate) async fn keep_newest(
    conn: &mut PgConnection,
    told: &[&SourceFacts],
) -> Result<HashSet<SourceKey>, sqlx::Error> {
    let rows: Vec<(Uuid, String, Uuid)> = sqlx::query_as(
        "insert into entitlement_source (workspace_id, kind, id, version)
         select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[])
         on conflict (workspace_id, kind, id) do update set version = excluded.version
           where entitlement_source.version <= excluded.version
         returning workspace_id, kind, id",
    )
    .bind(told.iter().map(|facts| facts.source.workspace.uuid()).collect::<Vec<_>>())
    .bind(told.iter().map(|facts| facts.source.kind.as_str()).collect::<Vec<_>>())
    .bind(told.iter().map(|facts| facts.source.id).collect::<Vec<_>>())
    .bind(told.iter().map(|facts| facts.version).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(source_key).collect())
}

/// Notes that a visitor has come, if it was not noted before, and says of which visit. They are entitled to nothing but that.
pub(crate) async fn note_arrival(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    visitor: PersonId,
    arrived_at: Timestamp,
) -> Result<Option<SourceKey>, sqlx::Error> {
    let row: Option<(Uuid, String, Uuid)> = sqlx::query_as(
        "update entitlement_source set arrived_at = $4
         where workspace_id = $1 and kind = $3 and arrived_at is null and id = (
           select source_id from entitlement where workspace_id = $1 and person_id = $2 and source_kind = $3 limit 1)
         returning workspace_id, kind, id",
    )
    .bind(workspace.uuid())
    .bind(visitor.uuid())
    .bind(VISIT)
    .bind(arrived_at)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(source_key))
}

#[derive(sqlx::FromRow)]
struct EntitlementRow {
    workspace_id: Uuid,
    id: Uuid,
    source_kind: String,
    source_id: Uuid,
    person_id: Uuid,
    subject_kind: Option<SubjectKind>,
    subject_id: Option<Uuid>,
    #[sqlx(flatten)]
    target: TargetColumns,
    #[sqlx(flatten)]
    period: PeriodColumns,
}

#[derive(sqlx::FromRow)]
struct TargetColumns {
    location_id: Option<Uuid>,
    provider: Option<String>,
    target_kind: Option<TargetKind>,
    target_ref: Option<String>,
    target_name: Option<String>,
}

impl TargetColumns {
    fn target(self) -> Option<Target> {
        Some(Target {
            location: LocationId::from_uuid(self.location_id?),
            provider: self.provider?,
            kind: self.target_kind?,
            provider_ref: self.target_ref?,
            display_name: self.target_name?,
        })
    }
}

/// When an entitlement holds.
#[derive(sqlx::FromRow)]
struct PeriodColumns {
    starts_at: Timestamp,
    ends_at: Timestamp,
    hours: Option<Json<WeeklyHours>>,
    time_zone: Option<String>,
}

impl PeriodColumns {
    fn window(&self) -> Result<Window, sqlx::Error> {
        Window::new(self.starts_at, self.ends_at).map_err(|error| sqlx::Error::Decode(error.into()))
    }

    fn hours(self) -> Result<Option<Hours>, sqlx::Error> {
        let Some((Json(weekly), zone)) = self.hours.zip(self.time_zone) else { return Ok(None) };
        let zone = domain::zone::parse(&zone).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Some(Hours { weekly, zone }))
    }
}

impl TryFrom<EntitlementRow> for (Uuid, Given) {
    type Error = sqlx::Error;
    fn try_from(row: EntitlementRow) -> Result<Self, sqlx::Error> {
        let subject = match row.subject_kind.zip(row.subject_id) {
            Some((kind, id)) => SubjectKey { kind, id }.into(),
            None => Subject::Target(row.target.target().ok_or(sqlx::Error::RowNotFound)?),
        };
        let entitlement = Entitlement {
            person: PersonId::from_uuid(row.person_id),
            subject,
            window: row.period.window()?,
            hours: row.period.hours()?,
        };
        Ok((row.id, (source_key((row.workspace_id, row.source_kind, row.source_id)), entitlement)))
    }
}

/// What these sources gave until now, with the rows' ids.
pub(crate) async fn of_sources(
    conn: &mut PgConnection,
    sources: &HashSet<SourceKey>,
) -> Result<Vec<(Uuid, Given)>, sqlx::Error> {
    let rows: Vec<EntitlementRow> = sqlx::query_as(
        "select e.workspace_id, e.id, e.source_kind, e.source_id, e.person_id, e.subject_kind, e.subject_id,
           e.location_id, e.provider, e.target_kind, e.target_ref, e.target_name, e.starts_at, e.ends_at,
           e.hours, e.time_zone
         from unnest($1::uuid[], $2::text[], $3::uuid[]) as k (workspace_id, source_kind, source_id)
         join entitlement e on e.workspace_id = k.workspace_id and e.source_kind = k.source_kind
           and e.source_id = k.source_id",
    )
    .bind(sources.iter().map(|source| source.workspace.uuid()).collect::<Vec<_>>())
    .bind(sources.iter().map(|source| source.kind.as_str()).collect::<Vec<_>>())
    .bind(sources.iter().map(|source| source.id).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryFrom::try_from).collect()
}

/// Deletes entitlements.
pub(crate) async fn delete(conn: &mut PgConnection, gone: &[(Uuid, Given)]) -> Result<(), sqlx::Error> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "delete from entitlement e using unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
         where e.workspace_id = k.workspace_id and e.id = k.id",
    )
    .bind(gone.iter().map(|(_, (source, _))| source.workspace.uuid()).collect::<Vec<_>>())
    .bind(gone.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Inserts entitlements.
pub(crate) async fn insert(conn: &mut PgConnection, new: &[Given]) -> Result<(), sqlx::Error> {
    if new.is_empty() {
        return Ok(());
    }
    let keys: Vec<Option<SubjectKey>> = new.iter().map(|(_, it)| it.subject.key()).collect();
    let targets: Vec<Option<&Target>> = new
        .iter()
        .map(|(_, it)| match &it.subject {
            Subject::Target(target) => Some(target),
            Subject::Resource(_) | Subject::PassProduct(_) | Subject::Plan(_) | Subject::Location(_) => None,
        })
        .collect();
    let hours: Vec<Option<&Hours>> = new.iter().map(|(_, it)| it.hours.as_ref()).collect();
    sqlx::query(
        "insert into entitlement (id, workspace_id, source_kind, source_id, person_id, subject_kind, subject_id,
           location_id, provider, target_kind, target_ref, target_name, starts_at, ends_at, hours, time_zone)
         select gen_random_uuid(), n.*
         from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[],
           $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[],
           $14::jsonb[], $15::text[]) as n",
    )
    .bind(new.iter().map(|(source, _)| source.workspace.uuid()).collect::<Vec<_>>())
    .bind(new.iter().map(|(source, _)| source.kind.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|(source, _)| source.id).collect::<Vec<_>>())
    .bind(new.iter().map(|(_, it)| it.person.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.map(|key| key.kind)).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.map(|key| key.id)).collect::<Vec<_>>())
    .bind(targets.iter().map(|target| target.map(|it| it.location.uuid())).collect::<Vec<_>>())
    .bind(targets.iter().map(|target| target.map(|it| it.provider.as_str())).collect::<Vec<_>>())
    .bind(targets.iter().map(|target| target.map(|it| it.kind)).collect::<Vec<_>>())
    .bind(targets.iter().map(|target| target.map(|it| it.provider_ref.as_str())).collect::<Vec<_>>())
    .bind(targets.iter().map(|target| target.map(|it| it.display_name.as_str())).collect::<Vec<_>>())
    .bind(new.iter().map(|(_, it)| it.window.start()).collect::<Vec<_>>())
    .bind(new.iter().map(|(_, it)| it.window.end()).collect::<Vec<_>>())
    .bind(hours.iter().map(|hours| hours.map(|hours| Json(&hours.weekly))).collect::<Vec<_>>())
    .bind(hours.iter().map(|hours| hours.map(|hours| hours.zone.name())).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct EntitledRow {
    grant_id: Uuid,
    #[sqlx(flatten)]
    period: PeriodColumns,
    lead_minutes: i32,
    lag_minutes: i32,
}

/// What leads to each grant and is not over: all entitlements of its person, through all mappings to its target,
/// and to that target itself.
pub(crate) async fn of_grants(
    conn: &mut PgConnection,
    grants: &[(WorkspaceId, GrantId)],
    defaults: Settings,
    now: Timestamp,
) -> Result<HashMap<GrantId, Vec<Entitled>>, sqlx::Error> {
    let rows: Vec<EntitledRow> = sqlx::query_as(
        "select g.id as grant_id, e.starts_at, e.ends_at, e.hours, e.time_zone,
           coalesce(m.lead_minutes, l.lead_minutes, s.lead_minutes, $3) as lead_minutes,
           coalesce(m.lag_minutes, l.lag_minutes, s.lag_minutes, $4) as lag_minutes
         from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
         join access_grant g on g.workspace_id = k.workspace_id and g.id = k.id
         join door_mapping m on m.workspace_id = g.workspace_id and m.provider = g.provider
           and m.target_kind = g.target_kind and m.target_ref = g.target_ref
         left join integration own on own.workspace_id = m.workspace_id and own.provider = m.provider
           and own.location_id = m.location_id and own.serves
         join entitlement e on e.workspace_id = g.workspace_id and e.person_id = g.person_id
           and e.subject_kind = m.subject_kind and e.subject_id = m.subject_id and e.ends_at > $5
         left join location_settings l on l.workspace_id = m.workspace_id and l.location_id = m.location_id
         left join settings s on s.workspace_id = g.workspace_id
         where own.location_id is not distinct from g.served_by
         union all
         select g.id, e.starts_at, e.ends_at, e.hours, e.time_zone,
           coalesce(l.lead_minutes, s.lead_minutes, $3), coalesce(l.lag_minutes, s.lag_minutes, $4)
         from unnest($1::uuid[], $2::uuid[]) as k (workspace_id, id)
         join access_grant g on g.workspace_id = k.workspace_id and g.id = k.id
         join entitlement e on e.workspace_id = g.workspace_id and e.provider = g.provider
           and e.target_kind = g.target_kind and e.target_ref = g.target_ref and e.person_id = g.person_id
           and e.location_id is not null and e.ends_at > $5
         left join integration own on own.workspace_id = e.workspace_id and own.provider = e.provider
           and own.location_id = e.location_id and own.serves
         left join location_settings l on l.workspace_id = e.workspace_id and l.location_id = e.location_id
         left join settings s on s.workspace_id = g.workspace_id
         where own.location_id is not distinct from g.served_by",
    )
    .bind(grants.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(_, grant)| grant.uuid()).collect::<Vec<_>>())
    .bind(defaults.lead_minutes)
    .bind(defaults.lag_minutes)
    // What ended longer ago than the longest lag is history.
    .bind(now - Duration::minutes(MINUTES_MAX.into()))
    .fetch_all(conn)
    .await?;
    let mut entitled: HashMap<GrantId, Vec<Entitled>> = HashMap::new();
    for row in rows {
        let minutes = |minutes: i32| Duration::minutes(minutes.into());
        entitled.entry(GrantId::from_uuid(row.grant_id)).or_default().push(Entitled {
            window: row.period.window()?,
            hours: row.period.hours()?,
            lead: minutes(row.lead_minutes),
            lag: minutes(row.lag_minutes),
        });
    }
    Ok(entitled)
}

#[derive(sqlx::FromRow)]
struct PassageRow {
    source_kind: String,
    source_id: Uuid,
    mapping_id: Option<Uuid>,
    #[sqlx(flatten)]
    period: PeriodColumns,
    lead_minutes: i32,
    lag_minutes: i32,
}

impl PassageRow {
    fn passage(self, workspace: WorkspaceId) -> Result<Passage, sqlx::Error> {
        let entitled = Entitled {
            window: self.period.window()?,
            hours: self.period.hours()?,
            lead: Duration::minutes(self.lead_minutes.into()),
            lag: Duration::minutes(self.lag_minutes.into()),
        };
        Ok(Passage {
            source: SourceKey { workspace, kind: self.source_kind, id: self.source_id },
            mapping: self.mapping_id.map(DoorMappingId::from_uuid),
            entitled,
        })
    }
}

/// What leads a person to a target and is not over, or not for long, the earliest first.
pub(crate) async fn passages(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: PersonId,
    target: &Target,
    defaults: Settings,
    now: Timestamp,
) -> Result<Vec<Passage>, sqlx::Error> {
    let rows: Vec<PassageRow> = sqlx::query_as(
        "select e.source_kind, e.source_id, m.id as mapping_id, e.starts_at, e.ends_at, e.hours, e.time_zone,
           coalesce(m.lead_minutes, l.lead_minutes, s.lead_minutes, $7) as lead_minutes,
           coalesce(m.lag_minutes, l.lag_minutes, s.lag_minutes, $8) as lag_minutes
         from door_mapping m
         join entitlement e on e.workspace_id = m.workspace_id and e.person_id = $6
           and e.subject_kind = m.subject_kind and e.subject_id = m.subject_id and e.ends_at > $9
         left join location_settings l on l.workspace_id = m.workspace_id and l.location_id = m.location_id
         left join settings s on s.workspace_id = m.workspace_id
         where m.workspace_id = $1 and m.provider = $3 and m.target_kind = $4 and m.target_ref = $5
           and served_by($1, $3, m.location_id) is not distinct from served_by($1, $3, $2)
         union all
         select e.source_kind, e.source_id, null, e.starts_at, e.ends_at, e.hours, e.time_zone,
           coalesce(l.lead_minutes, s.lead_minutes, $7), coalesce(l.lag_minutes, s.lag_minutes, $8)
         from entitlement e
         left join location_settings l on l.workspace_id = e.workspace_id and l.location_id = e.location_id
         left join settings s on s.workspace_id = e.workspace_id
         where e.workspace_id = $1 and e.provider = $3 and e.target_kind = $4 and e.target_ref = $5
           and e.person_id = $6 and e.location_id is not null and e.ends_at > $9
           and served_by($1, $3, e.location_id) is not distinct from served_by($1, $3, $2)
         order by starts_at limit $10",
    )
    .bind(workspace.uuid())
    .bind(target.location.uuid())
    .bind(&target.provider)
    .bind(target.kind)
    .bind(&target.provider_ref)
    .bind(person.uuid())
    .bind(defaults.lead_minutes)
    .bind(defaults.lag_minutes)
    .bind(now - PASSAGES_KEPT)
    .bind(PASSAGES_MAX)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| row.passage(workspace)).collect()
}

/// Whether a target is a door of any of these locations: something is mapped to it there, or someone is given it
/// there directly, by the integration that it is named with.
pub(crate) async fn is_door_of(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    target: &Target,
    locations: &[LocationId],
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from door_mapping
           where workspace_id = $1 and provider = $3 and target_kind = $4 and target_ref = $5
             and location_id = any($6)
             and served_by($1, $3, location_id) is not distinct from served_by($1, $3, $2))
         or exists (select from entitlement
           where workspace_id = $1 and provider = $3 and target_kind = $4 and target_ref = $5
             and location_id = any($6) and ends_at > $7
             and served_by($1, $3, location_id) is not distinct from served_by($1, $3, $2))",
    )
    .bind(workspace.uuid())
    .bind(target.location.uuid())
    .bind(&target.provider)
    .bind(target.kind)
    .bind(&target.provider_ref)
    .bind(locations.iter().map(|location| location.uuid()).collect::<Vec<_>>())
    .bind(now - PASSAGES_KEPT)
    .fetch_one(conn)
    .await
}

/// What entitles a person to a subject that leads to no door.
pub(crate) async fn passages_nowhere(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: PersonId,
    subject: SubjectKey,
    now: Timestamp,
) -> Result<Vec<Passage>, sqlx::Error> {
    let rows: Vec<PassageRow> = sqlx::query_as(
        "select source_kind, source_id, null::uuid as mapping_id, starts_at, ends_at, hours, time_zone,
           0 as lead_minutes, 0 as lag_minutes
         from entitlement
         where workspace_id = $1 and person_id = $2 and subject_kind = $3 and subject_id = $4 and ends_at > $5
         order by starts_at limit $6",
    )
    .bind(workspace.uuid())
    .bind(person.uuid())
    .bind(subject.kind)
    .bind(subject.id)
    .bind(now - PASSAGES_KEPT)
    .bind(PASSAGES_MAX)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| row.passage(workspace)).collect()
}
