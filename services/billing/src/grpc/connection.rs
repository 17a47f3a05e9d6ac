//! `ConnectionService`.

use std::sync::Arc;

use chassis::rpc::refuse;
use proto::integrations::v1 as pb;
use proto::integrations::v1::connection_service_server::{ConnectionService, ConnectionServiceServer};
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use super::site;
use crate::app::App;
use crate::convert;
use crate::vendor::{self, KeyCheck};

/// Answers on demand. All methods are for services.
pub(crate) struct Methods {
    app: Arc<App>,
}

pub(crate) fn connection_service(app: Arc<App>) -> ConnectionServiceServer<Methods> {
    ConnectionServiceServer::new(Methods { app })
}

impl Methods {
    async fn check(&self, key: &SecretString) -> Result<KeyCheck, vendor::Error> {
        self.app.stripe.account(key)?.check_key().await
    }
}

#[tonic::async_trait]
impl ConnectionService for Methods {
    async fn check_connection(
        &self,
        request: Request<pb::CheckConnectionRequest>,
    ) -> Result<Response<pb::CheckConnectionResponse>, Status> {
        let request = request.into_inner();
        let site = site(&request.workspace, &request.location).map_err(refuse)?;
        let Some(keys) = self.app.credentials.keys(site).await.map_err(refuse)? else {
            return Ok(Response::new(convert::missing()));
        };
        Ok(Response::new(match self.check(&keys.secret).await {
            Ok(found) => convert::found(found),
            Err(error) => {
                tracing::warn!(workspace.id = %site.workspace, %error, "Stripe's key is not taken");
                convert::failed(&error)
            }
        }))
    }
}
