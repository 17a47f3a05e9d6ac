//! What the controller tells of itself: its state, its log.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Controller, lock};
use crate::error::Error;
use crate::lines::ChannelState;
use crate::log::{Kind, Page, Source, What};
use crate::offline::{List, PINS_MAX, Signed};
use crate::request::ChannelNumber;
use crate::span::{HoldLength, Lease, PulseLength, whole_ms};
use crate::time::Authority;

/// What the controller is.
#[derive(Debug, Serialize)]
pub struct Description {
    model: &'static str,
    version: &'static str,
    controller: String,
    board: &'static str,
    channels: usize,
    uptime_ms: u64,
    limits: Limits,
}

#[derive(Debug, Serialize)]
struct Limits {
    pulse_ms: [u64; 2],
    lease_ms: [u64; 2],
    hold_ms_max: u64,
    pins_max: usize,
}

/// How the controller is.
#[derive(Debug, Serialize)]
pub struct Report {
    controller: String,
    uptime_ms: u64,
    channels: Vec<ChannelReport>,
    clock: ClockReport,
    list: Option<ListReport>,
    log: LogReport,
}

/// How a channel is.
#[derive(Debug, Serialize)]
pub struct ChannelReport {
    channel: ChannelNumber,
    name: String,
    default_pulse_ms: u64,
    #[serde(flatten)]
    state: ChannelState,
}

/// How sure the time is.
#[derive(Debug, Serialize)]
pub struct ClockReport {
    sure: bool,
    now: DateTime<Utc>,
    from: Option<Authority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_ms: Option<Option<i64>>,
}

/// Which list counts.
#[derive(Debug, Serialize)]
pub struct ListReport {
    version: u64,
    valid_until: DateTime<Utc>,
    pins: usize,
}

#[derive(Debug, Serialize)]
struct LogReport {
    newest: u64,
    acknowledged: u64,
    dropped: u64,
}

impl ListReport {
    fn of(list: &List) -> Self {
        Self { version: list.version, valid_until: list.valid_until, pins: list.len() }
    }
}

impl Controller {
    /// What it is.
    pub fn describe(&self) -> Description {
        Description {
            model: "latchkey-relay-controller",
            version: env!("CARGO_PKG_VERSION"),
            controller: self.id.clone(),
            board: self.board_kind,
            channels: self.channels,
            uptime_ms: whole_ms(self.recorder.uptime()),
            limits: Limits {
                pulse_ms: [PulseLength::LEAST_MS, PulseLength::MOST_MS],
                lease_ms: [Lease::LEAST_MS, Lease::MOST_MS],
                hold_ms_max: HoldLength::MOST_MS,
                pins_max: PINS_MAX,
            },
        }
    }

    /// How it is.
    pub async fn report(self: &Arc<Self>) -> Result<Report, Error> {
        Ok(Report {
            controller: self.id.clone(),
            uptime_ms: whole_ms(self.recorder.uptime()),
            channels: self.channel_reports().await?,
            clock: self.clock_report(None),
            list: self.pins.list().map(|list| ListReport::of(&list)),
            log: self.blocking(|controller| controller.log_report()).await,
        })
    }

    /// How its channels are.
    pub async fn channel_reports(self: &Arc<Self>) -> Result<Vec<ChannelReport>, Error> {
        let states = self.lines.ask(|lines| lines.state()).await?;
        // The settings may be on their way to the disk.
        Ok(self.blocking(move |controller| controller.with_settings(states)).await)
    }

    fn with_settings(&self, states: Vec<ChannelState>) -> Vec<ChannelReport> {
        let settings = lock(&self.settings);
        let numbered = states.into_iter().enumerate().map(|(index, state)| {
            let channel = ChannelNumber::at(index);
            let settings = settings.of(channel);
            let (name, default_pulse_ms) = (settings.name.clone(), settings.default_pulse().ms());
            ChannelReport { channel, name, default_pulse_ms, state }
        });
        numbered.collect()
    }

    fn clock_report(&self, moved_ms: Option<Option<i64>>) -> ClockReport {
        let now = self.time.now();
        ClockReport { sure: now.from.is_some(), now: now.at, from: now.from, moved_ms }
    }

    fn log_report(&self) -> LogReport {
        let log = lock(&self.log);
        LogReport { newest: log.newest(), acknowledged: log.acknowledged(), dropped: log.dropped() }
    }

    /// The platform says what time it is.
    pub async fn tell_time(self: &Arc<Self>, now: DateTime<Utc>) -> ClockReport {
        let moved = self.blocking(move |controller| controller.time.tell(now)).await;
        let moved_ms = moved.by.map(|by| by.num_milliseconds());
        if moved.is_notable() {
            let ms = moved_ms.map(i64::unsigned_abs);
            self.recorder.record(What { ms, ..What::done(Kind::Clock, Source::Api) });
        }
        self.clock_report(Some(moved_ms))
    }

    /// Takes an offline list.
    pub async fn take_list(self: &Arc<Self>, signed: Signed) -> Result<ListReport, Error> {
        let taken = self.blocking(move |controller| {
            let before = controller.pins.list().map(|list| list.version);
            let taken = controller.pins.take(&signed);
            let is_new = taken.as_ref().map_or(true, |list| Some(list.version) != before);
            (taken, is_new)
        });
        let (taken, is_new) = taken.await;
        let entry = What::done(Kind::List, Source::Api);
        match &taken {
            Ok(list) if is_new => {
                let count = u64::try_from(list.len()).ok();
                self.recorder.record(What { count, ..entry });
            }
            Ok(_) => {}
            Err(error) => self.recorder.record(entry.refused(error.reason())),
        }
        Ok(ListReport::of(&*taken?))
    }

    /// A part of the log.
    pub async fn log_after(self: &Arc<Self>, cursor: u64, limit: usize) -> Page {
        self.blocking(move |controller| lock(&controller.log).after(cursor, limit)).await
    }

    /// What was taken over may go. Says up to which entry that was.
    pub async fn acknowledge(self: &Arc<Self>, through: u64) -> Result<u64, Error> {
        let done = self.blocking(move |controller| lock(&controller.log).acknowledge(through)).await;
        done.map_err(|source| Error::NotSaved { what: "nothing was acknowledged", source })
    }
}
