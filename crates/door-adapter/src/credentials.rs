//! The credentials in force, asked of the integrations service and kept for a short time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chassis::rpc::ServiceChannel;
use domain::names::{IntegrationName, LocationName, WorkspaceName};
use domain::{LocationId, WorkspaceId};
use proto::integrations::v1::ResolveCredentialRequest;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use secrecy::SecretString;
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::{ErrorKind, ProviderError};
use crate::provider::{Account, Credential};

/// Sites whose credentials are kept; beyond, all are forgotten and asked for again.
const KEPT_MAX: usize = 50_000;

/// Where credentials are looked for: a location, or the workspace as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    pub workspace: WorkspaceId,
    pub location: Option<LocationId>,
}

impl Site {
    /// What it is kept as: the location's id, or the workspace's.
    pub(crate) fn id(self) -> Uuid {
        self.location.map_or(self.workspace.uuid(), LocationId::uuid)
    }

    /// The site that is kept as `id`.
    pub(crate) fn of_id(workspace: WorkspaceId, id: Uuid) -> Self {
        let location = Some(LocationId::from_uuid(id)).filter(|_| id != workspace.uuid());
        Self { workspace, location }
    }
}

/// The credentials of one provider.
pub(crate) struct Credentials {
    client: CredentialServiceClient<ServiceChannel>,
    provider: &'static str,
    keep: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    accounts: HashMap<Site, (Option<Found>, Instant)>,
    refused: HashMap<IntegrationName, Refusal>,
}

/// The account in force at a site, and whose values lead to it.
#[derive(Clone)]
struct Found {
    account: Account,
    /// The location that has values of its own; `None`: the workspace's alone are in force.
    location: Option<LocationId>,
}

/// A credential that the provider refuses is not sent again for a while: providers suspend those who
/// keep failing.
struct Refusal {
    account: Account,
    error: ProviderError,
    until: Instant,
}

impl Credentials {
    pub(crate) fn new(channel: ServiceChannel, provider: &'static str, keep: Duration) -> Self {
        let client = CredentialServiceClient::new(channel);
        Self { client, provider, keep, kept: Mutex::default() }
    }

    /// The account that a site's commands are for, by its own values; `None` if it has none. The workspace's are no
    /// substitute: what a location's doors are called at its own account may be other doors at the workspace's.
    pub(crate) async fn own_account(&self, site: Site) -> Result<Option<Account>, ProviderError> {
        let kept = self.lock().accounts.get(&site).filter(|(_, until)| Instant::now() < *until).cloned();
        let found = match kept {
            Some((found, _)) => found,
            None => self.ask(site).await?,
        };
        Ok(own(found, site))
    }

    /// The same, asked for now.
    pub(crate) async fn fresh_own_account(&self, site: Site) -> Result<Option<Account>, ProviderError> {
        Ok(own(self.ask(site).await?, site))
    }

    /// The account in force at a site, be it the workspace's, asked for now; `None` if nothing is connected.
    pub(crate) async fn fresh_account(&self, site: Site) -> Result<Option<Account>, ProviderError> {
        Ok(self.ask(site).await?.map(|found| found.account))
    }

    /// The same, with nothing kept of the workspace: values may just have been saved.
    pub(crate) async fn forget_and_ask(&self, site: Site) -> Result<Option<Account>, ProviderError> {
        self.forget(site.workspace);
        self.fresh_account(site).await
    }

    async fn ask(&self, site: Site) -> Result<Option<Found>, ProviderError> {
        let found = self.resolve(site).await?;
        let mut kept = self.lock();
        if kept.accounts.len() >= KEPT_MAX {
            kept.accounts.clear();
        }
        kept.accounts.insert(site, (found.clone(), Instant::now() + self.keep));
        Ok(found)
    }

    async fn resolve(&self, site: Site) -> Result<Option<Found>, ProviderError> {
        let workspace = site.workspace;
        let location = site.location.map(|id| LocationName { workspace, id }.to_string());
        let request = ResolveCredentialRequest {
            workspace: WorkspaceName(workspace).to_string(),
            provider: self.provider.to_owned(),
            location: location.unwrap_or_default(),
        };
        let answer = self.client.clone().resolve_credential(request).await.map_err(|status| {
            tracing::warn!(workspace.id = %workspace, %status, "credentials cannot be resolved");
            ProviderError::new(
                ErrorKind::Unreachable,
                "Latchkey's integrations service did not give the credentials; it is tried again",
            )
        })?;
        let answer = answer.into_inner();
        if answer.values.is_empty() {
            return Ok(None);
        }
        let integration: IntegrationName = answer.integration.parse().map_err(|error| {
            tracing::error!(workspace.id = %workspace, %error, "credentials of no integration");
            ProviderError::new(ErrorKind::Malformed, "the credentials name no integration")
        })?;
        let certificate = Some(answer.certificate_fingerprint).filter(|text| !text.is_empty());
        let certificate = certificate.map(|text| text.parse()).transpose().map_err(|error| {
            tracing::error!(integration.id = %integration.id, %error, "the fingerprint of no certificate");
            ProviderError::new(ErrorKind::Malformed, "the certificate that the host must show is not known")
        })?;
        let values = answer.values.into_iter().map(|(name, value)| (name, SecretString::from(value)));
        let account = Account { integration, credential: Credential::new(values), certificate };
        let location = Some(answer.location).filter(|text| !text.is_empty());
        let location: Option<LocationName> =
            location.map(|text| text.parse()).transpose().map_err(|error| {
                tracing::error!(integration.id = %integration.id, %error, "the credentials of no location");
                ProviderError::new(ErrorKind::Malformed, "whose credentials they are is not known")
            })?;
        Ok(Some(Found { account, location: location.map(|name| name.id) }))
    }

    /// Why these credentials need not be tried just now, if so.
    pub(crate) fn refusal(&self, account: &Account) -> Option<ProviderError> {
        let kept = self.lock();
        let refusal = kept.refused.get(&account.integration)?;
        let holds = Instant::now() < refusal.until && refusal.account == *account;
        holds.then(|| refusal.error.clone())
    }

    /// The provider refuses these credentials.
    pub(crate) fn refuse(&self, account: &Account, error: &ProviderError) {
        let now = Instant::now();
        let mut kept = self.lock();
        if kept.refused.len() >= KEPT_MAX {
            kept.refused.retain(|_, refusal| now < refusal.until);
        }
        let refusal = Refusal { account: account.clone(), error: error.clone(), until: now + self.keep };
        kept.refused.insert(account.integration, refusal);
    }

    /// Something changed in a workspace: asks anew, tries again.
    pub(crate) fn forget(&self, workspace: WorkspaceId) {
        let mut kept = self.lock();
        kept.accounts.retain(|site, _| site.workspace != workspace);
        kept.refused.retain(|integration, _| integration.workspace != workspace);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn own(found: Option<Found>, site: Site) -> Option<Account> {
    found.filter(|found| found.location == site.location).map(|found| found.account)
}
