//! What holds of a channel, whatever is asked of it.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn channel() -> Channel {
    Channel::new(PulseLength::from_ms(3_000).unwrap(), false)
}

fn pulse(ms: u64) -> PulseLength {
    PulseLength::from_ms(ms).unwrap()
}

fn id(text: &str) -> RequestId {
    RequestId::new(text).unwrap()
}

#[test]
fn a_pulse_ends_at_its_end_and_not_before() {
    let mut channel = channel();
    channel.pulse(SECOND, pulse(500)).unwrap();
    channel.turn(SECOND + Duration::from_millis(499));
    assert!(channel.is_on());
    channel.turn(SECOND + Duration::from_millis(500));
    assert!(!channel.is_on());
}

#[test]
fn a_shorter_pulse_does_not_cut_a_longer_one() {
    let mut channel = channel();
    channel.pulse(SECOND, pulse(5_000)).unwrap();
    channel.pulse(SECOND * 2, pulse(1_000)).unwrap();
    assert_eq!(channel.off_at(), Some(SECOND * 6));
}

#[test]
fn a_renewal_prolongs_a_hold_but_never_beyond_what_was_asked_for() {
    let mut channel = channel();
    let (lease, length) = (Lease::from_ms(10_000).unwrap(), HoldLength::from_ms(15_000).unwrap());
    channel.hold_open(SECOND, id("h"), lease, length).unwrap();
    assert_eq!(channel.renew(SECOND * 5, &id("h"), lease), Ok(SECOND * 15));
    assert_eq!(channel.renew(SECOND * 12, &id("h"), lease), Ok(SECOND * 16));
    assert_eq!(channel.turn(SECOND * 16), Some(HoldOver { id: id("h"), by: Over::Time }));
    assert_eq!(channel.renew(SECOND * 16, &id("h"), lease), Err(Refused::HoldEnded));
}

#[test]
fn a_hold_that_nobody_renews_ends_with_its_lease() {
    let mut channel = channel();
    let (lease, length) = (Lease::from_ms(10_000).unwrap(), HoldLength::from_ms(3_600_000).unwrap());
    channel.hold_open(SECOND, id("h"), lease, length).unwrap();
    assert_eq!(channel.turn(SECOND * 11), Some(HoldOver { id: id("h"), by: Over::Lease }));
    assert!(!channel.is_on());
}

#[test]
fn a_locked_hold_is_not_taken_up_by_a_late_renewal() {
    let mut channel = channel();
    let (lease, length) = (Lease::from_ms(10_000).unwrap(), HoldLength::from_ms(3_600_000).unwrap());
    channel.hold_open(SECOND, id("h"), lease, length).unwrap();
    channel.lock();
    assert_eq!(channel.renew(SECOND * 2, &id("h"), lease), Err(Refused::HoldEnded));
    assert!(!channel.is_on());
}

/// Anything that can happen to a channel.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Pulse(u64),
    Hold(u8, u64, u64),
    Renew(u8, u64),
    Lock,
    LockDown,
    Lift,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..20_000u64).prop_map(Step::Wait),
        3 => (100..=30_000u64).prop_map(Step::Pulse),
        2 => (0..3u8, 1_000..=60_000u64, 1_000..=120_000u64).prop_map(|(i, l, f)| Step::Hold(i, l, f)),
        3 => (0..3u8, 1_000..=60_000u64).prop_map(|(i, l)| Step::Renew(i, l)),
        1 => Just(Step::Lock),
        1 => Just(Step::LockDown),
        1 => Just(Step::Lift),
    ]
}

proptest! {
    /// A second opinion that knows nothing of timers: it keeps all that was ever asked for, and looks through it.
    #[test]
    fn a_channel_is_on_exactly_while_something_that_was_asked_for_says_so(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut channel = channel();
        let mut now = Duration::ZERO;
        let mut pulses: Vec<Duration> = Vec::new();
        let mut hold: Option<(u8, Duration, Duration)> = None;
        let mut locked_down = false;
        for step in steps {
            channel.turn(now);
            let held = hold.filter(|(_, lease, end)| now < *lease && now < *end);
            match step {
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Pulse(ms) => {
                    prop_assert_eq!(channel.pulse(now, pulse(ms)).is_ok(), !locked_down);
                    if !locked_down { pulses.push(now + Duration::from_millis(ms)); }
                }
                Step::Hold(i, lease, length) => {
                    let done = channel.hold_open(
                        now, id(&i.to_string()), Lease::from_ms(lease).unwrap(), HoldLength::from_ms(length).unwrap(),
                    );
                    prop_assert_eq!(done.is_ok(), !locked_down);
                    if !locked_down {
                        hold = Some((i, now + Duration::from_millis(lease), now + Duration::from_millis(length)));
                    }
                }
                Step::Renew(i, lease) => {
                    let done = channel.renew(now, &id(&i.to_string()), Lease::from_ms(lease).unwrap());
                    let runs = held.is_some_and(|(running, ..)| running == i);
                    prop_assert_eq!(done.is_ok(), runs && !locked_down);
                    if let (true, Some((_, until, _))) = (done.is_ok(), hold.as_mut()) {
                        *until = now + Duration::from_millis(lease);
                    }
                }
                Step::Lock => { channel.lock(); pulses.clear(); hold = None; }
                Step::LockDown => { channel.lock_down(); pulses.clear(); hold = None; locked_down = true; }
                Step::Lift => { channel.lift(); locked_down = false; }
            }
            channel.turn(now);
            let pulsed = pulses.iter().any(|until| now < *until);
            let held = hold.is_some_and(|(_, lease, end)| now < lease && now < end);
            prop_assert_eq!(channel.is_on(), pulsed || held);
            // Whatever is on has an end, and none is further away than what may be asked for.
            let latest = now + Duration::from_millis(Lease::MOST_MS.max(PulseLength::MOST_MS));
            prop_assert!(channel.off_at().is_none_or(|end| now < end && end <= latest));
            prop_assert!(!(channel.is_on() && locked_down));
        }
    }
}
