//! Plans: made, changed, taken off sale and sold again.

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{PlanId, WorkspaceId};
use proto::membership::v1 as pb;

use super::App;
use super::person::known_locations;
use crate::error::Error;
use crate::facts::SOURCE;
use crate::model::plan::Request;
use crate::model::{Plan, PlanDetails};
use crate::store::plan as store;
use crate::{audit, convert};

impl App {
    pub(crate) async fn create_plan(
        &self,
        workspace: WorkspaceId,
        details: PlanDetails,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CreatePlanResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let plan = Plan {
            workspace,
            id: PlanId::new(),
            display_name: details.display_name,
            terms: details.terms,
            disabled_at: None,
            version: 1,
            created_at: now,
        };
        known_locations(change.conn(), workspace, &plan.terms.locations()).await?;
        store::insert(change.conn(), &plan).await?;
        audit::plan(author, None, &plan, now).record(SOURCE, change.conn()).await?;
        Ok(change.commit(pb::CreatePlanResponse { plan: Some(convert::plan(&plan)) }).await?)
    }

    pub(crate) async fn get_plan(&self, workspace: WorkspaceId, id: PlanId) -> Result<pb::Plan, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find(&mut tx, workspace, id).await?.ok_or(Error::PlanNotFound(id))?;
        Ok(convert::plan(&found))
    }

    pub(crate) async fn list_plans(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListPlansResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |plan| plan.id.uuid());
        Ok(pb::ListPlansResponse { plans: rows.iter().map(convert::plan).collect(), next_page_token })
    }

    /// Updates, disables or enables a plan; what is asked of it is worked out over the plan as stored.
    pub(crate) async fn change_plan(
        &self,
        workspace: WorkspaceId,
        id: PlanId,
        wanted: impl FnOnce(&Plan) -> Result<Request, Error> + Send,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::Plan, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before =
            store::find_for_update(change.conn(), workspace, id).await?.ok_or(Error::PlanNotFound(id))?;
        let request = wanted(&before)?;
        let now = self.clock.now();
        let after = before.plan(request, now);
        if let Some(after) = &after {
            known_locations(change.conn(), workspace, &after.terms.locations()).await?;
            store::update(change.conn(), after).await?;
            audit::plan(author, Some(&before), after, now).record(SOURCE, change.conn()).await?;
        }
        Ok(change.commit(convert::plan(after.as_ref().unwrap_or(&before))).await?)
    }
}
