//! An adapter: resolves the values in force, as the real ones do, and takes keys that it knows.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use chassis::rpc::ServiceChannel;
use proto::access::v1 as access_pb;
use proto::access::v1::door_provider_service_server::DoorProviderService;
use proto::integrations::v1 as pb;
use proto::integrations::v1::connection_service_server::ConnectionService;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use tonic::{Request, Response, Status};

/// A key that it takes.
pub(crate) const GOOD_KEY: &str = "a-good-key-f3b1c9d27a604e85";
/// Another one, of another account.
pub(crate) const KEY_OF_ANOTHER_ACCOUNT: &str = "another-good-key-5ab1c9d27a604e85";

#[derive(Default)]
pub(crate) struct Knobs {
    /// The provider can't be reached.
    pub is_away: AtomicBool,
    /// The adapter itself can't be reached.
    pub is_down: AtomicBool,
    /// Questions so far.
    pub checks: AtomicUsize,
    /// Where the values are.
    pub credentials: OnceLock<CredentialServiceClient<ServiceChannel>>,
}

#[derive(Clone)]
pub(crate) struct Adapter(pub Arc<Knobs>);

impl Adapter {
    /// The provider's id of the account that the values in force lead to.
    async fn account(&self, workspace: String, location: String) -> Result<Option<&'static str>, Status> {
        let resolve = pb::ResolveCredentialRequest { workspace, provider: "kisi".into(), location };
        let mut credentials = self.0.credentials.get().unwrap().clone();
        let values = credentials.resolve_credential(resolve).await?.into_inner().values;
        Ok(match values.get("api_key").map(String::as_str) {
            Some(GOOD_KEY) => Some("9"),
            Some(KEY_OF_ANOTHER_ACCOUNT) => Some("10"),
            _ => None,
        })
    }
}

fn failed(
    credential: &str,
    kind: pb::ConnectionProblemKind,
    reason: &str,
) -> Response<pb::CheckConnectionResponse> {
    let problem =
        pb::ConnectionProblem { credential: credential.into(), kind: kind.into(), reason: reason.into() };
    Response::new(pb::CheckConnectionResponse { problems: vec![problem], ..Default::default() })
}

#[tonic::async_trait]
impl ConnectionService for Adapter {
    async fn check_connection(
        &self,
        request: Request<pb::CheckConnectionRequest>,
    ) -> Result<Response<pb::CheckConnectionResponse>, Status> {
        self.0.checks.fetch_add(1, Ordering::SeqCst);
        if self.0.is_down.load(Ordering::SeqCst) {
            return Err(Status::unavailable("starting"));
        }
        let pb::CheckConnectionRequest { workspace, location } = request.into_inner();
        let account = self.account(workspace, location).await?;
        if self.0.is_away.load(Ordering::SeqCst) {
            return Ok(failed("", pb::ConnectionProblemKind::Unreachable, "Kisi does not answer"));
        }
        let Some(account) = account else {
            return Ok(failed("api_key", pb::ConnectionProblemKind::Wrong, "Kisi refuses the API key"));
        };
        let places =
            pb::Finding { kind: "place".into(), count: 2, names: vec!["Hall".into(), "Loft".into()] };
        let account = pb::ProviderAccount {
            r#ref: account.into(),
            display_name: "Acme Coworking".into(),
            mode: String::new(),
            findings: vec![places],
        };
        Ok(Response::new(pb::CheckConnectionResponse { account: Some(account), ..Default::default() }))
    }
}

#[tonic::async_trait]
impl DoorProviderService for Adapter {
    async fn list_door_targets(
        &self,
        _: Request<access_pb::ListDoorTargetsRequest>,
    ) -> Result<Response<access_pb::ListDoorTargetsResponse>, Status> {
        Err(Status::unimplemented("not asked by integrations"))
    }

    async fn reveal_door_secret(
        &self,
        _: Request<access_pb::RevealDoorSecretRequest>,
    ) -> Result<Response<access_pb::RevealDoorSecretResponse>, Status> {
        Err(Status::unimplemented("not asked by integrations"))
    }

    async fn list_places(
        &self,
        request: Request<access_pb::ListPlacesRequest>,
    ) -> Result<Response<access_pb::ListPlacesResponse>, Status> {
        let access_pb::ListPlacesRequest { workspace, location } = request.into_inner();
        let Some(account) = self.account(workspace, location).await? else {
            return Err(Status::failed_precondition("Kisi refuses the API key"));
        };
        let place = |name: &str| access_pb::ProviderPlace {
            r#ref: format!("{account}-{}", name.to_lowercase()),
            display_name: name.into(),
        };
        Ok(Response::new(access_pb::ListPlacesResponse { places: ["Hall", "Loft"].map(place).into() }))
    }
}
