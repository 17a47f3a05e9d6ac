//! Comparisons of accounts with what they should have, from the adapters.

use std::sync::Arc;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1::AccountReconciled;
use sqlx::PgConnection;

use crate::app::App;
use crate::convert;
use crate::model::Reconciled;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new(
        "access-control-reconciliations",
        StreamKind::Event,
        "event.access.account_reconciled.*",
    )
}

pub(crate) struct Reconciliations {
    app: Arc<App>,
}

impl Reconciliations {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Handler for Reconciliations {
    type Body = Reconciled;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Reconciled>, String> {
        let message: AccountReconciled = decode_json(payload)?;
        convert::reconciled(envelope.workspace, envelope.sequence, &message)
            .map(Some)
            .ok_or_else(|| "the comparison is not complete, or speaks of another workspace".to_owned())
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<Reconciled>],
    ) -> Result<(), ApplyError> {
        let heard: Vec<_> =
            batch.iter().map(|received| (&received.envelope, &received.span, &received.body)).collect();
        Ok(self.app.hear_reconciled(conn, &heard).await?)
    }

    fn applied(&self) {
        self.app.wake();
    }
}
