use proptest::prelude::*;

use super::*;

const POLICY: Policy = Policy {
    lease: Duration::from_secs(60),
    settle: Duration::from_secs(120),
    retry_delay: Duration::from_secs(5),
    retry_delay_max: Duration::from_secs(300),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_796_112_000 + second, 0).unwrap()
}

fn standing(state: State, attempts: i32) -> Standing {
    Standing {
        state,
        attempts,
        due_at: Some(at(0)),
        in_doubt_since: None,
        vendor_ref: None,
        last_error: None,
        sent_at: None,
    }
}

fn due(state: State) -> Due {
    Due {
        standing: standing(state, 1),
        expires_at: at(3_600),
        is_superseded: false,
        is_blocked: false,
        suppressed: None,
    }
}

/// A first attempt that began at second 0.
fn attempt() -> Attempt {
    let before = standing(State::Queued, 0);
    let due = Due {
        standing: before.clone(),
        expires_at: at(3_600),
        is_superseded: false,
        is_blocked: false,
        suppressed: None,
    };
    let Step::Send(during) = take_up(&due, at(0), &POLICY) else { panic!("a queued message is sent") };
    Attempt { id: MessageId::new(), before, during, expires_at: at(3_600) }
}

#[test]
fn a_queued_message_is_sent_under_a_lease() {
    let Step::Send(sending) = take_up(&due(State::Queued), at(10), &POLICY) else { panic!() };
    assert_eq!((sending.state, sending.attempts), (State::Sending, 2));
    assert_eq!((sending.due_at, sending.in_doubt_since), (Some(at(70)), Some(at(10))));
}

#[test]
fn what_was_cut_off_while_sending_waits_for_news_first() {
    let mut due = due(State::Sending);
    due.standing.in_doubt_since = Some(at(-60));
    let Step::Note(unknown) = take_up(&due, at(10), &POLICY) else { panic!() };
    assert_eq!((unknown.state, unknown.due_at), (State::Unknown, Some(at(130))));
    assert_eq!(unknown.in_doubt_since, Some(at(-60)));
}

#[test]
fn without_news_it_is_sent_again_and_the_doubt_stays() {
    let mut due = due(State::Unknown);
    due.standing.in_doubt_since = Some(at(-60));
    let Step::Send(sending) = take_up(&due, at(10), &POLICY) else { panic!() };
    assert_eq!(sending.in_doubt_since, Some(at(-60)));
}

#[test]
fn a_message_that_a_newer_one_overtook_is_not_sent() {
    for state in [State::Queued, State::Unknown] {
        let due = Due { is_superseded: true, ..due(state) };
        let Step::Note(ended) = take_up(&due, at(10), &POLICY) else { panic!() };
        assert_eq!((ended.state, ended.due_at), (State::Expired, None));
        assert!(ended.last_error.unwrap().starts_with("SUPERSEDED"));
    }
}

#[test]
fn a_message_waits_for_an_older_one_of_its_booking() {
    let due = Due { is_blocked: true, ..due(State::Queued) };
    let Step::Wait(waiting) = take_up(&due, at(10), &POLICY) else { panic!() };
    assert_eq!((waiting.state, waiting.attempts, waiting.due_at), (State::Queued, 1, Some(at(11))));
}

#[test]
fn an_expired_message_that_may_have_gone_says_so() {
    let mut due = due(State::Unknown);
    due.standing.in_doubt_since = Some(at(0));
    let step = take_up(&due, at(3_600), &POLICY);
    assert_eq!(step.standing().state, State::Expired);
    assert!(step.standing().last_error.as_deref().unwrap().contains("may have reached"));
}

#[test]
fn an_accepted_message_is_over() {
    let sent = conclude(&attempt(), Outcome::Accepted { vendor_ref: "x".into() }, at(2), &POLICY);
    assert_eq!((sent.state, sent.due_at, sent.in_doubt_since), (State::Sent, None, None));
    assert_eq!((sent.vendor_ref.as_deref(), sent.sent_at), (Some("x"), Some(at(2))));
}

#[test]
fn what_certainly_did_not_go_is_tried_again_later_without_doubt() {
    let outcome = Outcome::NotSent { reason: "down".into(), retry_after: Some(Duration::from_secs(40)) };
    let queued = conclude(&attempt(), outcome, at(2), &POLICY);
    assert_eq!((queued.state, queued.in_doubt_since), (State::Queued, None));
    assert!((at(42)..=at(52)).contains(&queued.due_at.unwrap()), "{:?}", queued.due_at);
}

