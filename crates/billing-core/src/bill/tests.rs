use proptest::prelude::*;

use super::*;

fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap()).unwrap()
}

fn tax(percent: &str, is_inclusive: bool) -> Tax {
    Tax { name: "VAT".into(), percent: percent.parse().unwrap(), is_inclusive }
}

/// Thousandths, and the unit price in cents.
fn line(thousandths: u32, unit_price: i64) -> Line {
    Line::charge("Desk".into(), Quantity::thousandths(thousandths).unwrap(), eur(unit_price)).unwrap()
}

fn off(percent: &str) -> Discount {
    Discount::percent(percent.parse().unwrap()).unwrap()
}

fn bill(lines: Vec<Line>) -> Bill {
    Bill::new("EUR".parse().unwrap(), lines).unwrap()
}

/// Lines; their amounts; the taxes; the total.
type Case = (Vec<Line>, Vec<i64>, Vec<i64>, i64);

#[test]
fn each_bill_comes_to_what_was_reckoned_by_hand() {
    let on_top = |line: Line, percent: &str| line.with_tax(tax(percent, false));
    let within = |line: Line, percent: &str| line.with_tax(tax(percent, true));
    let fixed = Discount::fixed(eur(1_000)).unwrap();
    let cases: Vec<Case> = vec![
        (vec![line(1_000, 10_000)], vec![10_000], vec![], 10_000),
        (vec![line(1_500, 2_500)], vec![3_750], vec![], 3_750),
        // A third of an hour: 8.3325.
        (vec![line(333, 2_502)], vec![833], vec![], 833),
        (vec![line(500, 1)], vec![1], vec![], 1),
        (vec![on_top(line(1_000, 10_000), "20")], vec![10_000], vec![2_000], 12_000),
        (vec![within(line(1_000, 12_000), "20")], vec![12_000], vec![2_000], 12_000),
        (vec![within(line(1_000, 10_000), "19")], vec![10_000], vec![1_597], 10_000),
        (vec![on_top(line(1_000, 999), "8.875")], vec![999], vec![89], 1_088),
        // Three times 0.33 at 20 %: 0.198 for all, though each line alone is 0.066, which would make 0.21.
        (
            vec![on_top(line(1_000, 33), "20"), on_top(line(1_000, 33), "20"), on_top(line(1_000, 33), "20")],
            vec![33, 33, 33],
            vec![20],
            119,
        ),
        // Two rates, and one line without.
        (
            vec![on_top(line(1_000, 10_000), "20"), on_top(line(1_000, 5_000), "10"), line(1_000, 1_000)],
            vec![10_000, 5_000, 1_000],
            vec![2_000, 500],
            18_500,
        ),
        // Inclusive and on top of each other's.
        (
            vec![within(line(1_000, 11_000), "10"), on_top(line(1_000, 10_000), "10")],
            vec![11_000, 10_000],
            vec![1_000, 1_000],
            22_000,
        ),
        // The tax is on what is left after the discount.
        (
            vec![on_top(line(1_000, 10_000).with_discount(off("12.5")), "20")],
            vec![8_750],
            vec![1_750],
            10_500,
        ),
        (vec![on_top(line(1_000, 600).with_discount(fixed), "20")], vec![0], vec![0], 0),
        // An upgrade: what was not used is given back with its tax.
        (
            vec![
                on_top(Line::credit("Unused".into(), eur(-20_323)).unwrap(), "20"),
                on_top(line(1_000, 30_484), "20"),
            ],
            vec![-20_323, 30_484],
            vec![2_032],
            12_193,
        ),
    ];
    for (lines, amounts, taxes, total) in cases {
        let bill = bill(lines);
        let shown = |bill: &Bill| {
            let amounts: Vec<i64> = bill.lines().iter().map(|line| line.amount.minor()).collect();
            let taxes: Vec<i64> = bill.taxes().iter().map(|tax| tax.amount.minor()).collect();
            (amounts, taxes, bill.total().minor())
        };
        assert_eq!(shown(&bill), (amounts, taxes, total), "{bill:#?}");
    }
}

#[test]
fn a_tax_shows_what_it_is_on() {
    let bill = bill(vec![
        line(1_000, 10_000).with_tax(tax("19", true)),
        line(1_000, 100).with_tax(tax("19", false)),
    ]);
    let bases: Vec<i64> = bill.taxes().iter().map(|tax| tax.base.minor()).collect();
    assert_eq!(bases, [8_403, 100]);
}

