//! The circuit of one account: stops calling what does not answer, and tries again with one call.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Breaker as Settings;

/// While a probe is under way, others are told to come back after this.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// What an account's circuit does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Sends it.
    Closed,
    /// Refuses it.
    Open,
    /// Sends it as the one probe, or refuses it because the probe is under way.
    HalfOpen,
}

/// State machine of one circuit. Times come from the caller.
#[derive(Debug)]
pub(crate) struct Breaker {
    settings: Settings,
    state: State,
    /// Counts changes of state, so that the outcome of a call sent before one changes nothing after.
    epoch: u64,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing,
}

/// Leave to send one call. Its outcome must be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    epoch: u64,
}

/// What became of a call that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The vendor answered, if only to refuse.
    Alive,
    /// No answer, or one that says that the vendor is out of order.
    Dead,
    /// The caller gave up before there was one.
    Cancelled,
}

/// A change worth a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Opened,
    Closed,
}

impl Breaker {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, state: State::Closed { failures: 0 }, epoch: 0 }
    }

    pub(crate) fn state(&self, now: Instant) -> CircuitState {
        match self.state {
            State::Closed { .. } => CircuitState::Closed,
            State::Open { until } if now < until => CircuitState::Open,
            State::Open { .. } | State::Probing => CircuitState::HalfOpen,
        }
    }

    /// How long calls are refused, if they are. Changes nothing.
    pub(crate) fn refusal(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open { until } if now < until => Some(until - now),
            State::Probing => Some(PROBE_WAIT),
            State::Open { .. } | State::Closed { .. } => None,
        }
    }

    /// Leave to send a call, or how long to stay away.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Ticket, Duration> {
        if let Some(wait) = self.refusal(now) {
            return Err(wait);
        }
        if matches!(self.state, State::Open { .. }) {
            self.enter(State::Probing);
        }
        Ok(Ticket { epoch: self.epoch })
    }

    /// Takes the outcome of a call that was admitted.
    pub(crate) fn report(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Option<Change> {
        if ticket.epoch != self.epoch {
            return None;
        }
        match (&mut self.state, outcome) {
            (State::Closed { failures }, Outcome::Alive) => {
                *failures = 0;
                None
            }
            (State::Closed { failures }, Outcome::Dead) => {
                *failures += 1;
                (*failures >= self.settings.failures.get()).then(|| self.open(now))
            }
            (State::Probing, Outcome::Alive) => {
                self.enter(State::Closed { failures: 0 });
                Some(Change::Closed)
            }
            (State::Probing, Outcome::Dead) => Some(self.open(now)),
            // The next call probes in its place.
            (State::Probing, Outcome::Cancelled) => {
                self.enter(State::Open { until: now });
                None
            }
            (State::Closed { .. }, Outcome::Cancelled) | (State::Open { .. }, _) => None,
        }
    }

    fn open(&mut self, now: Instant) -> Change {
        self.enter(State::Open { until: now + self.settings.cool_down });
        Change::Opened
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    const COOL_DOWN: Duration = Duration::from_secs(30);

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(Settings { failures: NonZeroU32::new(failures).unwrap(), cool_down: COOL_DOWN })
    }

    fn call(breaker: &mut Breaker, outcome: Outcome, now: Instant) -> Option<Change> {
        let ticket = breaker.admit(now).unwrap();
        breaker.report(ticket, outcome, now)
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = breaker(1);
        assert_eq!(call(&mut breaker, Outcome::Dead, now), Some(Change::Opened));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row() {
        let (mut breaker, now) = (breaker(2), Instant::now());
        assert_eq!(call(&mut breaker, Outcome::Dead, now), None);
        assert_eq!(call(&mut breaker, Outcome::Alive, now), None);
        assert_eq!(call(&mut breaker, Outcome::Dead, now), None);
        assert_eq!(call(&mut breaker, Outcome::Dead, now), Some(Change::Opened));
        assert_eq!(breaker.admit(now), Err(COOL_DOWN));
        assert_eq!(breaker.state(now), CircuitState::Open);
    }

    #[test]
    fn after_the_cool_down_one_call_probes_and_closes_it() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + COOL_DOWN;
        assert_eq!(breaker.state(later), CircuitState::HalfOpen);
        let probe = breaker.admit(later).unwrap();
        assert_eq!(breaker.admit(later), Err(PROBE_WAIT));
        assert_eq!(breaker.report(probe, Outcome::Alive, later), Some(Change::Closed));
        assert_eq!(breaker.state(later), CircuitState::Closed);
    }

    #[test]
    fn a_failed_probe_opens_it_for_another_cool_down() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + COOL_DOWN;
        assert_eq!(call(&mut breaker, Outcome::Dead, later), Some(Change::Opened));
        assert_eq!(breaker.refusal(later), Some(COOL_DOWN));
    }

    #[test]
    fn a_cancelled_probe_leaves_its_place_to_the_next() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + COOL_DOWN;
        assert_eq!(call(&mut breaker, Outcome::Cancelled, later), None);
        assert!(breaker.admit(later).is_ok());
    }

    #[test]
    fn a_late_outcome_of_a_call_sent_before_it_opened_changes_nothing() {
        let (mut breaker, now) = (breaker(1), Instant::now());
        let slow = breaker.admit(now).unwrap();
        call(&mut breaker, Outcome::Dead, now);
        assert_eq!(breaker.report(slow, Outcome::Alive, now), None);
        assert_eq!(breaker.state(now), CircuitState::Open);
        let probe = breaker.admit(now + COOL_DOWN).unwrap();
        assert_eq!(breaker.report(slow, Outcome::Dead, now + COOL_DOWN), None);
        assert_eq!(breaker.report(probe, Outcome::Alive, now + COOL_DOWN), Some(Change::Closed));
    }

    proptest! {
        /// Any calls, with outcomes in any order: nothing is sent during a cool-down, at most one
        /// probe is out after it, and a live vendor is called again in the end.
        #[test]
        fn it_never_sends_into_a_cool_down_and_never_stays_open_for_good(
            limit in 1u32..4,
            steps in prop::collection::vec((0u8..5, 0u64..20, any::<prop::sample::Index>()), 0..80),
        ) {
            let mut breaker = breaker(limit);
            let mut now = Instant::now();
            let mut out: Vec<(Ticket, bool)> = Vec::new();
            let mut opened_at: Option<Instant> = None;
            for (step, seconds, index) in steps {
                now += Duration::from_secs(seconds);
                if step < 2 {
                    let is_probe = breaker.state(now) == CircuitState::HalfOpen;
                    if let Ok(ticket) = breaker.admit(now) {
                        prop_assert!(opened_at.is_none_or(|at| now >= at + COOL_DOWN));
                        prop_assert!(!is_probe || out.iter().all(|(ticket, probe)| !probe || ticket.epoch != breaker.epoch));
                        out.push((ticket, is_probe));
                    }
                } else if !out.is_empty() {
                    let (ticket, _) = out.swap_remove(index.index(out.len()));
                    let outcome = [Outcome::Alive, Outcome::Dead, Outcome::Cancelled][usize::from(step) - 2];
                    match breaker.report(ticket, outcome, now) {
                        Some(Change::Opened) => opened_at = Some(now),
                        Some(Change::Closed) => opened_at = None,
                        None => {}
                    }
                }
            }
            for (ticket, _) in out.drain(..) {
                breaker.report(ticket, Outcome::Cancelled, now);
            }
            now += COOL_DOWN;
            call(&mut breaker, Outcome::Alive, now);
            prop_assert_eq!(breaker.state(now), CircuitState::Closed);
        }
    }
}
