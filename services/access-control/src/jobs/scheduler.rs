//! Looks at grants, at providers' users and at other ways in when their time has come.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use events::pace::Pace;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::Error;

/// Looks at least this often: other replicas may have made something due, and clocks step.
const POLL: Duration = Duration::from_secs(1);

/// A clock that was ahead by less is not noticed: what is due waits until it shows that time.
const STEP: TimeDelta = TimeDelta::seconds(10);

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
        let mut seen = self.app.now();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = pace.ready() => {}
            }
            pace.begin(Instant::now());
            let wait = match self.look(&mut seen).await {
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

    /// Looks at a batch of each. Says how many of the most numerous, and when the next is due. If the clock shows less
    /// than it did, all that is to come is looked at.
    async fn look(&self, seen: &mut Timestamp) -> Result<(usize, Option<Timestamp>), Error> {
        let now = self.app.now();
        if now < *seen - STEP {
            tracing::warn!(seconds = (*seen - now).num_seconds(), "the clock stepped back");
            self.app.look_at_all_again().await?;
        }
        *seen = now;
        let (grants, next_grant) = self.app.replan_due(self.batch).await?;
        let (users, next_user) = self.app.retire_due(self.batch).await?;
        let (ways_in, next_way_in) = self.app.ways_in_due(self.batch).await?;
        let next = [next_grant, next_user, next_way_in].into_iter().flatten().min();
        Ok((grants.max(users).max(ways_in), next))
    }
}
