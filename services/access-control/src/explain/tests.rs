//! Situations, each with what the door does and the code of the link that decides.

use chrono::{DateTime, Datelike as _, Duration, Timelike as _};
use domain::{WeeklyHours, WeeklyInterval, WorkspaceId};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::engine::Hours;

const RULES: Rules = Rules { horizon: Duration::hours(72), in_flight_timeout: Duration::minutes(2) };

fn at(minute: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
}

fn window(start: i64, end: i64) -> Window {
    Window::new(at(start), at(end)).unwrap()
}

/// A way in by a mapping.
fn passage(start: i64, end: i64) -> Passage {
    let id = Uuid::from_u64_pair(7, start.unsigned_abs());
    Passage {
        source: SourceKey { workspace: WorkspaceId::from_uuid(Uuid::nil()), kind: "booking".into(), id },
        mapping: Some(DoorMappingId::from_uuid(Uuid::nil())),
        entitled: Entitled {
            window: window(start, end),
            hours: None,
            lead: Duration::zero(),
            lag: Duration::zero(),
        },
    }
}

/// The same at one hour of each week alone, which begins so many minutes after minute 0.
fn weekly(start: i64, end: i64, opens: i64) -> Passage {
    let opening = at(opens);
    let minute = u16::try_from(opening.hour() * 60 + opening.minute()).unwrap();
    let interval = WeeklyInterval { day: opening.weekday(), start: minute, end: minute + 60 };
    let hours = Hours { weekly: WeeklyHours::new(vec![interval]).unwrap(), zone: chrono_tz::UTC };
    let plain = passage(start, end);
    Passage { entitled: Entitled { hours: Some(hours), ..plain.entitled }, ..plain }
}

/// A ledger that was told `observed` last.
fn ledger(observed: Observed) -> Ledger {
    let told = if let Observed::Holds(window) = observed { Some(window) } else { None };
    Ledger {
        generation: 3,
        in_flight_until: None,
        observed,
        told,
        failures: 0,
        retry_at: None,
        knows_person: true,
    }
}

fn grant(ledger: Ledger) -> GrantState {
    GrantState { ledger, problem: None, last_error: String::new() }
}

fn failing(ledger: Ledger, told: Option<Window>, problem: AccessReason) -> GrantState {
    let ledger = Ledger { told, failures: 2, retry_at: Some(at(5)), ..ledger };
    GrantState { ledger, problem: Some(problem), last_error: "it says no".into() }
}

/// Someone at minute 0, within a window from minute -10 to 60 that the provider holds.
fn within() -> Situation {
    Situation {
        now: at(0),
        at: at(0),
        person: Standing::Active,
        passages: vec![passage(-10, 60)],
        has_door: true,
        is_followed: true,
        grant: Some(grant(ledger(Observed::Holds(window(-10, 60))))),
    }
}

/// The same before anything was told.
fn untold() -> Situation {
    Situation { grant: Some(grant(ledger(Observed::Nothing))), ..within() }
}

fn refused(problem: AccessReason) -> Situation {
    let grant = failing(ledger(Observed::Nothing), Some(window(-10, 60)), problem);
    Situation { grant: Some(grant), ..within() }
}

use AccessDecision::{MayEnter, MayNotEnter, WillEnter};
use AccessReason as Code;

