//! Others act at the provider, too.

use domain::Window;

use super::PeopleWorld;
use super::case::{Case, STEPS, attempt, kinds, settle, window};
use crate::ErrorKind;

/// What someone else does to access, people and targets is coped with.
pub async fn changes_behind_our_back_are_coped_with<W: PeopleWorld>() {
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
pub async fn what_others_gave_is_left_alone<W: PeopleWorld>() {
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
