//! Requests as entries, and back: what was done is known again after a restart.

use super::{Entry, Kind, Log, Outcome, Source, What};
use crate::request::{Action, ChannelNumber, Memory, Request, RequestId};
use crate::span::{HoldLength, Lease, PulseLength};

impl What {
    /// The entry of a request that was carried out as `action`, or would have been.
    pub fn requested(request: &Request, action: &Action) -> Self {
        let (kind, ms, lease) = match action {
            Action::Pulse(_, length) => (Kind::Pulse, length.map(PulseLength::ms), None),
            Action::Hold(_, lease, length) => (Kind::Hold, Some(length.ms()), Some(lease.ms())),
            Action::Lock(_) => (Kind::Lock, None, None),
            Action::LockDown(_) => (Kind::LockDown, None, None),
            Action::Lift(_) => (Kind::Lift, None, None),
        };
        Self {
            channel: action.channel().map(ChannelNumber::get),
            ms,
            lease_ms: lease,
            id: Some(request.id.to_string()),
            actor: request.actor.clone(),
            ..Self::done(kind, Source::Api)
        }
    }

    /// The request of an entry, if it is one that was carried out at one of so many channels.
    fn request(&self, channels: usize) -> Option<(RequestId, Action)> {
        if self.outcome != Outcome::Done || self.source != Source::Api {
            return None;
        }
        let id = RequestId::new(self.id.clone()?).ok()?;
        let which = self.channel.map(|number| ChannelNumber::of(number, channels));
        let (some, one) = (which.map_or(Some(None), |one| one.map(Some)), which.flatten());
        let action = match self.action {
            Kind::Pulse => Action::Pulse(one?, Some(PulseLength::from_ms(self.ms?).ok()?)),
            Kind::Hold => {
                Action::Hold(one?, Lease::from_ms(self.lease_ms?).ok()?, HoldLength::from_ms(self.ms?).ok()?)
            }
            Kind::Lock => Action::Lock(one?),
            Kind::LockDown => Action::LockDown(some?),
            Kind::Lift => Action::Lift(some?),
            _ => return None,
        };
        Some((id, action))
    }
}

impl Log {
    /// The requests that were done, as far as the log goes back.
    pub fn requests(&self, channels: usize) -> Memory {
        let mut memory = Memory::default();
        for Entry { what, .. } in self.entries() {
            if let Some((id, action)) = what.request(channels) {
                memory.remember(id, action);
            }
        }
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_known_again_by_its_entry() {
        let channel = ChannelNumber::at(1);
        let pulse = PulseLength::from_ms(700).unwrap();
        let lease = Lease::from_ms(2_000).unwrap();
        for action in [
            Action::Pulse(channel, Some(pulse)),
            Action::Hold(channel, lease, HoldLength::from_ms(5_000).unwrap()),
            Action::Lock(channel),
            Action::LockDown(None),
            Action::LockDown(Some(channel)),
            Action::Lift(None),
            Action::Lift(Some(channel)),
        ] {
            let id = RequestId::new("a").unwrap();
            let request = Request { id: id.clone(), action: action.clone(), actor: None };
            let what = What::requested(&request, &action);
            assert_eq!(what.request(2), Some((id, action.clone())));
            assert_eq!(what.clone().refused("LOCKED_DOWN").request(2), None);
            if action.channel().is_some() {
                assert_eq!(what.request(1), None, "a channel that is not there any more");
            }
        }
    }
}
