//! People who are given a door directly stand before it.

use std::time::Duration;

use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::insist;
use stories::door::Door;
use stories::play::World;

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_was_given_for_a_while_opens_in_that_while_and_never_else() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 1).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let window = Door::window(6, 20);
    world.give(&client, 0, Some(window)).await;
    door.obeys(&world.people[0].1, window).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_was_given_for_good_opens_until_it_is_taken_back_but_to_nobody_who_is_paused() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 2).await;
    let client = stage.client();
    let door = Door::of(&stage, &world);
    let (person, email) = world.people[0].clone();
    let given = world.give(&client, 0, None).await;
    world.give(&client, 1, None).await;
    door.lets_in(&email).await;
    let request = pb::PausePersonRequest { name: person.clone(), request_id: "pause".into() };
    insist(&client.people, request, |mut c, r| async move { c.pause_person(r).await }).await;
    door.keeps_out(&email).await;
    let request = pb::UnpausePersonRequest { name: person, request_id: "unpause".into() };
    insist(&client.people, request, |mut c, r| async move { c.unpause_person(r).await }).await;
    door.lets_in(&email).await;
    let request = pb::EndEntitlementRequest { name: given, request_id: "end".into() };
    insist(&client.entitlements, request, |mut c, r| async move { c.end_entitlement(r).await }).await;
    door.keeps_out(&email).await;
    assert!(door.opens(&world.people[1].1).await, "what another was given is theirs");
    stage.settle(LIMIT).await;
}
