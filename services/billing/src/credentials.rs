//! The key in force, asked of the integrations service each time: it may just have been saved.

use chassis::rpc::ServiceChannel;
use domain::names::{LocationName, WorkspaceName};
use domain::{LocationId, WorkspaceId};
use proto::integrations::v1::ResolveCredentialRequest;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use secrecy::SecretString;

use crate::error::Error;

const PROVIDER: &str = "stripe";

/// The name of the value that calls are made with.
pub(crate) const SECRET_KEY: &str = "secret_key";

/// Whose key: a location's, or the workspace's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Site {
    pub workspace: WorkspaceId,
    pub location: Option<LocationId>,
}

/// What is connected.
pub(crate) struct Credentials(CredentialServiceClient<ServiceChannel>);

impl Credentials {
    pub(crate) fn new(integrations: ServiceChannel) -> Self {
        Self(CredentialServiceClient::new(integrations))
    }

    /// The secret or restricted key in force, if there is one.
    pub(crate) async fn secret_key(&self, site: Site) -> Result<Option<SecretString>, Error> {
        let workspace = site.workspace;
        let location = site.location.map(|id| LocationName { workspace, id }.to_string());
        let request = ResolveCredentialRequest {
            workspace: WorkspaceName(workspace).to_string(),
            provider: PROVIDER.to_owned(),
            location: location.unwrap_or_default(),
        };
        let answer = self.0.clone().resolve_credential(request).await.map_err(Error::Credentials)?;
        Ok(answer.into_inner().values.remove(SECRET_KEY).map(SecretString::from))
    }
}
