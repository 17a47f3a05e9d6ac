//! Has doors unlocked and locked when their time has come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::IntegrationId;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::Error;

/// How often it looks.
const POLL: Duration = Duration::from_secs(1);
/// Accounts that are at work at the same time.
const ACCOUNTS_MAX: usize = 64;

/// The job. Idempotent; any number of replicas share the work. Each account is worked by a task of its own, so that a slow
/// one holds up no other.
pub(crate) struct Schedules {
    app: Arc<App>,
    tasks: JoinSet<Result<(), Error>>,
    at_work: HashMap<Id, IntegrationId>,
}

impl Schedules {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, tasks: JoinSet::new(), at_work: HashMap::new() }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let has_begun = self.begin().await.unwrap_or_else(|error| {
                warn(&error);
                false
            });
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(ended) = self.tasks.join_next_with_id() => {
                    let (id, outcome) = match ended {
                        Ok((id, outcome)) => (id, outcome),
                        Err(panicked) => (panicked.id(), Ok(())),
                    };
                    self.at_work.remove(&id);
                    if let Err(error) = outcome {
                        warn(&error);
                    }
                }
                () = tokio::time::sleep(POLL), if !has_begun => {}
                () = std::future::ready(()), if has_begun => {}
            }
        }
        // What is under way is noted; what is not settled is due again by itself.
        while self.tasks.join_next().await.is_some() {}
    }

    /// Takes what is due. Says whether there was anything.
    async fn begin(&mut self) -> Result<bool, Error> {
        if self.tasks.len() >= ACCOUNTS_MAX {
            return Ok(false);
        }
        let at_work = self.at_work.values().copied().collect();
        let taken = self.app.take_schedules(&at_work).await?;
        let has_begun = !taken.is_empty();
        for (account, schedules) in taken {
            let app = self.app.clone();
            let task = self.tasks.spawn(async move { app.follow(schedules).await });
            self.at_work.insert(task.id(), account);
        }
        Ok(has_begun)
    }
}

fn warn(error: &Error) {
    tracing::warn!(error = error as &dyn std::error::Error, "schedules of doors wait");
}
