//! What a part of a period costs.
//!
//! By days, the first one counted: 12 of January's 31 days from the 20th on. What is left of a period from a day on
//! is rounded; any other part is the difference of two such rests. So what someone pays who starts within a period
//! is just `rate × days / all days`, and parts always add up to the whole.

use chrono::NaiveDate;
use domain::{Money, MoneyError};

use crate::cycle::{Cycle, Days};

/// Some days of a whole period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    whole: Days,
    days: Days,
}

/// The days are not all of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must lie within the period that they are a part of")]
pub struct OutsidePeriod;

impl Part {
    /// Those `days` of the period.
    pub fn new(whole: Days, days: Days) -> Result<Self, OutsidePeriod> {
        let is_inside = whole.start() <= days.start() && days.end() <= whole.end();
        is_inside.then_some(Self { whole, days }).ok_or(OutsidePeriod)
    }

    /// The period.
    pub fn whole(self) -> Days {
        self.whole
    }

    /// The days.
    pub fn days(self) -> Days {
        self.days
    }

    /// Whether it is all of the period, so that nothing is prorated.
    pub fn is_whole(self) -> bool {
        self.days == self.whole
    }

    /// What it costs if the whole costs `rate`.
    pub fn price(self, rate: Money) -> Money {
        let (from, until) = (self.rest(rate, self.days.start()), self.rest(rate, self.days.end()));
        from.minus(until).expect("two parts of one amount differ by less than it")
    }

    /// What is left of it from `day` on; `None` if nothing is.
    pub fn from(self, day: NaiveDate) -> Option<Self> {
        let days = Days::new(day.max(self.days.start()), self.days.end()).ok()?;
        Some(Self { days, ..self })
    }

    /// What the rest of the whole, from `day` on, costs.
    fn rest(self, rate: Money, day: NaiveDate) -> Money {
        let left = Days::new(day, self.whole.end()).map_or(0, |days| days.count().get());
        rate.times(left, self.whole.count()).expect("a part is no more than the whole")
    }
}

/// What someone pays, and how often: as it was when they agreed to it, whatever a plan costs since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tariff {
    /// For a whole period.
    pub rate: Money,
    /// Whole periods.
    pub cycle: Cycle,
    /// The first day; what rolls is counted from it.
    pub start: NaiveDate,
}

impl Tariff {
    /// What is to be billed for the period that `day` lies in: the whole, or what is left of it from the start on.
    /// `None`: `day` is before the start, or beyond all calendars.
    pub fn part(&self, day: NaiveDate) -> Option<Part> {
        let whole = self.cycle.whole(self.start, day)?;
        Some(Part { whole, days: Days::new(whole.start().max(self.start), whole.end()).ok()? })
    }
}

/// Another tariff within a period that is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The one from now on.
    pub tariff: Tariff,
    /// What is given back: the days that were paid for by the old one and are not used. `None`: none are left.
    pub unused: Option<Credit>,
    /// What is to be paid for: the rest of the period by the new one.
    pub part: Part,
}

/// Days that are given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Which.
    pub part: Part,
    /// What they had cost, below zero.
    pub amount: Money,
}

/// The tariff can't be changed like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no rate at which one could become the other.
    #[error(transparent)]
    Currency(#[from] MoneyError),
    /// The day is before what is paid for, or after it: other periods are to be billed first.
    #[error("must begin on a day that is paid for, or on the day after: {0} does not")]
    NotPaidFor(NaiveDate),
}

impl Change {
    /// From the `old` tariff, of which `paid` is paid for, to `rate` and `cycle` from `day` on: an upgrade or a
    /// downgrade. If only the rate is another one, the period stays what it was. Another cycle that rolls begins
    /// on `day`.
    pub fn new(
        old: &Tariff,
        paid: Part,
        rate: Money,
        cycle: Cycle,
        day: NaiveDate,
    ) -> Result<Self, ChangeError> {
        let unpaid = ChangeError::NotPaidFor(day);
        if day < paid.days.start() || paid.days.end() < day {
            return Err(unpaid);
        }
        old.rate.minus(rate)?;
        let start = if cycle == old.cycle { old.start } else { day };
        let tariff = Tariff { rate, cycle, start };
        let unused = paid.from(day).map(|part| Credit { part, amount: part.price(old.rate).negated() });
        let part = tariff.part(day).and_then(|part| part.from(day)).ok_or(unpaid)?;
        Ok(Self { tariff, unused, part })
    }

    /// What the new tariff costs for the rest of the period.
    pub fn price(&self) -> Money {
        self.part.price(self.tariff.rate)
    }
}

#[cfg(test)]
mod tests;
