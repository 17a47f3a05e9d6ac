use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::invoice::{Input, Invoice};

fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap()).unwrap()
}

/// The accounts of one invoice and one customer, by the names that the table has for them.
struct Names {
    invoice: InvoiceId,
    customer: CustomerId,
}

impl Names {
    fn new() -> Self {
        Self { invoice: InvoiceId::new(), customer: CustomerId::new() }
    }

    fn entry(&self, fact: Fact) -> String {
        let named = |posting: &Posting| {
            let account = match posting.account {
                Account::Receivable(_) => "owed".to_owned(),
                Account::Credit(_) => "credit".to_owned(),
                Account::Till(till) => format!("{till:?}").to_lowercase(),
                account => format!("{account:?}").to_lowercase(),
            };
            format!("{account} {:+}", posting.amount.minor())
        };
        fact.entry().unwrap().postings().iter().map(named).collect::<Vec<_>>().join(", ")
    }

    fn paid(&self, by: Account, outcome: Outcome) -> Fact {
        Fact::Paid { invoice: self.invoice, customer: self.customer, by, outcome }
    }
}

/// An invoice over 120, of which 20 are tax.
fn invoice(inputs: &[Input]) -> Invoice {
    let due_on = NaiveDate::from_ymd_opt(2026, 12, 14).unwrap();
    let out = Invoice::draft("EUR".parse().unwrap());
    let out = out.apply(Input::Finalise { total: eur(120), due_on }).unwrap().invoice;
    inputs.iter().fold(out, |invoice, input| invoice.apply(*input).unwrap().invoice)
}

#[test]
fn each_fact_does_what_the_table_says() {
    let names = Names::new();
    let Names { invoice: id, customer } = names;
    let stripe = Account::Till(Till::Stripe);
    let apply = |before: &[Input], input: Input| invoice(before).apply(input).unwrap();
    let paid = [Input::Pay(eur(120))];
    let credited = |before: &[Input], amount: i64, tax: i64| Fact::Credited {
        invoice: id,
        customer,
        amount: eur(amount),
        tax: eur(tax),
        outcome: apply(before, Input::Credit(eur(amount))),
    };
    let refunded = |amount: i64| Fact::Refunded { customer, till: Till::Stripe, amount: eur(amount) };
    for (fact, entry) in [
        (Fact::Finalised { invoice: id, total: eur(120), tax: eur(20) }, "owed +120, revenue -100, tax -20"),
        (Fact::Finalised { invoice: id, total: eur(120), tax: eur(0) }, "owed +120, revenue -120"),
        (Fact::Voided { invoice: id, total: eur(120), tax: eur(20) }, "owed -120, revenue +100, tax +20"),
        (names.paid(stripe, apply(&[], Input::Pay(eur(120)))), "stripe +120, owed -120"),
        (names.paid(Account::Till(Till::Cash), apply(&[], Input::Pay(eur(50)))), "cash +50, owed -50"),
        // More than was owed, and for what was given up.
        (names.paid(stripe, apply(&[], Input::Pay(eur(150)))), "stripe +150, owed -120, credit -30"),
        (
            names.paid(stripe, apply(&[Input::GiveUp], Input::Pay(eur(50)))),
            "stripe +50, owed +70, baddebt -120",
        ),
        (names.paid(Account::Credit(customer), apply(&[], Input::Pay(eur(50)))), "credit +50, owed -50"),
        (names.paid(Account::Disputed, apply(&paid, Input::TakeBack(eur(120)))), "disputed -120, owed +120"),
        (names.paid(Account::Disputed, apply(&[], Input::TakeBack(eur(50)))), "disputed -50, credit +50"),
        (credited(&[], 60, 10), "revenue +50, tax +10, owed -60"),
        (credited(&paid, 60, 10), "revenue +50, tax +10, credit -60"),
        (credited(&[Input::Pay(eur(100))], 60, 10), "revenue +50, tax +10, owed -20, credit -40"),
        (Fact::GivenUp { invoice: id, owed: eur(120) }, "baddebt +120, owed -120"),
        (refunded(60), "credit +60, stripe -60"),
        (refunded(-60), "credit -60, stripe +60"),
        (Fact::Granted { customer, amount: eur(60), tax: eur(10) }, "revenue +50, tax +10, credit -60"),
        (Fact::Withheld(eur(120)), "disputed +120, stripe -120"),
    ] {
        assert_eq!(names.entry(fact), entry, "{fact:?}");
    }
}

#[test]
fn what_does_not_add_up_is_no_entry() {
    let (cash, bank) = (Account::Till(Till::Cash), Account::Till(Till::Bank));
    let yen = Money::new(1, "JPY".parse().unwrap()).unwrap();
    assert_eq!(Entry::new([(cash, eur(1)), (bank, eur(1))]), Err(EntryError::Unbalanced(eur(2))));
    assert_eq!(Entry::new([]), Err(EntryError::Empty));
    assert_eq!(Entry::new([(cash, eur(1)), (cash, eur(-1))]), Err(EntryError::Empty));
    assert!(matches!(
        Entry::new([(cash, eur(1)), (bank, yen)]),
        Err(EntryError::Amount(MoneyError::Mixed(..)))
    ));
    let max = Money::new(Money::MINOR_MAX, "EUR".parse().unwrap()).unwrap();
    assert_eq!(Entry::new([(cash, max), (cash, max)]), Err(EntryError::Amount(MoneyError::TooLarge)));
}

proptest! {
    /// Postings that are made to add up are an entry, and any that don't are none.
    #[test]
    fn an_entry_adds_up(amounts in prop::collection::vec(-1_000_i64..1_000, 1..8), off in -2_i64..3) {
        let customers: Vec<CustomerId> = amounts.iter().map(|_| CustomerId::new()).collect();
        let rest = off - amounts.iter().sum::<i64>();
        let accounts = customers.into_iter().map(Account::Credit);
        let postings = accounts.zip(amounts.iter().map(|minor| eur(*minor)));
        let entry = Entry::new(postings.chain([(Account::Revenue, eur(rest))]));
        match entry {
            Ok(entry) => {
                let sum: i64 = entry.postings().iter().map(|posting| posting.amount.minor()).sum();
                prop_assert_eq!((sum, off), (0, 0));
                prop_assert!(entry.postings().len() >= 2);
            }
            Err(error) => prop_assert!(error == EntryError::Empty || error == EntryError::Unbalanced(eur(off)) && off != 0),
        }
    }
}
