//! `latchkey.event.integrations.integration_status_changed.{workspace}`: credentials may be others now.

use std::sync::Arc;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::integrations::v1::IntegrationStatusChanged;
use sqlx::PgConnection;

use crate::credentials::Credentials;
use crate::facts::Source;

pub(crate) fn config(source: Source) -> ConsumerConfig {
    let filter = "event.integrations.integration_status_changed.*";
    ConsumerConfig::new(&format!("{}-integrations", source.service), StreamKind::Event, filter)
}

/// Forgets the credentials that this process keeps. Other processes do so when their time is over, or
/// when the provider refuses them.
pub(crate) struct Integrations {
    pub source: Source,
    pub credentials: Arc<Credentials>,
}

impl Handler for Integrations {
    type Body = ();

    fn decode(&self, _envelope: &Envelope, payload: &[u8]) -> Result<Option<()>, String> {
        let message: IntegrationStatusChanged = decode_json(payload)?;
        let is_ours =
            message.integration.is_some_and(|integration| integration.provider == self.source.provider);
        Ok(is_ours.then_some(()))
    }

    async fn apply(&self, _conn: &mut PgConnection, batch: &[&Received<()>]) -> Result<(), ApplyError> {
        for received in batch {
            self.credentials.forget(received.envelope.workspace);
        }
        Ok(())
    }
}
