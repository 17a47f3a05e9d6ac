//! What adapters answer, what they don't, and what follows.

use chassis::input::timestamp;
use chrono::Duration;
use proto::access::v1 as pb;
use proto::access::v1::AccessFailureKind as Kind;
use testkit::eventually;

use crate::adapter::failure;
use crate::world::{LIMIT, Stay, World, at, window};

impl World {
    /// A booking from nine to ten, and its first command, not answered yet.
    async fn begin(&mut self) -> (Stay, pb::AccessCommand) {
        let resource = self.mapped("group-1").await;
        let stay = self.booking(&self.new_person(), &resource, 9, 10);
        self.tell(&stay).await;
        let command = self.command().await;
        (stay, command)
    }

    async fn failing(&self) -> pb::Grant {
        self.grant("it is failing", |grant| grant.state() == pb::GrantState::Failing).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_waits_longer_each_time_is_tried_again_and_told_once() {
    let mut world = World::new().await;
    let (_, mut command) = world.begin().await;
    for round in 0..4 {
        world.failed(&command, failure(Kind::Unreachable, "no answer from Kisi")).await;
        let grant = world.failing().await;
        assert_eq!((grant.last_error.as_str(), grant.observed), ("no answer from Kisi", None));
        // A second, doubled each time, shortened by up to a half.
        let wait = grant.next_check_time.unwrap().seconds - world.now().timestamp();
        assert!((0..=1 << round).contains(&wait), "round {round}: {wait}");
        assert!(2 * (wait + 1) >= 1 << round, "round {round}: {wait}");
        assert_eq!(world.quiet().await, [], "not before its time");
        world.harness.clock.advance(Duration::seconds(1 << round));
        let again = world.command().await;
        assert_eq!((again.generation, again.window), (command.generation + 1, command.window));
        command = again;
    }
    world.applied(&command).await;
    let grant = world.grant("it is settled", |grant| grant.state() == pb::GrantState::Settled).await;
    assert_eq!((grant.last_error.as_str(), grant.observed), ("", command.window));
    world.told(&["failing", "granted"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_asks_to_wait_is_waited() {
    let mut world = World::new().await;
    let (_, command) = world.begin().await;
    let retry_after = Some(pbjson_types::Duration { seconds: 90, nanos: 0 });
    world.failed(&command, pb::AccessFailure { retry_after, ..failure(Kind::RateLimited, "too fast") }).await;
    let grant = world.failing().await;
    assert_eq!(grant.next_check_time, Some(timestamp(world.now() + Duration::seconds(90))));
    world.harness.clock.advance(Duration::seconds(89));
    assert_eq!(world.quiet().await, []);
    world.harness.clock.advance(Duration::seconds(1));
    assert_eq!(world.obey().await.generation, 2);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_command_is_under_way_there_is_no_other() {
    let mut world = World::new().await;
    let (stay, command) = world.begin().await;
    let moved = stay.rescheduled(11, 12);
    world.tell(&moved).await;
    world.tell(&moved.rescheduled(13, 14)).await;
    assert_eq!(world.quiet().await, []);
    world.applied(&command).await;
    let next = world.obey().await;
    assert_eq!((next.generation, next.window), (2, window((12, 45), (14, 15))));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_is_told_again_even_if_nothing_is_wanted_any_more() {
    let mut world = World::new().await;
    let (stay, command) = world.begin().await;
    world.tell(&stay.cancelled()).await;
    let unknown = pb::AccessFailure { outcome_unknown: true, ..failure(Kind::Unreachable, "time out") };
    world.failed(&command, unknown).await;
    // At once: the wait is for what failed, and this is another wish.
    let revoke = world.obey().await;
    assert_eq!((revoke.generation, revoke.window), (2, None));

    // The same of one that did nothing: an attempt before it that nobody heard of may have.
    let (stay, command) = world.begin().await;
    world.tell(&stay.cancelled()).await;
    // The failure comes when the cancellation is known; before, it would be tried again.
    assert_eq!(world.quiet().await, []);
    world.failed(&command, failure(Kind::Unreachable, "refused")).await;
    let revoke = world.obey().await;
    assert_eq!((revoke.generation, revoke.window), (2, None));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_without_an_answer_is_sent_again_and_its_late_answer_changes_nothing() {
    let mut world = World::new().await;
    let (_, lost) = world.begin().await;
    world.harness.clock.advance(Duration::seconds(119));
    assert_eq!(world.quiet().await, []);
    world.harness.clock.advance(Duration::seconds(1));
    let second = world.command().await;
    assert_eq!((second.generation, second.window), (2, lost.window));
    world.applied(&lost).await;
    world.failed(&lost, failure(Kind::Rejected, "too late")).await;
    assert_eq!(world.quiet().await, []);
    let grant = world.grant("it is under way", |grant| grant.state() == pb::GrantState::InFlight).await;
    assert_eq!((grant.generation, grant.observed, grant.last_error.as_str()), (2, None, ""));
    world.applied(&second).await;
    world.settled(&second).await;
    // Nor does the right answer change anything when it comes again.
    world.failed(&second, failure(Kind::Rejected, "after all")).await;
    world.applied(&pb::AccessCommand { window: None, ..second.clone() }).await;
    assert_eq!(world.quiet().await, []);
    world.grant("it is settled", |grant| grant.observed == second.window).await;
    world.told(&["granted"]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_about_anothers_grant_is_refused_and_one_about_nothing_is_ignored() {
    let mut world = World::new().await;
    let (_, command) = world.begin().await;
    world.answer_as_other(domain::WorkspaceId::new(), &command).await;
    let name = domain::names::GrantName { workspace: world.workspace, id: domain::GrantId::new() };
    world.applied(&pb::AccessCommand { grant: name.to_string(), ..command.clone() }).await;
    let nothing = pb::AccessCommandCompleted { grant: command.grant.clone(), generation: 1, outcome: None };
    world.send(&world.message(&command.grant, 1, &nothing)).await;
    assert_eq!(world.quiet().await, []);
    world.grant("it is under way", |grant| grant.state() == pb::GrantState::InFlight).await;
    let letters = eventually("two dead letters", LIMIT, async || {
        let letters = events::dead_letter::list(&world.bus, 1, 10).await.map_err(|e| e.to_string())?;
        if letters.len() == 2 { Ok(letters) } else { Err(format!("{letters:?}")) }
    })
    .await;
    assert_eq!(letters[0].reason, "the grant is another workspace's");
    assert_eq!(letters[1].reason, "the result is not complete");
    world.applied(&command).await;
    world.settled(&command).await;
    world.harness.finish_with_dead_letters(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_has_something_else_is_told_again() {
    let mut world = World::new().await;
    let (_, command) = world.begin().await;
    // It could not keep the whole window.
    let less = pb::AccessCommand { window: window((9, 0), (10, 0)), ..command.clone() };
    world.applied(&less).await;
    let again = world.obey().await;
    assert_eq!((again.generation, again.window), (2, command.window));
    world.harness.clock.set(at(9));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}
