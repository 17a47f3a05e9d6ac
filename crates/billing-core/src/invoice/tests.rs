use proptest::prelude::*;

use super::*;

fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap()).unwrap()
}

fn date(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 12, day).unwrap()
}

/// Over 100, due on the 14th.
const FINALISE: fn() -> Input = || Input::Finalise { total: eur(100), due_on: date(14) };

fn day(today: u32, is_pending: bool) -> Input {
    Input::Day { today: date(today), is_pending }
}

fn after(inputs: impl IntoIterator<Item = Input>) -> Invoice {
    let draft = Invoice::draft("EUR".parse().unwrap());
    inputs.into_iter().fold(draft, |invoice, input| invoice.apply(input).unwrap().invoice)
}

/// One of each kind that there is.
fn invoices() -> Vec<(&'static str, Invoice)> {
    let out = |inputs: &[Input]| after([FINALISE()].into_iter().chain(inputs.iter().copied()));
    vec![
        ("draft", after([])),
        ("open", out(&[])),
        ("credited", out(&[Input::Credit(eur(40))])),
        ("part paid", out(&[Input::Pay(eur(40))])),
        ("overdue", out(&[day(15, false)])),
        ("overdue part", out(&[Input::Pay(eur(40)), day(15, false)])),
        ("paid", out(&[Input::Pay(eur(100))])),
        ("paid, credited", out(&[Input::Credit(eur(40)), Input::Pay(eur(60))])),
        ("void", out(&[Input::Void])),
        ("given up", out(&[Input::GiveUp])),
        ("given up part", out(&[Input::Pay(eur(40)), Input::GiveUp])),
        ("of nothing", after([Input::Finalise { total: eur(0), due_on: date(14) }])),
    ]
}

fn inputs() -> Vec<(&'static str, Input)> {
    vec![
        ("finalise", FINALISE()),
        ("pay 60", Input::Pay(eur(60))),
        ("pay 150", Input::Pay(eur(150))),
        ("take back 40", Input::TakeBack(eur(40))),
        ("credit 50", Input::Credit(eur(50))),
        ("credit 150", Input::Credit(eur(150))),
        ("the 14th", day(14, false)),
        ("the 15th", day(15, false)),
        ("15th, pending", day(15, true)),
        ("void", Input::Void),
        ("give up", Input::GiveUp),
    ]
}

/// `state owed (settled credit taken-up)`, or why not.
fn told(outcome: Result<Outcome, Refusal>) -> String {
    match outcome {
        Err(refusal) => format!("no: {refusal:?}").split('(').next().unwrap().to_owned(),
        Ok(Outcome { invoice, settled, credit, taken_up }) => {
            let money = [settled, credit, taken_up].map(Money::minor);
            let moved = if money == [0; 3] { String::new() } else { format!(" {money:?}") };
            format!("{:?} {}{moved}", invoice.state(), invoice.owed().minor())
        }
    }
}

/// Every state, every input.
const TABLE: &str = include_str!("table.txt");

#[test]
fn every_input_does_in_every_state_what_the_table_says() {
    let mut found = String::new();
    for (state, invoice) in invoices() {
        for (name, input) in inputs() {
            found += format!("{state:<14} | {name:<13} | {}", told(invoice.apply(input))).trim_end();
            found += "\n";
        }
    }
    assert!(found == TABLE, "the table says otherwise:\n{found}");
}

#[test]
fn amounts_that_are_none_or_of_another_currency_change_nothing() {
    let yen = Money::new(500, "JPY".parse().unwrap()).unwrap();
    for (state, invoice) in invoices() {
        for make in [Input::Pay, Input::TakeBack, Input::Credit] {
            for amount in [eur(0), eur(-1)] {
                assert_eq!(invoice.apply(make(amount)), Err(Refusal::NotPositive), "{state}");
            }
            assert!(
                matches!(invoice.apply(make(yen)), Err(Refusal::Amount(MoneyError::Mixed(..)))),
                "{state}"
            );
        }
    }
    let finalise = |total: Money| after([]).apply(Input::Finalise { total, due_on: date(14) });
    assert_eq!(finalise(eur(-1)), Err(Refusal::NotPositive));
    assert!(matches!(finalise(yen), Err(Refusal::Amount(_))));
}

fn any_input() -> impl Strategy<Value = Input> {
    let amount = || (1_i64..150).prop_map(eur);
    prop_oneof![
        (0_i64..150).prop_map(|total| Input::Finalise { total: eur(total), due_on: date(14) }),
        amount().prop_map(Input::Pay),
        amount().prop_map(Input::Pay),
        amount().prop_map(Input::TakeBack),
        amount().prop_map(Input::Credit),
        (10_u32..20, any::<bool>()).prop_map(|(today, is_pending)| day(today, is_pending)),
        Just(Input::Void),
        Just(Input::GiveUp),
    ]
}

proptest! {
    /// Whatever happens, no money is lost: what came is on the invoice or the customer's credit, and an invoice never
    /// has more than it is over.
    #[test]
    fn money_is_on_the_invoice_or_the_customers(inputs in prop::collection::vec(any_input(), 0..20)) {
        let mut invoice = after([]);
        let (mut came, mut credit, mut given_up) = (0, 0, 0);
        for input in inputs {
            let before = invoice;
            let Ok(outcome) = invoice.apply(input) else { continue };
            invoice = outcome.invoice;
            let (settled, to_credit) = (outcome.settled.minor(), outcome.credit.minor());
            match input {
                Input::Pay(amount) => came += amount.minor(),
                Input::TakeBack(amount) => came -= amount.minor(),
                Input::GiveUp => given_up = before.owed().minor().max(given_up),
                _ => {}
            }
            credit += to_credit;
            prop_assert_eq!(invoice.paid.minor() - before.paid.minor(), settled);
            prop_assert_eq!(invoice.paid.minor() + credit, came);
            prop_assert!(outcome.taken_up.is_zero() || outcome.taken_up.minor() == given_up);
            if outcome.taken_up.is_positive() {
                given_up = 0;
            }
            let parts = [invoice.paid, invoice.credited, invoice.left()];
            prop_assert!(parts.iter().all(|part| !part.is_negative()), "{invoice:?}");
            prop_assert_eq!(parts.iter().map(|part| part.minor()).sum::<i64>(), invoice.total.minor());
            // What is so already changes nothing.
            if matches!(input, Input::Void | Input::GiveUp | Input::Day { .. }) {
                prop_assert_eq!(invoice.apply(input), Ok(invoice.unsettled()));
            }
        }
    }
}

#[test]
fn an_invoice_comes_back_as_it_was_stored() {
    let outcome = Invoice::draft(eur(0).currency())
        .apply(Input::Finalise { total: eur(100), due_on: date(10) })
        .and_then(|outcome| outcome.invoice.apply(Input::Pay(eur(40))))
        .unwrap();
    let invoice = outcome.invoice;
    let stored = Invoice::stored(invoice.stage(), invoice.total(), invoice.credited(), invoice.paid());
    assert_eq!(stored, Some(invoice));
    for (total, credited, paid) in [(100, 60, 41), (100, -1, 0), (100, 0, -1), (100, 101, 0)] {
        assert_eq!(Invoice::stored(invoice.stage(), eur(total), eur(credited), eur(paid)), None);
    }
}
