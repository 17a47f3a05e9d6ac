//! Events twice and in every order end the same.

use std::collections::HashMap;

use crate::world::{Message, World, window};

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirmed_moved_and_cancelled_in_every_order_and_twice_end_the_same() {
    let mut world = World::new().await;
    // Each order is the story of another person, all of them at once.
    let mut stories: Vec<Vec<Message>> = Vec::new();
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for order in ORDERS {
        for is_cancelled in [false, true] {
            let resource = world.mapped("group-1").await;
            let confirmed = world.booking(&world.new_person(), &resource, 9, 10);
            let moved = confirmed.rescheduled(11, 12);
            let last = if is_cancelled { moved.cancelled() } else { moved.rescheduled(13, 14) };
            let facts = [&confirmed, &moved, &last].map(|stay| world.fact_of(stay));
            stories.push(order.map(|number| facts[number].clone()).to_vec());
            let people = if is_cancelled { &mut gone } else { &mut kept };
            people.push(confirmed.person.name.clone());
        }
    }
    let mut provider = HashMap::new();
    for step in 0..3 {
        for story in &stories {
            world.send(&story[step]).await;
            world.send(&story[step]).await;
        }
        world.obey_all(&mut provider).await;
    }
    for story in &stories {
        world.send(&story[0]).await;
    }
    world.obey_all(&mut provider).await;

    let grants = world.grants().await;
    for grant in &grants {
        let had = provider.get(&grant.name).copied().flatten();
        let should = if kept.contains(&grant.person) { window((12, 45), (14, 15)) } else { None };
        assert_eq!((grant.desired, grant.observed, had), (should, should, should), "{grant:?}");
    }
    let people: Vec<&String> = grants.iter().map(|grant| &grant.person).collect();
    assert!(kept.iter().all(|person| people.contains(&person)), "{grants:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_story_that_comes_at_once_is_told_as_its_end() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let confirmed = world.booking(&world.new_person(), &resource, 9, 10);
    let moved = confirmed.rescheduled(11, 12);
    let facts = [&moved.rescheduled(13, 14), &moved, &confirmed].map(|stay| world.fact_of(stay));
    // While the service is away, so that it finds them together.
    world
        .restart(async |world| {
            for fact in &facts {
                world.send(fact).await;
            }
        })
        .await;
    let command = world.obey().await;
    assert_eq!((command.generation, command.window), (1, window((12, 45), (14, 15))));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}
