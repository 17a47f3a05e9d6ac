//! Results of commands about users, from the adapters.

use std::sync::Arc;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1::UserCommandCompleted;
use sqlx::PgConnection;

use crate::app::App;
use crate::convert::{self, UserResult};

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("access-control-users", StreamKind::Event, "event.access.user_command_completed.*")
}

pub(crate) struct Users {
    app: Arc<App>,
}

impl Users {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Handler for Users {
    type Body = UserResult;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<UserResult>, String> {
        let message: UserCommandCompleted = decode_json(payload)?;
        let result = convert::user_result(&message).ok_or("the result is not complete")?;
        if result.user.workspace != envelope.workspace {
            return Err("the user is another workspace's".to_owned());
        }
        Ok(Some(result))
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<UserResult>],
    ) -> Result<(), ApplyError> {
        let heard: Vec<_> =
            batch.iter().map(|received| (&received.envelope, &received.span, &received.body)).collect();
        Ok(self.app.hear_users(conn, &heard).await?)
    }

    fn applied(&self) {
        self.app.wake();
    }
}
