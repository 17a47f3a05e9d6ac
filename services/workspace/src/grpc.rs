//! The contract's methods: check, call, convert back; nothing else.

mod booking;
mod person;
mod place;

use std::str::FromStr;
use std::sync::Arc;

use chassis::auth::Principal;
use chassis::input::Input;
use chassis::rpc::{REQUEST_BYTES_MAX, refuse};
use domain::names::{NameError, WorkspaceName};
use proto::workspace::v1::booking_service_server::BookingServiceServer;
use proto::workspace::v1::person_service_server::PersonServiceServer;
use proto::workspace::v1::workspace_service_server::WorkspaceServiceServer;
use tonic::Status;

use crate::app::App;

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

/// The workspace of a request, which the caller must manage.
fn parent(field: &str, text: &str, caller: &Principal) -> Result<WorkspaceName, Status> {
    let mut input = Input::new();
    let parsed = input.parse(field, text);
    let name: WorkspaceName = input.finish_with(parsed).map_err(refuse)?;
    caller.manages(name.0).map_err(refuse)?;
    Ok(name)
}

/// The `name` of a request.
fn name<T: FromStr<Err = NameError>>(text: &str) -> Result<T, Status> {
    let mut input = Input::new();
    let parsed = input.parse("name", text);
    input.finish_with(parsed).map_err(refuse)
}
