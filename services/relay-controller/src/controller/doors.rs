//! What moves doors, and what is remembered of them.

use std::io;
use std::sync::Arc;

use super::{Controller, lock};
use crate::bank::{Done, NotDone};
use crate::error::Error;
use crate::log::{Kind, Source, What};
use crate::request::{Action, ChannelNumber, Request, RequestId};
use crate::settings::ChannelSettings;
use crate::span::{Lease, PulseLength, whole_ms};

/// Longest name of a channel.
const NAME_MOST: usize = 64;

/// New settings of a channel; none: as it is.
#[derive(Debug, Clone, Default)]
pub struct ChannelChange {
    /// What people call the door.
    pub name: Option<String>,
    /// The pulse of whoever names none.
    pub default_pulse: Option<PulseLength>,
}

impl Controller {
    /// Does what is asked for, once.
    pub async fn carry_out(self: &Arc<Self>, request: Request) -> Result<Done, Error> {
        match request.action {
            Action::LockDown(which) => self.lock_down(request, which).await,
            Action::Lift(which) => self.lift(request, which).await,
            _ => self.at_the_lines(request).await,
        }
    }

    async fn at_the_lines(&self, request: Request) -> Result<Done, Error> {
        Ok(self.lines.ask(move |lines| lines.carry_out(&request)).await??)
    }

    /// The doors first, which wait for nothing; then it is remembered.
    async fn lock_down(
        self: &Arc<Self>,
        request: Request,
        which: Option<ChannelNumber>,
    ) -> Result<Done, Error> {
        let done = self.lines.ask(move |lines| lines.carry_out(&request)).await?;
        if done == Err(NotDone::IdReused) {
            return Ok(done?);
        }
        let _changing = self.changing.lock().await;
        let is_repeated = done.as_ref().is_ok_and(|done| done.repeated);
        let state = self.lines.ask(move |lines| {
            // What was being lifted meanwhile is locked down. A lock-down of before that comes again moves nothing.
            if !is_repeated {
                lines.lock_down(which);
            }
            lines.state()
        });
        let state = state.await?;
        let locked = self.channels_of(which).filter(|channel| state[channel.index()].locked_down);
        let saved = self.save(locked.collect(), |channel| channel.locked_down = true).await;
        saved.map_err(|source| Error::NotSaved {
            what: "it is locked down until the next start only",
            source,
        })?;
        Ok(done?)
    }

    /// What is remembered first: if that can't be changed the doors stay locked down.
    async fn lift(self: &Arc<Self>, request: Request, which: Option<ChannelNumber>) -> Result<Done, Error> {
        let _changing = self.changing.lock().await;
        let copy = request.clone();
        if self.lines.ask(move |lines| lines.look_up(&copy)).await?.is_none() {
            let saved =
                self.save(self.channels_of(which).collect(), |channel| channel.locked_down = false).await;
            if let Err(source) = saved {
                self.recorder.record(What::requested(&request, &request.action).refused("STATE_NOT_SAVED"));
                return Err(Error::NotSaved { what: "it is still locked down", source });
            }
        }
        self.at_the_lines(request).await
    }

    /// Goes on with a hold. Says for how long now, in milliseconds.
    pub async fn renew(&self, channel: ChannelNumber, hold: RequestId, lease: Lease) -> Result<u64, Error> {
        let left = self.lines.ask(move |lines| lines.renew(channel, &hold, lease)).await??;
        Ok(whole_ms(left))
    }

    /// What was done under an id.
    pub async fn find(&self, id: RequestId) -> Result<Action, Error> {
        self.lines.ask(move |lines| lines.find(&id)).await?.ok_or(Error::RequestUnknown)
    }

    /// Changes settings of a channel.
    pub async fn change(
        self: &Arc<Self>,
        channel: ChannelNumber,
        change: ChannelChange,
    ) -> Result<(), Error> {
        let is_fine = |name: &String| {
            (1..=NAME_MOST).contains(&name.chars().count()) && !name.chars().any(char::is_control)
        };
        if !change.name.as_ref().is_none_or(is_fine) {
            return Err(Error::NameInvalid);
        }
        let _changing = self.changing.lock().await;
        let before = lock(&self.settings).of(channel).clone();
        let of_save = change.clone();
        let saved = self.save(vec![channel], move |settings| {
            if let Some(name) = &of_save.name {
                settings.name.clone_from(name);
            }
            if let Some(length) = of_save.default_pulse {
                settings.default_pulse_ms = length.ms();
            }
        });
        saved.await.map_err(|source| Error::NotSaved { what: "nothing has changed", source })?;
        let entry = |kind| What { channel: Some(channel.get()), ..What::done(kind, Source::Api) };
        if change.name.is_some_and(|name| name != before.name) {
            self.recorder.record(entry(Kind::Renamed));
        }
        if let Some(length) = change.default_pulse.filter(|length| length.ms() != before.default_pulse_ms) {
            self.lines.ask(move |lines| lines.set_default_pulse(channel, length)).await?;
            self.recorder.record(What { ms: Some(length.ms()), ..entry(Kind::DefaultPulse) });
        }
        Ok(())
    }

    fn channels_of(&self, which: Option<ChannelNumber>) -> impl Iterator<Item = ChannelNumber> + use<> {
        let all = 0..self.channels;
        all.map(ChannelNumber::at).filter(move |channel| which.is_none_or(|which| which == *channel))
    }

    async fn save(
        self: &Arc<Self>,
        which: Vec<ChannelNumber>,
        change: impl Fn(&mut ChannelSettings) + Send + 'static,
    ) -> io::Result<()> {
        self.blocking(move |controller| lock(&controller.settings).change(which, change)).await
    }
}