#[test]
fn what_can_not_be_billed_is_refused() {
    let eur_code: Currency = "EUR".parse().unwrap();
    let yen = Money::new(500, "JPY".parse().unwrap()).unwrap();
    let max = Money::MINOR_MAX;
    let charge = |price: Money| Line::charge("Desk".into(), Quantity::ONE, price);
    let refused = |lines: Vec<Line>| Bill::new(eur_code, lines).unwrap_err();
    assert_eq!(refused(vec![]), BillError::NoLines);
    assert_eq!(charge(eur(-1)), Err(BillError::NegativePrice));
    assert_eq!(Line::credit("Back".into(), eur(1)), Err(BillError::NoCredit));
    assert_eq!(
        (Quantity::thousandths(0), Quantity::thousandths(u32::MAX)),
        (Err(BillError::Quantity), Err(BillError::Quantity))
    );
    let mixed = BillError::Line { line: 1, cause: MoneyError::Mixed(eur_code, yen.currency()) };
    assert_eq!(refused(vec![charge(eur(1)).unwrap(), charge(yen).unwrap()]), mixed);
    let too_much = BillError::Line { line: 0, cause: MoneyError::TooLarge };
    assert_eq!(refused(vec![line(2_000, max)]), too_much);
    assert_eq!(refused(vec![line(1_000, max), line(1_000, 1)]), BillError::Total(MoneyError::TooLarge));
    assert_eq!(
        refused(vec![line(1_000, max).with_tax(tax("1", false))]),
        BillError::Total(MoneyError::TooLarge)
    );
    let back = Line::credit("Unused".into(), eur(-101)).unwrap();
    assert_eq!(refused(vec![line(1_000, 100), back]), BillError::NegativeTotal(eur(-1)));
    assert_eq!(mixed.to_string(), "line 1: must be in one currency; EUR and JPY can't be added");
}

fn any_line() -> impl Strategy<Value = Line> {
    let discount = prop::option::of(prop_oneof![
        (1_u32..=10_000)
            .prop_map(|hundredths| Discount::percent(Percent::new(hundredths * 100).unwrap()).unwrap()),
        (1_i64..5_000).prop_map(|minor| Discount::fixed(eur(minor)).unwrap()),
    ]);
    let rates = prop::sample::select(vec!["0", "5.5", "8.875", "20", "100"]);
    let tax = prop::option::of((rates, any::<bool>()).prop_map(|(percent, within)| tax(percent, within)));
    let charge = (1_u32..20_000, 0_i64..100_000).prop_map(|(thousandths, price)| line(thousandths, price));
    let credit = (1_i64..1_000).prop_map(|minor| Line::credit("Unused".into(), eur(-minor)).unwrap());
    (prop_oneof![4 => charge, 1 => credit], discount, tax).prop_map(|(line, discount, tax)| {
        let line = discount.into_iter().fold(line, Line::with_discount);
        tax.into_iter().fold(line, Line::with_tax)
    })
}

proptest! {
    /// Whoever adds up what stands there gets what stands there.
    #[test]
    fn all_that_is_shown_adds_up(lines in prop::collection::vec(any_line(), 1..12)) {
        let eur_code: Currency = "EUR".parse().unwrap();
        let Ok(bill) = Bill::new(eur_code, lines) else { return Ok(()) };
        let sum = |amounts: &mut dyn Iterator<Item = Money>| amounts.map(Money::minor).sum::<i64>();
        for line in bill.lines() {
            prop_assert_eq!(line.price.minus(line.discount).unwrap(), line.amount);
            prop_assert!(line.price.is_negative() || line.discount.minor() <= line.price.minor());
            prop_assert!(!line.discount.is_negative());
        }
        prop_assert_eq!(sum(&mut bill.lines().iter().map(|line| line.amount)), bill.subtotal().minor());
        let on_top = sum(&mut bill.taxes().iter().filter(|it| !it.tax.is_inclusive).map(|it| it.amount));
        prop_assert_eq!(bill.subtotal().minor() + on_top, bill.total().minor());
        prop_assert_eq!(sum(&mut bill.lines().iter().map(|line| line.tax)), bill.tax().minor());
        for tax in bill.taxes() {
            let its = || bill.lines().iter().filter(|line| line.line.tax.as_ref() == Some(&tax.tax));
            prop_assert_eq!(sum(&mut its().map(|line| line.tax)), tax.amount.minor());
            let shown = sum(&mut its().map(|line| line.amount));
            prop_assert_eq!(shown, tax.base.minor() + if tax.tax.is_inclusive { tax.amount.minor() } else { 0 });
        }
    }

    /// A tax is off by half a cent at most for all of its lines, and by one for each.
    #[test]
    fn taxes_are_off_by_their_rounding_only(lines in prop::collection::vec(any_line(), 1..12)) {
        let Ok(bill) = Bill::new("EUR".parse().unwrap(), lines) else { return Ok(()) };
        let whole = 1_000_000_i64;
        let off = |tax: &Tax, amount: i64, shown: i64| {
            let percent = i64::from(tax.percent.ten_thousandths());
            let of = if tax.is_inclusive { whole + percent } else { whole };
            ((amount * of - shown * percent).abs(), of)
        };
        for it in bill.taxes() {
            let shown = it.base.minor() + if it.tax.is_inclusive { it.amount.minor() } else { 0 };
            let (off, of) = off(&it.tax, it.amount.minor(), shown);
            prop_assert!(2 * off <= of);
        }
        for line in bill.lines() {
            let Some(tax) = &line.line.tax else { continue };
            let (off, of) = off(tax, line.tax.minor(), line.amount.minor());
            prop_assert!(off <= of);
        }
    }
}
