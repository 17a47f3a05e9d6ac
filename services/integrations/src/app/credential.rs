//! Opens values, for the services in need.

use std::collections::BTreeMap;

use domain::{IntegrationId, LocationId, WorkspaceId};
use secrecy::SecretString;

use super::App;
use crate::error::Error;
use crate::providers::Provider;
use crate::store::vault;
use crate::vault::{DataKey, Label};

/// The values in force. Its Debug shows no value.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub values: BTreeMap<String, SecretString>,
    /// Where they came from; the more specific one if they came from two.
    pub integration: Option<IntegrationId>,
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
        let mut resolved = Resolved::default();
        let Some(first) = sealed.first() else { return Ok(resolved) };
        let key = self.open_data_key(workspace, &first.wrapped_key)?;
        // The workspace's come first, so the location's take their places.
        for row in sealed {
            let label = Label { workspace, location: row.location, provider: provider.name, name: &row.name };
            let value = key.open(label, &row.sealed).map_err(|source| Error::Credential {
                integration: row.integration,
                name: row.name.clone(),
                source,
            })?;
            resolved.values.insert(row.name, value);
            resolved.integration = Some(row.integration);
        }
        Ok(resolved)
    }

    pub(super) fn open_data_key(&self, workspace: WorkspaceId, wrapped: &[u8]) -> Result<DataKey, Error> {
        self.master_key.unwrap(workspace, wrapped).map_err(|source| Error::DataKey { workspace, source })
    }
}
