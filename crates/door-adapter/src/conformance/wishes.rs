//! What is asked for is there, once, and nothing else.

use super::World;
use super::case::{Case, STEPS, attempt, kinds, settle};
use crate::{DoorProvider, Target, TargetKind};

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
