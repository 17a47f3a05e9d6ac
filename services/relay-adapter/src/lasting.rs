//! What goes on after the call that began it: contacts that are opened later, holds that are renewed.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Work that outlasts its calls, until the process ends. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lasting {
    tracker: TaskTracker,
    ending: CancellationToken,
}

impl Lasting {
    /// Begins work, which has to come to its end soon once [`Self::wait`] says so.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Waits, but not if the process ends: whether it does.
    pub(crate) async fn wait(&self, length: Duration) -> bool {
        self.ending.run_until_cancelled(tokio::time::sleep(length)).await.is_none()
    }

    /// Whether nothing is under way.
    pub fn is_at_rest(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Waits for the end, and then for all work to come to its own.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.cancelled().await;
        self.ending.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
