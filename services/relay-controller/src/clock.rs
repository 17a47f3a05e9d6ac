//! The machine's clocks: the one that durations go by, and the one that says what time it is.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use nix::time::{ClockId, clock_gettime};

/// Tells times. Nothing else reads a clock.
pub trait Clock: Send + Sync + 'static {
    /// Since the machine was started; never steps, goes on across restarts of the daemon.
    fn since_boot(&self) -> Duration;
    /// What the machine's clock shows, right or wrong.
    fn shown(&self) -> DateTime<Utc>;
    /// Whether the machine says that its clock was set by the network.
    fn is_synchronized(&self) -> bool;
    /// Which start of the machine this is.
    fn boot(&self) -> String;
}

/// The machine's own.
#[derive(Debug, Clone)]
pub struct SystemClock {
    /// The file that is there once the clock was set by the network.
    pub synchronized_file: PathBuf,
}

impl Clock for SystemClock {
    fn since_boot(&self) -> Duration {
        clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has this clock").into()
    }

    fn shown(&self) -> DateTime<Utc> {
        let since: Duration = clock_gettime(ClockId::CLOCK_REALTIME).expect("Linux has this clock").into();
        DateTime::UNIX_EPOCH + since
    }

    fn is_synchronized(&self) -> bool {
        self.synchronized_file.exists()
    }

    fn boot(&self) -> String {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    }
}

/// Clocks that stand still until they are told to move: for tests.
#[derive(Debug)]
pub struct SettableClock(Mutex<Times>);

#[derive(Debug)]
struct Times {
    since_boot: Duration,
    shown: DateTime<Utc>,
    is_synchronized: bool,
    boot: u32,
}

impl SettableClock {
    /// A machine that was started a minute ago, whose clock shows `shown` and was set by nobody.
    pub fn at(shown: DateTime<Utc>) -> Self {
        Self(Mutex::new(Times {
            since_boot: Duration::from_secs(60),
            shown,
            is_synchronized: false,
            boot: 1,
        }))
    }

    /// Time goes on.
    pub fn advance(&self, by: Duration) {
        let mut times = self.lock();
        times.since_boot += by;
        times.shown += by;
    }

    /// The clock is set, by the network if it is `synchronized`.
    pub fn set(&self, shown: DateTime<Utc>, synchronized: bool) {
        let mut times = self.lock();
        times.shown = shown;
        times.is_synchronized = synchronized;
    }

    /// The machine lost its power: it starts anew, and its clock shows `shown`.
    pub fn reboot(&self, shown: DateTime<Utc>) {
        let mut times = self.lock();
        *times =
            Times { since_boot: Duration::from_secs(1), shown, is_synchronized: false, boot: times.boot + 1 };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SettableClock {
    fn since_boot(&self) -> Duration {
        self.lock().since_boot
    }

    fn shown(&self) -> DateTime<Utc> {
        self.lock().shown
    }

    fn is_synchronized(&self) -> bool {
        self.lock().is_synchronized
    }

    fn boot(&self) -> String {
        self.lock().boot.to_string()
    }
}
