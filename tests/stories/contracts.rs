//! People and teams with a contract stand before their office.

use std::time::Duration;

use proto::membership::v1 as pb;
use stories::Stage;
use stories::client::insist;
use stories::door::Door;
use stories::play::World;
use stories::sales::{Holder, today};

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_opens_while_its_contract_lasts_and_never_else() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let window = Door::window(8, 20);
    world.start_contract(&client, &Holder::Person(0), window).await;
    door.obeys(&world.people[0].1, window).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_teams_office_opens_to_who_is_in_it_until_the_contract_is_ended() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 2).await;
    let client = stage.client();
    let door = Door::of(&stage, &world);
    let [ada, bo] = [0, 1].map(|number| world.people[number].1.clone());
    let team = world.gather_team(&client, &[0]).await;
    let contract = world.start_contract(&client, &Holder::Team(team.clone()), today()).await;
    door.lets_in(&ada).await;
    assert!(!door.opens(&bo).await);
    world.join_team(&client, &team, 1).await;
    door.lets_in(&bo).await;
    world.leave_team(&client, &team, 0).await;
    door.keeps_out(&ada).await;
    let request = pb::EndContractRequest { name: contract, end_time: None, request_id: "end".into() };
    insist(&client.contracts, request, |mut c, r| async move { c.end_contract(r).await }).await;
    door.keeps_out(&bo).await;
    stage.settle(LIMIT).await;
}
