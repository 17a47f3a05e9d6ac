//! From whoever does things to the log, without waiting: what does things opens and locks doors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Entry, Kind, Log, What};
use crate::span::whole_ms;
use crate::time::Time;

/// How many entries may wait for the disk.
const WAITING_MAX: usize = 1_024;
/// How many are written at once.
const BATCH_MAX: usize = 256;
/// How long after a failed write the next one is tried.
const RETRY_AFTER: Duration = Duration::from_secs(1);

enum Message {
    Entry(Entry),
    /// Answer when what was taken down before is written, or could not be.
    Flush(SyncSender<()>),
}

/// Takes down what happens. Never waits. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    stamp: Stamp,
    messages: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// What a recorder has taken down, on its way to the log.
pub struct Waiting {
    stamp: Stamp,
    messages: Receiver<Message>,
    dropped: Arc<AtomicU64>,
}

/// When it is, for an entry.
#[derive(Clone)]
struct Stamp {
    time: Arc<Time>,
    boot: u64,
    start: Duration,
}

impl Stamp {
    fn uptime(&self) -> Duration {
        self.time.since_boot().saturating_sub(self.start)
    }

    fn entry(&self, what: What) -> Entry {
        let now = self.time.now();
        Entry {
            seq: 0,
            at: now.at,
            sure: now.from.is_some(),
            uptime_ms: whole_ms(self.uptime()),
            boot: self.boot,
            what,
        }
    }
}

impl Recorder {
    /// A recorder for this start of the daemon, and the other end of it.
    pub fn new(time: Arc<Time>, boot: u64) -> (Self, Waiting) {
        let (sender, messages) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let start = time.since_boot();
        let stamp = Stamp { time, boot, start };
        let waiting = Waiting { stamp: stamp.clone(), messages, dropped: dropped.clone() };
        (Self { stamp, messages: sender, dropped }, waiting)
    }

    /// Takes something down. If the disk is so far behind that nothing more can wait, it is counted instead.
    pub fn record(&self, what: What) {
        if self.messages.try_send(Message::Entry(self.stamp.entry(what))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Since the start of the daemon.
    pub fn uptime(&self) -> Duration {
        self.stamp.uptime()
    }

    /// Waits until what was taken down is on the disk, but no longer than `limit`.
    pub fn flush(&self, limit: Duration) {
        let (done, wait) = sync_channel(1);
        if self.messages.try_send(Message::Flush(done)).is_ok() {
            // Whoever waited in vain goes on without.
            let _ = wait.recv_timeout(limit);
        }
    }
}

impl Waiting {
    /// Writes to the log until there is no recorder any more. If the disk fails, tries again.
    pub fn write(self, log: &Mutex<Log>) {
        let mut batch = Vec::new();
        let mut flushes = Vec::new();
        loop {
            let is_behind = !batch.is_empty();
            let first = match is_behind {
                true if batch.len() >= BATCH_MAX => {
                    std::thread::sleep(RETRY_AFTER);
                    Err(RecvTimeoutError::Timeout)
                }
                true => self.messages.recv_timeout(RETRY_AFTER),
                false => self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let is_last = matches!(first, Err(RecvTimeoutError::Disconnected));
            let mut next = first.ok();
            while let Some(message) = next {
                match message {
                    Message::Entry(entry) => batch.push(entry),
                    Message::Flush(done) => flushes.push(done),
                }
                next = (batch.len() < BATCH_MAX).then(|| self.messages.try_recv().ok()).flatten();
            }
            if !is_behind {
                batch.extend(self.dropped_entry());
            }
            match log.lock().unwrap_or_else(PoisonError::into_inner).append(&batch) {
                Ok(()) => batch.clear(),
                Err(error) => tracing::error!(error = %error, "cannot write the log; trying again"),
            }
            for done in flushes.drain(..) {
                // Whoever asked may have gone.
                let _ = done.try_send(());
            }
            if is_last {
                return;
            }
        }
    }

    fn dropped_entry(&self) -> Option<Entry> {
        let count = self.dropped.swap(0, Ordering::Relaxed);
        (count > 0).then(|| self.stamp.entry(What { count: Some(count), ..What::own(Kind::Dropped) }))
    }
}
