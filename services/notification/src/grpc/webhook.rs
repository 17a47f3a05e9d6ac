//! `WebhookService`.

use std::sync::Arc;

use chassis::rpc::{REQUEST_BYTES_MAX, refuse};
use domain::contact::PhoneNumber;
use proto::notification::v1 as pb;
use proto::notification::v1::webhook_service_server::{WebhookService, WebhookServiceServer};
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::delivery::{CallbackAddress, callback, email};
use crate::error::Error;
use crate::vendor::sendgrid::{WebhookKey, parse_events};
use crate::vendor::twilio::{OptOut, parse_callback, parse_inbound, verify_callback};

/// By what a vendor's reports are known. What is missing is not taken.
pub(crate) struct Proofs {
    /// SendGrid's key.
    pub sendgrid: Option<WebhookKey>,
    /// Where Twilio's callbacks come to, and the token that signs them.
    pub twilio: Option<(CallbackAddress, SecretString)>,
}

pub(crate) struct Methods {
    app: Arc<App>,
    proofs: Proofs,
}

pub(crate) fn webhook_service(app: Arc<App>, proofs: Proofs) -> WebhookServiceServer<Methods> {
    WebhookServiceServer::new(Methods { app, proofs }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

#[tonic::async_trait]
impl WebhookService for Methods {
    async fn receive_send_grid_events(
        &self,
        request: Request<pb::ReceiveSendGridEventsRequest>,
    ) -> Result<Response<pb::ReceiveSendGridEventsResponse>, Status> {
        let message = request.into_inner();
        let key = self.proofs.sendgrid.as_ref().ok_or_else(|| refuse(Error::WebhookKeyMissing))?;
        key.verify(&message.signature, &message.timestamp, &message.body, self.app.now())
            .map_err(|error| refuse(Error::WebhookUnverified(error)))?;
        let batch = parse_events(&message.body).map_err(|error| refuse(Error::WebhookMalformed(error)))?;
        let reports = batch.events.iter().filter_map(email::report).collect();
        self.app.report(reports).await.map_err(refuse)?;
        Ok(Response::new(pb::ReceiveSendGridEventsResponse {}))
    }

    async fn receive_twilio_callback(
        &self,
        request: Request<pb::ReceiveTwilioCallbackRequest>,
    ) -> Result<Response<pb::ReceiveTwilioCallbackResponse>, Status> {
        let pb::ReceiveTwilioCallbackRequest { body, signature, query } = request.into_inner();
        let proof = self.proofs.twilio.as_ref();
        let (address, token) = proof.ok_or_else(|| refuse(Error::CallbackAddressMissing))?;
        verify_callback(std::slice::from_ref(token), &signature, &address.called(&query), &body)
            .map_err(|error| refuse(Error::CallbackRefused(error)))?;
        match parse_inbound(&body) {
            Some(inbound) => self.hear(&inbound.from, inbound.wish).await.map_err(refuse)?,
            None => self.note(&query, &body).await.map_err(refuse)?,
        }
        Ok(Response::new(pb::ReceiveTwilioCallbackResponse {}))
    }
}

impl Methods {
    /// What a person wrote to us: only whether they want texts.
    async fn hear(&self, from: &str, wish: Option<OptOut>) -> Result<(), Error> {
        let Ok(number) = PhoneNumber::parse(from, None) else { return Ok(()) };
        match wish {
            Some(OptOut::Stop) => self.app.stop_texts(&number).await,
            Some(OptOut::Start) => self.app.start_texts(&number).await,
            None => Ok(()),
        }
    }

    async fn note(&self, query: &str, body: &[u8]) -> Result<(), Error> {
        let status = parse_callback(body).map_err(Error::CallbackRefused)?;
        // A callback that names none of our messages is of one that something else sent.
        let Some(key) = callback::message_of(query) else { return Ok(()) };
        self.app.report(callback::report(key, status, self.app.now()).into_iter().collect()).await
    }
}
