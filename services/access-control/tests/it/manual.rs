//! Doors that people are given directly.

use chassis::input::timestamp;
use proto::access::v1 as pb;
use proto::workspace::v1::PersonStatus;

use crate::world::{World, at, ended, window};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_given_directly_opens_with_the_workspaces_lead_and_lag_until_it_is_taken_back() {
    let mut world = World::new().await;
    let person = world.new_person();
    let given = world.manual(&person, "group-1", 9, Some(10));
    world.tell_manual(&given, &person).await;
    let command = world.obey().await;
    assert_eq!((command.location.as_str(), &command.target), ("", &given.target));
    assert_eq!(command.window, window((8, 45), (10, 15)));
    world.update_settings(5, 0).await;
    assert_eq!(world.obey().await.window, window((8, 55), (10, 0)));
    world.harness.clock.set(at(9));
    world.tell_manual(&ended(&given), &person).await;
    let revoke = world.obey().await;
    assert_eq!((revoke.window, revoke.due_time), (None, Some(timestamp(at(9)))), "not a moment later");
    assert_eq!(world.quiet().await, []);
    world.told(&["granted", "granted", "revoked"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_given_directly_over_a_booking_has_no_seam_and_its_end_leaves_the_booking_alone() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 11)).await;
    let first = world.obey().await;
    let given = world.manual(&person, "group-1", 10, Some(14));
    world.tell_manual(&given, &person).await;
    let longer = world.obey().await;
    assert_eq!((&longer.grant, longer.window), (&first.grant, window((8, 45), (14, 15))));
    world.harness.clock.set(at(10));
    assert_eq!(world.quiet().await, []);
    world.tell_manual(&ended(&given), &person).await;
    assert_eq!(world.obey().await.window, window((8, 45), (11, 15)), "while the booking goes on");
    assert_eq!(world.quiet().await, []);
    world.told(&["granted", "granted", "granted"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unmapping_a_room_leaves_what_was_given_directly() {
    let mut world = World::new().await;
    let person = world.new_person();
    let resource = world.new_resource();
    let mapping = world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    world.tell(&world.booking(&person, &resource, 9, 11)).await;
    world.obey().await;
    world.tell_manual(&world.manual(&person, "group-1", 10, Some(12)), &person).await;
    assert_eq!(world.obey().await.window, window((8, 45), (12, 15)));
    world.delete_mapping(&mapping.name).await;
    assert_eq!(world.obey().await.window, window((9, 45), (12, 15)));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_end_it_stands_until_it_is_taken_back_and_closes_while_the_person_is_paused() {
    let mut world = World::new().await;
    let mut person = world.new_person();
    let given = world.manual(&person, "group-1", 9, None);
    world.tell_manual(&given, &person).await;
    let open = world.obey().await.window;
    let end = open.unwrap().end_time.unwrap();
    assert_eq!(end.seconds, 7_226_582_400 + 15 * 60, "the year 2199, and the lag");
    world.harness.clock.set(at(9) + chrono::Duration::days(300));
    assert_eq!(world.quiet().await, [], "nothing to be done, however long it lasts");
    for status in [PersonStatus::Paused, PersonStatus::Active] {
        person.version += 1;
        person.status = status.into();
        world.tell_person(&person).await;
        let expected = if status == PersonStatus::Active { open } else { None };
        assert_eq!(world.obey().await.window, expected, "{status:?}");
    }
    world.tell_manual(&ended(&given), &person).await;
    assert_eq!(world.obey().await.window, None);
    let grant = world.grant("it is at rest", |grant| grant.next_check_time.is_none()).await;
    assert_eq!(grant.state(), pb::GrantState::Settled);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_and_taken_back_in_either_order_and_twice_end_the_same() {
    let mut world = World::new().await;
    let (early, late) = (world.new_person(), world.new_person());
    let first = world.manual(&early, "group-1", 9, Some(10));
    world.tell_manual(&first, &early).await;
    world.obey().await;
    world.tell_manual(&first, &early).await;
    world.tell_manual(&ended(&first), &early).await;
    world.tell_manual(&ended(&first), &early).await;
    assert_eq!(world.obey().await.window, None);
    world.tell_manual(&first, &early).await;
    // Taken back before it is known to have been given.
    let second = world.manual(&late, "group-1", 9, Some(10));
    world.tell_manual(&ended(&second), &late).await;
    world.tell_manual(&second, &late).await;
    assert_eq!(world.quiet().await, []);
    world.told(&["granted", "revoked"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_are_given_the_same_door_do_not_share_it() {
    let mut world = World::new().await;
    let (one, other) = (world.new_person(), world.new_person());
    let given = world.manual(&one, "group-1", 9, Some(10));
    world.tell_manual(&given, &one).await;
    world.obey().await;
    world.tell_manual(&world.manual(&other, "group-1", 9, Some(10)), &other).await;
    world.obey().await;
    world.tell_manual(&ended(&given), &one).await;
    let revoke = world.obey().await;
    assert_eq!((revoke.person.unwrap().name, revoke.window), (one.name, None));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}
