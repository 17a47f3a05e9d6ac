//! Kisi's user follows the person, as far as Kisi allows.

use domain::Clock as _;
use proto::access::v1 as pb;
use proto::access::v1::ProviderUserState as State;
use proto::access::v1::user_command_completed::Outcome;
use sandbox::kisi::{EmailChange, Switches};

use crate::world::{Grant, Site, World};

impl World {
    /// Has a grant's window be there.
    async fn give(&mut self, grant: &Grant, generation: i64) {
        self.send(grant, generation, Some(self.window(1, 3))).await;
        self.success(grant).await;
    }
}

/// A site, whatever Kisi says of addresses that someone tries to change.
fn site(world: &World, email_change: EmailChange) -> Site {
    world.site_with("Nine", Switches { rate_limit: false, email_change, ..Switches::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_ours_keeps_its_address_and_takes_the_new_name() {
    for email_change in [EmailChange::Ignored, EmailChange::Refused] {
        let mut world = World::start().await;
        let site = site(&world, email_change);
        let (grant, window) = (site.grant("Group 00"), world.window(1, 3));
        world.give(&grant, 1).await;
        let user = site.org.user(&grant.email).unwrap();
        let renamed = grant.called("Augusta K.", "augusta@example.org");
        world.give(&renamed, 2).await;
        assert_eq!(site.org.user(&grant.email), Some(user), "with the address that it has");
        assert_eq!(site.org.user(&renamed.email), None);
        assert_eq!(site.org.look_at(user), Some(("Augusta K.".into(), true)));
        assert_eq!(site.windows(&grant), [window]);
        // Once more, it is neither searched nor told anything.
        let before = world.twin.calls();
        world.give(&renamed, 3).await;
        let last = world.twin.lines().split_off(before);
        assert!(last.iter().all(|line| line.starts_with("GET") && line != "GET /users"), "{last:?}");
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_with_the_new_address_is_the_person_if_there_is_one() {
    let mut world = World::start().await;
    let site = site(&world, EmailChange::Ignored);
    let (grant, window) = (site.grant("Group 00"), world.window(1, 3));
    let other = grant.on(site.grant("Lock 01"));
    world.give(&grant, 1).await;
    world.give(&other, 1).await;
    let operator = world.twin.operator(site.org.key());
    let theirs = world.window(1, 9);
    site.org.add_foreign(&operator, "augusta@example.org", site.org.group("Group 09"), theirs).await;
    for (grant, moved) in
        [&grant, &other].map(|grant| (grant, grant.called("Augusta", "augusta@example.org")))
    {
        world.give(&moved, 2).await;
        assert_eq!(site.windows(&moved), [window]);
        assert_eq!(site.windows(grant), []);
    }
    // Someone else's user is let in, and else stays as it is.
    let user = site.org.user("augusta@example.org").unwrap();
    assert_eq!(site.org.look_at(user), Some(("By the operator".into(), true)));
    assert_eq!(site.org.windows("augusta@example.org", site.org.lock("Door 09")), [theirs]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_was_found_by_an_address_is_not_the_person_without_it() {
    let mut world = World::start().await;
    let site = site(&world, EmailChange::Ignored);
    let (grant, window) = (site.grant("Group 00"), world.window(1, 3));
    let operator = world.twin.operator(site.org.key());
    let theirs = world.window(1, 9);
    site.org.add_foreign(&operator, &grant.email, site.org.group("Group 09"), theirs).await;
    world.give(&grant, 1).await;
    assert_eq!(site.windows(&grant), [window]);
    let moved = grant.called("Augusta", "augusta@example.org");
    world.give(&moved, 2).await;
    assert_eq!(site.windows(&grant), [], "whoever has that address is someone else");
    assert_eq!(site.windows(&moved), [window]);
    assert_eq!(site.org.windows(&grant.email, site.org.lock("Door 09")), [theirs]);
    let found = site.org.user(&grant.email).unwrap();
    assert_eq!(site.org.look_at(found), Some(("By the operator".into(), true)));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_the_user_of_someone_who_had_their_address_before() {
    let mut world = World::start().await;
    let site = site(&world, EmailChange::Ignored);
    let grant = site.grant("Group 00");
    world.give(&grant, 1).await;
    let moved = grant.called("Augusta", "augusta@example.org");
    world.give(&moved, 2).await;
    let heir = site.grant("Group 00").called("Bob", &grant.email);
    world.send(&heir, 1, Some(world.window(5, 6))).await;
    let failure = world.failure(&heir).await;
    assert_eq!(failure.kind(), pb::AccessFailureKind::Rejected);
    assert!(failure.reason.contains("who had it before"), "{failure:?}");
    // As the reason says.
    let operator = world.twin.operator(site.org.key());
    operator.delete_user(site.org.user(&grant.email).unwrap()).await.unwrap();
    world.send(&heir, 2, Some(world.window(5, 6))).await;
    world.success(&heir).await;
    world.give(&moved, 3).await;
    assert_eq!(site.windows(&heir), [world.window(5, 6)]);
    assert_eq!(site.windows(&moved), [world.window(1, 3)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_someone_suspended_is_let_in_again_if_latchkey_made_them() {
    let mut world = World::start().await;
    let site = site(&world, EmailChange::Ignored);
    let operator = world.twin.operator(site.org.key());
    let ours = site.grant("Group 00");
    world.give(&ours, 1).await;
    operator.set_access_enabled(site.org.user(&ours.email).unwrap(), false).await.unwrap();
    assert_eq!(site.windows(&ours), []);
    world.give(&ours, 2).await;
    assert_eq!(site.windows(&ours), [world.window(1, 3)]);

    let theirs = site.grant("Group 01");
    site.org.add_foreign(&operator, &theirs.email, site.org.group("Group 09"), world.window(1, 9)).await;
    operator.set_access_enabled(site.org.user(&theirs.email).unwrap(), false).await.unwrap();
    world.send(&theirs, 1, Some(world.window(1, 3))).await;
    let failure = world.failure(&theirs).await;
    assert_eq!(failure.kind(), pb::AccessFailureKind::Rejected);
    assert!(failure.reason.contains("enable it there"), "{failure:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_about_a_user_is_answered_once_and_the_user_comes_back_with_the_next_access() {
    let mut world = World::start().await;
    let site = site(&world, EmailChange::Ignored);
    let grant = site.grant("Lock 00");
    world.give(&grant, 1).await;
    world.send(&grant, 2, None).await;
    world.success(&grant).await;
    let user = site.org.user(&grant.email).unwrap();
    let name = world.send_user(&grant, State::Suspended, world.harness.clock.now()).await;
    let answer = world.user_answer().await;
    assert_eq!((answer.provider_user, answer.generation), (name.to_string(), 1));
    let suspended = pb::UserApplied { state: State::Suspended.into(), ..Default::default() };
    assert_eq!(answer.outcome, Some(Outcome::Applied(suspended)));
    assert!(!site.org.look_at(user).unwrap().1);
    world.give(&grant, 3).await;
    assert!(site.org.look_at(user).unwrap().1);
    assert_eq!(site.windows(&grant), [world.window(1, 3)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_comes_first_a_retirement_and_a_new_access_end_with_access() {
    for state in [State::Suspended, State::Deleted] {
        for is_retired_first in [true, false] {
            let mut world = World::start().await;
            let site = site(&world, EmailChange::Ignored);
            let grant = site.grant("Group 00");
            world.give(&grant, 1).await;
            world.send(&grant, 2, None).await;
            world.success(&grant).await;
            let (now, window) = (world.harness.clock.now(), world.window(1, 3));
            if is_retired_first {
                world.send_user(&grant, state, now).await;
            }
            world.send(&grant, 3, Some(window)).await;
            if !is_retired_first {
                world.send_user(&grant, state, now).await;
            }
            let (mut users, mut grants) = (0, 0);
            while (users, grants) != (1, 1) {
                let told = world.next().await;
                users += i32::from(told.read::<pb::UserCommandCompleted>().is_some());
                grants += i32::from(told.read::<pb::AccessCommandCompleted>().is_some());
            }
            assert_eq!(site.windows(&grant), [window], "{state:?} {is_retired_first}");
            world.finish().await;
        }
    }
}
