use super::*;

fn hour(number: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::hours(number)
}

/// It is hour 100 in all that follows.
fn now() -> Timestamp {
    hour(100)
}

fn payment(state: State, attempts: u32, failures: u32) -> Payment {
    let intent = (state != State::Planned).then(|| "pi_1".to_owned());
    Payment { state, is_on_session: false, intent, attempts, failures, is_withdrawn: false, version: 7 }
}

/// One of each kind that there is.
fn payments() -> Vec<(&'static str, Payment)> {
    let ask = Ask::Authenticate;
    let kinds = vec![
        ("planned", payment(State::Planned, 0, 0)),
        ("ready", payment(State::Ready { from: hour(99) }, 0, 0)),
        ("ready later", payment(State::Ready { from: hour(101) }, 1, 1)),
        ("confirming", payment(State::Confirming { since: hour(99) }, 2, 1)),
        ("confirming, last", payment(State::Confirming { since: hour(99) }, 5, 4)),
        ("confirming, long", payment(State::Confirming { since: hour(77) }, 2, 1)),
        ("in doubt", payment(State::InDoubt, 2, 1)),
        ("waiting", payment(State::Waiting { ask, until: hour(101) }, 2, 2)),
        ("waiting, over", payment(State::Waiting { ask, until: hour(100) }, 2, 2)),
        ("pending", payment(State::Pending, 2, 1)),
        ("closing", payment(State::Closing(End::GivenUp), 5, 5)),
        ("succeeded", payment(State::Succeeded, 2, 1)),
        ("closed", payment(State::Closed(End::GivenUp), 5, 5)),
    ];
    let withdrawn = |(name, payment): &(&'static str, Payment)| {
        let name: &'static str = Box::leak(format!("{name}, unwanted").into_boxed_str());
        payment.is_live().then(|| (name, Payment { is_withdrawn: true, ..payment.clone() }))
    };
    let unwanted: Vec<_> = kinds.iter().filter_map(withdrawn).collect();
    kinds.into_iter().chain(unwanted).collect()
}

const SEEN: [Seen; 8] = [
    Seen::Unconfirmed,
    Seen::Declined(Remedy::Retry),
    Seen::Declined(Remedy::Person(Ask::CheckMethod)),
    Seen::Declined(Remedy::Never),
    Seen::AwaitsPerson,
    Seen::Processing,
    Seen::Succeeded,
    Seen::Cancelled,
];

/// All that can be heard, by a payment of that many attempts and version 7.
fn news(attempts: u32) -> Vec<(String, News)> {
    let mut all = vec![
        ("created".to_owned(), News::Created("pi_2".into())),
        ("turned away".to_owned(), News::TurnedAway { attempt: attempts, again_at: hour(102) }),
        (
            "turned away before".to_owned(),
            News::TurnedAway { attempt: attempts.wrapping_sub(1), again_at: hour(102) },
        ),
        ("method given".to_owned(), News::MethodGiven),
        ("withdrawn".to_owned(), News::Withdrawn),
    ];
    for seen in SEEN {
        all.push((format!("answer {seen:?}"), News::Answered { attempt: attempts, seen }));
        all.push((
            format!("answer before {seen:?}"),
            News::Answered { attempt: attempts.wrapping_sub(1), seen },
        ));
        all.push((format!("read {seen:?}"), News::Read { version: 7, seen }));
        all.push((format!("read before {seen:?}"), News::Read { version: 6, seen }));
    }
    all
}

fn told(before: &Payment, after: &Payment) -> String {
    let at = |time: Timestamp| (time - Timestamp::UNIX_EPOCH).num_hours();
    let state = match after.state {
        State::Ready { from } => format!("Ready from {}", at(from)),
        State::Confirming { since } => format!("Confirming {} since {}", after.attempts, at(since)),
        State::Waiting { ask, until } => format!("Waiting for {ask:?} until {}", at(until)),
        state => format!("{state:?}"),
    };
    let unwanted = if after.is_withdrawn && !before.is_withdrawn { ", unwanted" } else { "" };
    let failures = if after.failures == before.failures {
        String::new()
    } else {
        format!(", {} failures", after.failures)
    };
    format!("{state}{unwanted}{failures}")
}

/// Every state: what is done next; then all that is heard and changes something.
const TABLE: &str = include_str!("table.txt");

#[test]
fn every_state_does_with_all_that_is_heard_what_the_table_says() {
    let schedule = Schedule::default();
    let mut found = String::new();
    for (name, payment) in payments() {
        let (stored, step) = payment.step(now());
        let wait = |until: Option<Timestamp>| {
            until.map_or("news".to_owned(), |at| format!("{}", (at - Timestamp::UNIX_EPOCH).num_hours()))
        };
        let step = match step {
            Step::Wait(until) => format!("Wait for {}", wait(until)),
            step => format!("{step:?}"),
        };
        found += &format!("{name}: {} -> {step}\n", told(&payment, &stored));
        assert_eq!(
            stored.version,
            payment.version + u64::from(stored != Payment { version: stored.version, ..payment.clone() })
        );
        for (heard, news) in news(payment.attempts) {
            let after = payment.hear(news, &schedule, now());
            if after != payment {
                assert_eq!(after.version, payment.version + 1, "{name}, {heard}");
                found += &format!("    {heard}: {}\n", told(&payment, &after));
            }
        }
    }
    assert!(found == TABLE, "the table says otherwise:\n{found}");
}

#[test]
fn what_a_person_pays_in_their_browser_waits_for_them() {
    let schedule = Schedule::default();
    let planned = Payment::on_session();
    assert_eq!(planned.step(now()).1, Step::Create);
    let created = planned.hear(News::Created("pi_1".into()), &schedule, now());
    assert_eq!(
        created.state(),
        State::Waiting { ask: Ask::Authenticate, until: now() + schedule.patience() }
    );
    assert_eq!(created.intent(), Some("pi_1"));
    let paid =
        created.hear(News::Read { version: created.version(), seen: Seen::Succeeded }, &schedule, now());
    assert_eq!(paid.state(), State::Succeeded);
}

#[test]
fn another_method_gets_the_whole_schedule() {
    let schedule = Schedule::new(vec![1], 14).unwrap();
    let decline = |payment: &Payment| {
        let (payment, step) = payment.step(now());
        let Step::Confirm { attempt } = step else { panic!("{step:?}") };
        payment.hear(News::Answered { attempt, seen: Seen::Declined(Remedy::Retry) }, &schedule, now())
    };
    let ready = Payment::off_session().hear(News::Created("pi_1".into()), &schedule, now());
    let declined = decline(&ready);
    assert_eq!(declined.state(), State::Ready { from: now() + Duration::days(1) });
    let given = declined.hear(News::MethodGiven, &schedule, now());
    assert_eq!(given.state(), State::Ready { from: now() });
    let declined = decline(&given);
    assert_eq!(declined.state(), State::Ready { from: now() + Duration::days(1) });
    let retried = decline(&Payment { state: State::Ready { from: now() }, ..declined });
    assert_eq!(retried.state(), State::Closing(End::GivenUp));
}
