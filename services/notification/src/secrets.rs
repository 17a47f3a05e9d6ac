//! Asks the adapters for what opens a door, at the moment at which it is told: it stands in no row here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chassis::identity::Identity;
use chassis::rpc::{AdapterError, ServiceChannel, adapter_channels};
use proto::access::v1::RevealDoorSecretRequest;
use proto::access::v1::door_provider_service_client::DoorProviderServiceClient;
use proto::access::v1::reveal_door_secret_response::Secret;
use tonic::Code;

use crate::engine::Outcome;
use crate::model::WayIn;

/// An answer is awaited for so long: a part of what an attempt may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What lets in whoever has it.
pub(crate) enum DoorSecret {
    /// An address that opens the door.
    Link(String),
    /// Digits to be typed at the door.
    Pin(String),
}

/// Not what it is.
impl fmt::Debug for DoorSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DoorSecret(…)")
    }
}

/// The adapters, by provider. Connected to with the first call.
pub(crate) struct Secrets(BTreeMap<String, ServiceChannel>);

impl Secrets {
    /// Adapters at these addresses.
    pub(crate) fn new(
        addresses: &BTreeMap<String, String>,
        identity: &Identity,
    ) -> Result<Self, AdapterError> {
        adapter_channels(addresses, identity).map(Self)
    }

    /// What opens the door; or what that there is nothing to tell means for the message.
    pub(crate) async fn reveal(&self, way_in: &WayIn) -> Result<DoorSecret, Outcome> {
        let later = |reason: String| Outcome::NotSent { reason, retry_after: None };
        let Some(channel) = self.0.get(&way_in.provider).cloned() else {
            return Err(later(format!("NO_ADAPTER: set adapters.{}", way_in.provider)));
        };
        let request = RevealDoorSecretRequest { name: way_in.name.clone() };
        let mut client = DoorProviderServiceClient::new(channel);
        let answer = match tokio::time::timeout(TIMEOUT, client.reveal_door_secret(request)).await {
            Ok(answer) => answer,
            Err(_) => return Err(later("ADAPTER_UNREACHABLE: it did not answer in time".to_owned())),
        };
        match answer.map(|response| response.into_inner().secret) {
            Ok(Some(Secret::Link(link))) => Ok(DoorSecret::Link(link)),
            Ok(Some(Secret::Pin(pin))) => Ok(DoorSecret::Pin(pin)),
            // One that a newer adapter tells.
            Ok(None) => {
                Err(later("SECRET_UNKNOWN: the adapter tells what this version can't read".to_owned()))
            }
            Err(status) if status.code() == Code::NotFound => {
                let reason = "WITHDRAWN: there is nothing any more that would open the door".to_owned();
                Err(Outcome::Refused { reason })
            }
            Err(status) => Err(later(format!("ADAPTER_UNREACHABLE: it answers {:?}", status.code()))),
        }
    }
}
