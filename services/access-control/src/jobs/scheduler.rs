//! Looks at grants and at providers' users when their time has come.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use events::pace::Pace;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::Error;

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
            let wait = match self.look().await {
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

    /// Looks at a batch of grants and of users. Says how many of the more numerous, and when the next is due.
    async fn look(&self) -> Result<(usize, Option<Timestamp>), Error> {
        let (grants, next_grant) = self.app.replan_due(self.batch).await?;
        let (users, next_user) = self.app.retire_due(self.batch).await?;
        Ok((grants.max(users), [next_grant, next_user].into_iter().flatten().min()))
    }
}
