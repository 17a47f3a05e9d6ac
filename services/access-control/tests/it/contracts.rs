//! Contracts over desks and offices.

use std::collections::HashMap;

use chassis::input::timestamp;
use domain::ContractId;
use domain::names::ContractName;
use proto::access::v1 as pb;
use proto::membership::v1 as told;
use proto::workspace::v1::Person;

use crate::world::{Message, World, at, window};

impl World {
    /// A contract of these people over these resources, from 9 until 12 o'clock on 2 December 2026, UTC.
    fn contract(&self, people: &[&Person], resources: &[&str]) -> told::ContractSnapshot {
        let contract = told::Contract {
            name: ContractName { workspace: self.workspace, id: ContractId::new() }.to_string(),
            resources: resources.iter().map(|&resource| resource.to_owned()).collect(),
            start_time: Some(timestamp(at(9))),
            end_time: Some(timestamp(at(12))),
            version: 1,
            ..Default::default()
        };
        told::ContractSnapshot {
            contract: Some(contract),
            locations: vec![self.location_message()],
            people: people.iter().map(|&person| person.clone()).collect(),
            ..Default::default()
        }
    }

    /// The event of a contract, by how it is now.
    fn fact_of_contract(&self, snapshot: &told::ContractSnapshot) -> Message {
        let contract = snapshot.contract.as_ref().unwrap();
        let (name, version, snapshot) = (&contract.name, contract.version, Some(snapshot.clone()));
        if contract.ended_time.is_some() {
            self.message(name, version, &told::ContractEnded { snapshot })
        } else if version == 1 {
            self.message(name, version, &told::ContractStarted { snapshot })
        } else {
            self.message(name, version, &told::ContractShortened { snapshot, previous_end_time: None })
        }
    }

    async fn tell_contract(&self, snapshot: &told::ContractSnapshot) {
        self.send(&self.fact_of_contract(snapshot)).await;
    }
}

/// The next version of a contract.
fn changed(
    snapshot: &told::ContractSnapshot,
    change: impl FnOnce(&mut told::Contract),
) -> told::ContractSnapshot {
    let mut next = snapshot.clone();
    let contract = next.contract.as_mut().unwrap();
    contract.version += 1;
    change(contract);
    next
}

fn group(command: &pb::AccessCommand) -> &str {
    &command.target.as_ref().unwrap().r#ref
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_opens_each_office_that_it_names_and_the_way_there_until_it_ends() {
    let mut world = World::new().await;
    let (office, desk) = (world.mapped("office").await, world.mapped("desk").await);
    let another = world.mapped("another").await;
    world.create_mapping(world.mapping_of(&world.location, "entrance")).await.unwrap();
    let ada = world.new_person();
    let started = world.contract(&[&ada], &[&office, &desk]);
    world.tell_contract(&started).await;
    let mut commands = world.quiet().await;
    commands.sort_by(|a, b| group(a).cmp(group(b)));
    assert_eq!(commands.iter().map(group).collect::<Vec<_>>(), ["desk", "entrance", "office"]);
    assert!(commands.iter().all(|command| command.window == window((8, 45), (12, 15))), "{commands:?}");
    for command in &commands {
        world.applied(command).await;
        world.settled(command).await;
    }
    let shortened = changed(&started, |it| it.end_time = Some(timestamp(at(11))));
    world.tell_contract(&shortened).await;
    let mut provider = HashMap::new();
    world.obey_all(&mut provider).await;
    assert!(
        provider.values().all(|it| *it == window((8, 45), (11, 15))) && provider.len() == 3,
        "{provider:?}"
    );
    // A booking there goes on when the contract is ended.
    world.tell(&world.booking(&ada, &another, 9, 10)).await;
    world.obey_all(&mut provider).await;
    world.harness.clock.set(at(9));
    world.tell_contract(&changed(&shortened, |it| it.ended_time = Some(timestamp(at(9))))).await;
    world.obey_all(&mut provider).await;
    let open: Vec<pb::Grant> =
        world.grants().await.into_iter().filter(|grant| grant.observed.is_some()).collect();
    let mut groups: Vec<&str> = open.iter().map(|it| it.target.as_ref().unwrap().r#ref.as_str()).collect();
    groups.sort_unstable();
    assert_eq!(groups, ["another", "entrance"]);
    assert!(open.iter().all(|grant| grant.observed == window((8, 45), (10, 15))), "{open:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_end_it_stands_until_it_is_ended_and_in_any_order_ends_the_same() {
    let mut world = World::new().await;
    let office = world.mapped("office").await;
    let (early, late) = (world.new_person(), world.new_person());
    let open = |person: &Person| {
        let mut contract = world.contract(&[person], &[&office]);
        contract.contract.as_mut().unwrap().end_time = None;
        contract
    };
    let (first, second) = (open(&early), open(&late));
    let ended = |it: &told::ContractSnapshot| changed(it, |it| it.ended_time = Some(timestamp(at(8))));
    world.tell_contract(&first).await;
    let end = world.obey().await.window.unwrap().end_time.unwrap();
    assert_eq!(end.seconds, 7_226_582_400 + 15 * 60, "the year 2199, and the lag");
    for _ in 0..2 {
        world.tell_contract(&ended(&first)).await;
    }
    assert_eq!(world.obey().await.window, None);
    world.tell_contract(&first).await;
    world.tell_contract(&ended(&second)).await;
    world.tell_contract(&second).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_the_team_loses_its_office_alone() {
    let mut world = World::new().await;
    let office = world.mapped("office").await;
    let [ada, bo]: [Person; 2] = std::array::from_fn(|_| world.new_person());
    let both = world.contract(&[&ada, &bo], &[&office]);
    world.tell_contract(&both).await;
    let mut provider = HashMap::new();
    world.obey_all(&mut provider).await;
    assert_eq!(provider.len(), 2);
    let left = told::ContractSnapshot { people: vec![bo], ..changed(&both, |_| {}) };
    world.tell_contract(&left).await;
    let revoke = world.obey().await;
    assert_eq!((revoke.person.unwrap().name, revoke.window), (ada.name, None));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}
