//! The contract's methods: check, call, convert back; nothing else.

mod credential;
mod integration;
mod key;

use std::str::FromStr;
use std::sync::Arc;

use chassis::input::Input;
use chassis::rpc::{REQUEST_BYTES_MAX, refuse};
use domain::names::NameError;
use proto::integrations::v1::credential_service_server::CredentialServiceServer;
use proto::integrations::v1::integration_service_server::IntegrationServiceServer;
use proto::integrations::v1::key_service_server::KeyServiceServer;
use tonic::Status;

use crate::app::App;

/// All methods call the same use cases.
pub(crate) struct Methods {
    app: Arc<App>,
}

pub(crate) fn integration_service(app: Arc<App>) -> IntegrationServiceServer<Methods> {
    IntegrationServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn credential_service(app: Arc<App>) -> CredentialServiceServer<Methods> {
    CredentialServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

pub(crate) fn key_service(app: Arc<App>) -> KeyServiceServer<Methods> {
    KeyServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// A resource name in a request.
fn name<T: FromStr<Err = NameError>>(field: &str, text: &str) -> Result<T, Status> {
    let mut input = Input::new();
    let parsed = input.parse(field, text);
    input.finish_with(parsed).map_err(refuse)
}
