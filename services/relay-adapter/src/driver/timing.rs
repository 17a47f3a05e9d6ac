//! For how long a board can close a contact by itself. Pure.

use std::time::Duration;

use door_adapter::{AccessReason, ErrorKind, ProviderError};

use super::{LEASE, PULSE_MAX, PULSE_MIN, PULSE_USUAL};

/// A board that can't keep a contact closed for so long is of no use for holding: it would have to be told all the
/// time.
const LEASE_MIN: Duration = Duration::from_secs(3);

/// Leases are not longer than that, so that a door whose board is left alone is locked soon.
const LEASE_MAX: Duration = Duration::from_secs(60);

/// How a board measures the time for which it closes a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// As it is told each time.
    Told {
        /// In whole ones of these, and one at the least.
        unit: Duration,
        /// At the most.
        max: Duration,
    },
    /// As it was set up once.
    Fixed(Duration),
    /// Not at all: Latchkey opens the contact, which its operator accepted by name.
    Untimed,
}

impl Timing {
    /// For how long a contact is closed for a moment that should be so long. Never shorter.
    pub fn pulse(self, length: Option<Duration>) -> Result<Duration, ProviderError> {
        let wanted = length.unwrap_or(PULSE_USUAL);
        match self {
            Self::Told { unit, max } => rounded(wanted, unit, max.min(PULSE_MAX)),
            Self::Untimed if (PULSE_MIN..=PULSE_MAX).contains(&wanted) => Ok(wanted),
            Self::Untimed => Err(out_of_range(PULSE_MIN, PULSE_MAX)),
            Self::Fixed(fixed) if length.is_none_or(|wanted| wanted == fixed) && fixed <= PULSE_MAX => {
                Ok(fixed)
            }
            Self::Fixed(fixed) => Err(out_of_range(fixed, fixed.min(PULSE_MAX))),
        }
    }

    /// For how long a contact is closed for a lease that should be so long.
    pub fn lease(self, wanted: Duration) -> Result<Duration, ProviderError> {
        match self {
            Self::Told { unit, max } if self.can_hold() => rounded(wanted, unit, max.min(LEASE_MAX)),
            Self::Fixed(fixed) if self.can_hold() => Ok(fixed),
            Self::Told { .. } | Self::Fixed(_) | Self::Untimed => {
                let reason = "the board can't hold a door open in a way that ends by itself";
                Err(ProviderError::new(ErrorKind::Rejected, reason).with_code(AccessReason::DoorCannot))
            }
        }
    }

    /// Whether it can hold a contact closed in a way that ends by itself.
    pub fn can_hold(self) -> bool {
        match self {
            Self::Told { max, .. } => max >= LEASE,
            Self::Fixed(fixed) => (LEASE_MIN..=LEASE_MAX).contains(&fixed),
            Self::Untimed => false,
        }
    }
}

fn rounded(wanted: Duration, unit: Duration, max: Duration) -> Result<Duration, ProviderError> {
    let units = wanted.as_micros().div_ceil(unit.as_micros().max(1));
    let rounded = u32::try_from(units).ok().and_then(|units| unit.checked_mul(units));
    rounded.filter(|rounded| wanted >= unit && *rounded <= max).ok_or_else(|| out_of_range(unit, max))
}

fn out_of_range(min: Duration, max: Duration) -> ProviderError {
    let range = if min == max {
        format!("{} ms and no other time", min.as_millis())
    } else {
        format!("from {} to {} ms", min.as_millis(), max.as_millis())
    };
    let reason = format!("the board closes this relay for {range}");
    ProviderError::new(ErrorKind::Rejected, reason).with_code(AccessReason::DoorCannot)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_board_that_has_one_time_has_no_other() {
        let fixed = Timing::Fixed(ms(4_000));
        assert_eq!(fixed.pulse(None).unwrap(), ms(4_000));
        assert_eq!(fixed.pulse(Some(ms(4_000))).unwrap(), ms(4_000));
        assert_eq!(fixed.lease(LEASE).unwrap(), ms(4_000));
        for wanted in [1, 3_999, 4_001] {
            let error = fixed.pulse(Some(ms(wanted))).unwrap_err();
            assert!(error.reason.ends_with("4000 ms and no other time"), "{error}");
        }
        assert!(Timing::Fixed(ms(31_000)).pulse(None).is_err(), "too long for a moment");
        assert!(Timing::Fixed(ms(2_900)).lease(LEASE).is_err(), "too short for a lease");
    }

    #[test]
    fn what_has_no_timer_holds_nothing_open() {
        assert_eq!(Timing::Untimed.pulse(None).unwrap(), PULSE_USUAL);
        assert!(Timing::Untimed.lease(ms(5_000)).is_err());
        assert_eq!(Timing::Untimed.pulse(Some(ms(150))).unwrap(), ms(150), "there is no unit to round to");
        assert!(Timing::Untimed.pulse(Some(ms(99))).is_err());
    }

    proptest! {
        #[test]
        fn times_are_rounded_up_by_less_than_a_unit_or_refused(
            wanted in 0u64..100_000, unit in 1u64..2_000, max in 1u64..70_000, is_lease: bool,
        ) {
            let timing = Timing::Told { unit: ms(unit), max: ms(max) };
            let given = if is_lease { timing.lease(ms(wanted)) } else { timing.pulse(Some(ms(wanted))) };
            if let Ok(given) = given {
                prop_assert!(given >= ms(wanted) && given < ms(wanted + unit));
                prop_assert!(given >= ms(unit) && given <= ms(max).min(LEASE_MAX));
                prop_assert_eq!(given.as_millis() % u128::from(unit), 0);
            } else if !is_lease {
                let rounded = wanted.div_ceil(unit) * unit;
                prop_assert!(wanted < unit || rounded > max || ms(rounded) > PULSE_MAX);
            }
        }
    }
}
