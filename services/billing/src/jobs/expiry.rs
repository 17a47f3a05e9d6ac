//! Tells of cards that expire, while there is time to get another one.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;
use crate::error::Error;

/// The job.
pub(crate) struct Expiry {
    app: Arc<App>,
}

impl Expiry {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Job for Expiry {
    type Error = Error;
    const POLL: Duration = Duration::from_secs(5);
    const WAITS: &'static str = "what expires waits to be told";

    async fn next(&self) -> Result<bool, Error> {
        Ok(self.app.tell_expiring().await? > 0)
    }
}
