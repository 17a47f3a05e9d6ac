//! People who are invited to bookings.

use std::collections::HashMap;

use proto::access::v1 as pb;
use proto::workspace::v1::Person;

use crate::world::{Message, World, window};

/// What a command says, and to whom.
fn said(command: &pb::AccessCommand) -> (&str, Option<pb::AccessWindow>) {
    (&command.person.as_ref().unwrap().name, command.window)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_invited_has_what_the_holder_has_and_loses_it_alone() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let [holder, bo, cy]: [Person; 3] = std::array::from_fn(|_| world.new_person());
    let hours = window((8, 45), (10, 15));
    let alone = world.booking(&holder, &resource, 9, 10);
    world.tell(&alone).await;
    assert_eq!(said(&world.obey().await), (holder.name.as_str(), hours));
    // Named twice, and the holder among them: each is one person.
    let both = alone.with(&[&bo, &bo, &holder]);
    world.tell(&both).await;
    assert_eq!(said(&world.obey().await), (bo.name.as_str(), hours));
    let three = both.with(&[&bo, &cy]);
    world.tell(&three).await;
    assert_eq!(said(&world.obey().await), (cy.name.as_str(), hours));
    assert_eq!(world.quiet().await, [], "nobody hears of an invitation but who is invited");
    let without = three.with(&[&cy]);
    world.tell(&without).await;
    assert_eq!(said(&world.obey().await), (bo.name.as_str(), None));
    assert_eq!(world.quiet().await, []);
    // Invited anew, they are let in anew; and with the booking all of it ends.
    world.tell(&without.with(&[&cy, &bo])).await;
    assert_eq!(said(&world.obey().await), (bo.name.as_str(), hours));
    let mut cancelled = without.with(&[&cy, &bo]).cancelled();
    cancelled.attendees.reverse();
    world.tell(&cancelled).await;
    let mut ended = world.quiet().await;
    ended.sort_by(|a, b| said(a).0.cmp(said(b).0));
    let mut everyone = [&holder, &bo, &cy].map(|person| (person.name.as_str(), None));
    everyone.sort_unstable_by_key(|(name, _)| *name);
    assert_eq!(ended.iter().map(said).collect::<Vec<_>>(), everyone);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invitations_in_every_order_and_twice_end_the_same() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let mut stories: Vec<Vec<Message>> = Vec::new();
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let [holder, bo, cy]: [Person; 3] = std::array::from_fn(|_| world.new_person());
        let alone = world.booking(&holder, &resource, 9, 10);
        let one = alone.with(&[&bo]);
        let another = one.with(&[&cy]);
        let facts = [&alone, &one, &another].map(|stay| world.fact_of(stay));
        stories.push(order.map(|number| facts[number].clone()).to_vec());
        kept.extend([holder.name, cy.name]);
        gone.push(bo.name);
    }
    let mut provider = HashMap::new();
    for step in 0..3 {
        for story in &stories {
            world.send(&story[step]).await;
            world.send(&story[step]).await;
        }
        world.obey_all(&mut provider).await;
    }
    let grants = world.grants().await;
    let mut people: Vec<&String> = Vec::new();
    for grant in &grants {
        let should = if kept.contains(&grant.person) { window((8, 45), (10, 15)) } else { None };
        let had = provider.get(&grant.name).copied().flatten();
        assert_eq!((grant.desired, grant.observed, had), (should, should, should), "{grant:?}");
        people.push(&grant.person);
    }
    assert!(kept.iter().all(|person| people.contains(&person)), "{grants:?}");
    assert!(people.iter().all(|person| kept.contains(person) || gone.contains(person)), "{grants:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attendee_keeps_what_they_have_by_another_booking() {
    let mut world = World::new().await;
    let (first, second) = (world.mapped("group-1").await, world.mapped("group-1").await);
    let [holder, bo]: [Person; 2] = std::array::from_fn(|_| world.new_person());
    world.tell(&world.booking(&bo, &second, 10, 11)).await;
    world.obey().await;
    let invited = world.booking(&holder, &first, 9, 10).with(&[&bo]);
    world.tell(&invited).await;
    let mut commands = world.quiet().await;
    commands.retain(|command| said(command).0 == bo.name);
    let [longer] = commands.as_slice() else { panic!("one command for them, not {commands:?}") };
    assert_eq!(longer.window, window((8, 45), (11, 15)));
    world.applied(longer).await;
    world.settled(longer).await;
    world.tell(&invited.with(&[])).await;
    let own = world.quiet().await;
    let own: Vec<_> = own.iter().map(said).filter(|(name, _)| *name == bo.name).collect();
    assert_eq!(own, [(bo.name.as_str(), window((9, 45), (11, 15)))]);
    world.harness.finish().await;
}
