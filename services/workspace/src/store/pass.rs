//! Rows of passes.

use chassis::paging::Page;
use chrono::NaiveDate;
use domain::{LocationId, PassId, PassProductId, PersonId, Timestamp, WeeklyHours, Window, WorkspaceId};
use sqlx::types::Json;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use super::corrupt;
use crate::model::Pass;
use crate::model::pass::{PassKind, PassTerms};

/// The terms of a product, or of a pass.
#[derive(sqlx::FromRow)]
pub(super) struct TermsColumns {
    pub uses: Option<i32>,
    pub validity_days: i32,
    #[sqlx(json(nullable))]
    pub weekly_hours: Option<WeeklyHours>,
}

impl TermsColumns {
    pub(super) fn of(terms: &PassTerms) -> Self {
        let uses = match terms.kind {
            PassKind::Time => None,
            PassKind::Day { uses } => Some(uses.cast_signed()),
        };
        let validity_days = terms.validity_days.cast_signed();
        Self { uses, validity_days, weekly_hours: terms.weekly_hours.clone() }
    }

    pub(super) fn terms(self) -> PassTerms {
        let kind = self.uses.map_or(PassKind::Time, |uses| PassKind::Day { uses: uses.cast_unsigned() });
        let validity_days = self.validity_days.cast_unsigned();
        PassTerms { kind, validity_days, weekly_hours: self.weekly_hours }
    }
}

#[derive(sqlx::FromRow)]
struct PassRow {
    workspace_id: Uuid,
    id: Uuid,
    product_id: Uuid,
    person_id: Uuid,
    location_id: Uuid,
    time_zone: String,
    #[sqlx(flatten)]
    terms: TermsColumns,
    starts_at: Timestamp,
    ends_at: Timestamp,
    used_days: Vec<NaiveDate>,
    cancelled_at: Option<Timestamp>,
    cancel_reason: String,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl TryFrom<PassRow> for Pass {
    type Error = sqlx::Error;
    fn try_from(row: PassRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: PassId::from_uuid(row.id),
            product: PassProductId::from_uuid(row.product_id),
            person: PersonId::from_uuid(row.person_id),
            location: LocationId::from_uuid(row.location_id),
            zone: domain::zone::parse(&row.time_zone).map_err(corrupt)?,
            terms: row.terms.terms(),
            window: Window::new(row.starts_at, row.ends_at).map_err(corrupt)?,
            used_days: row.used_days,
            cancelled_at: row.cancelled_at,
            cancel_reason: row.cancel_reason,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A pass comes with the clocks of its location.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select p.*, l.time_zone from pass p
             join location l on l.workspace_id = p.workspace_id and l.id = p.location_id ",
            $rest
        )
    };
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &Pass) -> Result<(), sqlx::Error> {
    let terms = TermsColumns::of(&new.terms);
    sqlx::query(
        "insert into pass (workspace_id, id, product_id, person_id, location_id, uses, validity_days, weekly_hours,
           starts_at, ends_at, used_days, cancelled_at, cancel_reason, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.product.uuid())
    .bind(new.person.uuid())
    .bind(new.location.uuid())
    .bind(terms.uses)
    .bind(terms.validity_days)
    .bind(terms.weekly_hours.map(Json))
    .bind(new.window.start())
    .bind(new.window.end())
    .bind(&new.used_days)
    .bind(new.cancelled_at)
    .bind(&new.cancel_reason)
    .bind(new.version)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes what may change of a locked pass.
pub(crate) async fn update(conn: &mut PgConnection, after: &Pass) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update pass set used_days = $3, cancelled_at = $4, cancel_reason = $5, version = $6, updated_at = $7
         where workspace_id = $1 and id = $2",
    )
    .bind(after.workspace.uuid())
    .bind(after.id.uuid())
    .bind(&after.used_days)
    .bind(after.cancelled_at)
    .bind(&after.cancel_reason)
    .bind(after.version)
    .bind(after.updated_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PassId,
) -> Result<Option<Pass>, sqlx::Error> {
    let row: Option<PassRow> = sqlx::query_as(select!("where p.workspace_id = $1 and p.id = $2"))
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    row.map(Pass::try_from).transpose()
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PassId,
) -> Result<Option<Pass>, sqlx::Error> {
    let row: Option<PassRow> =
        sqlx::query_as(select!("where p.workspace_id = $1 and p.id = $2 for update of p"))
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    row.map(Pass::try_from).transpose()
}

/// Which passes to list; each that is set narrows further.
#[derive(Debug, Default, Clone)]
pub(crate) struct Filter {
    /// Where they must be valid; or they are this person's.
    pub managed: Option<(Vec<LocationId>, Option<PersonId>)>,
    /// Whose they must be whatever else is asked for.
    pub holder: Option<PersonId>,
    pub person: Option<PersonId>,
    pub product: Option<PassProductId>,
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    filter: Filter,
    page: &Page,
) -> Result<Vec<Pass>, sqlx::Error> {
    // Each filter has an index, which a statement that leaves it open could not use.
    let mut query = QueryBuilder::new(select!("where p.workspace_id = "));
    query.push_bind(workspace.uuid()).push(" and p.id > ").push_bind(page.after);
    for person in filter.holder.into_iter().chain(filter.person) {
        query.push(" and p.person_id = ").push_bind(person.uuid());
    }
    if let Some(product) = filter.product {
        query.push(" and p.product_id = ").push_bind(product.uuid());
    }
    if let Some((locations, own)) = filter.managed {
        let ids: Vec<Uuid> = locations.into_iter().map(LocationId::uuid).collect();
        query.push(" and (p.location_id = any(").push_bind(ids);
        query.push(") or p.person_id = ").push_bind(own.map(PersonId::uuid)).push(")");
    }
    query.push(" order by p.id limit ").push_bind(page.limit);
    let rows: Vec<PassRow> = query.build_query_as().fetch_all(conn).await?;
    rows.into_iter().map(Pass::try_from).collect()
}
