//! The suite that every provider is run through: whatever goes wrong on the way, a person ends up with
//! exactly what was asked for, and what Latchkey did not make is left alone.
//!
//! A provider's tests implement [`World`] with the provider's twin and name it in
//! [`conformance_suite!`](crate::conformance_suite). Each scenario grants, moves and revokes, once for
//! each call that the provider makes on the way, and has that call go wrong.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use chrono::Duration;
use domain::names::{GrantName, LocationName};
use domain::{GrantId, LocationId, PersonId, Timestamp, Window};
use futures::TryStreamExt as _;
use sqlx::PgPool;

use crate::{
    AccessRequest, Account, Applied, ApplyError, DoorProvider, Drift, ErrorKind, Held, Person, ProblemKind,
    ProviderError, Right, Target, TargetKind, compare,
};

/// A provider with its ledger and its twin, fresh for each scenario.
pub trait World: Sized {
    /// The provider.
    type Provider: DoorProvider;

    /// A new one.
    fn new() -> impl Future<Output = Self>;
    /// The provider, as it is when its process starts.
    fn provider(&self) -> Self::Provider;
    /// Where its ledger is, as the runtime writes it.
    fn platform(&self) -> &PgPool;
    /// The account, with credentials that work.
    fn account(&self) -> Account;
    /// The time.
    fn now(&self) -> Timestamp;
    /// One of many doors or groups, by number, that no one has access to. `None` if the provider has no
    /// such targets. There are at least 40.
    fn target(&self, kind: TargetKind, number: usize) -> Option<Target>;
    /// Calls that the twin has answered, or refused to, so far.
    fn calls(&self) -> usize;
    /// Has the `call`th call from now on go wrong; 1 is the next.
    fn break_call(&self, call: usize, fault: Fault);
    /// Nothing goes wrong any more. Whether something did.
    fn heal(&self) -> bool;
    /// All windows in which the person may enter at the target, whoever gave them, by start.
    fn access(&self, person: &Person, target: &Target) -> Vec<Window>;
    /// Someone else gives the person access at the target. The twin knows the person afterwards.
    fn add_foreign(&self, person: &Person, target: &Target, window: Window) -> impl Future<Output = ()>;
    /// Someone else takes all of the person's access at the target away.
    fn remove_access(&self, person: &Person, target: &Target) -> impl Future<Output = ()>;
    /// Someone else gives all of the person's access at the target another window.
    fn move_access(&self, person: &Person, target: &Target, window: Window) -> impl Future<Output = ()>;
    /// Someone else gives the person access at the target just where Latchkey alone gives it, after it gave
    /// access there. `false` if there is no such place.
    fn add_stray(&self, person: &Person, target: &Target, window: Window) -> impl Future<Output = bool>;
    /// Someone else deletes the person.
    fn remove_person(&self, person: &Person) -> impl Future<Output = ()>;
    /// Someone else deletes the target, and what Latchkey keeps for it at the provider.
    fn remove_target(&self, target: &Target) -> impl Future<Output = ()>;
    /// The account's credentials stop working, or work again. New ones may take their place.
    fn set_credentials_work(&mut self, do_work: bool);
    /// Checks what must hold in the end, such as that no one was mailed.
    fn finish(self) -> impl Future<Output = ()>;
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes effect, but the connection breaks before the answer.
    AnswerLost,
    /// It takes effect, but the answer is cut off.
    Truncated,
    /// The connection breaks before it takes effect.
    NotSent,
    /// It is refused: the provider is out of order.
    Broken,
    /// It is refused: too many calls.
    RateLimited {
        /// Whether the answer says when to come back.
        retry_after: bool,
    },
    /// It takes longer than anyone waits, and has no effect.
    Slow,
}

/// What is wanted, one after the other.
const STEPS: [Option<(i64, i64)>; 4] = [Some((1, 2)), Some((3, 5)), None, Some((1, 2))];

/// Every kind of target.
const ALL: usize = usize::MAX;
/// One kind of target: where each call takes its time, that has to do.
const ONE: usize = 1;

/// How often something that fails is tried again.
const TRIES: usize = 6;

/// A person at a target, with what should be.
struct Case {
    person: Person,
    target: Target,
    request: AccessRequest,
}

