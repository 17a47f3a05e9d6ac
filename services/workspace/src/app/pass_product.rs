//! Pass products: made, amended, switched off and on.

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{PassProductId, Timestamp, WorkspaceId};
use proto::workspace::v1 as pb;

use super::App;
use crate::audit;
use crate::convert::{self, NewPassProduct};
use crate::error::Error;
use crate::facts::SOURCE;
use crate::model::PassProduct;
use crate::store::{pass_product as store, place};

/// A change of a product, worked out over the product as stored; `None` if it is so already.
pub(crate) type ChangeProduct =
    Box<dyn FnOnce(&PassProduct, Timestamp) -> Result<Option<PassProduct>, Error> + Send>;

impl App {
    pub(crate) async fn create_pass_product(
        &self,
        workspace: WorkspaceId,
        new: NewPassProduct,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CreatePassProductResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let location = new.location;
        place::find_location(change.conn(), workspace, location)
            .await?
            .ok_or(Error::LocationNotFound(location))?;
        let now = self.clock.now();
        let product = PassProduct {
            workspace,
            id: PassProductId::new(),
            location,
            details: new.details,
            is_disabled: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        store::insert(change.conn(), &product).await?;
        audit::pass_product(author, None, &product, now).record(SOURCE, change.conn()).await?;
        let answer = pb::CreatePassProductResponse { pass_product: Some(convert::pass_product(&product)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_pass_product(
        &self,
        workspace: WorkspaceId,
        id: PassProductId,
    ) -> Result<pb::PassProduct, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find(&mut tx, workspace, id).await?.ok_or(Error::PassProductNotFound(id))?;
        Ok(convert::pass_product(&found))
    }

    pub(crate) async fn list_pass_products(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListPassProductsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |product| product.id.uuid());
        let pass_products = rows.iter().map(convert::pass_product).collect();
        Ok(pb::ListPassProductsResponse { pass_products, next_page_token })
    }

    /// Amends a product, or switches it off or on.
    pub(crate) async fn change_pass_product(
        &self,
        workspace: WorkspaceId,
        id: PassProductId,
        alter: ChangeProduct,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::PassProduct, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = store::find_for_update(change.conn(), workspace, id)
            .await?
            .ok_or(Error::PassProductNotFound(id))?;
        let now = self.clock.now();
        let changed = alter(&before, now)?;
        if let Some(after) = &changed {
            store::update(change.conn(), after).await?;
            audit::pass_product(author, Some(&before), after, now).record(SOURCE, change.conn()).await?;
        }
        Ok(change.commit(convert::pass_product(changed.as_ref().unwrap_or(&before))).await?)
    }
}
