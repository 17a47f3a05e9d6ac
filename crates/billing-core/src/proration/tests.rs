use chrono::Duration;
use domain::Currency;
use proptest::prelude::*;

use super::*;
use crate::cycle::{Anchor, AnchorDay};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn days(start: &str, end: &str) -> Days {
    Days::new(date(start), date(end)).unwrap()
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, code.parse().unwrap()).unwrap()
}

fn eur(minor: i64) -> Money {
    money(minor, "EUR")
}

const fn on(day: u8) -> Anchor {
    match AnchorDay::new(day) {
        Ok(day) => Anchor::Calendar(day),
        Err(_) => panic!("no day of a month"),
    }
}

/// `rate` minor units, the cycle, the start, the day on which is billed; the whole period, the days of it that are
/// billed, and what they cost. Reckoned by hand.
type Case =
    (i64, &'static str, Cycle, &'static str, &'static str, (&'static str, &'static str), u64, &'static str);

#[rustfmt::skip]
const CASES: [Case; 46] = {
    use Anchor::Rolling;
    use Cycle::{Daily, Monthly, Quarterly, Weekly, Yearly};
    [
    // The example of others' manuals: 12 of 31 days.
    (30_000, "EUR", Monthly(on(1)), "2026-01-20", "2026-01-20", ("2026-01-01", "2026-02-01"), 12, "116.13 EUR"),
    // The next period is whole, and so is that of who starts on its first day.
    (30_000, "EUR", Monthly(on(1)), "2026-01-20", "2026-02-01", ("2026-02-01", "2026-03-01"), 28, "300.00 EUR"),
    (30_000, "EUR", Monthly(on(1)), "2026-01-01", "2026-01-01", ("2026-01-01", "2026-02-01"), 31, "300.00 EUR"),
    // First and last days.
    (30_000, "EUR", Monthly(on(1)), "2026-01-02", "2026-01-02", ("2026-01-01", "2026-02-01"), 30, "290.32 EUR"),
    (30_000, "EUR", Monthly(on(1)), "2026-01-31", "2026-01-31", ("2026-01-01", "2026-02-01"), 1, "9.68 EUR"),
    // Months of 28, 29, 30 days.
    (30_000, "EUR", Monthly(on(1)), "2026-02-15", "2026-02-15", ("2026-02-01", "2026-03-01"), 14, "150.00 EUR"),
    (30_000, "EUR", Monthly(on(1)), "2028-02-15", "2028-02-15", ("2028-02-01", "2028-03-01"), 15, "155.17 EUR"),
    (30_000, "EUR", Monthly(on(1)), "2028-02-29", "2028-02-29", ("2028-02-01", "2028-03-01"), 1, "10.34 EUR"),
    (30_000, "EUR", Monthly(on(1)), "2026-04-11", "2026-04-11", ("2026-04-01", "2026-05-01"), 20, "200.00 EUR"),
    // Other anchor days: the period reaches from month to month.
    (30_000, "EUR", Monthly(on(15)), "2026-01-20", "2026-01-20", ("2026-01-15", "2026-02-15"), 26, "251.61 EUR"),
    (30_000, "EUR", Monthly(on(15)), "2026-02-10", "2026-02-10", ("2026-01-15", "2026-02-15"), 5, "48.39 EUR"),
    (30_000, "EUR", Monthly(on(15)), "2026-02-15", "2026-02-15", ("2026-02-15", "2026-03-15"), 28, "300.00 EUR"),
    (30_000, "EUR", Monthly(on(28)), "2026-02-20", "2026-02-20", ("2026-01-28", "2026-02-28"), 8, "77.42 EUR"),
    // An anchor day that some months don't have.
    (30_000, "EUR", Monthly(on(31)), "2026-02-10", "2026-02-10", ("2026-01-31", "2026-02-28"), 18, "192.86 EUR"),
    (30_000, "EUR", Monthly(on(31)), "2026-03-10", "2026-03-10", ("2026-02-28", "2026-03-31"), 21, "203.23 EUR"),
    (30_000, "EUR", Monthly(on(31)), "2026-04-30", "2026-04-30", ("2026-04-30", "2026-05-31"), 31, "300.00 EUR"),
    (30_000, "EUR", Monthly(on(30)), "2028-02-28", "2028-02-28", ("2028-01-30", "2028-02-29"), 1, "10.00 EUR"),
    // Across the turn of the year.
    (30_000, "EUR", Monthly(on(15)), "2026-12-31", "2026-12-31", ("2026-12-15", "2027-01-15"), 15, "145.16 EUR"),
    // Rolling is never prorated: the start on the 31st, the leap day, the day after.
    (30_000, "EUR", Monthly(Rolling), "2026-01-20", "2026-01-20", ("2026-01-20", "2026-02-20"), 31, "300.00 EUR"),
    (30_000, "EUR", Monthly(Rolling), "2026-01-31", "2026-01-31", ("2026-01-31", "2026-02-28"), 28, "300.00 EUR"),
    (30_000, "EUR", Monthly(Rolling), "2026-01-31", "2026-02-28", ("2026-02-28", "2026-03-31"), 31, "300.00 EUR"),
    (30_000, "EUR", Monthly(Rolling), "2026-01-31", "2026-03-30", ("2026-02-28", "2026-03-31"), 31, "300.00 EUR"),
    (30_000, "EUR", Monthly(Rolling), "2028-01-30", "2028-02-29", ("2028-02-29", "2028-03-30"), 30, "300.00 EUR"),
    // Quarters.
    (90_000, "EUR", Quarterly(on(1)), "2026-01-01", "2026-01-01", ("2026-01-01", "2026-04-01"), 90, "900.00 EUR"),
    (90_000, "EUR", Quarterly(on(1)), "2026-02-15", "2026-02-15", ("2026-01-01", "2026-04-01"), 45, "450.00 EUR"),
    (90_000, "EUR", Quarterly(on(1)), "2026-08-20", "2026-08-20", ("2026-07-01", "2026-10-01"), 42, "410.87 EUR"),
    (90_000, "EUR", Quarterly(on(1)), "2026-12-31", "2026-12-31", ("2026-10-01", "2027-01-01"), 1, "9.78 EUR"),
    (90_000, "EUR", Quarterly(on(1)), "2028-03-31", "2028-03-31", ("2028-01-01", "2028-04-01"), 1, "9.89 EUR"),
    (90_000, "EUR", Quarterly(on(15)), "2026-01-10", "2026-01-10", ("2025-10-15", "2026-01-15"), 5, "48.91 EUR"),
    (90_000, "EUR", Quarterly(Rolling), "2026-11-30", "2026-11-30", ("2026-11-30", "2027-02-28"), 90, "900.00 EUR"),
    (90_000, "EUR", Quarterly(Rolling), "2026-11-30", "2027-03-01", ("2027-02-28", "2027-05-30"), 91, "900.00 EUR"),
    // Years, also leap years.
    (365_000, "EUR", Yearly(on(1)), "2026-07-01", "2026-07-01", ("2026-01-01", "2027-01-01"), 184, "1840.00 EUR"),
    (365_000, "EUR", Yearly(on(1)), "2028-07-01", "2028-07-01", ("2028-01-01", "2029-01-01"), 184, "1834.97 EUR"),
    (366_000, "EUR", Yearly(on(1)), "2028-02-29", "2028-02-29", ("2028-01-01", "2029-01-01"), 307, "3070.00 EUR"),
    (365_000, "EUR", Yearly(on(1)), "2026-12-31", "2026-12-31", ("2026-01-01", "2027-01-01"), 1, "10.00 EUR"),
    (365_000, "EUR", Yearly(Rolling), "2028-02-29", "2029-01-01", ("2028-02-29", "2029-02-28"), 365, "3650.00 EUR"),
    (365_000, "EUR", Yearly(Rolling), "2028-02-29", "2032-02-29", ("2032-02-29", "2033-02-28"), 365, "3650.00 EUR"),
    // Days and weeks count from the start.
    (2_500, "EUR", Daily, "2026-03-28", "2026-03-29", ("2026-03-29", "2026-03-30"), 1, "25.00 EUR"),
    (9_900, "EUR", Weekly, "2026-12-30", "2027-01-05", ("2026-12-30", "2027-01-06"), 7, "99.00 EUR"),
    (9_900, "EUR", Weekly, "2026-12-30", "2027-01-06", ("2027-01-06", "2027-01-13"), 7, "99.00 EUR"),
    // Currencies without and with three decimals.
    (30_000, "JPY", Monthly(on(1)), "2026-01-20", "2026-01-20", ("2026-01-01", "2026-02-01"), 12, "11613 JPY"),
    (100, "JPY", Monthly(on(1)), "2026-01-31", "2026-01-31", ("2026-01-01", "2026-02-01"), 1, "3 JPY"),
    (100_000, "KWD", Monthly(on(1)), "2026-01-20", "2026-01-20", ("2026-01-01", "2026-02-01"), 12, "38.710 KWD"),
    // A half, and less than one; nothing stays nothing.
    (1, "EUR", Monthly(on(1)), "2026-04-16", "2026-04-16", ("2026-04-01", "2026-05-01"), 15, "0.01 EUR"),
    (1, "EUR", Monthly(on(1)), "2026-04-17", "2026-04-17", ("2026-04-01", "2026-05-01"), 14, "0.00 EUR"),
    (0, "EUR", Monthly(on(1)), "2026-01-20", "2026-01-20", ("2026-01-01", "2026-02-01"), 12, "0.00 EUR"),
    ]
};

