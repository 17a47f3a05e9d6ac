//! The keys in force, asked of the integrations service each time: they may just have been saved.

use chassis::rpc::ServiceChannel;
use domain::names::{LocationName, WorkspaceName};
use domain::{LocationId, WorkspaceId};
use proto::integrations::v1::ResolveCredentialRequest;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use secrecy::SecretString;
use uuid::Uuid;

use crate::error::Error;

const PROVIDER: &str = "stripe";

/// The name of the value that calls are made with.
pub(crate) const SECRET_KEY: &str = "secret_key";
const PUBLISHABLE_KEY: &str = "publishable_key";
const WEBHOOK_SECRET: &str = "webhook_secret";

/// Where money is asked for: at a location, or by the workspace itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Site {
    pub workspace: WorkspaceId,
    pub location: Option<LocationId>,
}

impl Site {
    /// By which rows know it: the location's id, else the workspace's.
    pub(crate) fn id(self) -> Uuid {
        self.location.map_or(self.workspace.uuid(), LocationId::uuid)
    }

    /// By the id that rows have.
    pub(crate) fn of_id(workspace: WorkspaceId, id: Uuid) -> Self {
        Self { workspace, location: (id != workspace.uuid()).then(|| LocationId::from_uuid(id)) }
    }
}

/// What is in force somewhere.
pub(crate) struct Keys {
    /// Whose it is: a location that has keys of its own, or the workspace.
    pub site: Site,
    /// The secret or restricted key.
    pub secret: SecretString,
    /// What browsers call Stripe by. Empty: none is saved.
    pub publishable: String,
    /// By which webhooks of that site's account are told from forgeries; more than one while they are rolled.
    pub webhook_secrets: Vec<SecretString>,
}

/// What is connected.
pub(crate) struct Credentials(CredentialServiceClient<ServiceChannel>);

impl Credentials {
    pub(crate) fn new(integrations: ServiceChannel) -> Self {
        Self(CredentialServiceClient::new(integrations))
    }

    /// The keys in force: the location's, else the workspace's, if there are any.
    pub(crate) async fn keys(&self, site: Site) -> Result<Option<Keys>, Error> {
        let workspace = site.workspace;
        let location = site.location.map(|id| LocationName { workspace, id }.to_string());
        let request = ResolveCredentialRequest {
            workspace: WorkspaceName(workspace).to_string(),
            provider: PROVIDER.to_owned(),
            location: location.unwrap_or_default(),
        };
        let answer = self.0.clone().resolve_credential(request).await.map_err(Error::Credentials)?;
        let mut answer = answer.into_inner();
        let location = site.location.filter(|_| !answer.location.is_empty());
        // The webhook secret of a workspace says nothing of an account that is a location's own.
        let is_own = |name: &str| location.is_none() || answer.location_values.iter().any(|own| own == name);
        let secrets = if is_own(WEBHOOK_SECRET) || !is_own(SECRET_KEY) {
            answer.values.remove(WEBHOOK_SECRET).unwrap_or_default()
        } else {
            String::new()
        };
        Ok(answer.values.remove(SECRET_KEY).map(|secret| Keys {
            site: Site { workspace, location },
            secret: secret.into(),
            publishable: answer.values.remove(PUBLISHABLE_KEY).unwrap_or_default(),
            webhook_secrets: secrets.split_whitespace().map(SecretString::from).collect(),
        }))
    }
}
