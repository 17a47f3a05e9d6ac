//! Looks up what became of operations whose answers were lost, and tells lockdowns again until they hold.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::Error;

/// How often it looks.
const POLL: Duration = Duration::from_secs(1);

/// The job. Idempotent; any number of replicas share the work.
pub(crate) struct Operations {
    app: Arc<App>,
}

impl Operations {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        // What is looked up waits for answers: an emergency waits for none of that.
        tokio::join!(self.tell_again(&shutdown), self.look_up(&shutdown));
    }

    async fn tell_again(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let told = self.app.tell_again().await;
            rest(told.err(), shutdown).await;
        }
    }

    async fn look_up(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let looked_up = self.app.look_up().await;
            rest(looked_up.err(), shutdown).await;
        }
    }
}

/// Until the next look.
async fn rest(error: Option<Error>, shutdown: &CancellationToken) {
    if let Some(error) = error {
        tracing::warn!(error = &error as &dyn std::error::Error, "operations wait");
    }
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = tokio::time::sleep(POLL) => {}
    }
}
