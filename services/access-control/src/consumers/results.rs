//! Results of commands, from the adapters.

use std::sync::Arc;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1::AccessCommandCompleted;
use sqlx::PgConnection;

use crate::app::App;
use crate::convert::{self, CommandResult};

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("access-control-results", StreamKind::Event, "event.access.command_completed.*")
}

pub(crate) struct Results {
    app: Arc<App>,
}

impl Results {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Handler for Results {
    type Body = CommandResult;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<CommandResult>, String> {
        let message: AccessCommandCompleted = decode_json(payload)?;
        let result = convert::command_result(&message).ok_or("the result is not complete")?;
        // Who may speak is decided by the subject, so the subject's workspace is the only one to speak of.
        if result.grant.workspace != envelope.workspace {
            return Err("the grant is another workspace's".to_owned());
        }
        Ok(Some(result))
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<CommandResult>],
    ) -> Result<(), ApplyError> {
        let heard: Vec<_> =
            batch.iter().map(|received| (&received.envelope, &received.span, &received.body)).collect();
        Ok(self.app.hear_results(conn, &heard).await?)
    }

    fn applied(&self) {
        self.app.wake();
    }
}
