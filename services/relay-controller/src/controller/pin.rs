//! A PIN at a door.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Controller, lock};
use crate::error::Error;
use crate::log::{Kind, Source, What};
use crate::offline::NoEntry;
use crate::request::ChannelNumber;

/// The same refusal at a channel is taken down once in so long, so that nobody pushes other entries out of the log.
/// Wrong PINs are few by themselves.
const SAME_REFUSAL: Duration = Duration::from_secs(60);

/// What a reader at the door is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PinAnswer {
    /// It opens.
    Opened {
        /// That it does.
        opened: bool,
        /// Whose PIN it was, as the list says.
        credential: String,
        /// For how long.
        ms: u64,
    },
    /// It does not.
    Refused {
        /// That it does not.
        opened: bool,
        /// Why.
        reason: String,
    },
}

/// The last refusal at each channel, and when it was.
#[derive(Debug)]
pub(super) struct Refusals(Vec<Option<(NoEntry, Duration)>>);

impl Refusals {
    pub(super) fn new(channels: usize) -> Self {
        Self(vec![None; channels])
    }

    /// Whether this one is to be taken down.
    fn is_news(&mut self, channel: ChannelNumber, refusal: NoEntry, now: Duration) -> bool {
        let last = &mut self.0[channel.index()];
        let is_same = last.is_some_and(|(last, at)| last == refusal && now < at + SAME_REFUSAL);
        if is_same && refusal != NoEntry::PinWrong {
            return false;
        }
        *last = Some((refusal, now));
        true
    }
}

impl Controller {
    /// Opens a door for whoever has a PIN for it now, by the list, and asks nobody.
    pub async fn enter_pin(
        self: &Arc<Self>,
        channel: ChannelNumber,
        pin: String,
    ) -> Result<PinAnswer, Error> {
        let verdict = self.blocking(move |controller| {
            let now = controller.time.now();
            controller.pins.try_pin(channel, &pin, now.from.map(|_| now.at))
        });
        let entry = What { channel: Some(channel.get()), ..What::done(Kind::Pin, Source::Pin) };
        let refused = |reason: String| PinAnswer::Refused { opened: false, reason };
        match verdict.await {
            Ok(credential) => {
                let entry = What { credential: Some(credential.clone()), ..entry };
                match self.lines.ask(move |lines| lines.open(channel)).await? {
                    Ok(length) => {
                        let ms = length.ms();
                        self.recorder.record(What { ms: Some(ms), ..entry });
                        Ok(PinAnswer::Opened { opened: true, credential, ms })
                    }
                    Err(error) => {
                        self.recorder.record(entry.refused(error.reason()));
                        Ok(refused(error.reason().to_owned()))
                    }
                }
            }
            Err(no_entry) => {
                let now = self.time.since_boot();
                if lock(&self.refusals).is_news(channel, no_entry, now) {
                    self.recorder.record(entry.refused(no_entry.reason()));
                }
                Ok(refused(no_entry.reason().to_owned()))
            }
        }
    }
}
