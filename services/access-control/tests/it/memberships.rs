//! Memberships of plans, of people and teams.

use std::collections::HashMap;

use chassis::input::timestamp;
use chrono::Duration;
use domain::names::{MembershipName, PlanName};
use domain::{MembershipId, PlanId, Timestamp};
use proto::access::v1 as pb;
use proto::membership::v1 as told;
use proto::membership::v1::MembershipState;
use proto::workspace::v1::{Location, Person, PersonStatus};

use crate::world::{Message, World, at};

impl World {
    pub(crate) fn location_message(&self) -> Location {
        Location {
            name: self.location.clone(),
            display_name: "Main".into(),
            time_zone: "Europe/Vienna".into(),
            country: "AT".into(),
            ..Default::default()
        }
    }

    /// A membership for these people: from 9 o'clock on 2 December 2026, UTC, paid until 12, with a day of grace.
    fn membership(&self, people: &[&Person]) -> told::MembershipSnapshot {
        let workspace = self.workspace;
        let membership = told::Membership {
            name: MembershipName { workspace, id: MembershipId::new() }.to_string(),
            plan: PlanName { workspace, id: PlanId::new() }.to_string(),
            terms: Some(told::PlanTerms {
                location: self.location.clone(),
                grace_days: 1,
                ..Default::default()
            }),
            start_time: Some(timestamp(at(9))),
            period_end_time: Some(timestamp(at(12))),
            state: MembershipState::Active.into(),
            version: 1,
            ..Default::default()
        };
        told::MembershipSnapshot {
            membership: Some(membership),
            locations: vec![self.location_message()],
            people: people.iter().map(|&person| person.clone()).collect(),
            ..Default::default()
        }
    }

    /// The event of a membership, by how it is now.
    fn fact_of_membership(&self, snapshot: &told::MembershipSnapshot) -> Message {
        let membership = snapshot.membership.as_ref().unwrap();
        let (name, version, snapshot) = (&membership.name, membership.version, Some(snapshot.clone()));
        match membership.state() {
            _ if version == 1 => self.message(name, version, &told::MembershipStarted { snapshot }),
            MembershipState::Paused => self.message(name, version, &told::MembershipPaused { snapshot }),
            MembershipState::Ending => self.message(name, version, &told::MembershipCancelled { snapshot }),
            MembershipState::Ended => {
                self.message(name, version, &told::MembershipRenewalFailed { snapshot })
            }
            _ => self.message(name, version, &told::MembershipPeopleChanged { snapshot }),
        }
    }

    async fn tell_membership(&self, snapshot: &told::MembershipSnapshot) {
        self.send(&self.fact_of_membership(snapshot)).await;
    }

    /// Maps a membership's plan to a group.
    async fn map_plan(&self, snapshot: &told::MembershipSnapshot, group: &str) {
        let plan = &snapshot.membership.as_ref().unwrap().plan;
        self.create_mapping(self.mapping_of(plan, group)).await.unwrap();
    }
}

/// The next version of a membership.
fn changed(
    snapshot: &told::MembershipSnapshot,
    change: impl FnOnce(&mut told::Membership),
) -> told::MembershipSnapshot {
    let mut next = snapshot.clone();
    let membership = next.membership.as_mut().unwrap();
    membership.version += 1;
    change(membership);
    next
}

fn in_state(snapshot: &told::MembershipSnapshot, state: MembershipState) -> told::MembershipSnapshot {
    changed(snapshot, |it| it.state = state.into())
}

/// The next version of a membership, of a team with these people.
fn of(snapshot: &told::MembershipSnapshot, people: &[&Person]) -> told::MembershipSnapshot {
    let people = people.iter().map(|&person| person.clone()).collect();
    told::MembershipSnapshot { people, ..changed(snapshot, |_| {}) }
}

/// From 9 o'clock until that time, with the lead and lag of a quarter of an hour.
fn until(end: Timestamp) -> Option<pb::AccessWindow> {
    let margin = Duration::minutes(15);
    Some(pb::AccessWindow {
        start_time: Some(timestamp(at(9) - margin)),
        end_time: Some(timestamp(end + margin)),
    })
}

