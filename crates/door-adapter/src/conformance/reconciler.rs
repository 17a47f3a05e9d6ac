//! What is read at the provider is compared with what it should have, and made good.

use futures::TryStreamExt as _;

use super::case::{Case, kinds, settle, window};
use super::faults::assert_is_told;
use super::{Fault, PeopleWorld, World};
use crate::{ApplyError, DoorProvider, Drift, Held, ProviderError, Right, Target, TargetKind, compare};

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

/// What a provider should have is found there, and nothing else.
pub async fn what_is_in_the_ledger_is_surveyed<W: World>() {
    for kind in kinds() {
        // Of its own: a survey may find what targets of the other kind have, too.
        let world = W::new().await;
        let Some(mut books) = Books::open(&world, kind, 3).await else {
            world.finish().await;
            continue;
        };
        assert_eq!(books.survey(&world).await.expect("nothing is broken").len(), 3);
        assert_eq!(books.reconcile(&world).await, [], "nobody did anything");
        let mut case = books.cases.swap_remove(0);
        case.ask(&world, None);
        books.settle(&world, case).await;
        assert_eq!(books.survey(&world).await.expect("nothing is broken").len(), 2);
        assert_eq!(books.reconcile(&world).await, [], "what was taken away is missed by nobody");
        world.finish().await;
    }
}

/// What someone did to our access at the provider is found, once, and made good.
pub async fn what_someone_did_by_hand_is_found_and_repaired<W: PeopleWorld>() {
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
        let suspended = &books.cases[0];
        let grant = suspended.request.grant;
        if world.suspend_person(&suspended.person).await {
            let found = books.reconcile(&world).await;
            let is_it = matches!(&found[..], [Drift::Missing(held)] if held.grant == grant);
            assert!(is_it, "rights that open nothing are missing: {found:?}");
            books.assert_all_hold(&world);
        }
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
pub async fn what_others_gave_is_found_and_stays<W: PeopleWorld>() {
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
pub async fn what_stands_where_only_we_give_is_taken_away<W: PeopleWorld>() {
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
