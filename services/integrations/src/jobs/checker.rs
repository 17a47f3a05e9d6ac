//! Asks providers again when it is time.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Looks so often whether a check is due.
const POLL: Duration = Duration::from_secs(1);
/// Checks at a time. Each is a call to an adapter and of that to a vendor.
const BATCH: u16 = 20;

/// The job. Idempotent; any number of replicas share the work.
pub(crate) struct Checker {
    app: Arc<App>,
}

impl Checker {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let wait = tokio::select! {
                () = shutdown.cancelled() => return,
                checked = self.app.check_due(BATCH) => match checked {
                    Ok(checked) if checked == usize::from(BATCH) => Duration::ZERO,
                    Ok(_) => POLL,
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "the checker waits");
                        POLL
                    }
                },
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