#[test]
fn each_case_costs_what_was_reckoned_by_hand() {
    for (minor, code, cycle, start, day, (from, until), count, price) in CASES {
        let tariff = Tariff { rate: money(minor, code), cycle, start: date(start) };
        let part = tariff.part(date(day)).unwrap();
        let case = format!("{} {cycle:?} from {start}, billed on {day}", tariff.rate);
        assert_eq!(part.whole(), days(from, until), "{case}");
        assert_eq!(part.days().count().get(), count, "{case}");
        assert_eq!(part.price(tariff.rate).to_string(), price, "{case}");
        assert_eq!(part.is_whole(), part.whole().count().get() == count, "{case}");
    }
}

/// The old rate and cycle from 1 January on, the month paid; the new ones, from which day on; what is given back and
/// what is to be paid until when. Reckoned by hand.
type ChangeCase = (i64, Cycle, i64, Cycle, &'static str, i64, i64, &'static str);

#[rustfmt::skip]
const CHANGES: [ChangeCase; 10] = {
    use Anchor::Rolling;
    use Cycle::{Monthly, Weekly, Yearly};
    [
    // An upgrade on the 11th: 21 of 31 days each way.
    (30_000, Monthly(on(1)), 45_000, Monthly(on(1)), "2026-01-11", -20_323, 30_484, "2026-02-01"),
    // A downgrade: more is given back than is to be paid.
    (45_000, Monthly(on(1)), 30_000, Monthly(on(1)), "2026-01-11", -30_484, 20_323, "2026-02-01"),
    // On the first day and on the last.
    (30_000, Monthly(on(1)), 45_000, Monthly(on(1)), "2026-01-01", -30_000, 45_000, "2026-02-01"),
    (30_000, Monthly(on(1)), 45_000, Monthly(on(1)), "2026-01-31", -968, 1_452, "2026-02-01"),
    // When the paid period is over: nothing is given back.
    (30_000, Monthly(on(1)), 45_000, Monthly(on(1)), "2026-02-01", 0, 45_000, "2026-03-01"),
    // Rolling keeps its day.
    (30_000, Monthly(Rolling), 45_000, Monthly(Rolling), "2026-01-16", -15_484, 23_226, "2026-02-01"),
    // From months to years and to weeks, which begin then.
    (30_000, Monthly(on(1)), 300_000, Yearly(Rolling), "2026-01-16", -15_484, 300_000, "2027-01-16"),
    (30_000, Monthly(on(1)), 365_000, Yearly(on(1)), "2026-01-16", -15_484, 350_000, "2027-01-01"),
    (30_000, Monthly(on(1)), 9_900, Weekly, "2026-01-16", -15_484, 9_900, "2026-01-23"),
    // The same again costs nothing.
    (30_000, Monthly(on(1)), 30_000, Monthly(on(1)), "2026-01-20", -11_613, 11_613, "2026-02-01"),
    ]
};

