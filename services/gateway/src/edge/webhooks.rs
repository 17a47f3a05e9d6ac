//! What vendors report. It is passed on unread: its owner holds the key that says whether the vendor's
//! signature over the raw body is true. The vendor hears 2xx only if the owner took it, and sends again
//! otherwise.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use chassis::identity::Identity;
use chassis::rpc::{REQUEST_TIMEOUT, ServiceChannel, Traced};
use http::{HeaderMap, StatusCode};
use proto::notification::v1::ReceiveSendGridEventsRequest;
use proto::notification::v1::webhook_service_client::WebhookServiceClient;
use tokio::sync::Semaphore;
use tonic::{Code, Status};
use tracing::Instrument as _;

use crate::config::{Config, SettingError};

/// The largest delivery that is taken. SendGrid posts batches of well below a megabyte.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Deliveries that are held in memory at once.
const DELIVERIES_MAX: usize = 16;
/// A delivery must be read and passed on within this time: a little before the server itself gives up,
/// for what the server says then looks like success to who speaks no gRPC.
const TIMEOUT: Duration = REQUEST_TIMEOUT.saturating_sub(Duration::from_secs(2));

// Twilio SendGrid, Event Webhook Security Features.
const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// Passes deliveries on to their owners.
#[derive(Clone)]
pub(crate) struct Webhooks {
    notification: WebhookServiceClient<ServiceChannel>,
    places: Arc<Semaphore>,
}

impl Webhooks {
    pub(crate) fn new(config: &Config, identity: &Identity) -> Result<Self, SettingError> {
        let channel = ServiceChannel::new(config.channel("notification", identity)?, Traced);
        Ok(Self {
            notification: WebhookServiceClient::new(channel),
            places: Arc::new(Semaphore::new(DELIVERIES_MAX)),
        })
    }
}

/// `POST /webhooks/sendgrid`.
pub(super) async fn sendgrid(
    State(webhooks): State<Webhooks>,
    request: Request<Body>,
) -> (StatusCode, &'static str) {
    let span = tracing::info_span!("webhook", otel.name = "webhook sendgrid", otel.kind = "server");
    let taken = tokio::time::timeout(TIMEOUT, webhooks.pass_sendgrid(request)).instrument(span).await;
    match taken {
        Ok(Ok(())) => (StatusCode::OK, "taken"),
        Ok(Err(answer)) => answer,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not taken in time; send it again"),
    }
}

impl Webhooks {
    async fn pass_sendgrid(mut self, request: Request<Body>) -> Result<(), (StatusCode, &'static str)> {
        let busy = (StatusCode::SERVICE_UNAVAILABLE, "too many deliveries at once; send it again");
        let _place = self.places.try_acquire().map_err(|_| busy)?;
        let (parts, body) = request.into_parts();
        let unsigned = (StatusCode::BAD_REQUEST, "the delivery is not signed");
        let signature = text(&parts.headers, SIGNATURE).ok_or(unsigned)?;
        let timestamp = text(&parts.headers, TIMESTAMP).ok_or(unsigned)?;
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX)
            .await
            .map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "the delivery is too large, or was broken off"))?;
        let delivery = ReceiveSendGridEventsRequest { body: body.into(), signature, timestamp };
        match self.notification.receive_send_grid_events(delivery).await {
            Ok(_) => Ok(()),
            Err(status) => Err(answer(&status)),
        }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// What a vendor hears of its owner's refusal: that there is no use in sending it again, or that there is.
fn answer(status: &Status) -> (StatusCode, &'static str) {
    match status.code() {
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "the delivery makes no sense"),
        Code::Unauthenticated | Code::PermissionDenied => {
            (StatusCode::FORBIDDEN, "the delivery's signature is not right")
        }
        code => {
            tracing::warn!(%code, "a delivery was not taken; the vendor is asked to send it again");
            (StatusCode::SERVICE_UNAVAILABLE, "not taken; send it again")
        }
    }
}
