//! Coupons of a workspace.

use billing_core::{CouponCode, Discount};
use chassis::paging::Page;
use domain::{CouponId, Currency, Money, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::stored::{corrupt, percent_column, percent_of};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coupon {
    pub id: CouponId,
    pub code: CouponCode,
    pub discount: Discount,
    /// `None`: it can be used.
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    code: String,
    discount_percent: Option<i32>,
    discount_fixed: Option<i64>,
    currency: String,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl TryFrom<Row> for Coupon {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let currency: Currency = row.currency.parse().map_err(corrupt)?;
        Ok(Self {
            id: CouponId::from_uuid(row.id),
            code: row.code.parse().map_err(corrupt)?,
            discount: discount(row.discount_percent, row.discount_fixed, currency)?
                .ok_or_else(|| corrupt(format!("coupon {} makes nothing cheaper", row.id)))?,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
        })
    }
}

/// A discount by its columns.
pub(crate) fn discount(
    percent: Option<i32>,
    fixed: Option<i64>,
    currency: Currency,
) -> Result<Option<Discount>, sqlx::Error> {
    match (percent, fixed) {
        (Some(percent), _) => Discount::percent(percent_of(percent)?).map(Some).map_err(corrupt),
        (None, Some(fixed)) => {
            let fixed = Money::new(fixed, currency).map_err(corrupt)?;
            Discount::fixed(fixed).map(Some).map_err(corrupt)
        }
        (None, None) => Ok(None),
    }
}

/// Adds a coupon; whether its code was free.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    currency: Currency,
    new: &Coupon,
) -> Result<bool, sqlx::Error> {
    let added = sqlx::query(
        "insert into coupon (workspace_id, id, code, discount_percent, discount_fixed, currency, created_at)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (workspace_id, code) do nothing",
    )
    .bind(workspace.uuid())
    .bind(new.id.uuid())
    .bind(new.code.as_str())
    .bind(new.discount.as_percent().map(percent_column))
    .bind(new.discount.as_fixed().map(Money::minor))
    .bind(currency.code())
    .bind(new.created_at)
    .execute(conn)
    .await?;
    Ok(added.rows_affected() > 0)
}

/// What a code makes cheaper; `None`: nothing, any more or at all.
pub(crate) async fn find_usable(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    code: &CouponCode,
) -> Result<Option<Coupon>, sqlx::Error> {
    let row: Option<Row> =
        sqlx::query_as("select * from coupon where workspace_id = $1 and code = $2 and disabled_at is null")
            .bind(workspace.uuid())
            .bind(code.as_str())
            .fetch_optional(conn)
            .await?;
    row.map(Coupon::try_from).transpose()
}

/// A page of coupons.
pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    page: &Page,
) -> Result<Vec<Coupon>, sqlx::Error> {
    let rows: Vec<Row> =
        sqlx::query_as("select * from coupon where workspace_id = $1 and id > $2 order by id limit $3")
            .bind(workspace.uuid())
            .bind(page.after)
            .bind(page.limit)
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(Coupon::try_from).collect()
}

/// Has a coupon used no more, from the first time on; `None`: it is not there.
pub(crate) async fn disable(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: CouponId,
    now: Timestamp,
) -> Result<Option<Coupon>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "update coupon set disabled_at = coalesce(disabled_at, $3)
          where workspace_id = $1 and id = $2 returning *",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .bind(now)
    .fetch_optional(conn)
    .await?;
    row.map(Coupon::try_from).transpose()
}