#[test]
fn each_change_gives_back_and_costs_what_was_reckoned_by_hand() {
    for (rate, cycle, new_rate, new_cycle, day, unused, price, end) in CHANGES {
        let old = Tariff { rate: eur(rate), cycle, start: date("2026-01-01") };
        let paid = old.part(old.start).unwrap();
        let change = Change::new(&old, paid, eur(new_rate), new_cycle, date(day)).unwrap();
        let case = format!("{rate} {cycle:?} to {new_rate} {new_cycle:?} on {day}");
        assert_eq!(change.unused.map_or(0, |unused| unused.amount.minor()), unused, "{case}");
        assert_eq!(change.price().minor(), price, "{case}");
        assert_eq!((change.part.days().start(), change.part.days().end()), (date(day), date(end)), "{case}");
        assert_eq!(change.tariff.part(date(day)).unwrap().whole(), change.part.whole(), "{case}");
    }
}

#[test]
fn a_change_of_what_is_not_paid_for_or_to_another_currency_is_refused() {
    let old = Tariff { rate: eur(30_000), cycle: Cycle::Monthly(on(1)), start: date("2026-01-20") };
    let paid = old.part(old.start).unwrap();
    let change = |rate: Money, day: &str| Change::new(&old, paid, rate, old.cycle, date(day)).unwrap_err();
    for day in ["2026-01-19", "2026-02-02"] {
        assert_eq!(change(eur(1), day), ChangeError::NotPaidFor(date(day)));
    }
    let dollars = money(30_000, "USD");
    let mixed = MoneyError::Mixed(old.rate.currency(), dollars.currency());
    assert_eq!(change(dollars, "2026-01-21"), ChangeError::Currency(mixed));
}

