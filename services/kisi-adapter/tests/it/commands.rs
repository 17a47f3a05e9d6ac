//! From a command on the bus to the door and to the answer.

use domain::names::GrantName;
use domain::{GrantId, WorkspaceId};
use proto::access::v1 as pb;
use proto::access::v1::access_command_completed::Outcome;
use proto::access::v1::{AccessFailureKind, ProviderConnectionChanged};
use sandbox::{Action, Fault, Vendor};

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_opens_the_door_and_its_answer_belongs_to_its_story() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    for door in ["Group 00", "Lock 00"] {
        let grant = site.grant(door);
        let (first, second) = (world.window(1, 2), world.window(3, 4));
        let id = world.send(&grant, 1, Some(first)).await;
        let applied = world.success(&grant).await;
        let told = world.history.last().unwrap();
        assert_eq!((told.correlation.as_str(), told.causation.as_str()), ("the story", &*id.to_string()));
        assert_eq!(applied.window.unwrap().start_time.unwrap().seconds, first.start().timestamp());
        assert!(!applied.provider_ref.is_empty());
        assert_eq!(site.windows(&grant), [first]);
        world.send(&grant, 2, Some(second)).await;
        world.success(&grant).await;
        assert_eq!(site.windows(&grant), [second]);
        world.send(&grant, 3, None).await;
        let applied = world.success(&grant).await;
        assert_eq!((applied.window, applied.provider_ref.as_str()), (None, ""));
        assert_eq!(site.windows(&grant), []);
    }
    assert!(site.org.twin.mails().is_empty());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_grant_takes_three_calls_and_the_next_one_less() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let first = site.grant("Group 00");
    world.send(&first, 1, Some(world.window(1, 2))).await;
    world.success(&first).await;
    let told = ["GET /user", "GET /users", "POST /users", "POST /role_assignments"];
    assert_eq!(world.twin.lines(), told);
    let other = first.on(site.grant("Group 01"));
    world.send(&other, 1, Some(world.window(1, 2))).await;
    world.success(&other).await;
    world.send(&other, 2, None).await;
    world.success(&other).await;
    // Nothing was given there, so that there is nothing to ask.
    let none = first.on(site.grant("Lock 02"));
    world.send(&none, 1, None).await;
    world.success(&none).await;
    let lines = world.twin.lines();
    assert_eq!(lines[4], "POST /role_assignments");
    assert!(lines[5].starts_with("DELETE /role_assignments/"), "{lines:?}");
    assert_eq!(lines.len(), 6, "{lines:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_newest_generation_counts_whatever_comes_when() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Group 00");
    let (old, new) = (world.window(1, 2), world.window(3, 4));
    // While they wait, each takes the place of an older one.
    world
        .send_together(&site, async || {
            for (generation, window) in [(5, None), (4, Some(old)), (6, Some(new)), (3, None)] {
                world.send(&grant, generation, window).await;
            }
            testkit::eventually("the newest is stored", crate::world::LIMIT, async || {
                let stored: Option<i64> =
                    sqlx::query_scalar("select generation from command where grant_id = $1")
                        .bind(grant.name.id.uuid())
                        .fetch_optional(&world.pool)
                        .await
                        .unwrap();
                if stored == Some(6) { Ok(()) } else { Err(format!("{stored:?}")) }
            })
            .await;
            1
        })
        .await;
    let answers = world.answers(2).await;
    assert_eq!((answers[1].0, answers[1].1), (grant.name, 6));
    // One that comes after a newer one was answered is void.
    world.send(&grant, 2, Some(old)).await;
    let later = site.grant("Group 01");
    world.send(&later, 1, None).await;
    world.success(&later).await;
    assert_eq!(site.windows(&grant), [new]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_comes_again_after_its_answer_is_void() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Group 00");
    world.keys.remove(&site);
    world.send(&grant, 1, Some(world.window(1, 2))).await;
    world.failure(&grant).await;
    // Whoever asked may want something else by now, and waits for no answer.
    world.keys.set(&site, site.org.key());
    world.tell_status_changed(site.workspace).await;
    let later = site.grant("Group 01");
    let mut generation = 0;
    loop {
        generation += 1;
        world.send(&grant, 1, Some(world.window(1, 2))).await;
        world.send(&later, generation, Some(world.window(1, 2))).await;
        let (name, .., outcome) = world.next_answer().await;
        assert_eq!(name, later.name);
        if let Outcome::Applied(_) = outcome {
            break;
        }
    }
    assert_eq!(site.windows(&grant), []);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_makes_no_sense_is_answered_or_put_among_the_dead_letters() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Group 00");
    let broken = pb::AccessCommand { grant: grant.name.to_string(), generation: 7, ..Default::default() };
    world.send_message(grant.name, &broken).await;
    let failure = world.failure(&grant).await;
    assert_eq!(failure.kind(), AccessFailureKind::Rejected);
    assert!(failure.reason.contains("target must be set"), "{}", failure.reason);
    // Nobody can be answered about a grant of another workspace.
    let stray = GrantName { workspace: WorkspaceId::new(), id: GrantId::new() };
    world.send_message(stray, &broken).await;
    let nameless = site.grant("Group 00").without_email();
    world.send(&nameless, 1, Some(world.window(1, 2))).await;
    let failure = world.failure(&nameless).await;
    assert_eq!(failure.kind(), AccessFailureKind::Rejected);
    assert!(failure.reason.contains("no email address"), "{}", failure.reason);
    world.harness.finish_with_dead_letters(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_without_credentials_is_told_so_until_some_are_connected() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    world.keys.remove(&site);
    let grant = site.grant("Group 00");
    world.send(&grant, 1, Some(world.window(1, 2))).await;
    let failure = world.failure(&grant).await;
    assert_eq!(failure.kind(), AccessFailureKind::Unauthorized);
    assert_eq!(failure.reason, "no Kisi credentials are saved for this location: connect Kisi");
    world.keys.set(&site, site.org.key());
    world.tell_status_changed(site.workspace).await;
    let mut generation = 1;
    // The news may overtake or be overtaken by the command.
    loop {
        generation += 1;
        world.send(&grant, generation, Some(world.window(1, 2))).await;
        if let (_, _, Outcome::Applied(_)) = world.next_answer().await {
            break;
        }
    }
    assert_eq!(site.windows(&grant), [world.window(1, 2)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_told_once_and_so_is_that_it_works_again() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grants = [0, 1, 2].map(|number| site.grant(&format!("Group 0{number}")));
    world.send(&grants[0], 1, Some(world.window(1, 2))).await;
    world.success(&grants[0]).await;
    site.org.twin.revoke_login(site.org.key()).unwrap();
    let before = world.twin.calls();
    for grant in &grants {
        world.send(grant, 2, Some(world.window(2, 3))).await;
        let failure = world.failure(grant).await;
        assert_eq!(failure.kind(), AccessFailureKind::Unauthorized);
        assert!(failure.reason.contains("Make a new one"), "{}", failure.reason);
    }
    assert_eq!(world.twin.calls() - before, 1, "a refused key is not sent again and again");
    let new = site.org.twin.create_api_key(&site.org.created.owner.email, false).unwrap();
    world.keys.set(&site, &new.secret);
    world.tell_status_changed(site.workspace).await;
    let mut generation = 2;
    loop {
        generation += 1;
        world.send(&grants[0], generation, Some(world.window(2, 3))).await;
        if let (_, _, Outcome::Applied(_)) = world.next_answer().await {
            break;
        }
    }
    world.send(&grants[1], 3, Some(world.window(2, 3))).await;
    world.success(&grants[1]).await;
    let changes = world.history.iter().filter_map(|told| told.read::<ProviderConnectionChanged>());
    let changes: Vec<_> = changes.map(|change| (change.integration, change.is_accepted)).collect();
    let integration = site.integration.to_string();
    assert_eq!(changes, [(integration.clone(), false), (integration, true)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_replaced_is_noticed_by_itself() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Group 00");
    world.send(&grant, 1, Some(world.window(1, 2))).await;
    world.success(&grant).await;
    let new = site.org.twin.create_api_key(&site.org.created.owner.email, false).unwrap();
    site.org.twin.revoke_login(site.org.key()).unwrap();
    world.keys.set(&site, &new.secret);
    world.send(&grant, 2, Some(world.window(2, 3))).await;
    world.success(&grant).await;
    assert!(world.history.iter().all(|told| told.read::<ProviderConnectionChanged>().is_none()));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_and_a_slow_account_delay_no_other() {
    let mut world = World::start().await;
    let [dead, slow, well] = ["Dead", "Slow", "Well"].map(|name| world.site(name));
    let fault = |site: &crate::world::Site, action| {
        let fault = Fault::on(Vendor::Kisi, action).account(site.org.created.id);
        world.twin.sandbox.faults().add(fault).unwrap()
    };
    fault(&dead, Action::Outage);
    let brake = fault(&slow, Action::Delay { delay_ms: 60_000 });
    let stuck = slow.grant("Group 00");
    world.send(&stuck, 1, Some(world.window(1, 2))).await;
    for number in 0..12 {
        let grant = dead.grant(&format!("Group {number:02}"));
        world.send(&grant, 1, Some(world.window(1, 2))).await;
    }
    let grant = well.grant("Lock 00");
    world.send(&grant, 1, Some(world.window(1, 2))).await;
    let mut failures = Vec::new();
    let mut is_well = false;
    for (name, _, outcome) in world.answers(13).await {
        match outcome {
            Outcome::Applied(_) => is_well = name == grant.name,
            Outcome::Failed(failure) => failures.push(failure),
        }
    }
    assert!(is_well && failures.len() == 12);
    assert!(failures.iter().all(|failure| failure.kind() == AccessFailureKind::Unreachable));
    let last = failures.last().unwrap();
    assert!(last.retry_after.is_some(), "the circuit is open, and says until when: {last:?}");
    // Nobody waits for the slow one but itself.
    world.twin.sandbox.faults().remove(brake);
    let failure = world.failure(&stuck).await;
    assert_eq!(failure.kind(), AccessFailureKind::Unreachable, "it was given up in time");
    world.finish().await;
}
