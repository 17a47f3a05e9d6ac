//! The provider's user follows its person, and is taken up again.

use domain::names::ProviderUserName;
use domain::{ProviderUserId, Timestamp};

use super::case::{Case, TRIES, kinds, settle, window};
use super::faults::assert_is_told;
use super::{Fault, PeopleWorld, World};
use crate::{
    ApplyError, DoorProvider, ErrorKind, Person, ProviderError, Target, UserRequest, UserState, UserWish,
};

/// What a person is called afterwards, and how they are reached.
fn renamed(person: &Person) -> Person {
    let email = format!("augusta+{}@example.org", person.id);
    let email = Some(email.parse().expect("an address"));
    Person { display_name: "Augusta K.".to_owned(), email, ..person.clone() }
}

/// Whoever has another name and address keeps just their access, told twice or not, at each target.
pub async fn a_person_with_another_name_and_address_keeps_their_access<W: World>() {
    let world = W::new().await;
    let provider = world.provider();
    for kind in kinds() {
        let targets: Option<Vec<Target>> = (0..2).map(|number| world.target(kind, number)).collect();
        let Some(targets) = targets else { continue };
        let person = Case::new(&world, targets[0].clone()).person;
        let mut cases: Vec<Case> =
            targets.into_iter().map(|target| Case::of(&world, person.clone(), target)).collect();
        for case in &mut cases {
            case.ask(&world, Some((1, 2)));
            settle(&world, &provider, case, "before").await;
        }
        for person in [renamed(&person), person] {
            for case in &mut cases {
                case.call(person.clone());
                for _ in 0..2 {
                    case.ask(&world, Some((1, 2)));
                    settle(&world, &provider, case, "as another").await;
                }
            }
            for case in &cases {
                assert_eq!(world.anyones_access(&case.target), Vec::from_iter(case.request.window));
            }
        }
        for case in &mut cases {
            case.ask(&world, None);
            settle(&world, &provider, case, "in the end").await;
            assert_eq!(world.anyones_access(&case.target), []);
        }
    }
    world.finish().await;
}

fn wish(case: &Case, wish: UserWish, includes_foreign: bool, due_at: Timestamp) -> UserRequest {
    let workspace = case.request.grant.workspace;
    UserRequest {
        user: ProviderUserName { workspace, id: ProviderUserId::new() },
        generation: 1,
        location: case.request.location,
        person: case.person.clone(),
        wish,
        includes_foreign,
        due_at,
    }
}

async fn try_set<W: World>(world: &W, request: &UserRequest) -> Result<UserState, ProviderError> {
    match world.provider().set_user(&world.account(), request).await {
        Ok(applied) => Ok(applied.state),
        Err(ApplyError::Provider(error)) => Err(error),
        Err(ApplyError::Ledger(error)) => panic!("{error}: {}", error.0),
    }
}

async fn set<W: World>(world: &W, case: &Case, wanted: UserWish) -> UserState {
    let request = wish(case, wanted, false, world.now());
    let mut last = None;
    for _ in 0..TRIES {
        match try_set(world, &request).await {
            Ok(state) => return state,
            Err(error) => last = Some(error),
        }
    }
    panic!("{wanted:?}: still not so after {TRIES} tries: {last:?}");
}

/// A person who had access at the target, and has none any more.
async fn once_let_in<W: World>(world: &W, target: Target) -> Case {
    let mut case = Case::new(world, target);
    for hours in [Some((1, 2)), None] {
        case.ask(world, hours);
        settle(world, &world.provider(), &case, "once").await;
    }
    case
}

/// What becomes of a user by each wish, and whether it may open anything then. Where the provider keeps none, there is
/// none without access.
fn retirements<W: World>(world: &W) -> [(UserWish, UserState, Option<bool>); 2] {
    let (suspended, deleted) = match world.provider().capabilities().has_users {
        true => ((UserState::Suspended, Some(false)), UserState::Deleted),
        false => ((UserState::Absent, None), UserState::Absent),
    };
    [(UserWish::Suspended, suspended.0, suspended.1), (UserWish::Deleted, deleted, None)]
}

/// How a user is found who was retired before.
fn again(state: &UserState) -> UserState {
    if *state == UserState::Deleted { UserState::Absent } else { state.clone() }
}

/// Twice is once; and whoever is let in again, or only may be, has a user that opens.
pub async fn a_user_whom_nobody_needs_is_suspended_or_deleted_and_taken_up_again<W: PeopleWorld>() {
    let world = W::new().await;
    let provider = world.provider();
    for kind in kinds() {
        for (number, (wanted, state, user)) in retirements(&world).into_iter().enumerate() {
            let Some(target) = world.target(kind, number) else { continue };
            let stranger = Case::new(&world, target.clone());
            assert_eq!(set(&world, &stranger, wanted).await, UserState::Absent, "there is none");
            assert_eq!(set(&world, &stranger, UserWish::InUse).await, UserState::InUse, "nor need there be");
            let mut case = once_let_in(&world, target).await;
            for state in [state.clone(), again(&state)] {
                assert_eq!(set(&world, &case, wanted).await, state);
                assert_eq!(world.user(&case.person), user, "{wanted:?}");
            }
            case.ask(&world, Some((2, 3)));
            settle(&world, &provider, &case, "let in again").await;
            case.assert_holds(&world, &[], "let in again");
            assert_eq!(world.user(&case.person), Some(true));
            case.ask(&world, None);
            settle(&world, &provider, &case, "for good").await;
            assert_eq!(set(&world, &case, wanted).await, state);
            // Entitled to something that is not told yet.
            assert_eq!(set(&world, &case, UserWish::InUse).await, UserState::InUse);
            assert_ne!(world.user(&case.person), Some(false));
        }
    }
    world.finish().await;
}