impl Case {
    fn new<W: World>(world: &W, target: Target) -> Self {
        let account = world.account().integration;
        let id = PersonId::new();
        let person = Person {
            id,
            display_name: "Ada L.".to_owned(),
            email: Some(format!("ada+{id}@example.org").parse().expect("an address")),
        };
        let request = AccessRequest {
            grant: GrantName { workspace: account.workspace, id: GrantId::new() },
            generation: 0,
            location: Some(LocationName { workspace: account.workspace, id: LocationId::new() }),
            target: target.clone(),
            person: person.clone(),
            window: None,
            due_at: world.now(),
        };
        Self { person, target, request }
    }

    /// Asks for a window so many hours from now, or for none.
    fn ask<W: World>(&mut self, world: &W, hours: Option<(i64, i64)>) -> &AccessRequest {
        self.request.generation += 1;
        self.request.window = hours.map(|hours| window(world, hours));
        &self.request
    }

    fn assert_holds<W: World>(&self, world: &W, foreign: &[Window], what: &str) {
        let mut expected: Vec<Window> = foreign.iter().copied().chain(self.request.window).collect();
        expected.sort_by_key(|window| window.start());
        assert_eq!(world.access(&self.person, &self.target), expected, "{what}");
    }
}

fn window<W: World>(world: &W, (start, end): (i64, i64)) -> Window {
    let at = |hours| world.now() + Duration::hours(hours);
    Window::new(at(start), at(end)).expect("ends after it starts")
}

/// Carries a request out as the runtime does: changes are recorded whatever came of it.
async fn attempt<W: World>(
    world: &W,
    provider: &W::Provider,
    request: &AccessRequest,
) -> Result<Applied, ProviderError> {
    let mut changes = Vec::new();
    let result = provider.apply(&world.account(), request, &mut changes).await;
    let mut tx = world.platform().begin().await.expect("the ledger is there");
    provider.record(&mut tx, &changes).await.expect("changes are recorded");
    tx.commit().await.expect("the ledger is there");
    result.map_err(|error| match error {
        ApplyError::Provider(error) => error,
        ApplyError::Ledger(error) => panic!("{error}: {}", error.0),
    })
}

/// Carries a request out until it is.
async fn settle<W: World>(world: &W, provider: &W::Provider, case: &Case, what: &str) -> Applied {
    let mut last = None;
    for _ in 0..TRIES {
        match attempt(world, provider, &case.request).await {
            Ok(applied) => {
                assert_eq!(applied.window, case.request.window, "{what}");
                assert_eq!(applied.provider_ref.is_some(), applied.window.is_some(), "{what}");
                return applied;
            }
            Err(error) => last = Some(error),
        }
    }
    panic!("{what}: still not applied after {TRIES} tries: {last:?}");
}

fn kinds() -> [TargetKind; 2] {
    [TargetKind::Group, TargetKind::Lock]
}

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

