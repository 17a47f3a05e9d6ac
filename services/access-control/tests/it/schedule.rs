//! What happens by itself, when its time comes.

use chassis::input::timestamp;
use chrono::Duration;
use proto::access::v1 as pb;
use testkit::eventually;

use crate::adapter::failure;
use crate::world::{LIMIT, World, at, at_minute, window};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_beyond_the_horizon_is_told_when_the_clock_gets_there() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let mut stay = world.booking(&world.new_person(), &resource, 9, 10);
    stay.booking.start_time = Some(timestamp(at(9) + Duration::days(10)));
    stay.booking.end_time = Some(timestamp(at(10) + Duration::days(10)));
    world.tell(&stay).await;
    assert_eq!(world.quiet().await, []);
    let horizon = at_minute(8, 45) + Duration::days(7);
    let grant = world.grant("it waits", |grant| grant.next_check_time == Some(timestamp(horizon))).await;
    assert_eq!((grant.desired, grant.generation), (None, 0));
    world.harness.clock.set(horizon - Duration::seconds(1));
    assert_eq!(world.quiet().await, []);
    world.harness.clock.set(horizon);
    let command = world.obey().await;
    assert_eq!(command.due_time, Some(timestamp(at_minute(8, 45) + Duration::days(10))));
    assert_eq!(command.window.unwrap().start_time, command.due_time);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_ended_is_tidied_away_without_haste() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    world.obey().await;
    world.harness.clock.set(at_minute(10, 14));
    assert_eq!(world.quiet().await, []);
    world.harness.clock.set(at_minute(10, 15));
    let tidy = world.obey().await;
    assert_eq!((tidy.generation, tidy.window), (2, None));
    assert_eq!(tidy.due_time, Some(timestamp(at_minute(11, 15))), "the provider has ended it already");
    world.grant("it is at rest", |grant| grant.next_check_time.is_none()).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_apart_are_told_one_after_the_other() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let person = world.new_person();
    world.tell(&world.booking(&person, &resource, 14, 15)).await;
    assert_eq!(world.obey().await.window, window((13, 45), (15, 15)));
    // The nearer one comes first.
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    assert_eq!(world.obey().await.window, window((8, 45), (10, 15)));
    world.harness.clock.set(at_minute(10, 15));
    assert_eq!(world.obey().await.window, window((13, 45), (15, 15)));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_due_while_the_service_was_away_is_done_when_it_is_back() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&stay).await;
    let unanswered = world.command().await;
    world.tell(&world.booking(&world.new_person(), &resource, 10, 11)).await;
    world.obey().await;
    world
        .restart(async |world| {
            world.applied(&unanswered).await;
            world.harness.clock.set(at_minute(11, 15));
        })
        .await;
    // The answer settles the one, and both windows are over.
    let mut tidied =
        [world.obey().await, world.obey().await].map(|command| (command.generation, command.window));
    tidied.sort_by_key(|(generation, _)| *generation);
    assert_eq!(tidied, [(2, None), (2, None)]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_one_round_of_due_grants_is_worked_off() {
    let mut world = World::new().await;
    let resource = world.new_resource();
    for _ in 0..450 {
        world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    }
    assert_eq!(world.quiet().await, []);
    world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    let mut grants = std::collections::HashSet::new();
    for _ in 0..450 {
        let command = world.command().await;
        world.applied(&command).await;
        grants.insert(command.grant);
    }
    assert_eq!(grants.len(), 450);
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

impl World {
    /// Waits until there are so many grants, and each is looked at again by its time, or none is.
    async fn looked_at(&self, count: usize, is_again: bool) {
        eventually("all were looked at", LIMIT, async || {
            let grants = self.grants().await;
            let are_so = grants.iter().all(|grant| grant.next_check_time.is_some() == is_again);
            if grants.len() == count && are_so { Ok(()) } else { Err(format!("{grants:?}")) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_clock_was_far_ahead_all_that_is_to_come_is_looked_at_again() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    let soon = world.obey().await;
    // Beyond the horizon: nothing was told of it yet.
    let mut later = world.booking(&world.new_person(), &resource, 9, 10);
    later.booking.start_time = Some(timestamp(at(9) + Duration::days(5)));
    later.booking.end_time = Some(timestamp(at(10) + Duration::days(5)));
    world.tell(&later).await;
    world.looked_at(2, true).await;

    let right = world.now();
    world.harness.clock.advance(Duration::days(30));
    assert_eq!(world.obey().await.window, None, "both are over");
    world.looked_at(2, false).await;

    world.harness.clock.set(right);
    assert_eq!(world.obey().await.window, soon.window);
    world.looked_at(2, true).await;
    world.harness.clock.set(at_minute(8, 45) + Duration::days(2));
    let told = [world.obey().await, world.obey().await].map(|command| command.window);
    let then = told.into_iter().flatten().map(|window| window.start_time.unwrap()).collect::<Vec<_>>();
    assert_eq!(then, [timestamp(at_minute(8, 45) + Duration::days(5))]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_while_a_clock_was_ahead_is_told_again_in_its_time() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let right = world.now();
    world.harness.clock.advance(Duration::minutes(30));
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    let command = world.command().await;
    world.failed(&command, failure(pb::AccessFailureKind::Unreachable, "no answer")).await;
    world.grant("it is failing", |grant| grant.state() == pb::GrantState::Failing).await;
    world.harness.clock.advance(Duration::seconds(1));
    // By the scheduler, which has seen that time.
    let lost = world.command().await;
    world.harness.clock.set(right);
    let in_time = timestamp(right + Duration::minutes(2));
    eventually("it has two minutes", LIMIT, async || match &world.grants().await[..] {
        [grant] if grant.next_check_time == Some(in_time) => Ok(()),
        others => Err(format!("{others:?}")),
    })
    .await;
    world.harness.clock.advance(Duration::minutes(2));
    let again = world.obey().await;
    assert_eq!((again.generation, again.window), (lost.generation + 1, lost.window));
    world.harness.finish().await;
}