/// Groups that a provider opens to people: which, to whom, when.
fn opened(commands: &[pb::AccessCommand]) -> Vec<(String, String, Option<pb::AccessWindow>)> {
    let mut opened: Vec<_> = commands
        .iter()
        .map(|command| {
            let group = command.target.as_ref().unwrap().r#ref.clone();
            (group, command.person.as_ref().unwrap().name.clone(), command.window)
        })
        .collect();
    opened.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    opened
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_opens_what_its_plan_and_its_location_are_mapped_to_until_its_grace_is_over() {
    let mut world = World::new().await;
    let ada = world.new_person();
    let started = world.membership(&[&ada]);
    world.map_plan(&started, "members").await;
    world.create_mapping(world.mapping_of(&world.location, "entrance")).await.unwrap();
    world.create_mapping(world.mapping_of(&world.elsewhere(), "elsewhere")).await.unwrap();
    world.tell_membership(&started).await;
    let grace = until(at(12) + Duration::days(1));
    let commands = world.quiet().await;
    let expected = ["entrance", "members"].map(|group| (group.to_owned(), ada.name.clone(), grace));
    assert_eq!(opened(&commands), expected);
    for command in &commands {
        world.applied(command).await;
        world.settled(command).await;
    }
    // Renewed in its grace: longer, without a seam.
    world.harness.clock.set(at(14));
    let renewed = changed(&started, |it| it.period_end_time = Some(timestamp(at(12) + Duration::days(30))));
    world.tell_membership(&renewed).await;
    let longer = until(at(12) + Duration::days(31));
    let commands = world.quiet().await;
    assert!(commands.iter().all(|command| command.window == longer), "{commands:?}");
    assert_eq!(commands.len(), 2);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_for_good_in_its_grace_closes_at_once_and_what_is_to_end_has_no_grace() {
    let mut world = World::new().await;
    let ada = world.new_person();
    let started = world.membership(&[&ada]);
    world.map_plan(&started, "members").await;
    world.tell_membership(&started).await;
    assert_eq!(world.obey().await.window, until(at(12) + Duration::days(1)));
    let ending = changed(&started, |it| {
        (it.state, it.is_ending) = (MembershipState::Ending.into(), true);
    });
    world.tell_membership(&ending).await;
    assert_eq!(world.obey().await.window, until(at(12)));
    // It was paid after all, and the next charge failed.
    let going_on = changed(&ending, |it| (it.state, it.is_ending) = (MembershipState::Active.into(), false));
    world.tell_membership(&going_on).await;
    assert_eq!(world.obey().await.window, until(at(12) + Duration::days(1)));
    world.harness.clock.set(at(13));
    let failed = changed(&going_on, |it| {
        (it.state, it.ended_time) = (MembershipState::Ended.into(), Some(timestamp(at(13))));
    });
    world.tell_membership(&failed).await;
    let revoke = world.obey().await;
    assert_eq!((revoke.window, revoke.due_time), (None, Some(timestamp(at(13)))), "not a moment later");
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_came_to_its_end_keeps_its_lag_and_tells_the_provider_nothing_new() {
    let mut world = World::new().await;
    let ada = world.new_person();
    let ending = changed(&world.membership(&[&ada]), |it| {
        (it.state, it.is_ending) = (MembershipState::Ending.into(), true);
    });
    world.map_plan(&ending, "members").await;
    world.tell_membership(&ending).await;
    assert_eq!(world.obey().await.window, until(at(12)));
    world.harness.clock.set(at(12));
    let over = changed(&ending, |it| {
        (it.state, it.ended_time) = (MembershipState::Ended.into(), it.period_end_time);
    });
    world.tell_membership(&over).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_team_and_who_leaves_it_hear_of_it_alone() {
    let mut world = World::new().await;
    let [ada, bo]: [Person; 2] = std::array::from_fn(|_| world.new_person());
    let grace = until(at(12) + Duration::days(1));
    let one = world.membership(&[&ada]);
    world.map_plan(&one, "members").await;
    world.tell_membership(&one).await;
    assert_eq!(opened(&[world.obey().await]), [("members".to_owned(), ada.name.clone(), grace)]);
    let both = of(&one, &[&ada, &bo]);
    world.tell_membership(&both).await;
    assert_eq!(opened(&[world.obey().await]), [("members".to_owned(), bo.name.clone(), grace)]);
    assert_eq!(world.quiet().await, [], "nobody hears of it but who joined");
    world.harness.clock.set(at(10));
    world.tell_membership(&of(&both, &[&bo])).await;
    let left = world.obey().await;
    assert_eq!(opened(std::slice::from_ref(&left)), [("members".to_owned(), ada.name, None)]);
    assert_eq!(left.due_time, Some(timestamp(at(10))), "not a moment later");
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

/// Un-pausing gives exactly what they are entitled to then: what began meanwhile, and not what ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_is_taken_up_again_has_what_began_meanwhile_and_not_what_ended() {
    let mut world = World::new().await;
    let mut ada = world.new_person();
    let (kept, ended, begun) =
        (world.membership(&[&ada]), world.membership(&[&ada]), world.membership(&[&ada]));
    for (membership, group) in [(&kept, "kept"), (&ended, "ended"), (&begun, "begun")] {
        world.map_plan(membership, group).await;
    }
    let mut provider = HashMap::new();
    world.tell_membership(&kept).await;
    world.tell_membership(&ended).await;
    world.obey_all(&mut provider).await;
    world.harness.clock.set(at(10));
    ada.version += 1;
    ada.status = PersonStatus::Paused.into();
    world.tell_person(&ada).await;
    world.obey_all(&mut provider).await;
    assert!(provider.values().all(|window| window.is_none()), "all of it is closed: {provider:?}");
    let over = changed(&ended, |it| {
        (it.state, it.ended_time) = (MembershipState::Ended.into(), Some(timestamp(at(10))));
    });
    world.tell_membership(&over).await;
    world.tell_membership(&begun).await;
    assert_eq!(world.quiet().await, [], "while they are paused nothing opens");
    ada.version += 1;
    ada.status = PersonStatus::Active.into();
    world.tell_person(&ada).await;
    let grace = until(at(12) + Duration::days(1));
    let expected = ["begun", "kept"].map(|group| (group.to_owned(), ada.name.clone(), grace));
    assert_eq!(opened(&world.quiet().await), expected);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_resumed_gives_what_it_gives_by_then() {
    let mut world = World::new().await;
    let ada = world.new_person();
    let started = world.membership(&[&ada]);
    world.map_plan(&started, "members").await;
    world.tell_membership(&started).await;
    world.obey().await;
    let paused = in_state(&started, MembershipState::Paused);
    world.tell_membership(&paused).await;
    assert_eq!(world.obey().await.window, None);
    let renewed = changed(&paused, |it| it.period_end_time = Some(timestamp(at(20))));
    world.tell_membership(&renewed).await;
    assert_eq!(world.quiet().await, [], "it is paused, paid or not");
    world.tell_membership(&in_state(&renewed, MembershipState::Active)).await;
    assert_eq!(world.obey().await.window, until(at(20) + Duration::days(1)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_every_order_and_twice_it_ends_the_same() {
    let mut world = World::new().await;
    let mut stories: Vec<Vec<Message>> = Vec::new();
    let mut kept = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let [ada, bo]: [Person; 2] = std::array::from_fn(|_| world.new_person());
        let started = world.membership(&[&ada]);
        world.map_plan(&started, "members").await;
        let both = of(&started, &[&ada, &bo]);
        let last = of(&both, &[&bo]);
        let facts = [&started, &both, &last].map(|it| world.fact_of_membership(it));
        stories.push(order.map(|number| facts[number].clone()).to_vec());
        kept.push(bo.name);
    }
    let mut provider = HashMap::new();
    for step in 0..3 {
        for story in &stories {
            world.send(&story[step]).await;
            world.send(&story[step]).await;
        }
        world.obey_all(&mut provider).await;
    }
    let grace = until(at(12) + Duration::days(1));
    let grants = world.grants().await;
    for grant in &grants {
        let should = if kept.contains(&grant.person) { grace } else { None };
        let had = provider.get(&grant.name).copied().flatten();
        assert_eq!((grant.desired, grant.observed, had), (should, should, should), "{grant:?}");
    }
    assert!(kept.iter().all(|person| grants.iter().any(|grant| grant.person == *person)), "{grants:?}");
    world.harness.finish().await;
}