#[test]
fn days_outside_of_the_period_are_no_part_of_it() {
    let january = days("2026-01-01", "2026-02-01");
    for (from, until) in
        [("2025-12-31", "2026-01-02"), ("2026-01-31", "2026-02-02"), ("2026-03-01", "2026-03-02")]
    {
        assert_eq!(Part::new(january, days(from, until)), Err(OutsidePeriod));
    }
}

fn whole() -> impl Strategy<Value = Days> {
    (0_i64..20_000, 1_i64..400).prop_map(|(start, count)| {
        let start = date("2000-01-01") + Duration::days(start);
        Days::new(start, start + Duration::days(count)).unwrap()
    })
}

fn rate() -> impl Strategy<Value = Money> {
    let currency = prop::sample::select(vec!["EUR", "JPY", "KWD"]);
    let minor = prop_oneof![0_i64..1_000, 0_i64..=Money::MINOR_MAX];
    (minor, currency).prop_map(|(minor, code)| Money::new(minor, code.parse::<Currency>().unwrap()).unwrap())
}

proptest! {
    /// However a period is cut, its parts cost what the whole does, and each is within one minor unit of its share.
    #[test]
    fn parts_add_up_to_the_whole(whole in whole(), rate in rate(), cuts in prop::collection::vec(0_u64..400, 0..6)) {
        let all = whole.count().get();
        let mut bounds: Vec<NaiveDate> =
            cuts.iter().map(|cut| whole.start() + chrono::Days::new(cut % all)).collect();
        bounds.extend([whole.start(), whole.end()]);
        bounds.sort();
        bounds.dedup();
        let parts: Vec<Part> = bounds
            .windows(2)
            .map(|pair| Part::new(whole, Days::new(pair[0], pair[1]).unwrap()).unwrap())
            .collect();
        let prices = parts.iter().map(|part| part.price(rate));
        prop_assert_eq!(Money::sum(rate.currency(), prices).unwrap(), rate);
        for part in &parts {
            let share = i128::from(rate.minor()) * i128::from(part.days().count().get());
            let off = i128::from(part.price(rate).minor()) * i128::from(all) - share;
            prop_assert!(off.abs() <= i128::from(all), "{} of {rate}", part.days().count());
            prop_assert!(!part.price(rate).is_negative());
        }
    }

    /// Who starts within a period pays their days' share, rounded once.
    #[test]
    fn the_rest_of_a_period_is_rounded_once(whole in whole(), rate in rate(), gone in 0_u64..400) {
        let part = Part { whole, days: whole }.from(whole.start() + chrono::Days::new(gone % whole.count().get())).unwrap();
        prop_assert_eq!(part.price(rate), rate.times(part.days().count().get(), whole.count()).unwrap());
    }

    /// Whatever is changed and when, what was used by the old tariff and what is given back make up what was paid.
    #[test]
    fn a_change_gives_back_just_what_was_not_used(whole in whole(), rate in rate(), gone in 0_u64..400, new in 0_i64..100_000) {
        let day = whole.start() + chrono::Days::new(gone % whole.count().get());
        let old = Tariff { rate, cycle: Cycle::Monthly(Anchor::Rolling), start: whole.start() };
        let paid = Part { whole, days: whole };
        let new_rate = Money::new(new, rate.currency()).unwrap();
        let change = Change::new(&old, paid, new_rate, Cycle::Weekly, day).unwrap();
        let used = Days::new(whole.start(), day).ok().map(|days| Part { whole, days }.price(rate));
        let used = used.unwrap_or(Money::zero(rate.currency()));
        prop_assert_eq!(used.minus(change.unused.unwrap().amount).unwrap(), rate);
        prop_assert_eq!(change.price(), new_rate);
    }
}
