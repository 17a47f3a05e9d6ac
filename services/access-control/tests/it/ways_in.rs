//! Another way in, for those whose own access a provider has not confirmed in time.

use chrono::Duration;
use proto::access::v1 as pb;
use proto::access::v1::way_in_command_completed::Outcome;
use testkit::eventually;

use crate::adapter::failure;
use crate::world::{LIMIT, Stay, World, at, at_minute, window};

impl World {
    /// From now on people have another way in sent, or not.
    async fn send_ways_in(&self, sends_way_in: bool) {
        let settings = pb::LocationAccessSettings { sends_way_in, ..Default::default() };
        let request = pb::UpdateLocationAccessSettingsRequest {
            name: self.location.clone(),
            location_access_settings: Some(settings),
            request_id: String::new(),
        };
        self.client.clone().update_location_access_settings(request).await.unwrap();
    }

    async fn answer_way_in(&self, command: &pb::WayInCommand, outcome: Outcome) {
        let body = pb::WayInCommandCompleted {
            way_in: command.way_in.clone(),
            generation: command.generation,
            outcome: Some(outcome),
        };
        self.send(&self.message(&command.way_in, command.generation, &body)).await;
    }

    /// Answers that it is so.
    async fn way_in_is(&self, command: &pb::WayInCommand) {
        self.answer_way_in(command, Outcome::Applied(pb::WayInApplied::default())).await;
    }

    /// How often it was told so far that one is ready.
    async fn ready(&self) -> usize {
        let facts = self.bodies_told().await.into_iter();
        facts.filter(|(fact, _)| fact == "way_in_ready").count()
    }

    async fn told_ready(&self, expected: usize) {
        eventually("ways in are told", LIMIT, async || {
            let told = self.ready().await;
            if told == expected { Ok(()) } else { Err(told) }
        })
        .await;
    }

    async fn ways_in(&self) -> i64 {
        sqlx::query_scalar("select count(*) from way_in").fetch_one(&self.pool).await.unwrap()
    }

    /// Someone has booked from nine to ten, the provider refuses them, and it is five minutes before: the provider is
    /// about to be told again.
    async fn refused(&mut self) -> Stay {
        let resource = self.mapped("group-1").await;
        let stay = self.booking(&self.new_person(), &resource, 9, 10);
        self.tell(&stay).await;
        self.refuse().await;
        self.harness.clock.set(at_minute(8, 55));
        stay
    }

    /// Takes the next command, which is about access, and refuses it.
    async fn refuse(&mut self) {
        let command = self.command().await;
        self.say_no(&command).await;
    }

    /// Refuses, and waits until that is heard.
    async fn say_no(&self, command: &pb::AccessCommand) {
        self.failed(command, failure(pb::AccessFailureKind::Rejected, "no email address")).await;
        eventually("the refusal is heard", LIMIT, async || {
            let grants = self.grants().await;
            let grant = grants.into_iter().find(|grant| grant.name == command.grant);
            match grant {
                Some(grant) if grant.state() == pb::GrantState::Failing => Ok(()),
                grant => Err(format!("{grant:?}")),
            }
        })
        .await;
    }

    /// Takes the next two commands: one about access, and one about another way in.
    async fn both(&mut self) -> (pb::AccessCommand, pb::WayInCommand) {
        let received = [self.commands.next().await, self.commands.next().await];
        let [of_access, of_way_in] = match received {
            [a, b] if a.way_in.is_none() => [a, b],
            [a, b] => [b, a],
        };
        let of_way_in = of_way_in.way_in.unwrap_or_else(|| panic!("{:?}", of_way_in.command));
        (of_access.command, of_way_in)
    }

    /// Access is refused, and another way in is to be made.
    async fn refuse_and_make(&mut self) -> pb::WayInCommand {
        let (refused, made) = self.both().await;
        self.say_no(&refused).await;
        made
    }

