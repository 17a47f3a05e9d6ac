//! Passes.

use std::collections::HashMap;

use chassis::input::timestamp;
use domain::names::{PassName, PassProductName};
use domain::{PassId, PassProductId};
use proto::workspace::v1 as told;

use crate::world::{Message, World, at, window};

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// A pass and its person, as the workspace service knows them.
#[derive(Clone)]
struct Held {
    pass: told::Pass,
    person: told::Person,
}

impl Held {
    /// The same, used from `start` until `end` o'clock, as if that were a day.
    fn used(&self, start: u32, end: u32) -> Self {
        let mut used = self.clone();
        used.pass.version += 1;
        used.pass.days.push(told::PassDay {
            date: "2026-12-02".into(),
            start_time: Some(timestamp(at(start))),
            end_time: Some(timestamp(at(end))),
        });
        used
    }

    /// The same without its last day.
    fn unused(&self) -> Self {
        let mut unused = self.clone();
        unused.pass.version += 1;
        unused.pass.days.pop();
        unused
    }

    fn cancelled(&self) -> Self {
        let mut cancelled = self.clone();
        cancelled.pass.version += 1;
        cancelled.pass.state = told::PassState::Cancelled.into();
        cancelled
    }
}

impl World {
    fn product(&self) -> String {
        PassProductName { workspace: self.workspace, id: PassProductId::new() }.to_string()
    }

    /// A pass that is valid from 2 to 20 o'clock.
    fn held(&self, person: &told::Person, product: &str, kind: told::PassKind) -> Held {
        let pass = told::Pass {
            name: PassName { workspace: self.workspace, id: PassId::new() }.to_string(),
            product: product.into(),
            person: person.name.clone(),
            location: self.location.clone(),
            terms: Some(told::PassTerms { kind: kind.into(), ..Default::default() }),
            start_time: Some(timestamp(at(2))),
            end_time: Some(timestamp(at(20))),
            state: told::PassState::Valid.into(),
            version: 1,
            ..Default::default()
        };
        Held { pass, person: person.clone() }
    }

    fn snapshot_of_pass(&self, held: &Held) -> Option<told::PassSnapshot> {
        let location = told::Location {
            name: held.pass.location.clone(),
            time_zone: "Europe/Vienna".into(),
            ..Default::default()
        };
        Some(told::PassSnapshot {
            pass: Some(held.pass.clone()),
            person: Some(held.person.clone()),
            location: Some(location),
            ..Default::default()
        })
    }

    /// The event of a pass, by how it is now.
    fn fact_of_pass(&self, held: &Held) -> Message {
        let (name, version) = (&held.pass.name, held.pass.version);
        let snapshot = self.snapshot_of_pass(held);
        match held.pass.state() {
            told::PassState::Cancelled => self.message(name, version, &told::PassCancelled { snapshot }),
            _ if version == 1 => self.message(name, version, &told::PassIssued { snapshot }),
            _ => {
                let date = "2026-12-02".to_owned();
                self.message(name, version, &told::PassUsed { snapshot, date })
            }
        }
    }

