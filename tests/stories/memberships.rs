//! Members stand before the door: people and teams who have a plan.

use std::time::Duration;

use chassis::input::timestamp;
use domain::{Clock as _, SystemClock};
use proto::membership::v1 as pb;
use proto::workspace::v1::{PausePersonRequest, UnpausePersonRequest};
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::Door;
use stories::play::World;
use stories::sales::{Holder, today};
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

async fn pause(client: &Client, membership: &str) {
    let request = pb::PauseMembershipRequest { name: membership.into(), request_id: "pause".into() };
    insist(&client.memberships, request, |mut c, r| async move { c.pause_membership(r).await }).await;
}

async fn resume(client: &Client, membership: &str) {
    let request = pb::ResumeMembershipRequest { name: membership.into(), request_id: "resume".into() };
    insist(&client.memberships, request, |mut c, r| async move { c.resume_membership(r).await }).await;
}

async fn give_notice(client: &Client, membership: &str) {
    let request =
        pb::CancelMembershipRequest { name: membership.into(), at_once: false, request_id: "notice".into() };
    insist(&client.memberships, request, |mut c, r| async move { c.cancel_membership(r).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_gave_notice_is_let_in_from_the_start_until_the_end_of_what_is_paid() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 1).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let plan = world.sell_plan(&client, 3).await;
    let window = Door::window(8, 20);
    let membership = world.start_membership(&client, &plan, &Holder::Person(0), window).await;
    give_notice(&client, &membership).await;
    door.obeys(&world.people[0].1, window).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_team_is_let_in_at_once_and_who_leaves_it_is_not_any_more() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 2).await;
    let client = stage.client();
    let door = Door::of(&stage, &world);
    let [ada, bo] = [0, 1].map(|number| world.people[number].1.clone());
    let plan = world.sell_plan(&client, 3).await;
    let team = world.gather_team(&client, &[0]).await;
    world.start_membership(&client, &plan, &Holder::Team(team.clone()), today()).await;
    door.lets_in(&ada).await;
    assert!(!door.opens(&bo).await);
    world.join_team(&client, &team, 1).await;
    door.lets_in(&bo).await;
    world.leave_team(&client, &team, 0).await;
    door.keeps_out(&ada).await;
    assert!(door.opens(&bo).await, "that one leaves takes nobody else's access");
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_membership_opens_nothing_and_a_resumed_one_what_it_opened() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 1).await;
    let client = stage.client();
    let door = Door::of(&stage, &world);
    let email = world.people[0].1.clone();
    let plan = world.sell_plan(&client, 3).await;
    let membership = world.start_membership(&client, &plan, &Holder::Person(0), today()).await;
    door.lets_in(&email).await;
    pause(&client, &membership).await;
    door.keeps_out(&email).await;
    resume(&client, &membership).await;
    door.lets_in(&email).await;
    let request =
        pb::CancelMembershipRequest { name: membership, at_once: true, request_id: "cancel".into() };
    insist(&client.memberships, request, |mut c, r| async move { c.cancel_membership(r).await }).await;
    door.keeps_out(&email).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_charge_is_undecided_is_not_locked_out_until_it_has_failed_for_good() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 1).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let email = world.people[0].1.clone();
    let plan = world.sell_plan(&client, 3).await;
    let paid = Door::window(-60, 70);
    let membership = world.start_membership(&client, &plan, &Holder::Person(0), paid).await;
    door.lets_in(&email).await;
    eventually("the paid period is over", LIMIT, async || {
        if SystemClock.now() > paid.end() { Ok(()) } else { Err("not yet") }
    })
    .await;
    assert!(door.opens(&email).await, "the days of grace");
    let request = pb::FailMembershipRenewalRequest {
        name: membership,
        request_id: "fail".into(),
        period_end_time: Some(timestamp(paid.end())),
    };
    insist(&client.memberships, request, |mut c, r| async move { c.fail_membership_renewal(r).await }).await;
    door.keeps_out(&email).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_is_taken_up_again_is_let_in_by_what_began_meanwhile() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 2).await;
    let client = stage.client();
    let door = Door::of(&stage, &world);
    let (person, email) = world.people[0].clone();
    let plan = world.sell_plan(&client, 3).await;
    let before = world.start_membership(&client, &plan, &Holder::Person(0), today()).await;
    door.lets_in(&email).await;
    let request = PausePersonRequest { name: person.clone(), request_id: "pause".into() };
    insist(&client.people, request, |mut c, r| async move { c.pause_person(r).await }).await;
    door.keeps_out(&email).await;
    // What they had ends, something else begins.
    let request = pb::CancelMembershipRequest { name: before, at_once: true, request_id: "cancel".into() };
    insist(&client.memberships, request, |mut c, r| async move { c.cancel_membership(r).await }).await;
    let team = world.gather_team(&client, &[0, 1]).await;
    world.start_membership(&client, &plan, &Holder::Team(team.clone()), today()).await;
    door.lets_in(&world.people[1].1).await;
    assert!(!door.opens(&email).await, "they are paused");
    let request = UnpausePersonRequest { name: person, request_id: "unpause".into() };
    insist(&client.people, request, |mut c, r| async move { c.unpause_person(r).await }).await;
    door.lets_in(&email).await;
    world.leave_team(&client, &team, 0).await;
    door.keeps_out(&email).await;
    stage.settle(LIMIT).await;
}
