//! People who are paused, taken up again, removed.

use proto::workspace::v1::PersonStatus;

use crate::world::{World, window};

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
