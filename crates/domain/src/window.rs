//! Half-open windows of time: `[start, end)`, UTC.

use chrono::Duration;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// From `start` (in) until `end` (out). Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

/// The end was not after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must end after it starts")]
pub struct WindowEmpty;

impl Window {
    /// The window from `start` until `end`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, WindowEmpty> {
        if start < end { Ok(Self { start, end }) } else { Err(WindowEmpty) }
    }

    /// First moment inside.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// First moment after.
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Whether `at` lies inside.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// How long it lasts.
    pub fn duration(self) -> Duration {
        self.end - self.start
    }

    /// The window with `lead` before and `lag` after. Neither is negative, so the result is never empty.
    pub fn widened(self, lead: Duration, lag: Duration) -> Self {
        debug_assert!(lead >= Duration::zero() && lag >= Duration::zero(), "lead and lag widen");
        Self { start: self.start - lead, end: self.end + lag }
    }

    /// The fewest windows that cover exactly the same moments, in order of time. Windows that touch
    /// become one, so that access across back-to-back bookings has no seam.
    pub fn union(windows: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut sorted: Vec<Self> = windows.into_iter().collect();
        sorted.sort_by_key(|window| window.start);
        let mut union: Vec<Self> = Vec::with_capacity(sorted.len());
        for window in sorted {
            match union.last_mut() {
                Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
                _ => union.push(window),
            }
        }
        union
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    fn window(start: i64, end: i64) -> Window {
        Window::new(at(start), at(end)).unwrap()
    }

    #[test]
    fn a_window_that_does_not_end_after_it_starts_is_refused() {
        assert_eq!(Window::new(at(5), at(5)), Err(WindowEmpty));
        assert_eq!(Window::new(at(5), at(4)), Err(WindowEmpty));
    }

    #[test]
    fn windows_that_touch_have_no_seam() {
        assert_eq!(Window::union([window(60, 120), window(0, 60)]), vec![window(0, 120)]);
        assert_eq!(Window::union([window(0, 59), window(60, 120)]).len(), 2);
    }

    proptest! {
        /// The union holds a moment exactly if one of the windows holds it, and is in order, apart.
        #[test]
        fn union_covers_exactly_the_same_moments(
            pairs in prop::collection::vec((0i64..200, 1i64..40), 0..12), probe in 0i64..260,
        ) {
            let windows: Vec<Window> = pairs.iter().map(|&(start, len)| window(start, start + len)).collect();
            let union = Window::union(windows.clone());
            prop_assert_eq!(
                union.iter().any(|w| w.contains(at(probe))),
                windows.iter().any(|w| w.contains(at(probe)))
            );
            prop_assert!(union.windows(2).all(|pair| pair[0].end() < pair[1].start()));
        }
    }
}
