//! Asks the providers' adapters: whether the values in force are taken, and which places there are.

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::identity::Identity;
use chassis::rpc::{AddressError, ServiceChannel, channel};
use domain::names::{LocationName, WorkspaceName};
use domain::{LocationId, WorkspaceId};
use proto::access::v1 as access_pb;
use proto::access::v1::door_provider_service_client::DoorProviderServiceClient;
use proto::integrations::v1 as pb;
use proto::integrations::v1::connection_service_client::ConnectionServiceClient;
use tonic::{Code, Status};

use crate::convert;
use crate::error::Error;
use crate::model::Word;
use crate::providers::{self, Provider};

/// An adapter's answer is awaited for so long: less than our own caller waits for us.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the adapters can't be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdaptersError {
    /// One is too many.
    #[error("adapters.{0} is no provider that this service knows")]
    Unknown(String),
    /// Not an address.
    #[error("adapters.{provider}")]
    Address {
        /// Whose.
        provider: &'static str,
        /// What is wrong.
        #[source]
        source: AddressError,
    },
}

/// At most one adapter for each provider.
pub(crate) struct Adapters(BTreeMap<&'static str, ServiceChannel>);

impl Adapters {
    /// Adapters at these addresses, by provider. Connected to with the first call.
    pub(crate) fn new(
        addresses: BTreeMap<String, String>,
        identity: &Identity,
    ) -> Result<Self, AdaptersError> {
        let mut channels = BTreeMap::new();
        for (name, address) in addresses {
            let provider = providers::find(&name).ok_or(AdaptersError::Unknown(name))?;
            let channel = channel(&address, provider.reader, identity)
                .map_err(|source| AdaptersError::Address { provider: provider.name, source })?;
            channels.insert(provider.name, channel);
        }
        Ok(Self(channels))
    }

    /// Asks the provider. That it can't be asked is an answer too.
    pub(crate) async fn check(
        &self,
        provider: &Provider,
        workspace: WorkspaceId,
        location: Option<LocationId>,
    ) -> Word {
        let Some(channel) = self.0.get(provider.name).cloned() else {
            return not_asked(provider, "this installation has no adapter for it; set it in [adapters]");
        };
        let (workspace, location) = names(workspace, location);
        let request = pb::CheckConnectionRequest { workspace, location };
        let mut client = ConnectionServiceClient::new(channel);
        match tokio::time::timeout(ANSWER_TIMEOUT, client.check_connection(request)).await {
            Ok(Ok(response)) => convert::word(response.into_inner())
                .unwrap_or_else(|| not_asked(provider, "its adapter did not say how it went")),
            Ok(Err(status)) => {
                told_off(provider, &status);
                not_asked(provider, "its adapter is not available; it is tried again")
            }
            Err(_) => not_asked(provider, "its adapter did not answer in time; it is tried again"),
        }
    }

    /// The places that the account has.
    pub(crate) async fn list_places(
        &self,
        provider: &Provider,
        workspace: WorkspaceId,
        location: Option<LocationId>,
    ) -> Result<Vec<access_pb::ProviderPlace>, Error> {
        let Some(channel) = self.0.get(provider.name).cloned() else {
            return Err(Error::NoPlaces(provider.display_name));
        };
        let (workspace, location) = names(workspace, location);
        let request = access_pb::ListPlacesRequest { workspace, location };
        let mut client = DoorProviderServiceClient::new(channel);
        match tokio::time::timeout(ANSWER_TIMEOUT, client.list_places(request)).await {
            Ok(Ok(response)) => Ok(response.into_inner().places),
            Ok(Err(status)) if status.code() == Code::Unimplemented => {
                Err(Error::NoPlaces(provider.display_name))
            }
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => {
                Err(Error::ProviderRefused(convert::shorten(status.message())))
            }
            Ok(Err(status)) => {
                told_off(provider, &status);
                Err(Error::NotAsked(format!("{} can't be asked just now", provider.display_name)))
            }
            Err(_) => Err(Error::NotAsked(format!("{} did not answer in time", provider.display_name))),
        }
    }
}

fn names(workspace: WorkspaceId, location: Option<LocationId>) -> (String, String) {
    let location = location.map_or_else(String::new, |id| LocationName { workspace, id }.to_string());
    (WorkspaceName(workspace).to_string(), location)
}

/// The code alone: what another service says to us is not for the operator's screen.
fn told_off(provider: &Provider, status: &Status) {
    tracing::warn!(provider.name = provider.name, code = %status.code(), "the adapter could not be asked");
}

fn not_asked(provider: &Provider, why: &str) -> Word {
    Word::NotAsked { reason: format!("{} could not be asked: {why}", provider.display_name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_provider_has_one_adapter_or_none() {
        chassis::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let issued = local_infra::Certificates::ensure(folder.path()).unwrap().issue("integrations").unwrap();
        let identity = Identity::new(&issued.authority, issued.certificate, issued.key);
        let new = |pairs: &[(&str, &str)]| {
            let addresses = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Adapters::new(addresses, &identity).map_err(|error| error.to_string())
        };
        assert!(new(&[("kisi", "https://127.0.0.1:7421"), ("stripe", "https://127.0.0.1:7430")]).is_ok());
        for (pairs, problem) in [
            (vec![("kisi", "https://k:1"), ("kissi", "https://k:1")], "adapters.kissi is no provider"),
            (vec![("kisi", "not an address")], "adapters.kisi"),
        ] {
            assert!(new(&pairs).err().unwrap().starts_with(problem), "{pairs:?}");
        }
        let stripe = providers::find("stripe").unwrap();
        let word = new(&[]).unwrap().check(stripe, WorkspaceId::new(), None).await;
        assert!(matches!(word, Word::NotAsked { reason } if reason.contains("no adapter")));
    }
}