fn assert_is_told(fault: Fault, error: &ProviderError, what: &str) {
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

/// Each step twice, by the process that made it and by one that has just started.
pub async fn each_step_twice_is_once<W: World>() {
    let world = W::new().await;
    let provider = world.provider();
    for (number, kind) in kinds().into_iter().enumerate() {
        let Some(target) = world.target(kind, number) else { continue };
        let mut case = Case::new(&world, target);
        for hours in STEPS {
            case.ask(&world, hours);
            for provider in [&provider, &provider, &world.provider()] {
                settle(&world, provider, &case, "again").await;
                case.assert_holds(&world, &[], "again");
            }
        }
    }
    world.finish().await;
}

/// Several people and targets at once do not get in each other's way.
pub async fn people_and_targets_are_apart<W: World>() {
    let world = W::new().await;
    let provider = world.provider();
    let targets: Vec<Target> = kinds()
        .iter()
        .flat_map(|&kind| (0..2).filter_map(|n| world.target(kind, n)).collect::<Vec<_>>())
        .collect();
    let mut cases: Vec<Case> =
        targets.iter().flat_map(|target| (0..2).map(|_| Case::new(&world, target.clone()))).collect();
    for (index, hours) in [Some((1, 2)), Some((2, 4)), None, Some((5, 6))].into_iter().enumerate() {
        for case in &mut cases {
            case.ask(&world, hours);
            settle(&world, &provider, case, "one of many").await;
        }
        // One of them wants something else.
        let odd = index % cases.len();
        cases[odd].ask(&world, Some((7, 8)));
        settle(&world, &provider, &cases[odd], "the odd one").await;
        for case in &cases {
            case.assert_holds(&world, &[], "one of many");
        }
    }
    world.finish().await;
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
    let last = world.calls() + calls;
    let mut apply = pin!(provider.apply(&account, request, &mut changes));
    poll_fn(|context| {
        if world.calls() >= last {
            return Poll::Ready(true);
        }
        apply.as_mut().poll(context).map(|_| false)
    })
    .await
}

/// What someone else does to access, people and targets is coped with.
pub async fn changes_behind_our_back_are_coped_with<W: World>() {
    let world = W::new().await;
    let provider = world.provider();
    for kind in kinds() {
        let Some(target) = world.target(kind, 0) else { continue };
        let mut case = Case::new(&world, target);
        case.ask(&world, Some((1, 2)));
        settle(&world, &provider, &case, "first").await;
        world.remove_access(&case.person, &case.target).await;
        case.ask(&world, Some((1, 2)));
        settle(&world, &provider, &case, "given again").await;
        case.assert_holds(&world, &[], "given again");
        world.remove_access(&case.person, &case.target).await;
        case.ask(&world, Some((2, 3)));
        settle(&world, &provider, &case, "moved after it was taken").await;
        case.assert_holds(&world, &[], "moved after it was taken");
        for hours in [Some((2, 3)), Some((4, 5))] {
            world.remove_person(&case.person).await;
            case.ask(&world, hours);
            settle(&world, &provider, &case, "after the person was deleted").await;
            case.assert_holds(&world, &[], "after the person was deleted");
        }
        world.remove_access(&case.person, &case.target).await;
        case.ask(&world, None);
        settle(&world, &provider, &case, "revoked after it was taken").await;
        case.assert_holds(&world, &[], "revoked after it was taken");

        case.ask(&world, Some((1, 2)));
        settle(&world, &provider, &case, "before the target goes").await;
        world.remove_target(&case.target).await;
        let mut other = Case::new(&world, case.target.clone());
        for case in [&mut case, &mut other] {
            case.ask(&world, Some((3, 4)));
            let gone = attempt(&world, &provider, &case.request).await.expect_err("there is nothing to open");
            assert_eq!(gone.kind, ErrorKind::NotFound, "{gone:?}");
            case.ask(&world, None);
            settle(&world, &provider, case, "revoked where nothing is").await;
        }
    }
    world.finish().await;
}

/// What others gave stays as it is, even if it is just what we are asked to give.
pub async fn what_others_gave_is_left_alone<W: World>() {
    let world = W::new().await;
    let provider = world.provider();
    for kind in kinds() {
        for (number, hours) in [(1, 9), (1, 2)].into_iter().enumerate() {
            let Some(target) = world.target(kind, number) else { continue };
            let mut case = Case::new(&world, target);
            let foreign = window(&world, hours);
            world.add_foreign(&case.person, &case.target, foreign).await;
            for step in STEPS {
                case.ask(&world, step);
                match attempt(&world, &provider, &case.request).await {
                    Ok(_) => {
                        // Just what is wanted may have been there, so that nothing had to be given.
                        let mut held = world.access(&case.person, &case.target);
                        held.dedup();
                        let mut expected: Vec<Window> =
                            [foreign].into_iter().chain(case.request.window).collect();
                        expected.sort_by_key(|window| (window.start(), window.end()));
                        expected.dedup();
                        held.sort_by_key(|window| (window.start(), window.end()));
                        assert_eq!(held, expected, "beside {foreign:?}");
                    }
                    Err(error) => {
                        // A provider may take only one.
                        assert!(matches!(error.kind, ErrorKind::Conflict | ErrorKind::Rejected), "{error:?}");
                        assert_eq!(world.access(&case.person, &case.target), [foreign]);
                    }
                }
            }
            case.ask(&world, None);
            settle(&world, &provider, &case, "revoked").await;
            assert_eq!(world.access(&case.person, &case.target), [foreign], "others' access stays");
        }
    }
    world.finish().await;
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

/// A window that is over is as good as none.
pub async fn a_window_that_is_over_is_none<W: World>() {
    let world = W::new().await;
    let provider = world.provider();
    for kind in kinds() {
        let Some(target) = world.target(kind, 0) else { continue };
        let mut case = Case::new(&world, target);
        for before in [None, Some((1, 2))] {
            case.ask(&world, before);
            settle(&world, &provider, &case, "before").await;
            let over = case.ask(&world, Some((-2, -1))).clone();
            let applied = attempt(&world, &provider, &over).await.expect("there is nothing to refuse");
            assert_eq!(applied.window, None);
            assert!(world.access(&case.person, &case.target).is_empty());
        }
    }
    world.finish().await;
}

/// Doors can be listed, and each listed target can be named in a command.
pub async fn targets_are_listed<W: World>() {
    let world = W::new().await;
    let provider = world.provider();
    for kind in kinds() {
        let Some(target) = world.target(kind, 0) else { continue };
        let mut case = Case::new(&world, target.clone());
        case.ask(&world, Some((1, 2)));
        settle(&world, &provider, &case, "before").await;
        let listed = provider.list_targets(&world.account()).await.expect("they can be listed");
        assert!(listed.contains(&target), "{target:?} in {listed:?}");
        assert!(listed.is_sorted_by_key(|target| (target.kind == TargetKind::Lock, &target.display_name)));
        assert!(provider.capabilities().can(kind));
    }
    world.finish().await;
}

/// Cases and what the runtime knows of them.
struct Books {
    cases: Vec<Case>,
    held: Vec<Held>,
}

impl Books {
    /// So many people, each at a target of their own, with access.
    async fn open<W: World>(world: &W, kind: TargetKind, count: usize) -> Option<Self> {
        let mut books = Self { cases: Vec::new(), held: Vec::new() };
        for number in 0..count {
            let mut case = Case::new(world, world.target(kind, number)?);
            case.ask(world, Some((1, 3)));
            books.settle(world, case).await;
        }
        Some(books)
    }

    async fn settle<W: World>(&mut self, world: &W, case: Case) {
        let applied = settle(world, &world.provider(), &case, "in the books").await;
        self.held.retain(|held| held.grant != case.request.grant);
        if let (Some(window), Some(provider_ref)) = (applied.window, applied.provider_ref) {
            let (grant, generation) = (case.request.grant, case.request.generation);
            let target = case.target.clone();
            self.held.push(Held { grant, generation, target, window, provider_ref, is_at_rest: true });
        }
        self.cases.push(case);
    }

    /// Reads all that the account has.
    async fn survey<W: World>(&self, world: &W) -> Result<Vec<Right>, ProviderError> {
        let targets: Vec<Target> = self.cases.iter().map(|case| case.target.clone()).collect();
        let (provider, account) = (world.provider(), world.account());
        let pages: Result<Vec<Vec<Right>>, ApplyError> =
            provider.survey(&account, &targets).try_collect().await;
        match pages {
            Ok(pages) => Ok(pages.concat()),
            Err(ApplyError::Provider(error)) => Err(error),
            Err(ApplyError::Ledger(error)) => panic!("{error}: {}", error.0),
        }
    }

    /// One turn of the reconciler, with what follows from it. Gives what was found.
    async fn reconcile<W: World>(&mut self, world: &W) -> Vec<Drift> {
        let rights = self.survey(world).await.expect("nothing is broken");
        let drifts = compare(&self.held, &rights, world.now());
        for drift in &drifts {
            match drift {
                Drift::Missing(held) | Drift::Changed(held, _) => {
                    let index = self.cases.iter().position(|case| case.request.grant == held.grant);
                    let mut case = self.cases.swap_remove(index.expect("it is one of ours"));
                    case.request.generation += 1;
                    self.settle(world, case).await;
                }
                Drift::Unwanted(right) => {
                    world.provider().remove(&world.account(), right).await.expect("it can be taken away");
                }
                Drift::Foreign(_) => {}
            }
        }
        drifts
    }

    fn assert_all_hold<W: World>(&self, world: &W) {
        for case in &self.cases {
            case.assert_holds(world, &[], "reconciled");
        }
    }
}

/// What someone did to our access at the provider is found, once, and made good.
pub async fn what_someone_did_by_hand_is_found_and_repaired<W: World>() {
    let world = W::new().await;
    for kind in kinds() {
        let Some(mut books) = Books::open(&world, kind, 4).await else { continue };
        assert_eq!(books.reconcile(&world).await, [], "nobody did anything");
        let [_, taken, moved, deleted] = &books.cases[..] else { panic!("there are four") };
        world.remove_access(&taken.person, &taken.target).await;
        world.move_access(&moved.person, &moved.target, window(&world, (4, 5))).await;
        world.remove_person(&deleted.person).await;
        let grants = [taken, moved, deleted].map(|case| case.request.grant);
        let found = books.reconcile(&world).await;
        for (grant, is_moved) in grants.into_iter().zip([false, true, false]) {
            let is_it = |drift: &&Drift| match drift {
                Drift::Missing(held) => held.grant == grant && !is_moved,
                Drift::Changed(held, right) => {
                    let period = window(&world, (4, 5)).into();
                    held.grant == grant && is_moved && right.period == period && !right.holder.is_empty()
                }
                Drift::Unwanted(_) | Drift::Foreign(_) => false,
            };
            assert_eq!(found.iter().filter(is_it).count(), 1, "{grant} in {found:?}");
        }
        assert_eq!(found.len(), 3, "{found:?}");
        books.assert_all_hold(&world);
        assert_eq!(books.reconcile(&world).await, [], "twice in a row there is nothing more");
        for mut case in std::mem::take(&mut books.cases) {
            case.ask(&world, None);
            books.settle(&world, case).await;
        }
        assert_eq!(books.reconcile(&world).await, [], "what was taken away is missed by nobody");
    }
    world.finish().await;
}

/// What others gave is found as such, and stays.
pub async fn what_others_gave_is_found_and_stays<W: World>() {
    let world = W::new().await;
    for kind in kinds() {
        let Some(mut books) = Books::open(&world, kind, 1).await else { continue };
        let target = books.cases[0].target.clone();
        let (other, theirs) = (Case::new(&world, target.clone()), window(&world, (1, 9)));
        world.add_foreign(&other.person, &target, theirs).await;
        for _ in 0..2 {
            let found = books.reconcile(&world).await;
            let is_it = |drift: &Drift| match drift {
                Drift::Foreign(right) => right.period == theirs.into() && !right.holder.is_empty(),
                Drift::Missing(_) | Drift::Changed(..) | Drift::Unwanted(_) => false,
            };
            // A provider may keep it apart, where we don't look.
            assert!(found.len() <= 1 && found.iter().all(is_it), "{found:?}");
            assert_eq!(world.access(&other.person, &target), [theirs]);
            books.assert_all_hold(&world);
        }
    }
    world.finish().await;
}

/// Where Latchkey alone gives access, what it did not give is taken away, and nothing else.
pub async fn what_stands_where_only_we_give_is_taken_away<W: World>() {
    let world = W::new().await;
    for kind in kinds() {
        let Some(mut books) = Books::open(&world, kind, 1).await else { continue };
        let target = books.cases[0].target.clone();
        let stray = Case::new(&world, target.clone());
        if !world.add_stray(&stray.person, &target, window(&world, (1, 9))).await {
            continue;
        }
        let found = books.reconcile(&world).await;
        assert!(matches!(&found[..], [Drift::Unwanted(right)] if !right.holder.is_empty()), "{found:?}");
        assert_eq!(world.access(&stray.person, &target), []);
        books.assert_all_hold(&world);
        assert_eq!(books.reconcile(&world).await, []);
    }
    world.finish().await;
}

/// Whatever page can't be read, however it goes wrong: nothing is read at all.
pub async fn a_page_that_goes_wrong_says_nothing<W: World>() {
    let world = W::new().await;
    let faults = [
        Fault::AnswerLost,
        Fault::Truncated,
        Fault::NotSent,
        Fault::Broken,
        Fault::RateLimited { retry_after: false },
        Fault::Slow,
    ];
    for kind in kinds() {
        let Some(books) = Books::open(&world, kind, 2).await else { continue };
        let whole = books.survey(&world).await.expect("nothing is broken");
        assert!(whole.len() >= 2, "{whole:?}");
        for fault in faults {
            for call in 1.. {
                world.break_call(call, fault);
                let read = books.survey(&world).await;
                if !world.heal() {
                    assert_eq!(read.expect("nothing went wrong"), whole);
                    assert!(call > 2, "{fault:?}: it takes more calls than that");
                    break;
                }
                let error = read.expect_err("a page is missing");
                assert_is_told(fault, &error, &format!("{fault:?} of call {call} of a survey"));
            }
        }
    }
    world.finish().await;
}

/// Makes a test of each scenario.
#[macro_export]
macro_rules! conformance_suite {
    ($world:ty) => {
        $crate::conformance_suite!(@ $world:
            each_step_twice_is_once
            people_and_targets_are_apart
            lost_answers_leave_no_trace
            outages_are_told_and_passed
            slow_answers_are_not_waited_for
            rate_limits_are_told_and_passed
            crashes_leave_no_trace
            changes_behind_our_back_are_coped_with
            what_others_gave_is_left_alone
            a_revoked_key_is_told_and_passed
            a_window_that_is_over_is_none
            targets_are_listed
            what_someone_did_by_hand_is_found_and_repaired
            what_others_gave_is_found_and_stays
            what_stands_where_only_we_give_is_taken_away
            a_page_that_goes_wrong_says_nothing
        );
    };
    (@ $world:ty: $($scenario:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $scenario() {
            $crate::conformance::$scenario::<$world>().await;
        }
    )+};
}
