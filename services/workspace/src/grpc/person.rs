//! `PersonService`.

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::{Input, InvalidInput};
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{PersonName, WorkspaceName};
use pbjson_types::FieldMask;
use proto::workspace::v1 as pb;
use proto::workspace::v1::person_service_server::PersonService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent};
use crate::convert;
use crate::error::Error;
use crate::model::person::Request as Change;
use crate::model::{Person, PersonDetails, policy};

#[tonic::async_trait]
impl PersonService for Methods {
    async fn create_person(
        &self,
        request: Request<pb::CreatePersonRequest>,
    ) -> Result<Response<pb::CreatePersonResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_person(workspace, message.person.as_ref()).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CreatePerson", &message.request_id, &message).map_err(refuse)?;
        let answer = self.app.create_person(workspace, &caller, &author, new, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn get_person(
        &self,
        request: Request<pb::GetPersonRequest>,
    ) -> Result<Response<pb::GetPersonResponse>, Status> {
        let caller = principal(&request)?;
        let PersonName { workspace, id } = name(&request.get_ref().name)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        let person = self.app.get_person(workspace, &reach, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetPersonResponse { person: Some(person) }))
    }

    async fn list_people(
        &self,
        request: Request<pb::ListPeopleRequest>,
    ) -> Result<Response<pb::ListPeopleResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let mut input = Input::new();
        let email = input.parse_optional("email", &message.email);
        input.finish().map_err(refuse)?;
        let filter = ["ListPeople", &message.parent, &message.email];
        let page = Page::read(message.page_size, &message.page_token, &filter).map_err(refuse)?;
        self.app.list_people(workspace, email, page).await.map(Response::new).map_err(refuse)
    }

    async fn update_person(
        &self,
        request: Request<pb::UpdatePersonRequest>,
    ) -> Result<Response<pb::UpdatePersonResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let mut input = Input::new();
        let values = input
            .required("person", message.person.clone())
            .and_then(|person| Some((input.parse::<PersonName>("person.name", &person.name)?, person)));
        let (PersonName { workspace, id }, person) = input.finish_with(values).map_err(refuse)?;
        let reach = caller.reach(workspace).map_err(refuse)?;
        if !policy::sees_person(&reach, id) {
            return Err(refuse(Error::PersonNotFound(id)));
        }
        let fields = Fields::read(message.update_mask.as_ref(), &person).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "UpdatePerson", &message.request_id, &message).map_err(refuse)?;
        let amend = Box::new(move |before: &Person| fields.amended(workspace, before, &person));
        let answer = self.app.update_person(workspace, &caller, &author, id, amend, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn change_role(
        &self,
        request: Request<pb::ChangeRoleRequest>,
    ) -> Result<Response<pb::ChangeRoleResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PersonName { workspace, id } = managed(&caller, &message.name)?;
        appoints(&caller)?;
        let (role, locations) = convert::new_role(workspace, &message).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "ChangeRole", &message.request_id, &message).map_err(refuse)?;
        let change = Change::Role(role, locations);
        let person = self.app.change_person(workspace, id, change, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::ChangeRoleResponse { person: Some(person) }))
    }

    async fn transfer_ownership(
        &self,
        request: Request<pb::TransferOwnershipRequest>,
    ) -> Result<Response<pb::TransferOwnershipResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PersonName { workspace, id } = managed(&caller, &message.name)?;
        appoints(&caller)?;
        let intent = Intent::of(&caller, workspace, "TransferOwnership", &message.request_id, &message)
            .map_err(refuse)?;
        self.app.transfer_ownership(workspace, id, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn pause_person(
        &self,
        request: Request<pb::PausePersonRequest>,
    ) -> Result<Response<pb::PausePersonResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PersonName { workspace, id } = managed(&caller, &message.name)?;
        let intent =
            Intent::of(&caller, workspace, "PausePerson", &message.request_id, &message).map_err(refuse)?;
        let person =
            self.app.change_person(workspace, id, Change::Pause, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::PausePersonResponse { person: Some(person) }))
    }

    async fn unpause_person(
        &self,
        request: Request<pb::UnpausePersonRequest>,
    ) -> Result<Response<pb::UnpausePersonResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PersonName { workspace, id } = managed(&caller, &message.name)?;
        let intent =
            Intent::of(&caller, workspace, "UnpausePerson", &message.request_id, &message).map_err(refuse)?;
        let person =
            self.app.change_person(workspace, id, Change::Unpause, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::UnpausePersonResponse { person: Some(person) }))
    }

    async fn remove_person(
        &self,
        request: Request<pb::RemovePersonRequest>,
    ) -> Result<Response<pb::RemovePersonResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PersonName { workspace, id } = managed(&caller, &message.name)?;
        let intent =
            Intent::of(&caller, workspace, "RemovePerson", &message.request_id, &message).map_err(refuse)?;
        let person =
            self.app.change_person(workspace, id, Change::Remove, &author, intent).await.map_err(refuse)?;
        Ok(Response::new(pb::RemovePersonResponse { person: Some(person) }))
    }
}

/// The person of a request, in a workspace that the caller manages.
fn managed(caller: &Principal, text: &str) -> Result<PersonName, Status> {
    let person: PersonName = name(text)?;
    caller.manages(person.workspace).map_err(refuse)?;
    Ok(person)
}

/// Refuses who may not decide who may do what.
fn appoints(caller: &Principal) -> Result<(), Status> {
    if policy::may_appoint(caller) { Ok(()) } else { Err(refuse(Error::NotForApiKeys)) }
}

/// Which details an update changes.
#[derive(Debug, Default)]
struct Fields {
    display_name: bool,
    email: bool,
    phone: bool,
    country: bool,
}

impl Fields {
    fn read(mask: Option<&FieldMask>, person: &pb::Person) -> Result<Self, InvalidInput> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            return Ok(Self {
                display_name: !person.display_name.is_empty(),
                email: !person.email.is_empty(),
                phone: !person.phone.is_empty(),
                country: !person.country.is_empty(),
            });
        }
        let mut input = Input::new();
        let mut fields = Self::default();
        for path in paths {
            match path.as_str() {
                "display_name" => fields.display_name = true,
                "email" => fields.email = true,
                "phone" => fields.phone = true,
                "country" => fields.country = true,
                other => input.refuse(
                    "update_mask",
                    format_args!("has {other:?}; display_name, email, phone and country can be updated"),
                ),
            }
        }
        input.finish_with(Some(fields))
    }

    fn amended(
        &self,
        workspace: domain::WorkspaceId,
        before: &Person,
        wanted: &pb::Person,
    ) -> Result<PersonDetails, Error> {
        let mut merged = convert::person(workspace, before);
        if self.display_name {
            merged.display_name.clone_from(&wanted.display_name);
        }
        if self.email {
            merged.email.clone_from(&wanted.email);
        }
        if self.phone {
            merged.phone.clone_from(&wanted.phone);
        }
        if self.country {
            merged.country.clone_from(&wanted.country);
        }
        let mut input = Input::new();
        let details = input.nested("person", convert::person_details(&merged));
        Ok(input.finish_with(details)?)
    }
}
