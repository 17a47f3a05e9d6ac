//! All channels of a controller, and what was asked of them. Pure.

use std::time::Duration;

use crate::channel::{Channel, HoldOver, Refused};
use crate::request::{Action, ChannelNumber, Known, Memory, Request, RequestId};
use crate::span::{Lease, PulseLength};

/// All channels.
#[derive(Debug)]
pub struct Bank {
    channels: Vec<Channel>,
    last: Vec<Option<Last>>,
    memory: Memory,
}

/// The newest thing that was done to a channel by a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// Which.
    pub id: RequestId,
    /// What.
    pub action: Action,
    /// When.
    pub at: Duration,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// As it was carried out: a pulse has its length.
    pub action: Action,
    /// Whether that was earlier.
    pub repeated: bool,
}

/// Why a request was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// By the channel.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Its id is taken.
    #[error("another request had this id")]
    IdReused,
    /// The hardware did not do it.
    #[error("the relay could not be switched; the controller's own log says why")]
    RelayFailed,
}

impl NotDone {
    /// As a code.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Refused(Refused::LockedDown) => "LOCKED_DOWN",
            Self::Refused(Refused::HoldEnded) => "HOLD_ENDED",
            Self::IdReused => "ID_REUSED",
            Self::RelayFailed => "RELAY_FAILED",
        }
    }
}

impl Bank {
    /// Channels that are all off. `memory` is what is known of requests before.
    pub fn new(channels: Vec<Channel>, memory: Memory) -> Self {
        Self { last: vec![None; channels.len()], channels, memory }
    }

    /// The channels, in order.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The newest request of each channel.
    pub fn last(&self) -> &[Option<Last>] {
        &self.last
    }

    /// What was done under an id.
    pub fn find(&self, id: &RequestId) -> Option<&Action> {
        self.memory.find(id)
    }

    /// How many requests are remembered.
    pub fn remembered(&self) -> usize {
        self.memory.len()
    }

    /// When something ends next.
    pub fn next_end(&self) -> Option<Duration> {
        self.channels.iter().filter_map(Channel::next_end).min()
    }

    /// Ends what is over.
    pub fn turn(&mut self, now: Duration) -> Vec<(ChannelNumber, HoldOver)> {
        let numbered = self.channels.iter_mut().enumerate();
        numbered.filter_map(|(i, channel)| Some((ChannelNumber::at(i), channel.turn(now)?))).collect()
    }

    /// Does what is asked for, once.
    pub fn carry_out(&mut self, now: Duration, request: &Request) -> Result<Done, NotDone> {
        if let Some(known) = self.look_up(request) {
            return known;
        }
        let action = self.act(now, request)?;
        self.memory.remember(request.id.clone(), action.clone());
        let last = Last { id: request.id.clone(), action: action.clone(), at: now };
        match action.channel() {
            Some(channel) => self.last[channel.index()] = Some(last),
            None => self.last.fill(Some(last)),
        }
        Ok(Done { action, repeated: false })
    }

    /// What is known of a request: that it was done, or that its id is taken.
    pub fn look_up(&self, request: &Request) -> Option<Result<Done, NotDone>> {
        Some(match self.memory.look_up(request)? {
            Known::Done(action) => Ok(Done { action, repeated: true }),
            Known::Other => Err(NotDone::IdReused),
        })
    }

    fn act(&mut self, now: Duration, request: &Request) -> Result<Action, Refused> {
        match request.action {
            Action::Pulse(channel, length) => {
                return Ok(Action::Pulse(channel, Some(self.open(now, channel, length)?)));
            }
            Action::Hold(channel, lease, length) => {
                self.channels[channel.index()].hold_open(now, request.id.clone(), lease, length)?;
            }
            Action::Lock(channel) => self.channels[channel.index()].lock(),
            Action::LockDown(which) => self.lock_down(which),
            Action::Lift(which) => self.each(which, Channel::lift),
        }
        Ok(request.action.clone())
    }

