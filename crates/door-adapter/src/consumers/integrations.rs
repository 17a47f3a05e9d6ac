//! `latchkey.event.integrations.integration_status_changed.{workspace}`: credentials may be others now.

use std::sync::Arc;

use domain::names::IntegrationName;
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::integrations::v1::{IntegrationStatus, IntegrationStatusChanged};
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::credentials::Credentials;
use crate::facts::Source;
use crate::store::reconciliation;

pub(crate) fn config(source: Source) -> ConsumerConfig {
    let filter = "event.integrations.integration_status_changed.*";
    ConsumerConfig::new(&format!("{}-integrations", source.service), StreamKind::Event, filter)
}

/// Forgets the credentials that this process keeps. Other processes do so when their time is over, or
/// when the provider refuses them. What is connected again is compared at once with what it should have:
/// nobody looked at it meanwhile.
pub(crate) struct Integrations {
    pub source: Source,
    pub credentials: Arc<Credentials>,
    /// Wakes the reconciler.
    pub wake: Arc<Notify>,
}

impl Handler for Integrations {
    /// The account, if it is connected.
    type Body = Option<IntegrationName>;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Self::Body>, String> {
        let message: IntegrationStatusChanged = decode_json(payload)?;
        let ours = message.integration.filter(|integration| integration.provider == self.source.provider);
        Ok(ours.map(|integration| {
            let is_connected = integration.status() == IntegrationStatus::Connected && integration.is_active;
            let name: Option<IntegrationName> = integration.name.parse().ok();
            name.filter(|name| is_connected && name.workspace == envelope.workspace)
        }))
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<Self::Body>],
    ) -> Result<(), ApplyError> {
        for received in batch {
            self.credentials.forget(received.envelope.workspace);
            if let Some(account) = received.body {
                reconciliation::make_due(conn, account).await?;
            }
        }
        Ok(())
    }

    fn applied(&self) {
        self.wake.notify_one();
    }
}
