use super::*;

fn hour(number: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::hours(number)
}

fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap()).unwrap()
}

#[test]
fn no_more_is_given_back_than_was_paid() {
    let of = |refunded, is_disputed| Refundable { paid: eur(100), refunded: eur(refunded), is_disputed };
    let yen = Money::new(1, "JPY".parse().unwrap()).unwrap();
    assert_eq!((of(0, false).check(eur(100)), of(60, false).check(eur(40))), (Ok(()), Ok(())));
    assert_eq!(of(60, false).check(eur(41)), Err(RefundError::MoreThanLeft(eur(40))));
    assert_eq!(of(100, false).check(eur(1)), Err(RefundError::MoreThanLeft(eur(0))));
    assert_eq!(
        (of(0, false).check(eur(0)), of(0, false).check(eur(-1))),
        (Err(RefundError::NotPositive), Err(RefundError::NotPositive))
    );
    assert_eq!(of(0, true).check(eur(1)), Err(RefundError::Disputed));
    assert!(matches!(of(0, false).check(yen), Err(RefundError::Amount(MoneyError::Mixed(..)))));
}

/// All that can be heard, by a refund of attempt 2 and version 7.
fn news() -> Vec<(String, News)> {
    let seen = [Seen::Pending, Seen::Succeeded, Seen::Failed];
    let seen = [7, 6].into_iter().flat_map(|version| seen.map(|seen| News::Seen { version, seen }));
    let others = [
        News::Refused { attempt: 2 },
        News::Refused { attempt: 1 },
        News::NotThere { version: 7 },
        News::NotThere { version: 6 },
    ];
    seen.chain(others).map(|news| (format!("{news:?}"), news)).collect()
}

fn told(refund: Refund) -> String {
    let at = |time: Timestamp| (time - Timestamp::UNIX_EPOCH).num_hours();
    match refund.state {
        State::Asking { since } => format!("Asking {} since {}", refund.attempt, at(since)),
        State::Refused { at: since } => format!("Refused at {}", at(since)),
        state => format!("{state:?}"),
    }
}

/// Every state, at hour 100: what is done next; then all that is heard and changes something.
const TABLE: &str = include_str!("table.txt");

#[test]
fn every_state_does_with_all_that_is_heard_what_the_table_says() {
    let now = hour(100);
    let refund = |state, is_refused| Refund { state, attempt: 2, is_refused, version: 7 };
    let mut found = String::new();
    for (name, refund) in [
        ("asking", refund(State::Asking { since: hour(99) }, false)),
        ("asking, long", refund(State::Asking { since: hour(77) }, false)),
        ("asking, too long", refund(State::Asking { since: hour(76) }, false)),
        ("refused", refund(State::Refused { at: hour(100) }, true)),
        ("refused, long", refund(State::Refused { at: hour(99) }, true)),
        ("looking", refund(State::Looking, false)),
        ("looking, refused", refund(State::Looking, true)),
        ("pending", refund(State::Pending, false)),
        ("succeeded", refund(State::Succeeded, false)),
        ("failed", refund(State::Failed, false)),
    ] {
        let (stored, step) = refund.step(now);
        let step = match step {
            Step::Wait(Some(until)) => format!("Wait for {}", (until - Timestamp::UNIX_EPOCH).num_hours()),
            Step::Wait(None) => "Wait for news".to_owned(),
            step => format!("{step:?}"),
        };
        found += &format!("{name}: {} -> {step}\n", told(stored));
        assert_eq!(stored.version, 7 + u64::from(stored.state != refund.state), "{name}");
        for (heard, news) in news() {
            let after = refund.hear(news, now);
            if after != refund {
                assert_eq!(after.version, 8, "{name}, {heard}");
                found += &format!("    {heard}: {}\n", told(after));
            }
        }
    }
    assert!(found == TABLE, "the table says otherwise:\n{found}");
}

#[test]
fn credit_of_the_payment_goes_back_before_anything_is_taken_off_the_invoice() {
    let eur = |minor| Money::new(minor, "EUR".parse().unwrap()).unwrap();
    for (amount, spare, paid, off) in [
        (100, 0, 100, 100),
        (40, 0, 100, 40),
        (100, 30, 70, 70),
        (20, 30, 70, 0),
        // What was used for something else meanwhile does not come off the invoice.
        (100, 0, 60, 60),
        (100, -50, 100, 100),
    ] {
        assert_eq!(off_invoice(eur(amount), eur(spare), eur(paid)), Ok(eur(off)), "{amount} {spare} {paid}");
    }
    assert!(off_invoice(eur(1), Money::zero("USD".parse().unwrap()), eur(1)).is_ok());
}
