//! What a door should be by itself, locked or unlocked, by what rule and until when; and what it is told for that. Pure:
//! no IO, no clock.
//!
//! A lockdown comes before whatever someone held or locked by hand, that before a booking that holds the door, and that
//! before the door's hours. A door that nothing holds open is locked.

#[cfg(test)]
mod tests;

use std::time::Duration as Span;

use chrono::Duration;
use domain::{OtherDays, Timestamp, Window};

use crate::engine::Hours;

/// How far ahead hours are seen. What stands then as it does now has no end in sight.
pub const AHEAD: Duration = Duration::days(8);
/// How far back it is seen whether a door was open all the time since someone locked it.
pub const BEHIND: Duration = Duration::days(8);
/// A device may end a hold later than it was asked to by so much.
const LATE: Duration = Duration::seconds(90);

/// When a door is to be unlocked, every week.
#[derive(Debug, Clone)]
pub struct DoorHours {
    /// By whose clocks.
    pub hours: Hours,
    /// Holidays.
    pub others: OtherDays,
}

/// What someone did at a door by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manual {
    /// When.
    pub at: Timestamp,
    /// What.
    pub act: Act,
}

/// What a door is made to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// To stay open until then.
    Hold(Timestamp),
    /// To be locked.
    Lock,
}

/// By what a door is as it is. The first ones come before the last ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// An emergency: locked until that is lifted.
    Lockdown,
    /// Someone holds it open.
    ManualHold,
    /// Someone locked it while it was held open by what follows: locked until that would be over.
    ManualLock,
    /// A booking holds it open.
    Booking,
    /// It is within its hours.
    Hours,
    /// Nothing holds it open.
    Nothing,
}

impl Rule {
    /// Whether a door is unlocked by it.
    pub fn unlocks(self) -> bool {
        match self {
            Self::ManualHold | Self::Booking | Self::Hours => true,
            Self::Lockdown | Self::ManualLock | Self::Nothing => false,
        }
    }

    /// Whether nobody but us would tell it to the door.
    fn is_ours(self) -> bool {
        matches!(self, Self::Booking | Self::Hours)
    }
}

/// What a door should be at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Should {
    /// By what.
    pub rule: Rule,
    /// When another rule counts; `None`: that is not in sight.
    pub until: Option<Timestamp>,
}

/// All that a door's state depends on, as seen at one moment: what lies before that is not known.
#[derive(Debug, Clone)]
pub struct Influences {
    is_locked_down: bool,
    manual: Option<Manual>,
    bookings: Vec<Window>,
    /// What would hold it open by itself, with and without bookings.
    open: Vec<Window>,
    hours: Vec<Window>,
    seen_from: Timestamp,
    seen_until: Timestamp,
}

impl Influences {
    /// As seen at `now`. `manual` is the last that someone did there since there was a lockdown. Holds that are over, and
    /// locks while nothing held the door open, count for nothing.
    pub fn new(
        now: Timestamp,
        hours: Option<&DoorHours>,
        bookings: impl IntoIterator<Item = Window>,
        manual: Option<Manual>,
        is_locked_down: bool,
    ) -> Self {
        let seen_from = match manual {
            Some(Manual { at, act: Act::Lock }) => at.clamp(now - BEHIND, now),
            _ => now,
        };
        let seen_until = now + AHEAD;
        let seen = Window::new(seen_from, seen_until).expect("ahead is later");
        let windows =
            |door: &DoorHours| door.hours.weekly.windows_except(door.hours.zone, seen, &door.others);
        let hours = hours.map(windows).unwrap_or_default();
        let bookings = Window::union(bookings);
        let open = Window::union(hours.iter().chain(&bookings).copied());
        Self { is_locked_down, manual, bookings, open, hours, seen_from, seen_until }
    }