    async fn tell_pass(&self, held: &Held) {
        self.send(&self.fact_of_pass(held)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_pass_opens_on_its_days_until_it_is_taken_back() {
    let mut world = World::new().await;
    let product = world.product();
    world.create_mapping(world.mapping_of(&product, "group-1")).await.unwrap();
    let issued = world.held(&world.new_person(), &product, told::PassKind::Day);
    world.tell_pass(&issued).await;
    assert_eq!(world.quiet().await, [], "no day was chosen");
    let one = issued.used(6, 9);
    world.tell_pass(&one).await;
    assert_eq!(world.obey().await.window, window((5, 45), (9, 15)));
    let two = one.used(9, 12);
    world.tell_pass(&two).await;
    assert_eq!(world.obey().await.window, window((5, 45), (12, 15)), "no seam between days");
    let given_back = two.unused();
    let snapshot = world.snapshot_of_pass(&given_back);
    let fact = told::PassUseCancelled { snapshot, date: "2026-12-02".to_owned() };
    world.send(&world.message(&given_back.pass.name, given_back.pass.version, &fact)).await;
    assert_eq!(world.obey().await.window, window((5, 45), (9, 15)));
    let two = given_back.used(9, 12);
    world.tell_pass(&two).await;
    assert_eq!(world.obey().await.window, window((5, 45), (12, 15)));
    world.harness.clock.set(at(7));
    world.tell_pass(&two.cancelled()).await;
    let revoke = world.obey().await;
    assert_eq!((revoke.window, revoke.due_time), (None, Some(timestamp(at(7)))), "not a moment later");
    assert_eq!(world.quiet().await, []);
    world.told(&["granted", "granted", "granted", "granted", "revoked"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_pass_opens_its_product_and_its_location_and_expires_by_itself() {
    let mut world = World::new().await;
    let (product, location) = (world.product(), world.location.clone());
    let held = world.held(&world.new_person(), &product, told::PassKind::Time);
    world.create_mapping(world.mapping_of(&product, "group-1")).await.unwrap();
    world.create_mapping(world.mapping_of(&location, "entrance")).await.unwrap();
    world.create_mapping(world.mapping_of(&world.product(), "another")).await.unwrap();
    world.tell_pass(&held).await;
    let mut opened = Vec::new();
    for _ in 0..2 {
        let command = world.obey().await;
        assert_eq!(command.window, window((1, 45), (20, 15)));
        opened.push(command.target.unwrap().r#ref);
    }
    opened.sort();
    assert_eq!(opened, ["entrance", "group-1"]);
    world.harness.clock.set(at(21));
    assert_eq!([world.obey().await.window, world.obey().await.window], [None, None]);
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_paused_has_nothing_by_a_pass_until_they_are_not() {
    let mut world = World::new().await;
    let product = world.product();
    world.create_mapping(world.mapping_of(&product, "group-1")).await.unwrap();
    let active = world.new_person();
    let paused = told::Person { status: told::PersonStatus::Paused.into(), ..active.clone() };
    world.tell_pass(&world.held(&paused, &product, told::PassKind::Time)).await;
    assert_eq!(world.quiet().await, []);
    world.tell_person(&told::Person { version: 2, ..active }).await;
    assert_eq!(world.obey().await.window, window((1, 45), (20, 15)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_over_a_booking_has_no_seam_and_its_end_leaves_the_booking_alone() {
    let mut world = World::new().await;
    let (resource, product) = (world.mapped("group-1").await, world.product());
    world.create_mapping(world.mapping_of(&product, "group-1")).await.unwrap();
    let person = world.new_person();
    world.tell(&world.booking(&person, &resource, 19, 22)).await;
    assert_eq!(world.obey().await.window, window((18, 45), (22, 15)));
    let held = world.held(&person, &product, told::PassKind::Time);
    world.tell_pass(&held).await;
    assert_eq!(world.obey().await.window, window((1, 45), (22, 15)));
    world.tell_pass(&held.cancelled()).await;
    assert_eq!(world.obey().await.window, window((18, 45), (22, 15)));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issued_used_and_taken_back_in_every_order_and_twice_end_the_same() {
    let mut world = World::new().await;
    let product = world.product();
    world.create_mapping(world.mapping_of(&product, "group-1")).await.unwrap();
    // Each order is the story of another person, all of them at once.
    let (mut stories, mut kept) = (Vec::<Vec<Message>>::new(), Vec::new());
    for order in ORDERS {
        for is_cancelled in [false, true] {
            let issued = world.held(&world.new_person(), &product, told::PassKind::Day);
            let used = issued.used(6, 9);
            let last = if is_cancelled { used.cancelled() } else { used.used(12, 14) };
            let facts = [&issued, &used, &last].map(|held| world.fact_of_pass(held));
            stories.push(order.map(|number| facts[number].clone()).to_vec());
            if !is_cancelled {
                kept.push(issued.person.name);
            }
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
    let grants = world.grants().await;
    for grant in &grants {
        let had = provider.get(&grant.name).copied().flatten();
        // The nearest of its two days.
        let should = if kept.contains(&grant.person) { window((5, 45), (9, 15)) } else { None };
        assert_eq!((grant.desired, grant.observed, had), (should, should, should), "{grant:?}");
    }
    let people: Vec<&String> = grants.iter().map(|grant| &grant.person).collect();
    assert!(kept.iter().all(|person| people.contains(&person)), "{grants:?}");
    world.harness.finish().await;
}
