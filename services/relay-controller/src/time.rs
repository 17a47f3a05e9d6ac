//! What time it is, and whether that may be believed: PINs open by it.
//!
//! The platform says it, and from then on the monotonic clock counts, until the machine starts anew. Else the
//! machine's clock is believed if the network has set it, or if it has a battery; never if it shows a time before one
//! that was known already.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::disk::{Disk, replace};

const FILE: &str = "clock.json";
/// What the platform says is written down again after so long, to know that time has got so far.
const SAVE_EACH: Duration = Duration::from_secs(3_600);
/// A clock that is moved by less is not worth an entry in the log.
const MOVED_LEAST: TimeDelta = TimeDelta::seconds(2);

/// Whether somebody may mean that time, which is also far enough from where times end.
pub fn is_plausible(at: DateTime<Utc>) -> bool {
    (2020..2200).contains(&at.year())
}

/// Who says what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// The platform did, since the machine was started.
    Platform,
    /// The network: NTP.
    Network,
    /// A clock with a battery.
    Battery,
}

/// A time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The best guess.
    pub at: DateTime<Utc>,
    /// Who vouches for it; if nobody does it may be anything.
    pub from: Option<Authority>,
}

/// What it made to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// By how much the time was wrong; none if it was not sure.
    pub by: Option<TimeDelta>,
}

impl Moved {
    /// Whether that is worth an entry in the log.
    pub fn is_notable(self) -> bool {
        self.by.is_none_or(|by| by.abs() > MOVED_LEAST)
    }
}

/// What the platform said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    boot: String,
    since_boot_ms: u64,
    at: DateTime<Utc>,
}

impl Told {
    fn since_boot(&self) -> Duration {
        Duration::from_millis(self.since_boot_ms)
    }
}

/// Tells the time.
pub struct Time {
    clock: Arc<dyn Clock>,
    has_battery: bool,
    boot: String,
    told: Mutex<Option<Told>>,
    /// The disk, and what is on it. Apart, so that nobody who asks for the time waits for a disk.
    saved: Mutex<(Box<dyn Disk>, Option<Told>)>,
}

impl Time {
    /// Reads what was known before. `has_battery`: whether the machine's clock goes on without power.
    pub fn load(disk: impl Disk, clock: Arc<dyn Clock>, has_battery: bool) -> io::Result<Self> {
        let told: Option<Told> = disk.read(FILE)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let boot = clock.boot();
        Ok(Self {
            clock,
            has_battery,
            boot,
            told: Mutex::new(told.clone()),
            saved: Mutex::new((Box::new(disk), told)),
        })
    }

    /// Since the machine was started.
    pub fn since_boot(&self) -> Duration {
        self.clock.since_boot()
    }

    /// What time it is.
    pub fn now(&self) -> Now {
        let told = lock(&self.told);
        if let Some(told) = told.as_ref().filter(|told| told.boot == self.boot) {
            let at = told.at + self.clock.since_boot().saturating_sub(told.since_boot());
            return Now { at, from: Some(Authority::Platform) };
        }
        let shown = self.clock.shown();
        let is_late_enough = told.as_ref().is_none_or(|told| told.at <= shown);
        let from = if !is_late_enough {
            None
        } else if self.clock.is_synchronized() {
            Some(Authority::Network)
        } else {
            self.has_battery.then_some(Authority::Battery)
        };
        Now { at: shown, from }
    }

    /// The platform says what time it is, which is plausible. Waits for the disk now and then.
    pub fn tell(&self, at: DateTime<Utc>) -> Moved {
        let before = self.now();
        let since_boot_ms = u64::try_from(self.clock.since_boot().as_millis()).unwrap_or(u64::MAX);
        let told = Told { boot: self.boot.clone(), since_boot_ms, at };
        *lock(&self.told) = Some(told.clone());
        let moved = Moved { by: before.from.is_some().then(|| at - before.at) };
        let mut saved = lock(&self.saved);
        let (disk, last) = &mut *saved;
        let is_due = last.as_ref().is_none_or(|last| {
            last.boot != told.boot || told.since_boot().saturating_sub(last.since_boot()) >= SAVE_EACH
        });
        if is_due || moved.is_notable() {
            let written = serde_json::to_vec(&told).map_err(io::Error::from);
            match written.and_then(|bytes| replace(&**disk, FILE, &bytes)) {
                Ok(()) => *last = Some(told),
                // It is known as long as this process lives, and told again in a moment.
                Err(error) => tracing::error!(error = %error, "cannot save the time"),
            }
        }
        moved
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SettableClock;
    use crate::disk::cut::CutDisk;

    fn noon() -> DateTime<Utc> {
        "2026-12-01T12:00:00Z".parse().unwrap()
    }

    fn years_ago() -> DateTime<Utc> {
        "2020-01-01T00:00:00Z".parse().unwrap()
    }

    fn time(disk: &CutDisk, clock: &Arc<SettableClock>, has_battery: bool) -> Time {
        Time::load(disk.clone(), clock.clone(), has_battery).unwrap()
    }

    #[test]
    fn nobody_vouches_for_a_clock_that_nobody_set() {
        let clock = Arc::new(SettableClock::at(noon()));
        let disk = CutDisk::default();
        assert_eq!(time(&disk, &clock, false).now().from, None);
        assert_eq!(time(&disk, &clock, true).now().from, Some(Authority::Battery));
        clock.set(noon(), true);
        assert_eq!(time(&disk, &clock, false).now().from, Some(Authority::Network));
    }

    #[test]
    fn what_the_platform_says_goes_on_whatever_becomes_of_the_machines_clock() {
        let clock = Arc::new(SettableClock::at(years_ago()));
        let disk = CutDisk::default();
        let times = time(&disk, &clock, false);
        assert_eq!(times.tell(noon()), Moved { by: None });
        clock.advance(Duration::from_secs(60));
        clock.set(years_ago(), true);
        let later = Now { at: noon() + Duration::from_secs(60), from: Some(Authority::Platform) };
        assert_eq!(times.now(), later);
        assert_eq!(time(&disk, &clock, false).now(), later, "after a restart of the daemon, too");
    }

    #[test]
    fn a_new_start_of_the_machine_begins_anew_and_never_before_what_was_known() {
        let clock = Arc::new(SettableClock::at(noon()));
        let disk = CutDisk::default();
        time(&disk, &clock, true).tell(noon());
        clock.reboot(years_ago());
        assert_eq!(time(&disk, &clock, true).now().from, None, "the battery is empty");
        clock.set(noon() + Duration::from_secs(1), false);
        assert_eq!(time(&disk, &clock, true).now().from, Some(Authority::Battery));
    }

    #[test]
    fn time_is_written_down_each_hour_and_not_each_time() {
        let clock = Arc::new(SettableClock::at(noon()));
        let disk = CutDisk::default();
        let times = time(&disk, &clock, false);
        times.tell(noon());
        disk.cut_after(0);
        clock.advance(Duration::from_secs(60));
        let saved = || serde_json::from_slice::<Told>(&disk.read(FILE).unwrap().unwrap()).unwrap().at;
        times.tell(noon() + Duration::from_secs(60));
        assert_eq!(saved(), noon());
        disk.cut_after(100);
        clock.advance(SAVE_EACH);
        times.tell(noon() + SAVE_EACH);
        assert_eq!(saved(), noon() + SAVE_EACH);
    }
}