    /// What the door should be at a moment from that on at which this was seen.
    pub fn should(&self, at: Timestamp) -> Should {
        let should = |rule, until: Option<Timestamp>| Should {
            rule,
            until: until.filter(|&until| until < self.seen_until || rule == Rule::Booking),
        };
        if self.is_locked_down {
            return Should { rule: Rule::Lockdown, until: None };
        }
        if let Some(Manual { act: Act::Hold(until), .. }) = self.manual
            && at < until
        {
            return Should { rule: Rule::ManualHold, until: Some(until) };
        }
        let Some(open) = around(&self.open, at) else {
            return should(Rule::Nothing, next(&self.open, at));
        };
        if let Some(Manual { at: locked_at, act: Act::Lock }) = self.manual
            && open.start() <= locked_at.max(self.seen_from)
        {
            return should(Rule::ManualLock, Some(open.end()));
        }
        match around(&self.bookings, at) {
            Some(booking) => should(Rule::Booking, Some(booking.end())),
            None => {
                let end = around(&self.hours, at).map(Window::end);
                should(Rule::Hours, sooner(end, next(&self.bookings, at)))
            }
        }
    }

    /// Until when the door stays unlocked, whatever holds it open then, and by the first of it that is told by nobody but
    /// us. Looks no further than `limit`.
    fn unlocked(&self, now: Timestamp, limit: Timestamp) -> (Timestamp, Option<Rule>) {
        let (mut at, mut ours) = (now, None);
        while at < limit {
            let Should { rule, until } = self.should(at);
            if !rule.unlocks() {
                return (at, ours);
            }
            ours = ours.or(Some(rule).filter(|rule| rule.is_ours()));
            at = until.unwrap_or(limit);
        }
        (at, ours)
    }
}

/// The one of these that holds a moment.
fn around(windows: &[Window], at: Timestamp) -> Option<Window> {
    windows.iter().copied().find(|window| window.contains(at))
}

/// The next begin of one of these after a moment.
fn next(windows: &[Window], at: Timestamp) -> Option<Timestamp> {
    windows.iter().map(|window| window.start()).find(|&start| at < start)
}

/// What a door was last told that lasts, by whomever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub act: Act,
    /// Whether it was told by us, for a booking or the door's hours.
    pub is_ours: bool,
    /// Whether the door may be otherwise all the same.
    pub is_doubtful: bool,
}

/// What is to be told to a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub act: Act,
    /// For which of them.
    pub rule: Rule,
}

/// What a door is told now, if anything, and when that is to be decided again if nothing changes; `None`: that is not in
/// sight.
pub fn decide(
    influences: &Influences,
    now: Timestamp,
    told: Option<Told>,
    hold_max: Span,
) -> (Option<Order>, Option<Timestamp>) {
    let Should { rule, until } = influences.should(now);
    if rule == Rule::Lockdown {
        return (None, None);
    }
    if !rule.unlocks() {
        let is_locked = match told {
            None => true,
            Some(told) if told.is_doubtful => false,
            Some(Told { act: Act::Lock, .. }) => true,
            // What we hold open we lock, also if the device should have done so.
            Some(Told { act: Act::Hold(held_until), is_ours, .. }) => held_until <= now && !is_ours,
        };
        return ((!is_locked).then_some(Order { act: Act::Lock, rule }), until);
    }
    let hold_max = Duration::from_std(hold_max).unwrap_or(Duration::MAX).min(AHEAD);
    let (wanted, ours) = influences.unlocked(now, influences.seen_until);
    let Some(rule) = ours else { return (None, until) };
    let hold = Order { act: Act::Hold(wanted.min(now + hold_max)), rule };
    // A lease is renewed when half of it is over.
    let renew_at = |held_until: Timestamp| (held_until < wanted).then(|| held_until - hold_max / 2);
    if let Some(Told { act: Act::Hold(held_until), is_doubtful: false, .. }) = told
        && held_until <= wanted + LATE
        && renew_at(held_until).is_none_or(|renew_at| now < renew_at)
    {
        return (None, sooner(until, renew_at(held_until)));
    }
    (Some(hold), sooner(until, renew_at(wanted.min(now + hold_max))))
}

fn sooner(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
