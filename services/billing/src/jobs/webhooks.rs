//! Applies what Stripe reported, and forgets it in the end.

use std::sync::Arc;
use std::time::Duration;

use super::Job;
use crate::app::App;
use crate::error::Error;

/// Applies reports.
pub(crate) struct Reports {
    app: Arc<App>,
}

impl Reports {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Job for Reports {
    type Error = Error;
    const POLL: Duration = Duration::from_millis(500);
    const WAITS: &'static str = "what Stripe reported waits";

    async fn next(&self) -> Result<bool, Error> {
        self.app.apply_report().await
    }
}

/// Reads methods of which something was heard.
pub(crate) struct News {
    app: Arc<App>,
}

impl News {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Job for News {
    type Error = Error;
    const POLL: Duration = Duration::from_secs(1);
    const WAITS: &'static str = "payment methods wait to be read";

    async fn next(&self) -> Result<bool, Error> {
        self.app.read_heard_method().await
    }
}

/// Forgets old reports.
pub(crate) struct Forgetting {
    app: Arc<App>,
}

impl Forgetting {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Job for Forgetting {
    type Error = Error;
    const POLL: Duration = Duration::from_secs(600);
    const WAITS: &'static str = "old reports of Stripe's are kept for now";

    async fn next(&self) -> Result<bool, Error> {
        self.app.forget_reports().await
    }
}
