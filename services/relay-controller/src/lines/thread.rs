//! The thread that owns the lines.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Lines;
use crate::span::whole_ms;

/// The lines are looked at so often at least.
pub(crate) const BEAT: Duration = Duration::from_millis(500);
/// How many jobs may wait; each takes microseconds.
const JOBS_MAX: usize = 64;

type Job = Box<dyn FnOnce(&mut Lines) + Send>;

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Too much is asked at once.
    #[error("too much is asked at once; ask again")]
    Busy,
    /// It is ending.
    #[error("the controller is stopping, and all relays are off")]
    Stopping,
}

/// The thread, for those who want something of the lines. Cheap to clone.
#[derive(Clone)]
pub struct LineThread {
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// When it was seen to work last, in milliseconds since the machine was started.
    beat: AtomicU64,
    ended: CancellationToken,
}

impl LineThread {
    /// Begins.
    pub fn start(lines: Lines) -> io::Result<Self> {
        let (sender, jobs) = sync_channel(JOBS_MAX);
        let shared = Arc::new(Shared::default());
        shared.beat.store(whole_ms(lines.now()), Ordering::Release);
        let of_thread = shared.clone();
        std::thread::Builder::new().name("lines".to_owned()).spawn(move || {
            let _ended = of_thread.ended.clone().drop_guard();
            run(lines, &jobs, &of_thread);
        })?;
        Ok(Self { jobs: sender, shared })
    }

    /// Has something done with the lines, when what is over has ended.
    pub async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Lines) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (answer, wait) = oneshot::channel();
        let job = Box::new(move |lines: &mut Lines| {
            // Whoever asked may have gone; it is done all the same.
            let _ = answer.send(job(lines));
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Busy,
            TrySendError::Disconnected(_) => Unavailable::Stopping,
        })?;
        wait.await.map_err(|_| Unavailable::Stopping)
    }

    /// All off, and the end of it: at once, from anywhere, a panic hook too.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        // So that it sees it now; if it has other things to do it sees it after the first of them.
        let _ = self.jobs.try_send(Box::new(|_| {}));
    }

    /// Returns when all is off and the thread has ended, whyever.
    pub async fn ended(&self) {
        self.shared.ended.cancelled().await;
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.shared.ended.is_cancelled()
    }

    /// When it was seen to work last, since the machine was started.
    pub(crate) fn beat(&self) -> Duration {
        Duration::from_millis(self.shared.beat.load(Ordering::Acquire))
    }
}

fn run(mut lines: Lines, jobs: &Receiver<Job>, shared: &Shared) {
    while !shared.stop.load(Ordering::Acquire) {
        lines.turn();
        shared.beat.store(whole_ms(lines.now()), Ordering::Release);
        match jobs.recv_timeout(lines.wait().unwrap_or(BEAT).min(BEAT)) {
            Ok(job) => {
                lines.turn();
                job(&mut lines);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
