//! Tells providers of cards until they have them as they should be.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How often it looks.
const POLL: Duration = Duration::from_secs(1);

/// The job. Idempotent; any number of replicas share the work.
pub(crate) struct Cards {
    app: Arc<App>,
}

impl Cards {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            if let Err(error) = self.app.tell_cards(None).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "cards wait");
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}
