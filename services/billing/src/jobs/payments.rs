//! Has payments charged.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;
use crate::error::Error;

/// How many payments a process is at, at the same time. Each waits for Stripe most of the time.
pub(crate) const AT_ONCE: usize = 8;

/// The job.
pub(crate) struct Payments {
    app: Arc<App>,
}

impl Payments {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Job for Payments {
    type Error = Error;
    // Somebody may be waiting.
    const POLL: Duration = Duration::from_millis(500);
    const WAITS: &'static str = "payments wait";

    async fn next(&self) -> Result<bool, Error> {
        self.app.work_on_payment().await
    }
}
