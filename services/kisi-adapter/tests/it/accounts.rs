//! How accounts are worked: by urgency, at Kisi's pace, by one process at a time, across restarts.

use std::collections::HashSet;

use domain::Clock as _;
use kisi_adapter::{Config, KisiConfig};
use proto::access::v1::AccessFailureKind;
use proto::access::v1::access_command_completed::Outcome;
use sandbox::Vendor;
use sandbox::kisi::Switches;
use tokio_util::sync::CancellationToken;

use crate::world::{Site, World};

/// As slow as Kisi wants it, by the settings that are shipped.
fn at_kisis_pace(config: Config) -> Config {
    let (_, shipped) =
        chassis::config::load::<Config>(kisi_adapter::DEFINITION.config_defaults, Default::default())
            .unwrap();
    Config { kisi: KisiConfig { base_url: config.kisi.base_url, ..shipped.kisi }, ..config }
}

fn refused_calls(world: &World) -> usize {
    world.twin.sandbox.requests().count(Vendor::Kisi, |request| request.status == Some(429))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_first_is_done_first_and_kisi_is_not_called_too_often() {
    let mut world = World::without_adapter().await;
    let config = at_kisis_pace(world.config());
    world.run_adapter(config, CancellationToken::new()).await;
    let site = world.site_with("Nine", Switches::default());
    let now = world.harness.clock.now();
    // Overdue, due now, due later; those that are due at the same time by age.
    let due_minutes = [30, 5, 5, 0, 60, -10];
    let grants = due_minutes.map(|_| site.grant("Group 00"));
    world
        .send_together(&site, async || {
            for (grant, minutes) in grants.iter().zip(due_minutes) {
                let due = now + chrono::Duration::minutes(minutes);
                world.send_due(grant, 1, Some(world.window(1, 2)), due).await;
            }
            grants.len() as i64
        })
        .await;
    let answers = world.answers(7).await;
    assert!(answers.iter().all(|(.., outcome)| matches!(outcome, Outcome::Applied(_))), "{answers:?}");
    let order: Vec<_> = answers.into_iter().skip(1).map(|(name, ..)| name).collect();
    assert_eq!(order, [5, 3, 1, 2, 0, 4].map(|index: usize| grants[index].name));
    assert_eq!(refused_calls(&world), 0, "Kisi never had to say that it is too much");
    assert!(world.twin.calls() > 15, "which it would have been");
    world.finish().await;
}

/// Changes that wait on one account when a month begins.
const ROLLOVER: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_begins_soon_does_not_wait_for_a_months_changes_nor_another_account_for_either() {
    let mut world = World::without_adapter().await;
    let slow = CancellationToken::new();
    world.run_adapter(at_kisis_pace(world.config()), slow.clone()).await;
    let (busy, free) = (world.site("Busy"), world.site("Free"));
    let now = world.harness.clock.now();
    for _ in 0..ROLLOVER {
        let month_begins = now + chrono::Duration::hours(1);
        world.send_due(&busy.grant("Group 00"), 1, Some(world.window(1, 2)), month_begins).await;
    }
    let mut answered = world.answers(1).await.len();
    let calls = world.twin.calls();
    let (near, elsewhere) = (busy.grant("Group 01"), free.grant("Group 00"));
    world.send_due(&near, 1, Some(world.window(0, 1)), now + chrono::Duration::minutes(2)).await;
    world.send_due(&elsewhere, 1, Some(world.window(1, 2)), now + chrono::Duration::hours(2)).await;
    let mut awaited = HashSet::from([near.name, elsewhere.name]);
    while !awaited.is_empty() {
        let (name, _, outcome) = world.next_answer().await;
        assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
        awaited.remove(&name);
        answered += 1;
    }
    // Each takes three calls; what was under way is brought to its end, and urgency is looked at once a second.
    let calls = world.twin.calls() - calls;
    assert!(calls < 40, "{calls} calls of more than a thousand that wait");
    assert_eq!((busy.windows(&near).len(), free.windows(&elsewhere).len()), (1, 1));
    slow.cancel();
    let mut fast = world.config();
    fast.commands.account_concurrency = 8;
    world.run_adapter(fast, CancellationToken::new()).await;
    world.answers(ROLLOVER + 2 - answered).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_account_of_two_locations_is_worked_as_one() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let elsewhere = Site {
        workspace: site.workspace,
        location: domain::LocationId::new(),
        integration: site.integration,
        org: crate::twin::Org { twin: site.org.twin.clone(), created: site.org.created.clone() },
    };
    world.keys.set(&elsewhere, site.org.key());
    for site in [&site, &elsewhere] {
        let grant = site.grant("Group 00");
        world.send(&grant, 1, Some(world.window(1, 2))).await;
        world.success(&grant).await;
    }
    let lanes: Vec<(uuid::Uuid, uuid::Uuid)> =
        sqlx::query_as("select site_id, lane_id from route").fetch_all(&world.pool).await.unwrap();
    assert_eq!(lanes.len(), 2);
    assert!(lanes.iter().all(|(_, lane)| *lane == site.integration.id.uuid()));
    // An account of its own takes the location's commands along.
    let other = world.site("Ten");
    let moved = Site { location: elsewhere.location, workspace: site.workspace, ..other };
    world.keys.set(&moved, moved.org.key());
    world.tell_status_changed(site.workspace).await;
    let mut generation = 0;
    let grant = moved.grant("Group 00");
    while moved.windows(&grant).is_empty() {
        generation += 1;
        // Until the news is there, the group is looked for at the wrong account.
        world.send(&grant, generation, Some(world.window(1, 2))).await;
        world.next_answer().await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_by_the_workspaces_own_credentials_do_not_follow_a_locations() {
    let mut world = World::start().await;
    let (whole, own) = (world.site("Whole"), world.site("Own"));
    let own = Site { workspace: whole.workspace, ..own };
    world.keys.set(&own, own.org.key());
    world.keys.set_of_workspace(&whole, whole.org.key());
    let by_workspace = whole.grant("Group 00").by_workspace();
    for grant in [&by_workspace, &own.grant("Group 00")] {
        world.send(grant, 1, Some(world.window(1, 2))).await;
        world.success(grant).await;
    }
    assert_eq!(whole.windows(&by_workspace).len(), 1);
    world.send(&by_workspace, 2, None).await;
    world.success(&by_workspace).await;
    assert_eq!(whole.windows(&by_workspace), []);
    let lanes: Vec<(uuid::Uuid, bool)> = sqlx::query_as("select lane_id, site_id = workspace_id from route")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert!(lanes.contains(&(whole.integration.id.uuid(), true)), "{lanes:?}");
    assert!(lanes.contains(&(own.integration.id.uuid(), false)), "{lanes:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locations_commands_never_reach_the_workspaces_account_when_its_own_is_disconnected() {
    let mut world = World::start().await;
    let (whole, own) = (world.site("Whole"), world.site("Own"));
    let own = Site { workspace: whole.workspace, location: whole.location, ..own };
    world.keys.set(&own, own.org.key());
    world.keys.set_of_workspace(&whole, whole.org.key());
    // There are groups of that name at both.
    let grant = own.grant("Group 00");
    world.send(&grant, 1, Some(world.window(1, 2))).await;
    world.success(&grant).await;
    world.keys.remove(&own);
    world.tell_status_changed(own.workspace).await;
    let same_target = whole.grant("Group 00");
    let mut generation = 1;
    loop {
        generation += 1;
        world.send(&same_target, generation, Some(world.window(1, 2))).await;
        let (.., outcome) = world.next_answer().await;
        // Until the news is there, the location's own key is used.
        if let Outcome::Failed(failure) = outcome
            && failure.reason.contains("no Kisi credentials are saved for this location")
        {
            assert_eq!(failure.kind(), AccessFailureKind::Unauthorized);
            break;
        }
    }
    assert_eq!(whole.windows(&same_target), [], "it is another account's door");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_the_middle_loses_nothing_and_does_nothing_twice() {
    let mut world = World::without_adapter().await;
    let config = Config {
        kisi: KisiConfig { calls_per_second: 20, calls_in_flight: 1, ..world.config().kisi },
        ..world.config()
    };
    let first = CancellationToken::new();
    world.run_adapter(config.clone(), first.clone()).await;
    let site = world.site("Nine");
    let grants: Vec<_> = (0..10).map(|_| site.grant("Lock 00")).collect();
    for grant in &grants {
        world.send(grant, 1, Some(world.window(1, 2))).await;
    }
    let mut answered = HashSet::new();
    for (name, ..) in world.answers(3).await {
        answered.insert(name);
    }
    first.cancel();
    world.run_adapter(config, CancellationToken::new()).await;
    for (name, _, outcome) in world.answers(7).await {
        assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
        assert!(answered.insert(name), "{name} was answered twice");
    }
    for grant in &grants {
        assert_eq!(site.windows(grant), [world.window(1, 2)]);
    }
    let counts = site.org.twin.counts();
    assert_eq!(counts.users, 1 + grants.len(), "the owner and the people");
    assert_eq!(counts.groups, 81, "80 of the operator, one for the lock");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_whose_process_died_is_taken_over_when_its_lease_runs_out() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Group 00");
    world.send(&grant, 1, Some(world.window(1, 2))).await;
    world.success(&grant).await;
    // As if another process had claimed it and died.
    testkit::eventually("the account is given back", crate::world::LIMIT, async || {
        let claimed = sqlx::query(
            "update lane set lease_token = gen_random_uuid(), lease_until = now() + interval '1 second'
             where id = $1 and not is_pending",
        )
        .bind(site.integration.id.uuid())
        .execute(&world.pool)
        .await
        .unwrap();
        if claimed.rows_affected() == 1 { Ok(()) } else { Err("still at work") }
    })
    .await;
    let until: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select lease_until from lane where id = $1")
            .bind(site.integration.id.uuid())
            .fetch_one(&world.pool)
            .await
            .unwrap();
    world.send(&grant, 2, None).await;
    world.success(&grant).await;
    let is_later: bool =
        sqlx::query_scalar("select now() >= $1").bind(until).fetch_one(&world.pool).await.unwrap();
    assert!(is_later, "nobody works an account that another process holds");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_and_several_commands_at_once_share_the_work() {
    let mut world = World::without_adapter().await;
    let mut config = world.config();
    config.commands.account_concurrency = 4;
    config.commands.batch = 5;
    for _ in 0..2 {
        world.run_adapter(config.clone(), CancellationToken::new()).await;
    }
    let sites: Vec<Site> = (0..6).map(|number| world.site(&format!("Org{number}"))).collect();
    let mut sent = HashSet::new();
    for round in 0..8 {
        for site in &sites {
            // New people at a lock whose group is not there yet, all at once.
            let grant = site.grant(&format!("Lock {:02}", round % 2));
            world.send(&grant, 1, Some(world.window(1, 2))).await;
            sent.insert(grant.name);
            // The same person at another door.
            let other = grant.on(site.grant("Group 00"));
            world.send(&other, 1, Some(world.window(1, 2))).await;
            sent.insert(other.name);
        }
    }
    for (name, _, outcome) in world.answers(sent.len()).await {
        assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
        assert!(sent.remove(&name), "{name} was answered twice");
    }
    for site in &sites {
        assert_eq!(site.org.twin.counts().users, 1 + 8);
        let windows = site.org.twin.access_windows();
        let ours = windows.iter().filter(|window| window.email.starts_with("ada+"));
        assert_eq!(ours.count(), 16, "each person at two doors, once");
    }
    world.finish().await;
}
