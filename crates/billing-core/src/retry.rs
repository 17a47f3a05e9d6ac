//! When a declined charge is tried again, and how long a person is waited for.

use chrono::Duration;

/// A workspace's schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    gaps: Vec<u16>,
    patience: u16,
}

/// Nobody wants to be charged like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Banks take offence.
    #[error("must have at most {} retries", Schedule::RETRIES_MAX)]
    TooMany,
    /// At once, or when everybody has forgotten.
    #[error("must be 1 to {} days", Schedule::DAYS_MAX)]
    Days,
}

impl Schedule {
    /// So many retries at most. Card networks allow 15 attempts within 30 days (Visa's rules); people, fewer.
    pub const RETRIES_MAX: usize = 8;

    /// So many days at most.
    pub const DAYS_MAX: u16 = 60;

    /// So often may a debit that came back be tried again (Nacha Operating Rules, reinitiation of entries).
    pub const DEBIT_RETRIES_MAX: usize = 2;

    /// Retries so many days after each failure, and a person waited for so many days.
    pub fn new(gaps_days: Vec<u16>, patience_days: u16) -> Result<Self, ScheduleError> {
        if gaps_days.len() > Self::RETRIES_MAX {
            return Err(ScheduleError::TooMany);
        }
        let is_usual = |days: &u16| (1..=Self::DAYS_MAX).contains(days);
        let is_good = gaps_days.iter().chain([&patience_days]).all(is_usual);
        is_good.then_some(Self { gaps: gaps_days, patience: patience_days }).ok_or(ScheduleError::Days)
    }

    /// The same for bank debits, which may be tried again less often.
    #[must_use]
    pub fn for_debits(&self) -> Self {
        let gaps = self.gaps.iter().copied().take(Self::DEBIT_RETRIES_MAX).collect();
        Self { gaps, ..self.clone() }
    }

    /// How long after the next failure is tried again, if so many were before; `None`: not any more.
    pub fn after(&self, failures: u32) -> Option<Duration> {
        let gap = self.gaps.get(usize::try_from(failures).ok()?)?;
        Some(Duration::days((*gap).into()))
    }

    /// After how many days each retry is.
    pub fn gaps_days(&self) -> &[u16] {
        &self.gaps
    }

    /// For how many days a person is waited for.
    pub fn patience_days(&self) -> u16 {
        self.patience
    }

    /// How long a person is waited for.
    pub fn patience(&self) -> Duration {
        Duration::days(self.patience.into())
    }
}

/// After 1, 3, 5 and 7 days; a person for 14.
impl Default for Schedule {
    fn default() -> Self {
        Self { gaps: vec![1, 3, 5, 7], patience: 14 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_comes_to_its_end_sooner_for_debits() {
        let schedule = Schedule::default();
        let days = |schedule: &Schedule| -> Vec<i64> {
            (0..).map_while(|failures| schedule.after(failures)).map(|gap| gap.num_days()).collect()
        };
        assert_eq!((days(&schedule), days(&schedule.for_debits())), (vec![1, 3, 5, 7], vec![1, 3]));
        assert_eq!(schedule.for_debits().patience(), Duration::days(14));
        assert_eq!(days(&Schedule::new(vec![], 1).unwrap()), []);
    }

    #[test]
    fn schedules_that_nobody_wants_are_refused() {
        assert_eq!(Schedule::new(vec![1; 9], 1), Err(ScheduleError::TooMany));
        for (gap, patience) in [(0, 1), (61, 1), (1, 0), (1, 61)] {
            assert_eq!(Schedule::new(vec![1, gap], patience), Err(ScheduleError::Days));
        }
    }
}