/// Each call on the way goes wrong once.
pub async fn whatever_goes_wrong_a_user_is_retired_once_and_taken_up_again<W: PeopleWorld>() {
    let world = W::new().await;
    let provider = world.provider();
    let faults = [Fault::AnswerLost, Fault::NotSent, Fault::Broken, Fault::RateLimited { retry_after: true }];
    let Some((kind, _)) = kinds().into_iter().find_map(|kind| Some((kind, world.target(kind, 0)?))) else {
        return;
    };
    let mut number = 0;
    for fault in faults {
        for (wanted, state, user) in retirements(&world) {
            for call in 1.. {
                let mut case =
                    once_let_in(&world, world.target(kind, number % 40).expect("there are 40")).await;
                number += 1;
                let what = format!("{fault:?} of call {call} of {wanted:?}");
                world.break_call(call, fault);
                let tried = try_set(&world, &wish(&case, wanted, false, world.now())).await;
                let was_hit = world.heal();
                if let Err(error) = &tried {
                    assert!(was_hit, "{what}: failed by itself: {error}");
                    assert_is_told(fault, error, &what);
                }
                // Either way round.
                if number % 2 == 0 {
                    let expected = if tried.is_ok() { again(&state) } else { state.clone() };
                    assert_eq!(set(&world, &case, wanted).await, expected, "{what}");
                    assert_eq!(world.user(&case.person), user, "{what}");
                }
                case.ask(&world, Some((1, 2)));
                settle(&world, &provider, &case, &what).await;
                case.assert_holds(&world, &[], &what);
                assert_eq!(world.user(&case.person), Some(true), "{what}");
                case.ask(&world, None);
                settle(&world, &provider, &case, &what).await;
                if !was_hit {
                    break;
                }
            }
        }
    }
    world.finish().await;
}

/// A command that comes too late takes nobody's access away.
pub async fn nobody_with_access_is_suspended_or_deleted<W: PeopleWorld>() {
    let world = W::new().await;
    for kind in kinds() {
        for (number, (wanted, ..)) in retirements(&world).into_iter().enumerate() {
            let Some(target) = world.target(kind, number) else { continue };
            let mut case = Case::new(&world, target);
            case.ask(&world, Some((1, 2)));
            settle(&world, &world.provider(), &case, "before").await;
            let refused = try_set(&world, &wish(&case, wanted, true, world.now())).await;
            assert_eq!(refused.expect_err("there is access").kind, ErrorKind::Conflict);
            case.assert_holds(&world, &[], "all the same");
            assert_eq!(world.user(&case.person), Some(true));
        }
    }
    world.finish().await;
}

/// Whom Latchkey found is left alone, unless that is said otherwise; with rights that others gave, in any case.
pub async fn a_user_that_latchkey_did_not_make_is_kept<W: PeopleWorld>() {
    let world = W::new().await;
    // Nor is there anyone else's where there are none.
    let kinds = if world.provider().capabilities().has_users { kinds().to_vec() } else { Vec::new() };
    for kind in kinds {
        for (number, (wanted, state, user)) in retirements(&world).into_iter().enumerate() {
            let targets = world.target(kind, number).zip(world.target(kind, number + 10));
            let Some((target, other)) = targets else { continue };
            let mut case = Case::new(&world, target);
            let theirs = window(&world, (5, 9));
            world.add_foreign(&case.person, &other, theirs).await;
            for hours in [Some((1, 2)), None] {
                case.ask(&world, hours);
                settle(&world, &world.provider(), &case, "let in").await;
            }
            for includes_foreign in [false, true] {
                let kept = try_set(&world, &wish(&case, wanted, includes_foreign, world.now())).await;
                assert!(matches!(kept, Ok(UserState::Kept(_))), "{kept:?}");
                assert_eq!(world.access(&case.person, &other), [theirs]);
            }
            world.remove_access(&case.person, &other).await;
            let kept = try_set(&world, &wish(&case, wanted, false, world.now())).await;
            assert!(matches!(kept, Ok(UserState::Kept(_))), "{kept:?}");
            assert_eq!(world.user(&case.person), Some(true));
            let retired = try_set(&world, &wish(&case, wanted, true, world.now())).await;
            assert_eq!(retired.expect("it was said"), state);
            assert_eq!(world.user(&case.person), user);
        }
    }
    world.finish().await;
}
