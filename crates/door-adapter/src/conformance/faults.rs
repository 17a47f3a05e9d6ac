//! Whatever goes wrong on the way, a person ends up with exactly what was asked for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::case::{Case, STEPS, attempt, kinds, settle};
use super::{Fault, World};
use crate::{AccessRequest, DoorProvider, ErrorKind, ProblemKind, ProviderError};

/// Every kind of target.
const ALL: usize = usize::MAX;
/// One kind of target: where each call takes its time, that has to do.
const ONE: usize = 1;

/// Every call of every step goes wrong once, in each of these ways, at up to so many kinds of targets;
/// then the step is made again.
async fn with_each_call<W: World>(faults: &[Fault], kinds_max: usize) {
    let world = W::new().await;
    for kind in kinds().into_iter().filter(|&kind| world.target(kind, 0).is_some()).take(kinds_max) {
        let mut number = 0;
        for &fault in faults {
            for step in 0..STEPS.len() {
                for call in 1.. {
                    let Some(target) = world.target(kind, number) else { break };
                    number += 1;
                    if !goes_wrong_once(&world, Case::new(&world, target), step, call, fault).await {
                        break;
                    }
                }
            }
        }
    }
    world.finish().await;
}

/// Whether the step made so many calls that one could go wrong.
async fn goes_wrong_once<W: World>(
    world: &W,
    mut case: Case,
    step: usize,
    call: usize,
    fault: Fault,
) -> bool {
    let provider = world.provider();
    for &hours in &STEPS[..step] {
        case.ask(world, hours);
        settle(world, &provider, &case, "before").await;
    }
    let what = format!("{fault:?} of call {call} in step {step} at a {:?}", case.target.kind);
    let before = world.access(&case.person, &case.target);
    case.ask(world, STEPS[step]);
    world.break_call(call, fault);
    let result = attempt(world, &provider, &case.request).await;
    let was_hit = world.heal();
    match &result {
        Ok(_) => case.assert_holds(world, &[], &what),
        Err(error) => {
            assert!(was_hit, "{what}: failed by itself: {error}");
            assert_is_told(fault, error, &what);
            if !error.outcome_unknown {
                assert_eq!(
                    world.access(&case.person, &case.target),
                    before,
                    "{what}: said to have no effect"
                );
            }
        }
    }
    settle(world, &provider, &case, &what).await;
    case.assert_holds(world, &[], &what);
    // And everything can be taken away again.
    case.ask(world, None);
    settle(world, &provider, &case, &what).await;
    case.assert_holds(world, &[], &what);
    was_hit
}

pub(super) fn assert_is_told(fault: Fault, error: &ProviderError, what: &str) {
    let kinds: &[ErrorKind] = match fault {
        Fault::AnswerLost | Fault::NotSent | Fault::Broken | Fault::Slow => &[ErrorKind::Unreachable],
        Fault::Truncated => &[ErrorKind::Malformed, ErrorKind::Unreachable],
        Fault::RateLimited { .. } => &[ErrorKind::RateLimited],
    };
    assert!(kinds.contains(&error.kind), "{what}: {error:?}");
    if fault == (Fault::RateLimited { retry_after: true }) {
        assert!(error.retry_after.is_some(), "{what}: {error:?}");
    }
}

/// Answers are lost or cut off.
pub async fn lost_answers_leave_no_trace<W: World>() {
    with_each_call::<W>(&[Fault::AnswerLost], ALL).await;
    with_each_call::<W>(&[Fault::Truncated], ALL).await;
}

/// Calls are refused or do not arrive.
pub async fn outages_are_told_and_passed<W: World>() {
    with_each_call::<W>(&[Fault::NotSent], ALL).await;
    with_each_call::<W>(&[Fault::Broken], ALL).await;
}

/// Calls take too long.
pub async fn slow_answers_are_not_waited_for<W: World>() {
    with_each_call::<W>(&[Fault::Slow], ONE).await;
}

/// Calls are too many, with and without a word on when to come back.
pub async fn rate_limits_are_told_and_passed<W: World>() {
    with_each_call::<W>(&[Fault::RateLimited { retry_after: false }], ALL).await;
    with_each_call::<W>(&[Fault::RateLimited { retry_after: true }], ONE).await;
}

/// The process dies: after each call, and after all of them but before the answer is recorded.
pub async fn crashes_leave_no_trace<W: World>() {
    let world = W::new().await;
    for kind in kinds() {
        let mut number = 0;
        for step in 0..STEPS.len() {
            for call in 1.. {
                let Some(target) = world.target(kind, number) else { break };
                number += 1;
                let mut case = Case::new(&world, target);
                for &hours in &STEPS[..step] {
                    case.ask(&world, hours);
                    settle(&world, &world.provider(), &case, "before").await;
                }
                case.ask(&world, STEPS[step]);
                let has_crashed = crash_after(&world, &case.request, call).await;
                let what = format!("crash after call {call} in step {step} at a {kind:?}");
                settle(&world, &world.provider(), &case, &what).await;
                case.assert_holds(&world, &[], &what);
                case.ask(&world, None);
                settle(&world, &world.provider(), &case, &what).await;
                case.assert_holds(&world, &[], &what);
                if !has_crashed {
                    break;
                }
            }
        }
    }
    world.finish().await;
}

/// Carries a request out until the twin has answered so many calls, and drops it there, its last answer
/// unread and nothing recorded. `false` if it made fewer calls; nothing is recorded then, either.
async fn crash_after<W: World>(world: &W, request: &AccessRequest, calls: usize) -> bool {
    let (provider, account, mut changes) = (world.provider(), world.account(), Vec::new());
    cut_off(world, calls, provider.apply(&account, request, &mut changes)).await
}

/// Does something until the twin has answered so many calls, and drops it there, its last answer unread. `false` if
/// it made fewer calls.
pub(super) async fn cut_off<W: World>(world: &W, calls: usize, something: impl Future) -> bool {
    let last = world.calls() + calls;
    let mut something = pin!(something);
    poll_fn(|context| {
        if world.calls() >= last {
            return Poll::Ready(true);
        }
        something.as_mut().poll(context).map(|_| false)
    })
    .await
}

/// Credentials that stop working are told, and nothing is lost when they work again.
pub async fn a_revoked_key_is_told_and_passed<W: World>() {
    let mut world = W::new().await;
    let provider = world.provider();
    for kind in kinds() {
        let Some(target) = world.target(kind, 0) else { continue };
        let mut case = Case::new(&world, target);
        for hours in STEPS {
            case.ask(&world, hours);
            world.set_credentials_work(false);
            for provider in [&provider, &world.provider()] {
                if let Err(error) = attempt(&world, provider, &case.request).await {
                    assert_eq!(error.kind, ErrorKind::Unauthorized, "{error:?}");
                }
            }
            let refused = provider.check(&world.account()).await.expect_err("they do not work");
            assert_eq!(refused.kind, ProblemKind::Wrong, "{refused:?}");
            world.set_credentials_work(true);
            settle(&world, &provider, &case, "the key works again").await;
            case.assert_holds(&world, &[], "the key works again");
            provider.check(&world.account()).await.expect("they work");
        }
    }
    world.finish().await;
}
