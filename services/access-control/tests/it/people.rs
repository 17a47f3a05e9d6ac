//! People who are paused, taken up again, removed, called otherwise.

use std::collections::HashMap;

use proto::access::v1 as pb;
use proto::workspace::v1::PersonStatus;

use crate::adapter::failure;
use crate::world::{World, at, window};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_person_loses_access_and_an_active_one_gets_it_back() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let mut person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    world.obey().await;
    for status in [PersonStatus::Paused, PersonStatus::Removed] {
        person.version += 1;
        person.status = status.into();
        world.tell_person(&person).await;
        assert_eq!(world.obey().await.window, None, "{status:?}");
        person.version += 1;
        person.status = PersonStatus::Active.into();
        world.tell_person(&person).await;
        assert_eq!(world.obey().await.window, window((8, 45), (10, 15)));
    }
    // What came before says nothing any more.
    person.version -= 1;
    person.status = PersonStatus::Paused.into();
    world.tell_person(&person).await;
    assert_eq!(world.quiet().await, []);
    world.told(&["granted", "revoked", "granted", "revoked", "granted"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_is_seen_in_a_booking_first_holds_for_all_of_the_persons_access() {
    let mut world = World::new().await;
    let (resource, other) = (world.mapped("group-1").await, world.mapped("group-2").await);
    let mut person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    let granted = world.obey().await;
    person.version += 1;
    person.status = PersonStatus::Paused.into();
    // The booking's event overtakes the person's.
    world.tell(&world.booking(&person, &other, 11, 12)).await;
    world.tell_person(&person).await;
    let revoked = world.obey().await;
    assert_eq!((&revoked.grant, revoked.window), (&granted.grant, None));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_details_of_a_person_are_told() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let mut person = world.new_person();
    let old = person.clone();
    person.version += 1;
    person.email = "ada@example.com".into();
    world.tell_person(&person).await;
    world.quiet().await;
    world.tell(&world.booking(&old, &resource, 9, 10)).await;
    assert_eq!(world.obey().await.person.unwrap().email, "ada@example.com");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn un_pausing_gives_exactly_what_one_is_entitled_to_then() {
    let mut world = World::new().await;
    let mut person = world.new_person();
    let mut rooms = Vec::new();
    for group in ["kept", "cancelled", "moved", "new", "over"] {
        rooms.push(world.mapped(group).await);
    }
    let [kept, cancelled, moved, new, over] = &rooms[..] else { panic!("there are five") };
    let stay = |room: &String, start, end| world.booking(&person, room, start, end);
    let before = [stay(kept, 9, 20), stay(cancelled, 9, 20), stay(moved, 9, 20), stay(over, 9, 11)];
    for stay in &before {
        world.tell(stay).await;
    }
    let mut provider = HashMap::new();
    world.obey_all(&mut provider).await;
    assert_eq!(provider.values().flatten().count(), 4);

    person.version += 1;
    person.status = PersonStatus::Paused.into();
    world.tell_person(&person).await;
    world.obey_all(&mut provider).await;
    assert_eq!(provider.values().flatten().count(), 0, "everything closes at once: {provider:?}");
    world.tell(&before[1].cancelled()).await;
    world.tell(&before[2].rescheduled(15, 16)).await;
    world.tell(&world.booking(&person, new, 12, 13)).await;
    world.harness.clock.set(at(12));
    world.obey_all(&mut provider).await;
    assert_eq!(provider.values().flatten().count(), 0, "a pause is a pause: {provider:?}");

    person.version += 1;
    person.status = PersonStatus::Active.into();
    world.tell_person(&person).await;
    world.obey_all(&mut provider).await;
    let mut had: Vec<pb::AccessWindow> = provider.into_values().flatten().collect();
    had.sort_by_key(|window| window.start_time.unwrap().seconds);
    let wanted = [window((8, 45), (20, 15)), window((11, 45), (13, 15)), window((14, 45), (16, 15))];
    assert_eq!(had, wanted.map(Option::unwrap));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_called_otherwise_is_told_anew_until_the_provider_knows() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let mut person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    let first = world.obey().await;

    person.version += 1;
    person.email = "augusta@example.org".into();
    world.tell_person(&person).await;
    let told = world.command().await;
    assert_eq!((told.generation, told.window), (2, first.window));
    assert_eq!(told.person.as_ref().unwrap().email, "augusta@example.org");
    // Before that is answered, again; and the first try comes to nothing.
    person.version += 1;
    person.display_name = "Augusta".into();
    world.tell_person(&person).await;
    assert_eq!(world.quiet().await, []);
    world.failed(&told, failure(pb::AccessFailureKind::Unreachable, "no answer")).await;
    world.grant("it is failing", |grant| grant.state() == pb::GrantState::Failing).await;
    world.harness.clock.advance(chrono::Duration::seconds(1));
    let again = world.command().await;
    assert_eq!(again.person.as_ref().unwrap().display_name, "Augusta");
    person.version += 1;
    person.display_name = "Augusta K.".into();
    world.tell_person(&person).await;
    world.quiet().await;
    world.applied(&again).await;
    let last = world.obey().await;
    assert_eq!(last.person.unwrap().display_name, "Augusta K.");

    // What concerns no provider is told to none.
    person.version += 1;
    person.phone.clear();
    world.tell_person(&person).await;
    assert_eq!(world.quiet().await, []);
    world.told(&["granted", "failing"]).await;
    world.harness.finish().await;
}
