//! `KeyService`: for the platform's operator.

use chassis::rpc::refuse;
use proto::integrations::v1 as pb;
use proto::integrations::v1::key_service_server::KeyService;
use tonic::{Request, Response, Status};

use super::Methods;

#[tonic::async_trait]
impl KeyService for Methods {
    async fn rotate_keys(
        &self,
        _: Request<pb::RotateKeysRequest>,
    ) -> Result<Response<pb::RotateKeysResponse>, Status> {
        self.app.rotate_keys().await.map(Response::new).map_err(refuse)
    }
}
