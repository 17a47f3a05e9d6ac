//! What things cost, and how a workspace bills.

use chassis::audit::Author;
use chassis::paging::Page;
use domain::{PriceId, WorkspaceId};
use proto::billing::v1 as pb;

use super::App;
use crate::convert::{self, NewPrice, NewSettings};
use crate::error::Error;
use crate::facts::SOURCE;
use crate::prices::{self, Price};
use crate::settings::{self, Settings};
use crate::{audit, invoices};

impl App {
    pub(crate) async fn get_billing_settings(
        &self,
        workspace: WorkspaceId,
    ) -> Result<pb::BillingSettings, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = settings::find(&mut tx, workspace).await?;
        Ok(convert::billing_settings(workspace, found.as_ref()))
    }

    pub(crate) async fn set_billing_settings(
        &self,
        workspace: WorkspaceId,
        new: NewSettings,
        author: &Author,
    ) -> Result<pb::BillingSettings, Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(workspace).await?;
        let before = settings::find(&mut tx, workspace).await?;
        let after = Settings {
            currency: new.currency,
            time_zone: new.time_zone,
            anchor_day: new.anchor_day,
            due_days: new.due_days,
            auto_charge: new.auto_charge,
            pause_after_days: new.pause_after_days,
            booking_payment: new.booking_payment,
            cancellation: new.cancellation,
            full_refund: new.full_refund,
            retries: new.retries,
            seller: new.seller,
            number_prefix: new.number_prefix,
            version: before.as_ref().map_or(0, |before| before.version) + 1,
            updated_at: now,
        };
        let is_other = before.as_ref().is_some_and(|before| before.currency != after.currency);
        if is_other
            && (prices::is_any(&mut tx, workspace).await?
                || invoices::store::is_any(&mut tx, workspace).await?)
        {
            return Err(Error::CurrencyInUse(before.map_or(after.currency, |before| before.currency)));
        }
        settings::put(&mut tx, workspace, &after).await?;
        let entry = audit::billing_settings(author, workspace, before.as_ref(), &after, now);
        entry.record(SOURCE, &mut tx).await?;
        tx.commit().await?;
        Ok(convert::billing_settings(workspace, Some(&after)))
    }

    pub(crate) async fn set_price(
        &self,
        workspace: WorkspaceId,
        new: NewPrice,
        author: &Author,
    ) -> Result<pb::Price, Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(workspace).await?;
        let settings = settings::find(&mut tx, workspace).await?.ok_or(Error::NoBillingSettings)?;
        if settings.currency != new.amount.currency() {
            return Err(crate::error::refusal(
                "price.amount.currency",
                format!("must be {}, in which the workspace bills", settings.currency),
            ));
        }
        let before = prices::find(&mut tx, workspace, new.subject).await?;
        let after = Price {
            id: before.as_ref().map_or_else(PriceId::new, |before| before.id),
            subject: new.subject,
            amount: new.amount,
            unit: new.unit,
            tax: new.tax,
            version: before.as_ref().map_or(0, |before| before.version) + 1,
            created_at: before.as_ref().map_or(now, |before| before.created_at),
            updated_at: now,
        };
        prices::put(&mut tx, workspace, &after).await?;
        audit::price(author, workspace, after.id, before.as_ref(), Some(&after), now)
            .record(SOURCE, &mut tx)
            .await?;
        tx.commit().await?;
        Ok(convert::price(workspace, &after))
    }

    pub(crate) async fn list_prices(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListPricesResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = prices::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |price| price.id.uuid());
        let prices = rows.iter().map(|price| convert::price(workspace, price)).collect();
        Ok(pb::ListPricesResponse { prices, next_page_token })
    }

    pub(crate) async fn remove_price(
        &self,
        workspace: WorkspaceId,
        id: PriceId,
        author: &Author,
    ) -> Result<(), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        if let Some(before) = prices::remove(&mut tx, workspace, id).await? {
            audit::price(author, workspace, id, Some(&before), None, self.clock.now())
                .record(SOURCE, &mut tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
