//! An adapter: resolves the values in force, as the real ones do, and takes one key.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use chassis::rpc::ServiceChannel;
use proto::access::v1 as pb;
use proto::access::v1::door_provider_service_server::DoorProviderService;
use proto::integrations::v1::ResolveCredentialRequest;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use tonic::{Request, Response, Status};

/// The key that it takes.
pub(crate) const GOOD_KEY: &str = "a-good-key-f3b1c9d27a604e85";

#[derive(Default)]
pub(crate) struct Knobs {
    /// The provider can't be reached.
    pub is_away: AtomicBool,
    /// Questions so far.
    pub checks: AtomicUsize,
    /// Where the values are.
    pub credentials: OnceLock<CredentialServiceClient<ServiceChannel>>,
}

pub(crate) struct Adapter(pub Arc<Knobs>);

#[tonic::async_trait]
impl DoorProviderService for Adapter {
    async fn check_connection(
        &self,
        request: Request<pb::CheckConnectionRequest>,
    ) -> Result<Response<pb::CheckConnectionResponse>, Status> {
        self.0.checks.fetch_add(1, Ordering::SeqCst);
        let pb::CheckConnectionRequest { workspace, location } = request.into_inner();
        let resolve = ResolveCredentialRequest { workspace, provider: "kisi".into(), location };
        let mut credentials = self.0.credentials.get().unwrap().clone();
        let values = credentials.resolve_credential(resolve).await?.into_inner().values;
        Ok(Response::new(if self.0.is_away.load(Ordering::SeqCst) {
            pb::CheckConnectionResponse {
                outcome: pb::ConnectionOutcome::Unreachable.into(),
                reason: "Kisi does not answer".into(),
                ..Default::default()
            }
        } else if values.get("api_key").is_some_and(|key| key == GOOD_KEY) {
            pb::CheckConnectionResponse {
                outcome: pb::ConnectionOutcome::Accepted.into(),
                account_display_name: "Acme Coworking".into(),
                ..Default::default()
            }
        } else {
            pb::CheckConnectionResponse {
                outcome: pb::ConnectionOutcome::Refused.into(),
                reason: "Kisi refuses the API key".into(),
                ..Default::default()
            }
        }))
    }

    async fn list_door_targets(
        &self,
        _: Request<pb::ListDoorTargetsRequest>,
    ) -> Result<Response<pb::ListDoorTargetsResponse>, Status> {
        Err(Status::unimplemented("not asked by integrations"))
    }
}
