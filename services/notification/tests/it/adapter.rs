//! An adapter that reveals one link, whatever it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::access::v1 as pb;
use proto::access::v1::door_provider_service_server::DoorProviderService;
use proto::access::v1::reveal_door_secret_response::Secret;
use tonic::{Request, Response, Status};

pub(crate) const LINK: &str = "https://link.example/abc";

#[derive(Default)]
pub(crate) struct Knobs {
    /// It can't be asked.
    pub is_away: AtomicBool,
    /// There is nothing any more that would open a door.
    pub has_none: AtomicBool,
}

pub(crate) struct Adapter(pub Arc<Knobs>);

#[tonic::async_trait]
impl DoorProviderService for Adapter {
    async fn reveal_door_secret(
        &self,
        _: Request<pb::RevealDoorSecretRequest>,
    ) -> Result<Response<pb::RevealDoorSecretResponse>, Status> {
        if self.0.is_away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        if self.0.has_none.load(Ordering::SeqCst) {
            return Err(Status::not_found("withdrawn"));
        }
        Ok(Response::new(pb::RevealDoorSecretResponse { secret: Some(Secret::Link(LINK.into())) }))
    }

    async fn list_door_targets(
        &self,
        _: Request<pb::ListDoorTargetsRequest>,
    ) -> Result<Response<pb::ListDoorTargetsResponse>, Status> {
        Err(Status::unimplemented("not asked by notification"))
    }

    async fn list_places(
        &self,
        _: Request<pb::ListPlacesRequest>,
    ) -> Result<Response<pb::ListPlacesResponse>, Status> {
        Err(Status::unimplemented("not asked by notification"))
    }
}
