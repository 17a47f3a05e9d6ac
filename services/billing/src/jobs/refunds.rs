//! Gives money back, and looks what became of it, and what is disputed.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;
use crate::error::Error;

/// How many a process is at, at the same time.
pub(crate) const AT_ONCE: usize = 2;

/// The job.
pub(crate) struct Refunds {
    app: Arc<App>,
}

impl Refunds {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Job for Refunds {
    type Error = Error;
    const POLL: Duration = Duration::from_secs(1);
    const WAITS: &'static str = "refunds wait";

    async fn next(&self) -> Result<bool, Error> {
        // One of each, so that neither waits for all of the other.
        let (was_asked, was_surveyed) = (self.app.work_on_refund().await?, self.app.survey_next().await?);
        Ok(was_asked || was_surveyed)
    }
}
