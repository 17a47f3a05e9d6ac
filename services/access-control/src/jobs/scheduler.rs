//! Looks at grants when their time has come.

use std::sync::Arc;
use std::time::Duration;

use events::pace::Pace;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Looks at least this often: other replicas may have made something due, and clocks step.
const POLL: Duration = Duration::from_secs(1);

/// The job. Idempotent; any number of replicas share the work.
pub(crate) struct Scheduler {
    app: Arc<App>,
    batch: u16,
}

impl Scheduler {
    pub(crate) fn new(app: Arc<App>, batch: u16) -> Self {
        Self { app, batch }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut pace = Pace::default();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = pace.ready() => {}
            }
            pace.begin(Instant::now());
            let wait = match self.app.replan_due(self.batch).await {
                Ok((looked_at, _)) if looked_at == usize::from(self.batch) => {
                    pace.hurry();
                    Duration::ZERO
                }
                Ok((_, next)) => self.app.until(next).min(POLL),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the scheduler waits");
                    POLL
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.app.woken() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