    /// Access that was refused is taken back, for it may have been given, and another way in is to be withdrawn.
    async fn take_back_and_withdraw(&mut self) -> pb::WayInCommand {
        let (taken_back, withdrawn) = self.both().await;
        assert_eq!((taken_back.window, withdrawn.window), (None, None));
        self.applied(&taken_back).await;
        withdrawn
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_confirmed_in_time_has_another_way_in_until_the_end() {
    let mut world = World::new().await;
    world.send_ways_in(true).await;
    let stay = world.refused().await;
    let made = world.refuse_and_make().await;
    assert_eq!((made.window, made.generation), (window((8, 55), (10, 0)), 1));
    assert_eq!(made.person.as_ref().unwrap().name, stay.person.name);
    assert_eq!((made.target.as_ref().unwrap().r#ref.as_str(), made.location.as_str()), ("group-1", ""));
    for _ in 0..2 {
        world.way_in_is(&made).await;
    }
    world.told_ready(1).await;
    let told = world.bodies_told().await.into_iter().find(|(fact, _)| fact == "way_in_ready").unwrap().1;
    assert_eq!(told["wayIn"]["source"], stay.booking.name);
    assert_eq!(told["wayIn"]["startTime"], "2026-12-02T09:00:00+00:00");

    // Confirmed after all: it stays, for the person may have nothing else at hand.
    world.harness.clock.set(at_minute(9, 30));
    world.obey().await;
    assert_eq!(world.quiet().await, []);
    world.harness.clock.set(at(10));
    let withdrawn = world.way_in_command().await;
    assert_eq!((withdrawn.window, withdrawn.generation), (None, 2));
    assert!(
        withdrawn.due_time.unwrap().seconds > at_minute(10, 30).timestamp(),
        "Kisi has closed it by itself"
    );
    world.way_in_is(&withdrawn).await;
    eventually("it is forgotten", LIMIT, async || match world.ways_in().await {
        0 => Ok(()),
        count => Err(count),
    })
    .await;
    world.harness.clock.set(at_minute(10, 15));
    world.obey().await;
    assert_eq!(world.ready().await, 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_withdrawn_at_once_when_the_booking_is_called_off_or_the_person_is_paused() {
    let mut world = World::new().await;
    world.send_ways_in(true).await;
    let stay = world.refused().await;
    let made = world.refuse_and_make().await;
    world.way_in_is(&made).await;
    world.told_ready(1).await;

    world.tell_person(&pb_paused(&stay)).await;
    let withdrawn = world.take_back_and_withdraw().await;
    assert_eq!((withdrawn.window, withdrawn.generation), (None, 2));
    world.way_in_is(&withdrawn).await;
    // A late answer to what was asked before changes nothing.
    world.way_in_is(&made).await;
    assert_eq!(world.quiet().await, []);
    let mut active = stay.person.clone();
    active.version += 2;
    world.tell_person(&active).await;
    let again = world.refuse_and_make().await;
    assert_eq!((again.window, again.generation), (made.window, 3));
    world.way_in_is(&again).await;
    world.told_ready(2).await;

    world.tell(&stay.cancelled()).await;
    let withdrawn = world.take_back_and_withdraw().await;
    assert_eq!((withdrawn.window, withdrawn.generation), (None, 4));
    world.way_in_is(&withdrawn).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

/// The person of a stay, paused.
fn pb_paused(stay: &Stay) -> proto::workspace::v1::Person {
    let status = proto::workspace::v1::PersonStatus::Paused.into();
    proto::workspace::v1::Person { status, version: stay.person.version + 1, ..stay.person.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_none_where_it_is_off_or_nobody_is_entitled_or_all_is_confirmed() {
    let mut world = World::new().await;
    // Off by default.
    let stay = world.refused().await;
    world.refuse().await;
    crate::preflight::checked(&world, &stay.booking.name, 1).await;
    assert_eq!(world.ways_in().await, 0);
    world.send_ways_in(true).await;
    world.send_ways_in(false).await;
    let resource = world.mapped("group-2").await;
    let off = world.booking(&world.new_person(), &resource, 11, 12);
    world.tell(&off).await;
    world.refuse().await;
    world.harness.clock.set(at_minute(10, 55));
    world.refuse().await;
    let checked = crate::preflight::checked(&world, &off.booking.name, 1).await;
    assert!(!checked[0].is_in_order);
    assert_eq!(world.ways_in().await, 0);

    world.send_ways_in(true).await;
    let confirmed = world.booking(&world.new_person(), &resource, 13, 14);
    let paused = world.booking(&world.new_person(), &resource, 13, 14);
    let mut provider = std::collections::HashMap::new();
    for stay in [&confirmed, &paused] {
        world.tell(stay).await;
    }
    world.obey_all(&mut provider).await;
    world.tell_person(&pb_paused(&paused)).await;
    world.obey_all(&mut provider).await;
    world.harness.clock.set(at(13) - Duration::minutes(5));
    for stay in [&confirmed, &paused] {
        crate::preflight::checked(&world, &stay.booking.name, 1).await;
    }
    world.obey_all(&mut provider).await;
    assert_eq!(world.ways_in().await, 0);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_tried_again_and_what_is_in_doubt_is_taken_away() {
    let mut world = World::new().await;
    world.send_ways_in(true).await;
    let stay = world.refused().await;
    let made = world.refuse_and_make().await;
    let lost = pb::AccessFailure {
        outcome_unknown: true,
        ..failure(pb::AccessFailureKind::Unreachable, "no answer")
    };
    world.answer_way_in(&made, Outcome::Failed(lost)).await;
    eventually("the failure is heard", LIMIT, async || {
        let reason: String =
            sqlx::query_scalar("select reason from way_in").fetch_one(&world.pool).await.unwrap();
        if reason == "no answer" { Ok(()) } else { Err(reason) }
    })
    .await;
    // Cancelled while nobody knows whether there is one.
    world.tell(&stay.cancelled()).await;
    let withdrawn = world.take_back_and_withdraw().await;
    assert_eq!((withdrawn.window, withdrawn.generation), (None, 2));
    // Without an answer it is told again.
    world.harness.clock.advance(Duration::minutes(2));
    let again = world.way_in_command().await;
    assert_eq!((again.window, again.generation), (None, 3));
    world.way_in_is(&again).await;
    assert_eq!(world.quiet().await, []);
    assert_eq!(world.ready().await, 0);
    world.harness.finish().await;
}
