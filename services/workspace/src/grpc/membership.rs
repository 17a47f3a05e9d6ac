//! `MembershipService`.

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{MembershipName, WorkspaceName};
use proto::membership::v1 as pb;
use proto::membership::v1::membership_service_server::MembershipService;
use tonic::{Request, Response, Status};

use super::{Methods, held_by, name, parent};
use crate::convert;
use crate::model::membership::Request as Change;

#[tonic::async_trait]
impl MembershipService for Methods {
    async fn start_membership(
        &self,
        request: Request<pb::StartMembershipRequest>,
    ) -> Result<Response<pb::StartMembershipResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_membership(workspace, message.membership.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "StartMembership", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.start_membership(workspace, new, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_membership(
        &self,
        request: Request<pb::GetMembershipRequest>,
    ) -> Result<Response<pb::GetMembershipResponse>, Status> {
        let caller = principal(&request)?;
        let MembershipName { workspace, id } = name(&request.get_ref().name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let membership = self.app.get_membership(workspace, &reach, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetMembershipResponse { membership: Some(membership) }))
    }

    async fn list_memberships(
        &self,
        request: Request<pb::ListMembershipsRequest>,
    ) -> Result<Response<pb::ListMembershipsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), reach) = parent("parent", &message.parent, &caller)?;
        let filter = held_by(workspace, &message.person, &message.team)?;
        let binding = ["ListMemberships", &message.parent, &message.person, &message.team];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_memberships(workspace, reach, filter, page).await.map(Response::new).map_err(refuse)
    }

    async fn renew_membership(
        &self,
        request: Request<pb::RenewMembershipRequest>,
    ) -> Result<Response<pb::RenewMembershipResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let MembershipName { workspace, id } = managed(&caller, &message.name)?;
        let until = convert::period_end(message.period_end_time.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "RenewMembership", &message.request_id, &message)
            .map_err(refuse)?;
        let change = Change::Renew(until);
        let membership =
            self.app.change_membership(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::RenewMembershipResponse { membership: Some(membership) }))
    }

    async fn fail_membership_renewal(
        &self,
        request: Request<pb::FailMembershipRenewalRequest>,
    ) -> Result<Response<pb::FailMembershipRenewalResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let MembershipName { workspace, id } = managed(&caller, &message.name)?;
        let period_end = convert::period_end(message.period_end_time.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "FailMembershipRenewal", &message.request_id, &message)
            .map_err(refuse)?;
        let change = Change::FailRenewal(period_end);
        let membership =
            self.app.change_membership(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::FailMembershipRenewalResponse { membership: Some(membership) }))
    }

    async fn pause_membership(
        &self,
        request: Request<pb::PauseMembershipRequest>,
    ) -> Result<Response<pb::PauseMembershipResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let MembershipName { workspace, id } = managed(&caller, &message.name)?;
        let intent = Intent::of(&caller, workspace, "PauseMembership", &message.request_id, &message)
            .map_err(refuse)?;
        let change = Change::Pause;
        let membership =
            self.app.change_membership(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::PauseMembershipResponse { membership: Some(membership) }))
    }

    async fn resume_membership(
        &self,
        request: Request<pb::ResumeMembershipRequest>,
    ) -> Result<Response<pb::ResumeMembershipResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let MembershipName { workspace, id } = managed(&caller, &message.name)?;
        let intent = Intent::of(&caller, workspace, "ResumeMembership", &message.request_id, &message)
            .map_err(refuse)?;
        let change = Change::Resume;
        let membership =
            self.app.change_membership(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::ResumeMembershipResponse { membership: Some(membership) }))
    }

    async fn cancel_membership(
        &self,
        request: Request<pb::CancelMembershipRequest>,
    ) -> Result<Response<pb::CancelMembershipResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let MembershipName { workspace, id } = managed(&caller, &message.name)?;
        let intent = Intent::of(&caller, workspace, "CancelMembership", &message.request_id, &message)
            .map_err(refuse)?;
        let change = Change::Cancel { at_once: message.at_once };
        let membership =
            self.app.change_membership(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::CancelMembershipResponse { membership: Some(membership) }))
    }
}

/// The membership of a request, whose workspace the caller must manage.
fn managed(caller: &Principal, text: &str) -> Result<MembershipName, Status> {
    let membership: MembershipName = name(text)?;
    caller.manages(membership.workspace).map_err(refuse)?;
    Ok(membership)
}
