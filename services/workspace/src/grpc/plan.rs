//! `PlanService`.

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{PlanName, WorkspaceName};
use proto::membership::v1 as pb;
use proto::membership::v1::plan_service_server::PlanService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent};
use crate::convert;
use crate::model::Plan;
use crate::model::plan::Request as Change;

#[tonic::async_trait]
impl PlanService for Methods {
    async fn create_plan(
        &self,
        request: Request<pb::CreatePlanRequest>,
    ) -> Result<Response<pb::CreatePlanResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_plan(workspace, message.plan.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CreatePlan", &message.request_id, &message).map_err(refuse)?;
        self.app.create_plan(workspace, new, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_plan(
        &self,
        request: Request<pb::GetPlanRequest>,
    ) -> Result<Response<pb::GetPlanResponse>, Status> {
        let caller = principal(&request)?;
        let PlanName { workspace, id } = managed(&caller, &request.get_ref().name)?;
        let plan = self.app.get_plan(workspace, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetPlanResponse { plan: Some(plan) }))
    }

    async fn list_plans(
        &self,
        request: Request<pb::ListPlansRequest>,
    ) -> Result<Response<pb::ListPlansResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let binding = ["ListPlans", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_plans(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn update_plan(
        &self,
        request: Request<pb::UpdatePlanRequest>,
    ) -> Result<Response<pb::UpdatePlanResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let mut input = Input::new();
        let wanted = input.required("plan", message.plan.as_ref());
        let named = wanted.and_then(|wanted| input.parse::<PlanName>("plan.name", &wanted.name));
        let (wanted, PlanName { workspace, id }) =
            input.finish_with(wanted.cloned().zip(named)).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "UpdatePlan", &message.request_id, &message).map_err(refuse)?;
        let mask = message.update_mask;
        let change =
            move |before: &Plan| Ok(Change::Update(convert::amended_plan(before, &wanted, mask.as_ref())?));
        let plan = self.app.change_plan(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::UpdatePlanResponse { plan: Some(plan) }))
    }

    async fn disable_plan(
        &self,
        request: Request<pb::DisablePlanRequest>,
    ) -> Result<Response<pb::DisablePlanResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PlanName { workspace, id } = managed(&caller, &message.name)?;
        let intent =
            Intent::of(&caller, workspace, "DisablePlan", &message.request_id, &message).map_err(refuse)?;
        let plan = self
            .app
            .change_plan(workspace, id, |_| Ok(Change::Disable), &author, intent)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::DisablePlanResponse { plan: Some(plan) }))
    }

    async fn enable_plan(
        &self,
        request: Request<pb::EnablePlanRequest>,
    ) -> Result<Response<pb::EnablePlanResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PlanName { workspace, id } = managed(&caller, &message.name)?;
        let intent =
            Intent::of(&caller, workspace, "EnablePlan", &message.request_id, &message).map_err(refuse)?;
        let plan = self
            .app
            .change_plan(workspace, id, |_| Ok(Change::Enable), &author, intent)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::EnablePlanResponse { plan: Some(plan) }))
    }
}

/// The plan of a request, whose workspace the caller must manage.
fn managed(caller: &Principal, text: &str) -> Result<PlanName, Status> {
    let plan: PlanName = name(text)?;
    caller.manages(plan.workspace).map_err(refuse)?;
    Ok(plan)
}