    /// A pulse that is nobody's request: of a PIN. Says how long it is.
    pub fn open(
        &mut self,
        now: Duration,
        channel: ChannelNumber,
        length: Option<PulseLength>,
    ) -> Result<PulseLength, Refused> {
        let channel = &mut self.channels[channel.index()];
        let length = length.unwrap_or(channel.default_pulse);
        channel.pulse(now, length)?;
        Ok(length)
    }

    /// Its relay failed: nothing is wanted of the channel any more.
    pub fn give_up(&mut self, channel: ChannelNumber) {
        self.channels[channel.index()].lock();
    }

    /// A request came to nothing, so that it can be asked again.
    pub fn forget(&mut self, id: &RequestId) {
        self.memory.forget(id);
        for last in &mut self.last {
            last.take_if(|last| last.id == *id);
        }
    }

    /// Goes on with a hold. Says when it ends now.
    pub fn renew(
        &mut self,
        now: Duration,
        channel: ChannelNumber,
        hold: &RequestId,
        lease: Lease,
    ) -> Result<Duration, Refused> {
        self.channels[channel.index()].renew(now, hold, lease)
    }

    /// Locks down, for nobody's request.
    pub fn lock_down(&mut self, which: Option<ChannelNumber>) {
        self.each(which, Channel::lock_down);
    }

    /// Sets the default pulse.
    pub fn set_default_pulse(&mut self, channel: ChannelNumber, length: PulseLength) {
        self.channels[channel.index()].default_pulse = length;
    }

    fn each(&mut self, which: Option<ChannelNumber>, change: impl Fn(&mut Channel)) {
        match which {
            Some(channel) => change(&mut self.channels[channel.index()]),
            None => self.channels.iter_mut().for_each(change),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn bank() -> Bank {
        let channel = Channel::new(PulseLength::from_ms(3_000).unwrap(), false);
        Bank::new(vec![channel; 2], Memory::default())
    }

    fn pulse(id: &str, ms: Option<u64>) -> Request {
        let length = ms.map(|ms| PulseLength::from_ms(ms).unwrap());
        let action = Action::Pulse(ChannelNumber::at(0), length);
        Request { id: RequestId::new(id).unwrap(), action, actor: None }
    }

    #[test]
    fn the_same_pulse_again_is_the_one_before() {
        let mut bank = bank();
        let first = bank.carry_out(NOW, &pulse("a", None)).unwrap();
        let later = NOW + Duration::from_secs(60);
        bank.turn(later);
        let second = bank.carry_out(later, &pulse("a", None)).unwrap();
        assert_eq!((first.repeated, second.repeated), (false, true));
        assert_eq!(first.action, second.action);
        assert!(!bank.channels()[0].is_on());
    }

    #[test]
    fn another_request_with_a_known_id_is_refused() {
        let mut bank = bank();
        bank.carry_out(NOW, &pulse("a", Some(1_000))).unwrap();
        assert_eq!(bank.carry_out(NOW, &pulse("a", Some(2_000))), Err(NotDone::IdReused));
    }

    #[test]
    fn what_was_refused_can_be_asked_again_with_its_id() {
        let mut bank = bank();
        bank.lock_down(None);
        assert_eq!(bank.carry_out(NOW, &pulse("a", None)), Err(Refused::LockedDown.into()));
        assert_eq!(bank.find(&RequestId::new("a").unwrap()), None);
        let lift = Request { id: RequestId::new("b").unwrap(), action: Action::Lift(None), actor: None };
        bank.carry_out(NOW, &lift).unwrap();
        assert!(!bank.carry_out(NOW, &pulse("a", None)).unwrap().repeated);
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut bank = bank();
        for n in 0..=crate::request::REMEMBERED_MAX {
            bank.carry_out(NOW, &pulse(&n.to_string(), None)).unwrap();
        }
        assert_eq!(bank.remembered(), crate::request::REMEMBERED_MAX);
        assert_eq!(bank.find(&RequestId::new("0").unwrap()), None);
        assert!(bank.find(&RequestId::new("1").unwrap()).is_some());
    }
}
