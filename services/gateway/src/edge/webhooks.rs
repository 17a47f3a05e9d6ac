//! What vendors report. It is passed on unread: its owner holds the key that says whether the vendor's
//! signature over the raw body is true. The vendor hears 2xx only if the owner took it, and sends again
//! otherwise.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use chassis::identity::Identity;
use chassis::rpc::{REQUEST_TIMEOUT, ServiceChannel, Traced};
use http::{HeaderMap, StatusCode};
use proto::access::v1::ReceiveUnifiEventRequest;
use proto::access::v1::unifi_webhook_service_client::UnifiWebhookServiceClient;
use proto::notification::v1::webhook_service_client::WebhookServiceClient;
use proto::notification::v1::{ReceiveSendGridEventsRequest, ReceiveTwilioCallbackRequest};
use tokio::sync::Semaphore;
use tonic::{Code, Status};
use tracing::Instrument as _;

use crate::config::{Config, SettingError};

/// The largest delivery that is taken. SendGrid posts batches of well below a megabyte.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The largest that is taken of a console: each is one event.
const UNIFI_BODY_BYTES_MAX: usize = 256 * 1024;
/// The largest that is taken of Twilio: a form about one message.
const TWILIO_BODY_BYTES_MAX: usize = 64 * 1024;
/// Deliveries of a vendor that are held in memory at once.
const DELIVERIES_MAX: usize = 16;
/// A delivery must be read and passed on within this time: a little before the server itself gives up,
/// for what the server says then looks like success to who speaks no gRPC.
const TIMEOUT: Duration = REQUEST_TIMEOUT.saturating_sub(Duration::from_secs(2));

// Twilio SendGrid, Event Webhook Security Features.
const SENDGRID_SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const SENDGRID_TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";
// Twilio docs, Webhooks security.
const TWILIO_SIGNATURE: &str = "x-twilio-signature";
// UniFi Access API reference, 11.7.
const UNIFI_SIGNATURE: &str = "signature";

/// Passes deliveries on to their owners.
#[derive(Clone)]
pub(crate) struct Webhooks {
    notification: WebhookServiceClient<ServiceChannel>,
    sendgrid_places: Arc<Semaphore>,
    twilio_places: Arc<Semaphore>,
    unifi_adapter: UnifiWebhookServiceClient<ServiceChannel>,
    unifi_places: Arc<Semaphore>,
}

impl Webhooks {
    pub(crate) fn new(config: &Config, identity: &Identity) -> Result<Self, SettingError> {
        let channel = |service| Ok(ServiceChannel::new(config.channel(service, identity)?, Traced));
        Ok(Self {
            notification: WebhookServiceClient::new(channel("notification")?),
            sendgrid_places: Arc::new(Semaphore::new(DELIVERIES_MAX)),
            twilio_places: Arc::new(Semaphore::new(DELIVERIES_MAX)),
            unifi_adapter: UnifiWebhookServiceClient::new(channel("unifi_adapter")?),
            unifi_places: Arc::new(Semaphore::new(DELIVERIES_MAX)),
        })
    }
}

/// What a vendor hears.
type Answer = (StatusCode, &'static str);

/// `POST /webhooks/sendgrid`.
pub(super) async fn sendgrid(State(webhooks): State<Webhooks>, request: Request<Body>) -> Answer {
    let span = tracing::info_span!("webhook", otel.name = "webhook sendgrid", otel.kind = "server");
    heard(tokio::time::timeout(TIMEOUT, webhooks.pass_sendgrid(request)).instrument(span).await)
}

/// `POST /webhooks/twilio`.
pub(super) async fn twilio(State(webhooks): State<Webhooks>, request: Request<Body>) -> Answer {
    let span = tracing::info_span!("webhook", otel.name = "webhook twilio", otel.kind = "server");
    match heard(tokio::time::timeout(TIMEOUT, webhooks.pass_twilio(request)).instrument(span).await) {
        // Twilio would send a text to whoever has written one.
        (StatusCode::OK, _) => (StatusCode::NO_CONTENT, ""),
        refused => refused,
    }
}

/// `POST /webhooks/unifi/{workspace}/{integration}`.
pub(super) async fn unifi(
    State(webhooks): State<Webhooks>,
    Path((workspace, integration)): Path<(String, String)>,
    request: Request<Body>,
) -> Answer {
    let span = tracing::info_span!("webhook", otel.name = "webhook unifi", otel.kind = "server");
    let integration = format!("workspaces/{workspace}/integrations/{integration}");
    heard(tokio::time::timeout(TIMEOUT, webhooks.pass_unifi(integration, request)).instrument(span).await)
}

fn heard(taken: Result<Result<(), Answer>, tokio::time::error::Elapsed>) -> Answer {
    match taken {
        Ok(Ok(())) => (StatusCode::OK, "taken"),
        Ok(Err(answer)) => answer,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not taken in time; send it again"),
    }
}

const BUSY: Answer = (StatusCode::SERVICE_UNAVAILABLE, "too many deliveries at once; send it again");
const UNSIGNED: Answer = (StatusCode::BAD_REQUEST, "the delivery is not signed");

impl Webhooks {
    async fn pass_sendgrid(mut self, request: Request<Body>) -> Result<(), Answer> {
        let _place = self.sendgrid_places.try_acquire().map_err(|_| BUSY)?;
        let (parts, body) = request.into_parts();
        let signature = text(&parts.headers, SENDGRID_SIGNATURE).ok_or(UNSIGNED)?;
        let timestamp = text(&parts.headers, SENDGRID_TIMESTAMP).ok_or(UNSIGNED)?;
        let body = read(body, BODY_BYTES_MAX).await?;
        let delivery = ReceiveSendGridEventsRequest { body, signature, timestamp };
        let passed = self.notification.receive_send_grid_events(delivery).await;
        passed.map(|_| ()).map_err(|status| answer(&status))
    }

    async fn pass_twilio(mut self, request: Request<Body>) -> Result<(), Answer> {
        let _place = self.twilio_places.try_acquire().map_err(|_| BUSY)?;
        let (parts, body) = request.into_parts();
        let signature = text(&parts.headers, TWILIO_SIGNATURE).ok_or(UNSIGNED)?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body = read(body, TWILIO_BODY_BYTES_MAX).await?;
        let delivery = ReceiveTwilioCallbackRequest { body, signature, query };
        let passed = self.notification.receive_twilio_callback(delivery).await;
        passed.map(|_| ()).map_err(|status| answer(&status))
    }

    async fn pass_unifi(mut self, integration: String, request: Request<Body>) -> Result<(), Answer> {
        let _place = self.unifi_places.try_acquire().map_err(|_| BUSY)?;
        let (parts, body) = request.into_parts();
        let signature = text(&parts.headers, UNIFI_SIGNATURE).ok_or(UNSIGNED)?;
        let body = read(body, UNIFI_BODY_BYTES_MAX).await?;
        let delivery = ReceiveUnifiEventRequest { integration, body, signature };
        let passed = self.unifi_adapter.receive_unifi_event(delivery).await;
        passed.map(|_| ()).map_err(|status| answer(&status))
    }
}

async fn read(body: Body, bytes_max: usize) -> Result<Vec<u8>, Answer> {
    let too_large = (StatusCode::PAYLOAD_TOO_LARGE, "the delivery is too large, or was broken off");
    Ok(axum::body::to_bytes(body, bytes_max).await.map_err(|_| too_large)?.into())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// What a vendor hears of its owner's refusal: that there is no use in sending it again, or that there is.
fn answer(status: &Status) -> Answer {
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
