//! Opens values, for the services in need.

use domain::{Host, IntegrationId, LocationId, WorkspaceId};
use secrecy::{ExposeSecret as _, SecretString};

use super::App;
use crate::error::Error;
use crate::model::Certificate;
use crate::providers::{HOST, Provider, Values};
use crate::store::vault::{self, Sealed};
use crate::vault::{DataKey, Label};

/// The values in force. Its Debug shows no value.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub values: Values,
    /// Where they came from; the more specific one if they came from two.
    pub integration: Option<IntegrationId>,
    /// The location that has values of its own among them.
    pub location: Option<LocationId>,
    /// Which of the values are that location's own.
    pub location_values: Vec<String>,
    /// The certificate that the host among them must show; `None`: it has shown none yet.
    pub certificate: Option<Certificate>,
}

impl Resolved {
    /// The host among them.
    pub(super) fn host(&self) -> Option<Host> {
        self.values.get(HOST)?.expose_secret().parse().ok()
    }
}

impl App {
    /// The values in force at a location: its own, else the workspace's, each by itself.
    pub(crate) async fn resolve(
        &self,
        workspace: WorkspaceId,
        provider: &'static Provider,
        location: Option<LocationId>,
    ) -> Result<Resolved, Error> {
        let sealed = {
            let mut conn = self.pool.begin(workspace).await?;
            vault::list_sealed(&mut conn, workspace, provider.name, location).await?
        };
        if sealed.is_empty() {
            return Ok(Resolved::default());
        }
        match self.find_data_key(workspace).await? {
            Some(key) => open(&key, workspace, provider, sealed),
            // Values can't be there without it.
            None => Err(Error::Store(sqlx::Error::RowNotFound)),
        }
    }
}

/// Opens the values in force: the workspace's come first, so the location's take their places.
pub(super) fn open(
    key: &DataKey,
    workspace: WorkspaceId,
    provider: &'static Provider,
    sealed: Vec<Sealed>,
) -> Result<Resolved, Error> {
    let mut resolved = Resolved::default();
    for row in sealed {
        let label = Label { workspace, location: row.location, provider: provider.name, name: &row.name };
        let value: SecretString = key.open(label, &row.sealed).map_err(|source| Error::Credential {
            integration: row.integration,
            name: row.name.clone(),
            source,
        })?;
        if row.location.is_some() {
            resolved.location_values.push(row.name.clone());
        }
        resolved.values.insert(row.name, value);
        (resolved.integration, resolved.location) = (Some(row.integration), row.location);
        resolved.certificate = row.certificate;
    }
    let host = resolved.host();
    // What another host has shown says nothing about this one.
    resolved.certificate =
        resolved.certificate.filter(|certificate| Some(&certificate.host) == host.as_ref());
    Ok(resolved)
}
