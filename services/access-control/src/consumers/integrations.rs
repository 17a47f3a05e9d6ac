//! Integrations: whether mappings are followed, and what may be tried again.

use std::sync::Arc;

use domain::names::{IntegrationName, LocationName};
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::integrations::v1::{IntegrationStatus, IntegrationStatusChanged};
use sqlx::PgConnection;

use crate::app::App;
use crate::model::Integration;

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

impl Handler for Integrations {
    type Body = Integration;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Integration>, String> {
        let message: IntegrationStatusChanged = decode_json(payload)?;
        let integration = message.integration.ok_or("the integration is missing")?;
        let name: IntegrationName = integration.name.parse().map_err(|error| format!("name {error}"))?;
        let location: Option<LocationName> = match integration.location.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|error| format!("location {error}"))?),
        };
        let is_at_home =
            |workspace| if workspace == envelope.workspace { Ok(()) } else { Err("is another workspace's") };
        is_at_home(name.workspace)?;
        location.map_or(Ok(()), |location| is_at_home(location.workspace))?;
        Ok(Some(Integration {
            workspace: name.workspace,
            version: envelope.sequence,
            is_active: integration.is_active,
            is_connected: integration.status() == IntegrationStatus::Connected,
            provider: integration.provider,
            location: location.map(|name| name.id),
        }))
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<Integration>],
    ) -> Result<(), ApplyError> {
        let workspaces: Vec<_> = batch.iter().map(|received| received.body.workspace).collect();
        self.app.hold_off_sources(conn, &workspaces).await?;
        for received in batch {
            self.app.hear_integration(conn, &received.body).await?;
        }
        Ok(())
    }

    fn applied(&self) {
        self.app.wake();
    }
}