/// A situation, what the door does, the code that decides, and the code of what happens next.
type Case = (&'static str, Situation, AccessDecision, Code, Code);

fn settled() -> Vec<Case> {
    let none = |situation: Situation| Situation { passages: Vec::new(), grant: None, ..situation };
    let gone = |situation: Situation| Situation {
        grant: Some(grant(ledger(Observed::Nothing))),
        passages: Vec::new(),
        ..situation
    };
    vec![
        ("within the window", within(), MayEnter, Code::ProviderHolds, Code::NextEnds),
        (
            "a door given directly",
            Situation { passages: vec![Passage { mapping: None, ..passage(-10, 60) }], ..within() },
            MayEnter,
            Code::ProviderHolds,
            Code::NextEnds,
        ),
        (
            "later within the same window",
            Situation { at: at(59), ..within() },
            MayEnter,
            Code::ProviderHolds,
            Code::NextEnds,
        ),
        (
            "after the end, with nothing else",
            Situation { at: at(60), ..within() },
            MayNotEnter,
            Code::EntitlementOver,
            Code::NextNothing,
        ),
        ("not their door", none(within()), MayNotEnter, Code::EntitlementNone, Code::NextNothing),
        ("not theirs any more", gone(within()), MayNotEnter, Code::EntitlementNone, Code::NextNothing),
        (
            "nobody knows them",
            Situation { person: Standing::Unknown, ..none(within()) },
            MayNotEnter,
            Code::PersonUnknown,
            Code::NextNothing,
        ),
        (
            "paused, and taken back",
            Situation { person: Standing::NotActive, ..untold() },
            MayNotEnter,
            Code::PersonNotActive,
            Code::NextActivate,
        ),
        (
            "a room without a door",
            Situation { has_door: false, grant: None, ..within() },
            MayNotEnter,
            Code::MappingNone,
            Code::NextMap,
        ),
        (
            "a room without a door that is not theirs either",
            Situation { has_door: false, ..none(within()) },
            MayNotEnter,
            Code::EntitlementNone,
            Code::NextMap,
        ),
        (
            "over for an hour",
            Situation { passages: vec![passage(-120, -60)], grant: gone(within()).grant, ..within() },
            MayNotEnter,
            Code::EntitlementOver,
            Code::NextNothing,
        ),
    ]
}

fn ahead() -> Vec<Case> {
    let pushed = Situation {
        passages: vec![passage(30, 90)],
        grant: Some(grant(ledger(Observed::Holds(window(30, 90))))),
        ..within()
    };
    let far = 80 * 60;
    let two = Situation {
        passages: vec![passage(-10, 60), passage(120, 180)],
        at: at(130),
        grant: within().grant,
        ..within()
    };
    let back_to_back = Situation {
        passages: vec![passage(-10, 60), passage(60, 120)],
        grant: Some(grant(ledger(Observed::Holds(window(-10, 120))))),
        at: at(60),
        ..within()
    };
    vec![
        ("pushed, not begun", pushed.clone(), WillEnter, Code::WindowAhead, Code::NextBegins),
        (
            "asked for when it has begun",
            Situation { at: at(30), ..pushed.clone() },
            MayEnter,
            Code::ProviderHolds,
            Code::NextEnds,
        ),
        (
            "pushed, and the integration was disconnected since",
            Situation { is_followed: false, ..pushed },
            WillEnter,
            Code::WindowAhead,
            Code::NextConnect,
        ),
        (
            "beyond the horizon",
            Situation { passages: vec![passage(far, far + 60)], ..untold() },
            WillEnter,
            Code::WindowAhead,
            Code::NextTold,
        ),
        (
            "beyond the horizon, asked for its time",
            Situation { passages: vec![passage(far, far + 60)], at: at(far), ..untold() },
            WillEnter,
            Code::GrantWaitsForHorizon,
            Code::NextTold,
        ),
        (
            "at another hour of the week",
            Situation { passages: vec![weekly(-60, 40_000, 120)], ..untold() },
            WillEnter,
            Code::WindowOutsideHours,
            Code::NextTold,
        ),
        (
            "at its hour of the week",
            Situation { passages: vec![weekly(-60, 40_000, 120)], at: at(130), ..untold() },
            WillEnter,
            Code::GrantDue,
            Code::NextTold,
        ),
        (
            "over before its first hour of the week",
            Situation { passages: vec![weekly(-60, 100, 120)], ..untold() },
            MayNotEnter,
            Code::WindowOutsideHours,
            Code::NextNothing,
        ),
        ("an earlier window comes first", two, WillEnter, Code::GrantWaitsForEarlier, Code::NextTold),
        ("two without a seam", back_to_back, MayEnter, Code::ProviderHolds, Code::NextEnds),
    ]
}

fn on_the_way() -> Vec<Case> {
    let told =
        Ledger { in_flight_until: Some(at(1)), told: Some(window(-10, 60)), ..ledger(Observed::Nothing) };
    let lost = Ledger { observed: Observed::Unknown, in_flight_until: None, ..told };
    let soon = Situation { passages: vec![passage(30, 90)], ..untold() };
    vec![
        ("about to be told", untold(), WillEnter, Code::GrantDue, Code::NextTold),
        ("soon, about to be told", soon, WillEnter, Code::WindowAhead, Code::NextTold),
        ("no row yet", Situation { grant: None, ..within() }, WillEnter, Code::GrantDue, Code::NextTold),
        (
            "told, no answer yet",
            Situation { grant: Some(grant(told)), ..within() },
            WillEnter,
            Code::GrantUnderWay,
            Code::NextAnswer,
        ),
        (
            "the answer was lost",
            Situation { grant: Some(grant(lost)), ..within() },
            WillEnter,
            Code::GrantDue,
            Code::NextTold,
        ),
        (
            "disconnected before it was told",
            Situation { is_followed: false, ..untold() },
            MayNotEnter,
            Code::IntegrationInactive,
            Code::NextConnect,
        ),
        (
            "disconnected while the provider has it",
            Situation { is_followed: false, ..within() },
            MayEnter,
            Code::ProviderHolds,
            Code::NextConnect,
        ),
    ]
}

fn failed() -> Vec<Case> {
    let codes = [
        Code::ProviderUnreachable,
        Code::ProviderRateLimited,
        Code::ProviderRefusesCredentials,
        Code::ProviderLacksDoor,
        Code::ProviderRejects,
    ];
    let mut cases: Vec<Case> =
        codes.map(|code| ("the provider failed", refused(code), MayNotEnter, code, Code::NextRetry)).into();
    let held = ledger(Observed::Holds(window(-10, 60)));
    let longer = failing(held, Some(window(-10, 120)), Code::ProviderUnreachable);
    let longer = Situation { passages: vec![passage(-10, 120)], grant: Some(longer), ..within() };
    let paused = Situation {
        person: Standing::NotActive,
        grant: Some(failing(held, None, Code::ProviderUnreachable)),
        ..within()
    };
    let uncertain = Situation {
        grant: Some(failing(ledger(Observed::Unknown), Some(window(-10, 60)), Code::ProviderUnreachable)),
        ..within()
    };
    let again = refused(Code::ProviderUnreachable);
    let told_again = again.grant.clone().map(|grant| GrantState {
        ledger: Ledger { in_flight_until: Some(at(1)), retry_at: Some(at(-1)), ..grant.ledger },
        ..grant
    });
    let again = Situation { grant: told_again, ..again };
    cases.extend([
        ("it failed, and is tried again", again, MayNotEnter, Code::ProviderUnreachable, Code::NextAnswer),
        ("an extension failed", longer.clone(), MayEnter, Code::ProviderHolds, Code::NextRetry),
        (
            "an extension failed, asked for what it would add",
            Situation { at: at(90), ..longer },
            MayNotEnter,
            Code::ProviderUnreachable,
            Code::NextRetry,
        ),
        (
            "the provider may have it, and failed",
            uncertain,
            MayNotEnter,
            Code::ProviderUnreachable,
            Code::NextRetry,
        ),
        ("paused, and the revoke failed", paused.clone(), MayEnter, Code::GrantNotRevokedYet, Code::NextTold),
        (
            "paused, and the revoke failed, asked for later",
            Situation { at: at(30), ..paused },
            MayNotEnter,
            Code::PersonNotActive,
            Code::NextRetry,
        ),
        (
            "cancelled, and not taken back yet",
            Situation { passages: Vec::new(), ..within() },
            MayEnter,
            Code::GrantNotRevokedYet,
            Code::NextTold,
        ),
        (
            "paused while the integration is not followed",
            Situation { person: Standing::NotActive, is_followed: false, ..within() },
            MayEnter,
            Code::GrantNotRevokedYet,
            Code::NextConnect,
        ),
    ]);
    cases
}

#[test]
fn each_situation_has_its_decision_and_its_code() {
    let cases: Vec<Case> = [settled(), ahead(), on_the_way(), failed()].into_iter().flatten().collect();
    assert!(cases.len() >= 25, "{}", cases.len());
    for (title, situation, decision, reason, next) in cases {
        let explanation = explain(&situation, &RULES);
        let last = explanation.chain.last().unwrap().reason;
        assert_eq!((explanation.decision, explanation.reason, last), (decision, reason, next), "{title}");
    }
}

#[test]
fn what_the_provider_said_is_told_word_for_word() {
    let explanation = explain(&refused(AccessReason::ProviderRejects), &RULES);
    let said = explanation.chain.iter().find(|link| link.step == AccessStep::Provider).unwrap();
    assert_eq!((said.reason, said.detail.as_str()), (AccessReason::ProviderRejects, "it says no"));
}

#[test]
fn the_passage_that_is_open_is_named() {
    let (first, second) = (passage(-30, 10), passage(5, 60));
    let of = |minute| {
        let passages = vec![second.clone(), first.clone()];
        let situation = Situation { passages, at: at(minute), ..within() };
        explain(&situation, &RULES).chain[1].about.clone()
    };
    assert_eq!(of(0), Some(About::Source(first.source.clone())));
    assert_eq!(of(20), Some(About::Source(second.source.clone())));
}

prop_compose! {
    fn situations()(
        now in -200i64..200,
        later in 0i64..200,
        standing in prop::sample::select(vec![Standing::Active, Standing::NotActive, Standing::Unknown]),
        starts in prop::collection::vec((-200i64..6_000, 1i64..200), 0..4),
        (has_door, is_followed, is_failing, is_in_flight) in any::<(bool, bool, bool, bool)>(),
        held in prop::option::of((-200i64..200, 1i64..200)),
        has_grant in any::<bool>(),
    ) -> Situation {
        let observed = held.map_or(Observed::Nothing, |(start, long)| Observed::Holds(window(start, start + long)));
        let ledger = Ledger {
            retry_at: is_failing.then_some(at(now + 5)),
            in_flight_until: is_in_flight.then_some(at(now + 1)),
            ..ledger(observed)
        };
        let problem = is_failing.then_some(AccessReason::ProviderUnreachable);
        Situation {
            now: at(now),
            at: at(now + later),
            person: standing,
            passages: starts.into_iter().map(|(start, long)| passage(start, start + long)).collect(),
            has_door,
            is_followed,
            grant: (has_door && has_grant).then(|| GrantState { ledger, problem, last_error: String::new() }),
        }
    }
}

proptest! {
    /// Whatever the situation: no code is missing, each has a sentence, the links come in their order, the code
    /// that decides is a link's, and the door is said to open exactly if the provider has confirmed it.
    #[test]
    fn every_situation_is_explained(situation in situations()) {
        let explanation = explain(&situation, &RULES);
        let steps: Vec<i32> = explanation.chain.iter().map(|link| link.step.into()).collect();
        prop_assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
        for link in &explanation.chain {
            prop_assert!(link.reason != AccessReason::Unspecified);
            prop_assert!(link.sentence().ends_with('.'), "{:?}", link.reason);
        }
        prop_assert!(explanation.chain.iter().any(|link| link.reason == explanation.reason), "{explanation:?}");
        let held = match situation.grant.map(|grant| grant.ledger.observed) {
            Some(Observed::Holds(window)) => window.contains(situation.at),
            _ => false,
        };
        if explanation.decision == AccessDecision::MayEnter {
            prop_assert!(held);
        } else if held {
            prop_assert!(situation.at > situation.now, "it opens now");
        }
    }
}
