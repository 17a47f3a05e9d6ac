//! `WebhookService`.

use std::sync::Arc;

use chassis::rpc::{REQUEST_BYTES_MAX, refuse};
use proto::notification::v1 as pb;
use proto::notification::v1::webhook_service_server::{WebhookService, WebhookServiceServer};
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::delivery::report;
use crate::error::Error;
use crate::vendor::sendgrid::{WebhookKey, parse_events};

pub(crate) struct Methods {
    app: Arc<App>,
    key: Option<WebhookKey>,
}

/// Without a key nothing is taken.
pub(crate) fn webhook_service(app: Arc<App>, key: Option<WebhookKey>) -> WebhookServiceServer<Methods> {
    WebhookServiceServer::new(Methods { app, key }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

#[tonic::async_trait]
impl WebhookService for Methods {
    async fn receive_send_grid_events(
        &self,
        request: Request<pb::ReceiveSendGridEventsRequest>,
    ) -> Result<Response<pb::ReceiveSendGridEventsResponse>, Status> {
        let message = request.into_inner();
        let key = self.key.as_ref().ok_or_else(|| refuse(Error::WebhookKeyMissing))?;
        key.verify(&message.signature, &message.timestamp, &message.body, self.app.now())
            .map_err(|error| refuse(Error::WebhookUnverified(error)))?;
        let batch = parse_events(&message.body).map_err(|error| refuse(Error::WebhookMalformed(error)))?;
        let reports = batch.events.iter().filter_map(report).collect();
        self.app.report_sent(reports).await.map_err(refuse)?;
        Ok(Response::new(pb::ReceiveSendGridEventsResponse {}))
    }
}
