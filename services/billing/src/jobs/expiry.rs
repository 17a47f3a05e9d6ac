//! Tells of cards that expire, while there is time to get another one.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How often it looks whether any are due. Nobody waits for it.
const POLL: Duration = Duration::from_secs(5);

/// The job. Any number of replicas share the work.
pub(crate) struct Expiry {
    app: Arc<App>,
}

impl Expiry {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let wait = match self.app.tell_expiring().await {
                Ok(0) => POLL,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "what expires waits to be told");
                    POLL
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
