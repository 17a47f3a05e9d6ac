//! The contract's methods: check, call, convert back; nothing else.

mod connection;
mod invoice;
mod method;
mod payment;
mod price;
mod webhook;

use std::str::FromStr;

use chassis::input::{Input, InvalidInput};
use chassis::rpc::refuse;
use domain::WorkspaceId;
use domain::names::{LocationName, NameError, WorkspaceName};
use tonic::Status;

use crate::convert;
use crate::credentials::Site;
use crate::customers::Holder;
use crate::error::Error;
use crate::sight::Sight;

pub(crate) use connection::connection_service;
pub(crate) use invoice::invoice_service;
pub(crate) use method::payment_method_service;
pub(crate) use payment::payment_service;
pub(crate) use price::price_service;
pub(crate) use webhook::webhook_service;

/// A name in a field of a request.
fn name<T: FromStr<Err = NameError>>(field: &str, text: &str) -> Result<T, Status> {
    let mut input = Input::new();
    let parsed = input.parse(field, text);
    input.finish_with(parsed).map_err(refuse)
}

/// What moves money is asked for with a key, so that it is done once.
fn once(request_id: &str) -> Result<(), Status> {
    let mut input = Input::new();
    if request_id.is_empty() {
        input.refuse("request_id", "must be set, so that it is done once");
    }
    input.finish().map_err(refuse)
}

/// Whose a request is about, who must be in the caller's sight: a person or a team, by its fields.
fn holder_in_sight(workspace: WorkspaceId, sight: Sight, person: &str, team: &str) -> Result<Holder, Status> {
    let holder = convert::holder_of(workspace, person, team).map_err(refuse)?;
    if sight.has(holder) { Ok(holder) } else { Err(refuse(Error::holder_not_found(holder))) }
}

/// The workspace or the location of it that a request is about.
fn site(workspace: &str, location: &str) -> Result<Site, InvalidInput> {
    let mut input = Input::new();
    let workspace: Option<WorkspaceName> = input.parse("workspace", workspace);
    let location: Option<LocationName> = input.parse_optional("location", location);
    if let (Some(workspace), Some(location)) = (workspace, location)
        && location.workspace != workspace.0
    {
        input.refuse("location", "must be of the workspace");
    }
    let site =
        workspace.map(|workspace| Site { workspace: workspace.0, location: location.map(|name| name.id) });
    input.finish_with(site)
}
