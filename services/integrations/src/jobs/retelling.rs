//! Tells once more what is to be told so.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Looks this often whether there is anything to tell, or the database is there again.
const POLL: Duration = Duration::from_secs(1);
/// Integrations of one transaction.
const BATCH: i64 = 100;

/// The job. Idempotent; any number of replicas share the work.
pub(crate) struct Retelling {
    app: Arc<App>,
}

impl Retelling {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let wait = match self.app.retell(BATCH).await {
                Ok(0) => POLL,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "what is told once more waits");
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
