//! Something that is billed period by period, such as a membership: which periods are due, and what each costs.

use chrono::NaiveDate;

use crate::cycle::Days;
use crate::proration::{Part, Tariff};

/// Periods that are billed at once at most: who was away for longer is billed again right after.
pub const PARTS_MAX: usize = 60;

/// How far something is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// What it costs, and how often.
    pub tariff: Tariff,
    /// The first day that is not billed yet.
    pub billed_until: NaiveDate,
    /// The first day that is not billed any more; `None`: it has no end.
    pub ends_on: Option<NaiveDate>,
}

impl Subscription {
    /// One that begins, and of which nothing is billed.
    pub fn begun(tariff: Tariff) -> Self {
        Self { tariff, billed_until: tariff.start, ends_on: None }
    }

    /// The day on which the next period is to be billed; `None`: none is.
    pub fn due_on(&self) -> Option<NaiveDate> {
        self.next().map(|_| self.billed_until)
    }

    /// The periods that are due by `today`, the earliest first, and the subscription once they are billed. At most
    /// [`PARTS_MAX`] of them.
    pub fn due(&self, today: NaiveDate) -> (Vec<Part>, Self) {
        let mut after = *self;
        let mut parts = Vec::new();
        while after.billed_until <= today && parts.len() < PARTS_MAX {
            let Some(part) = after.next() else { break };
            after.billed_until = part.days().end();
            parts.push(part);
        }
        (parts, after)
    }

    /// It goes on after days that are not billed, such as when it was paused: what is due begins with `day` at the
    /// earliest.
    #[must_use]
    pub fn resumed(&self, day: NaiveDate) -> Self {
        Self { billed_until: self.billed_until.max(day), ..*self }
    }

    /// What is billed next: the rest of the period that the first day not billed lies in, no longer than it lasts.
    fn next(&self) -> Option<Part> {
        let part = self.tariff.part(self.billed_until)?.from(self.billed_until)?;
        let end = self.ends_on.map_or(part.days().end(), |end| end.min(part.days().end()));
        Part::new(part.whole(), Days::new(part.days().start(), end).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use domain::Money;
    use proptest::prelude::*;

    use super::*;
    use crate::cycle::{Anchor, AnchorDay, Cycle};

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap()).unwrap()
    }

    fn monthly(start: &str) -> Subscription {
        let cycle = Cycle::Monthly(Anchor::Calendar(AnchorDay::new(1).unwrap()));
        Subscription::begun(Tariff { rate: eur(30_000), cycle, start: date(start) })
    }

    fn prices(parts: &[Part]) -> Vec<i64> {
        parts.iter().map(|part| part.price(eur(30_000)).minor()).collect()
    }

    #[test]
    fn who_starts_within_a_month_pays_its_rest_and_then_whole_months() {
        let subscription = monthly("2026-01-20");
        assert_eq!(subscription.due_on(), Some(date("2026-01-20")));
        assert_eq!(subscription.due(date("2026-01-19")).0, []);
        let (parts, after) = subscription.due(date("2026-01-20"));
        assert_eq!((prices(&parts), after.due_on()), (vec![11_613], Some(date("2026-02-01"))));
        let (parts, after) = after.due(date("2026-04-01"));
        assert_eq!((prices(&parts), after.billed_until), (vec![30_000; 3], date("2026-05-01")));
    }

    #[test]
    fn what_ends_within_a_month_is_billed_until_then_and_no_more() {
        let subscription = Subscription { ends_on: Some(date("2026-02-11")), ..monthly("2026-01-01") };
        let (parts, after) = subscription.due(date("2027-01-01"));
        // 10 of February's 28 days.
        assert_eq!((prices(&parts), after.due_on()), (vec![30_000, 10_714], None));
        let over = Subscription { ends_on: Some(date("2026-01-01")), ..monthly("2026-01-01") };
        assert_eq!((over.due(date("2026-01-01")).0, over.due_on()), (vec![], None));
    }

    #[test]
    fn days_of_a_pause_are_not_billed() {
        let (_, subscription) = monthly("2026-01-01").due(date("2026-01-01"));
        // Paused over February, back on the 10th of March: 22 of its 31 days.
        let (parts, _) = subscription.resumed(date("2026-03-10")).due(date("2026-03-10"));
        assert_eq!(prices(&parts), [21_290]);
        assert_eq!(subscription.resumed(date("2026-01-15")), subscription);
    }

    #[test]
    fn days_that_were_missed_are_caught_up_with_in_turns() {
        let tariff = Tariff { rate: eur(100), cycle: Cycle::Daily, start: date("2026-01-01") };
        let (parts, after) = Subscription::begun(tariff).due(date("2026-12-31"));
        assert_eq!((parts.len(), after.billed_until), (PARTS_MAX, date("2026-03-02")));
    }

    proptest! {
        /// However often the run comes, each day is billed once.
        #[test]
        fn each_day_is_billed_once(start in 0_i64..800, looks in prop::collection::vec(0_i64..120, 1..20), day in 1_u8..=31) {
            let first = date("2026-01-01") + chrono::Duration::days(start);
            let cycle = Cycle::Monthly(Anchor::Calendar(AnchorDay::new(day).unwrap()));
            let mut subscription = Subscription::begun(Tariff { rate: eur(30_000), cycle, start: first });
            let (mut today, mut billed) = (first, Vec::new());
            for later in looks {
                today += chrono::Duration::days(later);
                let (parts, after) = subscription.due(today);
                billed.extend(parts.iter().map(|part| part.days()));
                subscription = after;
                prop_assert!(subscription.billed_until > today);
            }
            prop_assert_eq!(billed[0].start(), first);
            prop_assert!(billed.windows(2).all(|pair| pair[0].end() == pair[1].start()));
            prop_assert_eq!(billed.last().unwrap().end(), subscription.billed_until);
        }
    }
}
