//! Looks through Stripe accounts for what nobody has told.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;
use crate::error::Error;

/// The job.
pub(crate) struct Sweep {
    app: Arc<App>,
}

impl Sweep {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Job for Sweep {
    type Error = Error;
    const POLL: Duration = Duration::from_secs(5);
    const WAITS: &'static str = "the money sweep waits";

    async fn next(&self) -> Result<bool, Error> {
        self.app.sweep_next().await
    }
}
