//! Boards that have no timer, whose operators accepted that: the contact is opened from here.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Wait between tries to open a contact.
const RETRY: Duration = Duration::from_millis(500);

/// Opens contacts when it is time for them, and all of them before the process ends.
#[derive(Debug, Clone, Default)]
pub struct Untimed {
    tracker: TaskTracker,
    ending: CancellationToken,
}

impl Untimed {
    /// Opens a contact after `length`, whoever waits for that: tries until the board takes it, or the process has to
    /// end.
    pub(crate) fn open_after<F>(&self, length: Duration, open: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let ending = self.ending.clone();
        self.tracker.spawn(async move {
            ending.run_until_cancelled(tokio::time::sleep(length)).await;
            while !open().await && !ending.is_cancelled() {
                ending.run_until_cancelled(tokio::time::sleep(RETRY)).await;
            }
        });
    }

    /// Waits for the end, then opens what is closed still.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.cancelled().await;
        self.ending.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
