//! Completes confirmed bookings at their end, and ends memberships that were to end with their paid period.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::Error;

/// Looks at least this often: a booking may have been confirmed meanwhile, and clocks step.
const POLL: Duration = Duration::from_secs(5);

/// The job. Idempotent; any number of replicas share the work.
pub(crate) struct Completion {
    app: Arc<App>,
}

impl Completion {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let bookings = self.wait(self.app.complete_due().await);
            let memberships = self.wait(self.app.end_due_memberships().await);
            let wait = bookings.min(memberships);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Until there may be more, after a round that did so many, and when the next one is due.
    fn wait(&self, round: Result<(usize, Option<Timestamp>), Error>) -> Duration {
        match round {
            Ok((count, _)) if count > 0 => Duration::ZERO,
            Ok((_, next)) => self.app.until(next).min(POLL),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "what is due by time waits");
                POLL
            }
        }
    }
}
