//! How long a relay may be on: values that can't be too long.

use std::fmt;
use std::time::Duration;

/// A duration is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {got} ms; it may be from {least} to {most} ms")]
pub struct OutOfRange {
    what: &'static str,
    /// As a code.
    pub reason: &'static str,
    /// What the value is called in requests.
    pub field: &'static str,
    got: u64,
    least: u64,
    most: u64,
}

impl OutOfRange {
    /// The same, of a field by another name.
    pub(crate) fn of_field(self, field: &'static str) -> Self {
        Self { field, ..self }
    }
}

macro_rules! span {
    ($(#[$doc:meta])* $name:ident, $what:literal, $reason:literal, $field:literal, $least:literal, $most:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Duration);

        impl $name {
            /// The shortest, in milliseconds.
            pub const LEAST_MS: u64 = $least;
            /// The longest, in milliseconds.
            pub const MOST_MS: u64 = $most;

            /// So many milliseconds.
            pub fn from_ms(ms: u64) -> Result<Self, OutOfRange> {
                if (Self::LEAST_MS..=Self::MOST_MS).contains(&ms) {
                    Ok(Self(Duration::from_millis(ms)))
                } else {
                    Err(OutOfRange {
                        what: $what,
                        reason: $reason,
                        field: $field,
                        got: ms,
                        least: Self::LEAST_MS,
                        most: Self::MOST_MS,
                    })
                }
            }

            /// As a duration.
            pub fn get(self) -> Duration {
                self.0
            }

            /// In milliseconds.
            pub fn ms(self) -> u64 {
                whole_ms(self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} ms", self.ms())
            }
        }
    };
}

span!(
    /// How long a pulse is: 100 to 30,000 ms.
    PulseLength, "a pulse", "PULSE_OUT_OF_RANGE", "ms", 100, 30_000
);
span!(
    /// After how long without a renewal a hold ends: 1 to 60 seconds.
    Lease, "a lease", "LEASE_OUT_OF_RANGE", "lease_ms", 1_000, 60_000
);
span!(
    /// After how long a hold ends in any case: 1 second to 24 hours.
    HoldLength, "a hold", "HOLD_OUT_OF_RANGE", "for_ms", 1_000, 86_400_000
);

/// Whole milliseconds; those who wait so long wait long enough.
pub fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
