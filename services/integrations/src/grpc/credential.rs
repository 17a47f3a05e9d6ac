//! `CredentialService`: the one way out for values.

use chassis::auth::AuthError;
use chassis::input::Input;
use chassis::rpc::{principal, refuse};
use domain::names::{IntegrationName, LocationName, WorkspaceName};
use proto::integrations::v1 as pb;
use proto::integrations::v1::credential_service_server::CredentialService;
use secrecy::ExposeSecret as _;
use tonic::{Request, Response, Status};

use super::{Methods, name};
use crate::convert;

#[tonic::async_trait]
impl CredentialService for Methods {
    async fn resolve_credential(
        &self,
        request: Request<pb::ResolveCredentialRequest>,
    ) -> Result<Response<pb::ResolveCredentialResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("workspace", &message.workspace)?;
        let mut input = Input::new();
        let location = convert::location_of(&mut input, &message.location, workspace);
        let provider = convert::provider_of(&mut input, &message.provider);
        let provider = input.finish_with(provider).map_err(refuse)?;
        if caller.id != provider.reader {
            return Err(refuse(AuthError::Internal(caller.id)));
        }
        let resolved = self.app.resolve(workspace, provider, location).await.map_err(refuse)?;
        // Who was given what.
        tracing::info!(
            principal.id = caller.id,
            workspace.id = %workspace,
            location = location.map(|id| LocationName { workspace, id }.to_string()),
            provider.name = provider.name,
            integration.id = resolved.integration.map(|id| id.to_string()),
            credential.names = ?resolved.values.keys(),
            "credential resolved"
        );
        let values = resolved
            .values
            .into_iter()
            .map(|(name, value)| (name, value.expose_secret().to_owned()))
            .collect();
        let integration =
            resolved.integration.map_or_else(String::new, |id| IntegrationName { workspace, id }.to_string());
        let certificate_fingerprint =
            resolved.certificate.map_or_else(String::new, |certificate| certificate.fingerprint.to_string());
        let location =
            resolved.location.map_or_else(String::new, |id| LocationName { workspace, id }.to_string());
        Ok(Response::new(pb::ResolveCredentialResponse {
            values,
            integration,
            certificate_fingerprint,
            location,
            location_values: resolved.location_values,
        }))
    }
}
