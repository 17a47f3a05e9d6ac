//! `TeamService`.

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{TeamName, WorkspaceName};
use domain::{PersonId, WorkspaceId};
use proto::membership::v1 as pb;
use proto::membership::v1::team_service_server::TeamService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent};
use crate::convert;
use crate::model::team::Request as Change;

#[tonic::async_trait]
impl TeamService for Methods {
    async fn create_team(
        &self,
        request: Request<pb::CreateTeamRequest>,
    ) -> Result<Response<pb::CreateTeamResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_team(workspace, message.team.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CreateTeam", &message.request_id, &message).map_err(refuse)?;
        self.app.create_team(workspace, new, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_team(
        &self,
        request: Request<pb::GetTeamRequest>,
    ) -> Result<Response<pb::GetTeamResponse>, Status> {
        let caller = principal(&request)?;
        let TeamName { workspace, id } = managed(&caller, &request.get_ref().name)?;
        let team = self.app.get_team(workspace, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetTeamResponse { team: Some(team) }))
    }

    async fn list_teams(
        &self,
        request: Request<pb::ListTeamsRequest>,
    ) -> Result<Response<pb::ListTeamsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let mut input = Input::new();
        let person = Some(message.person.as_str())
            .filter(|text| !text.is_empty())
            .and_then(|text| convert::person_of(&mut input, "person", text, workspace));
        input.finish().map_err(refuse)?;
        let binding = ["ListTeams", &message.parent, &message.person];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_teams(workspace, person, page).await.map(Response::new).map_err(refuse)
    }

    async fn add_team_person(
        &self,
        request: Request<pb::AddTeamPersonRequest>,
    ) -> Result<Response<pb::AddTeamPersonResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let TeamName { workspace, id } = managed(&caller, &message.name)?;
        let change = Change::Add(person(workspace, &message.person)?);
        let intent =
            Intent::of(&caller, workspace, "AddTeamPerson", &message.request_id, &message).map_err(refuse)?;
        let team = self.app.change_team(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::AddTeamPersonResponse { team: Some(team) }))
    }

    async fn remove_team_person(
        &self,
        request: Request<pb::RemoveTeamPersonRequest>,
    ) -> Result<Response<pb::RemoveTeamPersonResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let TeamName { workspace, id } = managed(&caller, &message.name)?;
        let change = Change::Remove(person(workspace, &message.person)?);
        let intent = Intent::of(&caller, workspace, "RemoveTeamPerson", &message.request_id, &message)
            .map_err(refuse)?;
        let team = self.app.change_team(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::RemoveTeamPersonResponse { team: Some(team) }))
    }
}

/// The team of a request, whose workspace the caller must manage.
fn managed(caller: &Principal, text: &str) -> Result<TeamName, Status> {
    let team: TeamName = name(text)?;
    caller.manages(team.workspace).map_err(refuse)?;
    Ok(team)
}

fn person(workspace: WorkspaceId, text: &str) -> Result<PersonId, Status> {
    let mut input = Input::new();
    let person = convert::person_of(&mut input, "person", text, workspace);
    input.finish_with(person).map_err(refuse)
}
