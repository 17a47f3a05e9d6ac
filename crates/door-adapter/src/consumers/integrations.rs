//! `latchkey.event.integrations.integration_status_changed.{workspace}`: credentials may be others now.

use std::sync::Arc;

use chrono::Duration;
use domain::Clock;
use domain::names::{IntegrationName, LocationName};
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::integrations::v1::{IntegrationStatus, IntegrationStatusChanged};
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::credentials::{Credentials, Site};
use crate::facts::Source;
use crate::store::{log, reconciliation};

/// What happened before an account was connected is not read, nor more than this of what happened after.
const READ_BACK_MAX: Duration = Duration::days(1);

pub(crate) fn config(source: Source) -> ConsumerConfig {
    let filter = "event.integrations.integration_status_changed.*";
    ConsumerConfig::new(&format!("{}-integrations", source.service), StreamKind::Event, filter)
}

/// Forgets the credentials that this process keeps. Other processes do so when their time is over, or
/// when the provider refuses them. What is connected again is compared at once with what it should have, and its log read:
/// nobody looked at it meanwhile.
pub(crate) struct Integrations {
    pub source: Source,
    pub clock: Arc<dyn Clock>,
    pub credentials: Arc<Credentials>,
    /// Wake whoever looks at accounts.
    pub wakes: [Arc<Notify>; 2],
}

impl Handler for Integrations {
    /// The account and where its credentials are, if it is connected.
    type Body = Option<(IntegrationName, Site)>;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Self::Body>, String> {
        let message: IntegrationStatusChanged = decode_json(payload)?;
        let ours = message.integration.filter(|integration| integration.provider == self.source.provider);
        Ok(ours.map(|integration| {
            let is_connected = integration.status() == IntegrationStatus::Connected && integration.is_active;
            let name: Option<IntegrationName> = integration.name.parse().ok();
            let name = name.filter(|name| is_connected && name.workspace == envelope.workspace)?;
            let location: Option<LocationName> = integration.location.parse().ok();
            Some((name, Site { workspace: name.workspace, location: location.map(|location| location.id) }))
        }))
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<Self::Body>],
    ) -> Result<(), ApplyError> {
        for received in batch {
            self.credentials.forget(received.envelope.workspace);
            if let Some((account, site)) = received.body {
                reconciliation::make_due(conn, account).await?;
                let since = received.envelope.time.max(self.clock.now() - READ_BACK_MAX);
                log::follow(conn, account, site, since).await?;
            }
        }
        Ok(())
    }

    fn applied(&self) {
        for wake in &self.wakes {
            wake.notify_one();
        }
    }
}
