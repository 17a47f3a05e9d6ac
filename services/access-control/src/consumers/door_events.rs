//! What providers' own logs say of doors, from the adapters.

use std::sync::Arc;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1::DoorEventLogged;
use sqlx::PgConnection;

use crate::app::App;
use crate::convert;
use crate::model::DoorEvent;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("access-control-door-events", StreamKind::Event, "event.access.door_event_logged.*")
}

pub(crate) struct DoorEvents {
    app: Arc<App>,
}

impl DoorEvents {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Handler for DoorEvents {
    type Body = DoorEvent;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<DoorEvent>, String> {
        let message: DoorEventLogged = decode_json(payload)?;
        convert::door_event(envelope.workspace, &message).map(Some)
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<DoorEvent>]) -> Result<(), ApplyError> {
        let events: Vec<&DoorEvent> = batch.iter().map(|received| &received.body).collect();
        Ok(self.app.hear_door_events(conn, &events).await?)
    }
}
