//! `StripeWebhookService`.

use std::sync::Arc;

use chassis::rpc::refuse;
use proto::billing::v1 as pb;
use proto::billing::v1::stripe_webhook_service_server::{StripeWebhookService, StripeWebhookServiceServer};
use tonic::{Request, Response, Status};

use super::site;
use crate::app::App;

pub(crate) struct Methods {
    app: Arc<App>,
}

pub(crate) fn webhook_service(app: Arc<App>) -> StripeWebhookServiceServer<Methods> {
    StripeWebhookServiceServer::new(Methods { app })
}

#[tonic::async_trait]
impl StripeWebhookService for Methods {
    async fn receive_stripe_event(
        &self,
        request: Request<pb::ReceiveStripeEventRequest>,
    ) -> Result<Response<pb::ReceiveStripeEventResponse>, Status> {
        let message = request.into_inner();
        let site = site(&message.workspace, &message.location).map_err(refuse)?;
        if let Err(error) = self.app.receive(site, &message.signature, &message.body).await {
            // Else whoever saved the wrong secret would look for long.
            tracing::info!(workspace.id = %site.workspace, %error, "a report of Stripe's is not taken");
            return Err(refuse(error));
        }
        Ok(Response::new(pb::ReceiveStripeEventResponse {}))
    }
}
