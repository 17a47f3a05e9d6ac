//! `UnifiWebhookService`: a console has five seconds, so a report is verified, and the log read afterwards.

use chassis::error::{Class, Classify, store_class};
use chassis::input::{Input, InvalidInput};
use chassis::rpc::refuse;
use domain::names::IntegrationName;
use door_adapter::LedgerError;
use proto::access::v1 as pb;
use proto::access::v1::unifi_webhook_service_server::{UnifiWebhookService, UnifiWebhookServiceServer};
use tonic::{Request, Response, Status};

use super::signature::{SignatureError, verify};
use crate::provider::UnifiProvider;

/// Why a report is not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The request makes no sense.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// No console was told to report there.
    #[error("no console reports as {0}")]
    Unknown(IntegrationName),
    /// Not the console's, changed on its way, or sent again.
    #[error("the console's report is not taken: {0}")]
    Unverified(#[from] SignatureError),
    /// The ledger is not at hand.
    #[error("cannot read or write")]
    Store(#[source] std::sync::Arc<sqlx::Error>),
}

impl From<LedgerError> for Error {
    fn from(LedgerError(error): LedgerError) -> Self {
        Self::Store(error)
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(error) => error.class(),
            Self::Unknown(_) | Self::Unverified(_) => Class::Forbidden,
            Self::Store(error) => store_class(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::Unknown(_) | Self::Unverified(_) => "WEBHOOK_UNVERIFIED",
            Self::Store(_) => "STORE",
        }
    }
}

/// The methods. Without an address that consoles were given nothing is taken.
pub(crate) fn service(provider: UnifiProvider) -> UnifiWebhookServiceServer<Methods> {
    UnifiWebhookServiceServer::new(Methods(provider))
}

pub(crate) struct Methods(UnifiProvider);

#[tonic::async_trait]
impl UnifiWebhookService for Methods {
    async fn receive_unifi_event(
        &self,
        request: Request<pb::ReceiveUnifiEventRequest>,
    ) -> Result<Response<pb::ReceiveUnifiEventResponse>, Status> {
        self.0.receive(&request.into_inner()).await.map_err(refuse)?;
        Ok(Response::new(pb::ReceiveUnifiEventResponse {}))
    }
}

impl UnifiProvider {
    async fn receive(&self, report: &pb::ReceiveUnifiEventRequest) -> Result<(), Error> {
        let mut input = Input::new();
        let integration: Option<IntegrationName> = input.parse("integration", &report.integration);
        let integration = input.finish_with(integration)?;
        let unknown = || Error::Unknown(integration);
        let webhooks = self.webhooks.as_ref().ok_or_else(unknown)?;
        let known = self.ledger.webhook(integration).await?;
        let sealed = known.and_then(|row| row.sealed).ok_or_else(unknown)?;
        let secret = webhooks.open(integration, &sealed).map_err(|error| {
            tracing::error!(integration.id = %integration.id, %error, "the secret of a webhook can't be opened");
            unknown()
        })?;
        verify(&secret, &report.signature, &report.body, self.now())?;
        Ok(self.ledger.look_soon(integration).await?)
    }
}
