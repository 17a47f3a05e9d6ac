//! Makes checks ahead of bookings when their time comes.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::{App, AskedAhead};

/// Looks at least this often: replicas hear of bookings, and clocks step.
const POLL: Duration = Duration::from_secs(1);

/// What one round looks at: each may have hundreds of people.
const BATCH: u16 = 20;

/// The job. Idempotent; any number of replicas share the work.
pub(crate) struct Preflight {
    app: Arc<App>,
}

impl Preflight {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut asked = AskedAhead::default();
        loop {
            let wait = match self.app.check_due(&mut asked, BATCH).await {
                Ok((checked, _)) if checked == usize::from(BATCH) => Duration::ZERO,
                Ok((_, next)) => self.app.until(next).min(POLL),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "checks ahead wait");
                    POLL
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
