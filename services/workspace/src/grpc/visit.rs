//! `VisitService`.

use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{VisitName, WorkspaceName};
use proto::workspace::v1 as pb;
use proto::workspace::v1::visit_service_server::VisitService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent, some};
use crate::convert;
use crate::model::policy::Sight;

#[tonic::async_trait]
impl VisitService for Methods {
    async fn announce_visit(
        &self,
        request: Request<pb::AnnounceVisitRequest>,
    ) -> Result<Response<pb::AnnounceVisitResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let new = convert::new_visit(workspace, message.visit.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "AnnounceVisit", &message.request_id, &message).map_err(refuse)?;
        let answer = self.app.announce_visit(workspace, &sight, new, &author, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn get_visit(
        &self,
        request: Request<pb::GetVisitRequest>,
    ) -> Result<Response<pb::GetVisitResponse>, Status> {
        let caller = principal(&request)?;
        let VisitName { workspace, id } = name(&request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let visit = self.app.get_visit(workspace, &sight, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetVisitResponse { visit: Some(visit) }))
    }

    async fn list_visits(
        &self,
        request: Request<pb::ListVisitsRequest>,
    ) -> Result<Response<pb::ListVisitsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), reach) = parent("parent", &message.parent, &caller)?;
        let mut input = Input::new();
        let booking = some(&message.booking)
            .and_then(|text| convert::booking_of(&mut input, "booking", text, workspace));
        input.finish().map_err(refuse)?;
        let binding = ["ListVisits", &message.parent, &message.booking];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_visits(workspace, reach, booking, page).await.map(Response::new).map_err(refuse)
    }

    async fn cancel_visit(
        &self,
        request: Request<pb::CancelVisitRequest>,
    ) -> Result<Response<pb::CancelVisitResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let VisitName { workspace, id } = name(&message.name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CancelVisit", &message.request_id, &message).map_err(refuse)?;
        let answer = self.app.cancel_visit(workspace, &sight, id, &author, intent).await;
        answer.map(Response::new).map_err(refuse)
    }
}
