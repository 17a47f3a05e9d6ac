//! The contract's methods: check, call, convert back; nothing else.

mod api_key;
mod audit;
mod booking;
mod contract;
mod entitlement;
mod membership;
mod pass;
mod person;
mod place;
mod plan;
mod session;
mod team;
mod visit;

use std::str::FromStr;
use std::sync::Arc;

use chassis::auth::{Principal, Reach};
use chassis::input::Input;
use chassis::rpc::{REQUEST_BYTES_MAX, refuse};
use domain::WorkspaceId;
use domain::names::{NameError, WorkspaceName};
use proto::audit::v1::audit_service_server::AuditServiceServer;
use proto::membership::v1::contract_service_server::ContractServiceServer;
use proto::membership::v1::membership_service_server::MembershipServiceServer;
use proto::membership::v1::plan_service_server::PlanServiceServer;
use proto::membership::v1::team_service_server::TeamServiceServer;
use proto::workspace::v1::api_key_exchange_service_server::ApiKeyExchangeServiceServer;
use proto::workspace::v1::api_key_service_server::ApiKeyServiceServer;
use proto::workspace::v1::booking_service_server::BookingServiceServer;
use proto::workspace::v1::entitlement_service_server::EntitlementServiceServer;
use proto::workspace::v1::pass_service_server::PassServiceServer;
use proto::workspace::v1::person_service_server::PersonServiceServer;
use proto::workspace::v1::session_service_server::SessionServiceServer;
use proto::workspace::v1::visit_service_server::VisitServiceServer;
use proto::workspace::v1::workspace_service_server::WorkspaceServiceServer;
use tonic::Status;

use crate::app::App;
use crate::convert::{self, REASON_CHARS_MAX};
use crate::store::team::Filter;

/// All methods call the same use cases.
pub(crate) struct Methods {
    app: Arc<App>,
}

pub(crate) fn workspace_service(app: Arc<App>) -> WorkspaceServiceServer<Methods> {
    WorkspaceServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn person_service(app: Arc<App>) -> PersonServiceServer<Methods> {
    PersonServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn booking_service(app: Arc<App>) -> BookingServiceServer<Methods> {
    BookingServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn entitlement_service(app: Arc<App>) -> EntitlementServiceServer<Methods> {
    EntitlementServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn plan_service(app: Arc<App>) -> PlanServiceServer<Methods> {
    PlanServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn team_service(app: Arc<App>) -> TeamServiceServer<Methods> {
    TeamServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn membership_service(app: Arc<App>) -> MembershipServiceServer<Methods> {
    MembershipServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn contract_service(app: Arc<App>) -> ContractServiceServer<Methods> {
    ContractServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn pass_service(app: Arc<App>) -> PassServiceServer<Methods> {
    PassServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn session_service(app: Arc<App>) -> SessionServiceServer<Methods> {
    SessionServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn api_key_service(app: Arc<App>) -> ApiKeyServiceServer<Methods> {
    ApiKeyServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn api_key_exchange_service(app: Arc<App>) -> ApiKeyExchangeServiceServer<Methods> {
    ApiKeyExchangeServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn visit_service(app: Arc<App>) -> VisitServiceServer<Methods> {
    VisitServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn audit_service(app: Arc<App>) -> AuditServiceServer<Methods> {
    AuditServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// The workspace of a request, which must be the caller's, and how much of it they see.
fn parent(field: &str, text: &str, caller: &Principal) -> Result<(WorkspaceName, Reach), Status> {
    let mut input = Input::new();
    let parsed = input.parse(field, text);
    let name: WorkspaceName = input.finish_with(parsed).map_err(refuse)?;
    let reach = caller.reach(name.0).map_err(refuse)?;
    Ok((name, reach))
}

/// The `name` of a request.
fn name<T: FromStr<Err = NameError>>(text: &str) -> Result<T, Status> {
    let mut input = Input::new();
    let parsed = input.parse("name", text);
    input.finish_with(parsed).map_err(refuse)
}

/// Which memberships or contracts to list, by who has them.
fn held_by(workspace: WorkspaceId, person: &str, team: &str) -> Result<Filter, Status> {
    let mut input = Input::new();
    let filter = Filter {
        person: some(person).and_then(|text| convert::person_of(&mut input, "person", text, workspace)),
        team: some(team).and_then(|text| convert::team_of(&mut input, "team", text, workspace)),
        ..Default::default()
    };
    input.finish().map_err(refuse)?;
    Ok(filter)
}

/// The `reason` of a request.
fn reason(text: &str) -> Result<String, Status> {
    let mut input = Input::new();
    let reason = input.optional_text("reason", text, REASON_CHARS_MAX);
    input.finish_with(reason).map_err(refuse)
}

/// A filter's text, if it is set.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
