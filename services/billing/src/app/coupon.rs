//! Coupons: made, disabled, and used on lines of invoices.

use billing_core::{CouponCode, Discount};
use chassis::audit::Author;
use chassis::paging::Page;
use domain::{CouponId, WorkspaceId};
use proto::billing::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::convert::{self, NewDraft};
use crate::coupons::{self, Coupon};
use crate::error::{Error, refusal};
use crate::facts::SOURCE;
use crate::invoices::Draft;
use crate::{audit, settings};

impl App {
    pub(crate) async fn create_coupon(
        &self,
        workspace: WorkspaceId,
        code: CouponCode,
        discount: Discount,
        author: &Author,
    ) -> Result<pb::Coupon, Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(workspace).await?;
        let settings = settings::find(&mut tx, workspace).await?.ok_or(Error::NoBillingSettings)?;
        let currency = settings.currency;
        if discount.as_fixed().is_some_and(|amount| amount.currency() != currency) {
            return Err(refusal(
                "coupon.amount.currency",
                format!("must be {currency}, in which the workspace bills"),
            ));
        }
        let new = Coupon { id: CouponId::new(), code, discount, disabled_at: None, created_at: now };
        if !coupons::insert(&mut tx, workspace, currency, &new).await? {
            return Err(Error::CouponTaken(new.code));
        }
        audit::coupon(author, workspace, None, &new, now).record(SOURCE, &mut tx).await?;
        tx.commit().await?;
        Ok(convert::coupon(workspace, &new))
    }

    pub(crate) async fn list_coupons(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListCouponsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = coupons::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |coupon| coupon.id.uuid());
        let coupons = rows.iter().map(|coupon| convert::coupon(workspace, coupon)).collect();
        Ok(pb::ListCouponsResponse { coupons, next_page_token })
    }

    pub(crate) async fn disable_coupon(
        &self,
        workspace: WorkspaceId,
        id: CouponId,
        author: &Author,
    ) -> Result<pb::Coupon, Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(workspace).await?;
        let disabled = coupons::disable(&mut tx, workspace, id, now).await?;
        let after = disabled.ok_or(Error::CouponNotFound(id))?;
        if after.disabled_at == Some(now) {
            let before = Coupon { disabled_at: None, ..after.clone() };
            audit::coupon(author, workspace, Some(&before), &after, now).record(SOURCE, &mut tx).await?;
        }
        tx.commit().await?;
        Ok(convert::coupon(workspace, &after))
    }
}

/// A draft with what its lines' coupons take off.
pub(super) async fn with_coupons(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    new: NewDraft,
) -> Result<Draft, Error> {
    let NewDraft { mut draft, codes } = new;
    for (place, code) in codes {
        let found = coupons::find_usable(conn, workspace, &code).await?;
        let field = format!("invoice.lines[{place}].coupon_code");
        let coupon = found.ok_or_else(|| refusal(&field, "is no coupon that can be used"))?;
        draft.lines[place].coupon = Some((code.to_string(), coupon.discount));
    }
    Ok(draft)
}
