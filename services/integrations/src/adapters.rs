//! Asks the providers' adapters whether the values in force are taken.

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::identity::Identity;
use chassis::rpc::{AddressError, ServiceChannel, channel};
use domain::names::{LocationName, WorkspaceName};
use domain::{LocationId, WorkspaceId};
use proto::access::v1 as pb;
use proto::access::v1::door_provider_service_client::DoorProviderServiceClient;

use crate::model::Word;
use crate::providers::{PROVIDERS, Provider};

/// An adapter's answer is awaited for so long: less than our own caller waits for us.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Characters that are kept of a reason, or of what an account is called.
const TEXT_CHARS_MAX: usize = 500;

/// Why the adapters can't be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdaptersError {
    /// One is missing.
    #[error("adapters.{0} must say where its adapter is, such as https://127.0.0.1:7421")]
    Missing(&'static str),
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

/// One adapter for each provider.
pub(crate) struct Adapters(BTreeMap<&'static str, DoorProviderServiceClient<ServiceChannel>>);

impl Adapters {
    /// Adapters at these addresses, by provider. Connected to with the first call.
    pub(crate) fn new(
        mut addresses: BTreeMap<String, String>,
        identity: &Identity,
    ) -> Result<Self, AdaptersError> {
        let mut clients = BTreeMap::new();
        for provider in &PROVIDERS {
            let address = addresses.remove(provider.name).ok_or(AdaptersError::Missing(provider.name))?;
            let channel = channel(&address, provider.reader, identity)
                .map_err(|source| AdaptersError::Address { provider: provider.name, source })?;
            clients.insert(provider.name, DoorProviderServiceClient::new(channel));
        }
        match addresses.into_keys().next() {
            Some(name) => Err(AdaptersError::Unknown(name)),
            None => Ok(Self(clients)),
        }
    }

    /// Asks the provider. That it can't be asked is an answer too.
    pub(crate) async fn check(
        &self,
        provider: &Provider,
        workspace: WorkspaceId,
        location: Option<LocationId>,
    ) -> Word {
        let Some(mut client) = self.0.get(provider.name).cloned() else {
            return unreachable(provider, "has no adapter");
        };
        let request = pb::CheckConnectionRequest {
            workspace: WorkspaceName(workspace).to_string(),
            location: location.map_or_else(String::new, |id| LocationName { workspace, id }.to_string()),
        };
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, client.check_connection(request)).await;
        match answer {
            Ok(Ok(response)) => word(provider, response.into_inner()),
            Ok(Err(status)) => {
                // The code alone: what another service says to us is not for the operator's screen.
                tracing::warn!(
                    provider.name = provider.name,
                    workspace.id = %workspace,
                    code = %status.code(),
                    "the adapter could not check the connection"
                );
                unreachable(provider, "could not be asked: its adapter is not available")
            }
            Err(_) => unreachable(provider, "could not be asked: its adapter did not answer in time"),
        }
    }
}

fn word(provider: &Provider, response: pb::CheckConnectionResponse) -> Word {
    match response.outcome() {
        pb::ConnectionOutcome::Accepted => {
            Word::Accepted { account: Some(shorten(&response.account_display_name)) }
        }
        pb::ConnectionOutcome::Refused => Word::Refused { reason: shorten(&response.reason) },
        pb::ConnectionOutcome::Unreachable if !response.reason.is_empty() => {
            Word::Unreachable { reason: shorten(&response.reason) }
        }
        pb::ConnectionOutcome::Unreachable => unreachable(provider, "could not be asked"),
        pb::ConnectionOutcome::Unspecified => {
            unreachable(provider, "could not be asked: its adapter gave no outcome")
        }
    }
}

fn unreachable(provider: &Provider, what: &str) -> Word {
    Word::Unreachable { reason: format!("{} {what}; check again in a while", provider.display_name) }
}

/// A text of others, cut to what is kept.
pub(crate) fn shorten(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kisi() -> &'static Provider {
        crate::providers::find("kisi").unwrap()
    }

    #[test]
    fn an_outcome_that_nobody_knows_is_no_refusal() {
        let response = pb::CheckConnectionResponse { outcome: 99, ..Default::default() };
        assert!(matches!(word(kisi(), response), Word::Unreachable { .. }));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let response = pb::CheckConnectionResponse {
            outcome: pb::ConnectionOutcome::Refused.into(),
            reason: "ä\n".repeat(600),
            ..Default::default()
        };
        assert_eq!(word(kisi(), response), Word::Refused { reason: "ä".repeat(500) });
    }

    #[tokio::test]
    async fn each_provider_has_one_adapter() {
        chassis::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let issued = local_infra::Certificates::ensure(folder.path()).unwrap().issue("integrations").unwrap();
        let identity = Identity::new(&issued.authority, issued.certificate, issued.key);
        let new = |pairs: &[(&str, &str)]| {
            let addresses = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Adapters::new(addresses, &identity).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(new(&[("kisi", "https://127.0.0.1:7421")]), Ok(()));
        for (pairs, problem) in [
            (vec![], "adapters.kisi must say"),
            (vec![("kisi", "https://k:1"), ("kissi", "https://k:1")], "adapters.kissi is no provider"),
            (vec![("kisi", "not an address")], "adapters.kisi"),
        ] {
            assert!(new(&pairs).unwrap_err().starts_with(problem), "{pairs:?}");
        }
    }
}
