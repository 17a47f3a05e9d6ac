//! Integrations that are connected again.

use std::sync::Arc;

use domain::LocationId;
use domain::names::LocationName;
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::integrations::v1::{IntegrationStatus, IntegrationStatusChanged};
use sqlx::PgConnection;

use crate::app::App;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new(
        "access-control-integrations",
        StreamKind::Event,
        "event.integrations.integration_status_changed.*",
    )
}

pub(crate) struct Integrations {
    app: Arc<App>,
}

impl Integrations {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

/// A provider, and the location if it is connected for one only.
pub(crate) struct Connected {
    provider: String,
    location: Option<LocationId>,
}

impl Handler for Integrations {
    type Body = Connected;

    fn decode(&self, _: &Envelope, payload: &[u8]) -> Result<Option<Connected>, String> {
        let message: IntegrationStatusChanged = decode_json(payload)?;
        let integration = message.integration.ok_or("the integration is missing")?;
        if integration.status() != IntegrationStatus::Connected {
            return Ok(None);
        }
        let location = if integration.location.is_empty() {
            None
        } else {
            let name: LocationName =
                integration.location.parse().map_err(|error| format!("location {error}"))?;
            Some(name.id)
        };
        Ok(Some(Connected { provider: integration.provider, location }))
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Connected>]) -> Result<(), ApplyError> {
        for received in batch {
            let Connected { provider, location } = &received.body;
            self.app.hear_connected(conn, received.envelope.workspace, provider, *location).await?;
        }
        Ok(())
    }

    fn applied(&self) {
        self.app.wake();
    }
}
