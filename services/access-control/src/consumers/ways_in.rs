//! Results of commands about other ways in, from the adapters.

use std::sync::Arc;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1::WayInCommandCompleted;
use sqlx::PgConnection;

use crate::app::App;
use crate::convert::{self, WayInResult};

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new(
        "access-control-ways-in",
        StreamKind::Event,
        "event.access.way_in_command_completed.*",
    )
}

pub(crate) struct WaysIn {
    app: Arc<App>,
}

impl WaysIn {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Handler for WaysIn {
    type Body = WayInResult;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<WayInResult>, String> {
        let message: WayInCommandCompleted = decode_json(payload)?;
        let result = convert::way_in_result(&message).ok_or("the result is not complete")?;
        if result.way_in.workspace != envelope.workspace {
            return Err("the way in is another workspace's".to_owned());
        }
        Ok(Some(result))
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<WayInResult>],
    ) -> Result<(), ApplyError> {
        let heard: Vec<_> =
            batch.iter().map(|received| (&received.envelope, &received.span, &received.body)).collect();
        Ok(self.app.hear_ways_in(conn, &heard).await?)
    }

    fn applied(&self) {
        self.app.wake();
    }
}
