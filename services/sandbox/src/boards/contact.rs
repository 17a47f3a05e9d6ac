//! A relay's contact, the timer that its board runs for it, and when it was closed. Pure.

use chrono::TimeDelta;
use domain::Timestamp;
use serde::Serialize;

/// So many closures are remembered of each contact; older ones are forgotten.
const CLOSURES_MAX: usize = 10_000;

/// Once that a contact was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Closure {
    /// When it closed.
    pub closed_at: Timestamp,
    /// When it opened; none: it is closed still.
    pub opened_at: Option<Timestamp>,
}

/// What a board does by itself, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timer {
    pub(super) started_at: Timestamp,
    pub(super) ends_at: Timestamp,
    /// Whether the contact is closed then.
    closes: bool,
}

/// A contact. [`Contact::settle`] comes before everything else.
#[derive(Debug, Default)]
pub(super) struct Contact {
    is_closed: bool,
    timer: Option<Timer>,
    /// What was asked for and is not done yet.
    later: Option<(Timestamp, bool, Option<TimeDelta>)>,
    is_welded: bool,
    closures: Vec<Closure>,
}

impl Contact {
    /// Has the board do what was due until now.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if let Some((at, is_closed, flips_after)) = self.later.filter(|(at, ..)| *at <= now) {
            self.later = None;
            self.run_timer(at);
            self.set(is_closed, flips_after, at);
        }
        self.run_timer(now);
    }

    fn run_timer(&mut self, now: Timestamp) {
        if let Some(timer) = self.timer.filter(|timer| timer.ends_at <= now) {
            self.timer = None;
            self.change(timer.closes, timer.ends_at);
        }
    }

    /// Closes or opens it, and back again after a while if that is said. A timer that ran is forgotten.
    pub(super) fn set(&mut self, is_closed: bool, flips_after: Option<TimeDelta>, now: Timestamp) {
        self.change(is_closed, now);
        self.timer =
            flips_after.map(|after| Timer { started_at: now, ends_at: now + after, closes: !is_closed });
    }

    /// The same, but only then.
    pub(super) fn set_later(&mut self, is_closed: bool, flips_after: Option<TimeDelta>, at: Timestamp) {
        self.later = Some((at, is_closed, flips_after));
    }

    /// The board loses its power: what it meant to do is forgotten, and the contact falls open.
    pub(super) fn lose_power(&mut self, now: Timestamp) {
        (self.timer, self.later) = (None, None);
        self.change(false, now);
    }

    /// Once welded it does not open, whatever the board does.
    pub(super) fn weld(&mut self, is_welded: bool) {
        self.is_welded = is_welded;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(super) fn timer(&self) -> Option<Timer> {
        self.timer
    }

    pub(super) fn closures(&self) -> &[Closure] {
        &self.closures
    }

    fn change(&mut self, is_closed: bool, at: Timestamp) {
        if self.is_closed == is_closed || (self.is_welded && !is_closed) {
            return;
        }
        self.is_closed = is_closed;
        if is_closed {
            if self.closures.len() >= CLOSURES_MAX {
                self.closures.remove(0);
            }
            self.closures.push(Closure { closed_at: at, opened_at: None });
        } else if let Some(last) = self.closures.last_mut() {
            last.opened_at = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::milliseconds(ms)
    }

    fn after(ms: i64) -> Option<TimeDelta> {
        Some(TimeDelta::milliseconds(ms))
    }

    fn closures(contact: &Contact) -> Vec<(i64, Option<i64>)> {
        let ms = |time: Timestamp| (time - Timestamp::UNIX_EPOCH).num_milliseconds();
        contact.closures().iter().map(|it| (ms(it.closed_at), it.opened_at.map(ms))).collect()
    }

    #[test]
    fn a_timer_ends_at_its_time_however_late_anyone_looks() {
        let mut contact = Contact::default();
        contact.set(true, after(3_000), at(0));
        contact.settle(at(60_000));
        assert_eq!(closures(&contact), [(0, Some(3_000))]);
    }

    #[test]
    fn closing_again_restarts_the_timer_and_opening_ends_it() {
        let mut contact = Contact::default();
        contact.set(true, after(3_000), at(0));
        contact.settle(at(2_000));
        contact.set(true, after(3_000), at(2_000));
        contact.settle(at(4_000));
        assert!(contact.is_closed());
        contact.set(false, None, at(4_000));
        contact.settle(at(9_000));
        assert_eq!(closures(&contact), [(0, Some(4_000))]);
    }

    #[test]
    fn what_is_done_later_is_done_then() {
        let mut contact = Contact::default();
        contact.set_later(true, after(1_000), at(500));
        contact.settle(at(499));
        assert!(!contact.is_closed());
        contact.settle(at(5_000));
        assert_eq!(closures(&contact), [(500, Some(1_500))]);
    }

    #[test]
    fn a_welded_contact_stays_closed_also_without_power() {
        let mut contact = Contact::default();
        contact.set(true, after(1_000), at(0));
        contact.weld(true);
        contact.settle(at(2_000));
        contact.lose_power(at(3_000));
        assert_eq!(closures(&contact), [(0, None)]);
    }

    proptest! {
        #[test]
        fn it_is_never_closed_longer_than_asked(steps in prop::collection::vec((0i64..5_000, 1i64..4_000), 1..40)) {
            let mut contact = Contact::default();
            let mut now = 0;
            let mut until = i64::MIN;
            for (wait, ms) in steps {
                now += wait;
                contact.settle(at(now));
                prop_assert_eq!(contact.is_closed(), now < until);
                contact.set(true, after(ms), at(now));
                until = now + ms;
            }
            contact.settle(at(until));
            prop_assert!(contact.closures().iter().all(|it| it.opened_at.is_some()));
        }
    }
}