#[test]
fn a_retry_that_would_come_too_late_is_not_waited_for() {
    let outcome = Outcome::NotSent { reason: "down".into(), retry_after: Some(Duration::from_secs(7_200)) };
    let expired = conclude(&attempt(), outcome, at(2), &POLICY);
    assert_eq!(expired.state, State::Expired);
    assert_eq!(expired.last_error.as_deref(), Some("EXPIRED: not sent in time: down"));
}

#[test]
fn a_lost_answer_is_waited_for_from_its_attempt_on() {
    let unknown = conclude(&attempt(), Outcome::Unknown { reason: "cut".into() }, at(20), &POLICY);
    assert_eq!((unknown.state, unknown.due_at), (State::Unknown, Some(at(140))));
    assert_eq!(unknown.in_doubt_since, Some(at(0)));
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::Queued), Just(State::Sending), Just(State::Unknown)]
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Accepted { vendor_ref: "ref".into() }),
        Just(Outcome::Refused { reason: "no".into() }),
        proptest::option::of(0u64..10_000).prop_map(|seconds| Outcome::NotSent {
            reason: "later".into(),
            retry_after: seconds.map(Duration::from_secs)
        }),
        Just(Outcome::Unknown { reason: "lost".into() }),
    ]
}

proptest! {
    /// Nothing is sent blindly: not what is on its way, overtaken, expired or behind another.
    #[test]
    fn only_the_newest_message_in_time_is_sent(
        state in any_state(), is_superseded: bool, is_blocked: bool,
        suppressed in prop::option::of(Just(SuppressionReason::Bounced)), now in -100i64..5_000,
        attempts in 0i32..50, in_doubt in proptest::option::of(-500i64..0),
    ) {
        let mut standing = standing(state, attempts);
        standing.in_doubt_since = in_doubt.map(at);
        let due = Due { standing, expires_at: at(3_600), is_superseded, is_blocked, suppressed };
        let step = take_up(&due, at(now), &POLICY);
        let may_send = state != State::Sending && !is_superseded && !is_blocked && suppressed.is_none() && now < 3_600;
        prop_assert_eq!(matches!(step, Step::Send(_)), may_send);
        let after = step.standing();
        // Whoever lives is looked at again, later; so no row is looked at in a circle.
        match after.state {
            State::Queued | State::Sending | State::Unknown => prop_assert!(after.due_at.unwrap() > at(now)),
            State::Sent | State::Failed | State::Expired => prop_assert_eq!(after.due_at, None),
        }
        // A doubt ends only with an answer.
        if let Some(since) = due.standing.in_doubt_since {
            prop_assert_eq!(after.in_doubt_since, Some(since));
        }
    }

    #[test]
    fn every_outcome_leads_on_or_ends(
        outcome in any_outcome(), now in 0i64..60, attempts in 0i32..100,
        doubted in proptest::option::of(-500i64..0),
    ) {
        let mut before = standing(State::Queued, attempts);
        before.in_doubt_since = doubted.map(at);
        let due = Due {
            standing: before.clone(), expires_at: at(3_600), is_superseded: false, is_blocked: false, suppressed: None,
        };
        let Step::Send(during) = take_up(&due, at(0), &POLICY) else { unreachable!() };
        let attempt = Attempt { id: MessageId::new(), before, during, expires_at: at(3_600) };
        let after = conclude(&attempt, outcome.clone(), at(now), &POLICY);
        prop_assert_eq!(after.attempts, attempts + 1);
        match outcome {
            Outcome::Accepted { .. } => prop_assert_eq!(after.state, State::Sent),
            Outcome::Refused { .. } => prop_assert_eq!(after.state, State::Failed),
            Outcome::Unknown { .. } => prop_assert_eq!(after.state, State::Unknown),
            Outcome::NotSent { retry_after, .. } => match after.due_at {
                Some(due_at) => {
                    prop_assert_eq!(after.state, State::Queued);
                    prop_assert!(due_at < at(3_600));
                    prop_assert!(due_at >= at(now) + span(retry_after.unwrap_or(POLICY.retry_delay)));
                    prop_assert_eq!(after.in_doubt_since, doubted.map(at));
                }
                None => prop_assert_eq!(after.state, State::Expired),
            },
        }
    }
}
