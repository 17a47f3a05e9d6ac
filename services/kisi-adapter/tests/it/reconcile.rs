//! Accounts are compared with what they should have: what is told, what is taken away, what is left alone.

use domain::IntegrationId;
use proto::access::v1 as pb;
use proto::access::v1::account_reconciled::Outcome;
use sandbox::{Action, Fault, Phase, Vendor};
use testkit::eventually;
use tokio_util::sync::CancellationToken;

use crate::world::{Grant, LIMIT, Site, Told, World};

impl World {
    /// Has an account compared: it was connected again. Gives what is told, whole or not.
    async fn reconcile(&mut self, site: &Site) -> Outcome {
        self.tell_connected(site.integration).await;
        self.next_outcome(site).await
    }

    async fn next_outcome(&mut self, site: &Site) -> Outcome {
        loop {
            if let Some(told) = self.next().await.read::<pb::AccountReconciled>() {
                assert_eq!(told.integration, site.integration.to_string());
                return told.outcome.unwrap();
            }
        }
    }

    async fn compare(&mut self, site: &Site) -> pb::AccountComparison {
        match self.reconcile(site).await {
            Outcome::Comparison(comparison) => comparison,
            Outcome::Failed(failure) => panic!("{failure:?}"),
        }
    }

    /// New people's grants, each with access from one to three hours from now.
    async fn given(&mut self, site: &Site, doors: &[&str]) -> Vec<Grant> {
        let mut grants = Vec::new();
        for door in doors {
            let grant = site.grant(door);
            self.send(&grant, 1, Some(self.window(1, 3))).await;
            self.success(&grant).await;
            grants.push(grant);
        }
        grants
    }
}

/// The names of what was found.
fn found(comparison: &pb::AccountComparison) -> Vec<(pb::DriftKind, String)> {
    comparison.drifts.iter().map(|drift| (drift.kind(), drift.grant.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_someone_did_at_kisi_is_told_until_it_is_as_it_should_be() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grants = world.given(&site, &["Group 00", "Group 00", "Lock 01", "Lock 01"]).await;
    let [kept, taken, moved, gone] = &grants[..] else { panic!("there are four") };
    assert_eq!(found(&world.compare(&site).await), []);

    let operator = world.twin.operator(site.org.key());
    site.org.remove_access(&operator, &taken.email, taken.lock).await;
    site.org.move_access(&world.twin, &moved.email, moved.lock, world.window(5, 6)).await;
    operator.delete_user(site.org.user(&gone.email).unwrap()).await.unwrap();
    let theirs = world.window(1, 9);
    site.org.add_foreign(&operator, "bob@example.org", site.org.group("Group 00"), theirs).await;
    let comparison = world.compare(&site).await;
    let named = |kind, grant: &Grant| (kind, grant.name.to_string());
    let mut expected = vec![
        named(pb::DriftKind::Missing, taken),
        named(pb::DriftKind::Changed, moved),
        named(pb::DriftKind::Missing, gone),
        (pb::DriftKind::Foreign, String::new()),
    ];
    let mut told = found(&comparison);
    expected.sort();
    told.sort();
    assert_eq!(told, expected);
    let counts = comparison.counts.unwrap();
    assert_eq!((counts.rights, counts.missing, counts.changed), (3, 2, 1));
    assert_eq!((counts.unwanted, counts.foreign), (0, 1));
    let of = |grant: &Grant| {
        let name = grant.name.to_string();
        comparison.drifts.iter().find(|drift| drift.grant == name).unwrap()
    };
    assert_eq!((of(moved).generation, of(moved).holder.contains(&moved.email)), (1, true));
    let hour = |time: Option<pbjson_types::Timestamp>| time.unwrap().seconds;
    assert_eq!(hour(of(moved).found_start_time), world.window(5, 6).start().timestamp());
    assert_eq!(hour(of(moved).expected.unwrap().start_time), world.window(1, 3).start().timestamp());

    // The commands that follow from it.
    for grant in [taken, moved, gone] {
        world.send(grant, 2, Some(world.window(1, 3))).await;
        world.success(grant).await;
    }
    assert_eq!(found(&world.compare(&site).await), [(pb::DriftKind::Foreign, String::new())]);
    for grant in [kept, taken, moved, gone] {
        assert_eq!(site.windows(grant), [world.window(1, 3)]);
    }
    assert_eq!(site.org.windows("bob@example.org", kept.lock), [theirs]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_in_a_group_that_latchkey_keeps_without_a_grant_is_taken_out() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = world.given(&site, &["Lock 00"]).await.remove(0);
    let operator = world.twin.operator(site.org.key());
    let groups = operator.list_groups().await.unwrap();
    let kept = groups.iter().find(|group| group.name.starts_with("Latchkey: lock")).unwrap().id;
    let kept = kept.0.cast_signed();
    site.org.add_foreign(&operator, "stray@example.org", kept, world.window(1, 9)).await;
    let comparison = world.compare(&site).await;
    let [stray] = &comparison.drifts[..] else { panic!("{comparison:?}") };
    assert_eq!((stray.kind(), stray.target.as_ref().unwrap().r#ref.clone()), {
        (pb::DriftKind::Unwanted, grant.lock.to_string())
    });
    eventually("the stray is out", LIMIT, async || {
        let left = site.org.windows("stray@example.org", grant.lock);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    assert_eq!(found(&world.compare(&site).await), []);
    assert_eq!(site.windows(&grant), [world.window(1, 3)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_of_an_earlier_day_takes_out_whom_it_made_and_nobody_else() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grants = world.given(&site, &["Lock 00", "Lock 00", "Group 00"]).await;
    let [kept, forgotten, _] = &grants[..] else { panic!("there are three") };
    let operator = world.twin.operator(site.org.key());
    let groups = operator.list_groups().await.unwrap();
    let group = groups.iter().find(|group| group.name.starts_with("Latchkey: lock")).unwrap().id;
    site.org.add_foreign(&operator, "bob@example.org", group.0.cast_signed(), world.window(1, 9)).await;
    // It knows neither the group nor one of the two whom it let in. By its name some Latchkey keeps the group.
    for (forget, id) in [
        ("delete from kisi_lock_group where $1 is not null", forgotten.person()),
        ("delete from kisi_assignment where person_id = $1", forgotten.person()),
        ("delete from held where grant_id = $1", forgotten.name.id.uuid()),
    ] {
        sqlx::query(forget).bind(id).execute(&world.pool).await.unwrap();
    }
    let mut told = found(&world.compare(&site).await);
    told.sort();
    let nobodys = |kind| (kind, String::new());
    assert_eq!(told, [nobodys(pb::DriftKind::Unwanted), nobodys(pb::DriftKind::Foreign)]);
    eventually("the forgotten one is out", LIMIT, async || {
        let left = site.windows(forgotten);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    assert_eq!(found(&world.compare(&site).await), [nobodys(pb::DriftKind::Foreign)]);
    assert_eq!(site.windows(kept), [world.window(1, 3)]);
    assert_eq!(site.org.windows("bob@example.org", kept.lock), [world.window(1, 9)]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_workspace_with_the_same_organization_is_left_alone() {
    let mut world = World::start().await;
    let here = world.site("Nine");
    let there = here.sibling();
    world.keys.set(&there, here.org.key());
    let ours = world.given(&here, &["Lock 00"]).await.remove(0);
    let theirs = world.given(&there, &["Lock 00"]).await.remove(0);
    for site in [&here, &there] {
        assert_eq!(found(&world.compare(site).await), [(pb::DriftKind::Foreign, String::new())]);
    }
    for grant in [ours, theirs] {
        assert_eq!(here.windows(&grant), [world.window(1, 3)]);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_cannot_be_read_stops_the_turn_and_concludes_nothing() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grants = world.given(&site, &["Group 00", "Group 01"]).await;
    let operator = world.twin.operator(site.org.key());
    site.org.remove_access(&operator, &grants[0].email, grants[0].lock).await;
    let answer = |code, body: Option<&str>| Action::Status {
        code,
        body: body.map(str::to_owned),
        content_type: Some("application/json".to_owned()),
        retry_after: None,
        phase: Phase::BeforeEffect,
    };
    for action in [
        answer(500, None),
        answer(429, None),
        answer(200, Some(r#"[{"id": 1, "ro"#)),
        // Well-formed, and empty: it reads as if nobody had access. But Kisi says how many there are.
        answer(200, Some("[]")),
        Action::Outage,
    ] {
        // The second group's page: what the first one said must not count either.
        let fault = Fault::on(Vendor::Kisi, action.clone()).request("GET", "^/role_assignments$");
        let id = world.twin.sandbox.faults().add(fault.every(2)).unwrap();
        let outcome = world.reconcile(&site).await;
        assert!(
            matches!(&outcome, Outcome::Failed(why) if !why.reason.is_empty()),
            "{action:?}: {outcome:?}"
        );
        world.twin.sandbox.faults().remove(id);
    }
    assert_eq!(found(&world.compare(&site).await), [(pb::DriftKind::Missing, grants[0].name.to_string())]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_another_organization_does_not_read_as_nobody_has_access() {
    let mut world = World::start().await;
    let (site, other) = (world.site("Nine"), world.site("Ten"));
    world.given(&site, &["Group 00"]).await;
    world.keys.set(&site, other.org.key());
    let outcome = world.reconcile(&site).await;
    let Outcome::Failed(failure) = &outcome else { panic!("{outcome:?}") };
    assert!(failure.reason.contains("another organization"), "{failure:?}");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_refused_is_told_as_such() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    world.given(&site, &["Group 00"]).await;
    site.org.twin.revoke_login(site.org.key()).unwrap();
    let outcome = world.reconcile(&site).await;
    let Outcome::Failed(failure) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.kind(), pb::AccessFailureKind::Unauthorized);
    let told = world.next().await.read::<pb::ProviderConnectionChanged>();
    assert!(told.is_some_and(|told| !told.is_accepted));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_go_first() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    world.given(&site, &["Group 00"]).await;
    eventually("the account is at rest", LIMIT, async || {
        let busy: bool =
            sqlx::query_scalar("select bool_or(is_pending) from lane").fetch_one(&world.pool).await.unwrap();
        if busy { Err("it has commands") } else { Ok(()) }
    })
    .await;
    let calls = world.twin.calls();
    // Another process works commands of the account.
    let busy = "update lane set is_pending = true, lease_until = now() + interval '1 hour' where id = $1";
    sqlx::query(busy).bind(site.integration.id.uuid()).execute(&world.pool).await.unwrap();
    world.tell_connected(site.integration).await;
    let waits = async || -> Option<chrono::DateTime<chrono::Utc>> {
        let lease = "select lease_until from reconciliation where lease_token is not null";
        sqlx::query_scalar(lease).fetch_optional(&world.pool).await.unwrap()
    };
    let began = eventually("the turn begins", LIMIT, async || waits().await.ok_or("not yet")).await;
    eventually("it waits, and goes on waiting", LIMIT, async || {
        let until = waits().await.ok_or("it has ended")?;
        if until > began + chrono::Duration::seconds(1) { Ok(()) } else { Err("not yet") }
    })
    .await;
    assert_eq!(world.twin.calls(), calls, "Kisi is not asked meanwhile");
    let free = "update lane set is_pending = false, lease_until = '-infinity' where id = $1";
    sqlx::query(free).bind(site.integration.id.uuid()).execute(&world.pool).await.unwrap();
    assert!(matches!(world.next_outcome(&site).await, Outcome::Comparison(_)));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_command_touched_since_the_turn_began_is_not_judged() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = world.given(&site, &["Group 00"]).await.remove(0);
    let operator = world.twin.operator(site.org.key());
    // The turn has begun and waits for its credentials; the command has them already.
    let keys = world.keys.clone();
    let held = keys.gate.write().await;
    sqlx::query("update reconciliation set due_at = '-infinity'").execute(&world.pool).await.unwrap();
    eventually("the turn begins", LIMIT, async || {
        let begun: i64 =
            sqlx::query_scalar("select count(*) from reconciliation where lease_token is not null")
                .fetch_one(&world.pool)
                .await
                .unwrap();
        if begun == 1 { Ok(()) } else { Err(begun) }
    })
    .await;
    world.send(&grant, 2, Some(world.window(4, 5))).await;
    world.success(&grant).await;
    site.org.remove_access(&operator, &grant.email, grant.lock).await;
    drop(held);
    let Outcome::Comparison(comparison) = world.next_outcome(&site).await else { panic!("it is whole") };
    assert_eq!(found(&comparison), [], "it may have read before or after");
    let next = world.compare(&site).await;
    assert_eq!(found(&next), [(pb::DriftKind::Missing, grant.name.to_string())]);
    assert_eq!(next.drifts[0].generation, 2);
    world.finish().await;
}

impl Site {
    /// Another workspace that is connected to the same organization.
    fn sibling(&self) -> Self {
        let workspace = domain::WorkspaceId::new();
        Self {
            workspace,
            location: domain::LocationId::new(),
            integration: domain::names::IntegrationName { workspace, id: IntegrationId::new() },
            org: self.org.clone(),
        }
    }
}

impl World {
    /// Waits until so many listings were told in all; gives the last.
    async fn listing(&mut self, count: usize) -> pb::AccountDoorsListed {
        loop {
            let told: Vec<pb::AccountDoorsListed> = self.history.iter().filter_map(Told::read).collect();
            assert!(told.len() <= count, "{told:#?}");
            if told.len() == count {
                return told.into_iter().next_back().unwrap();
            }
            self.next().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_account_has_is_told_if_it_is_another_and_once_a_day() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    world.given(&site, &["Group 00"]).await;
    world.compare(&site).await;
    let first = world.listing(1).await;
    world.compare(&site).await;
    site.org.twin.set_configured(site.org.lock("Lock 00"), false).unwrap();
    world.compare(&site).await;
    let warned = |listed: &pb::AccountDoorsListed| {
        listed.doors.iter().filter(|door| !door.warnings.is_empty()).count()
    };
    let second = world.listing(2).await;
    assert_eq!((warned(&first), warned(&second)), (0, 1), "the same was not told twice");
    let age = "update reconciliation set listing_told_at = now() - interval '25 hours' where account_id = $1";
    sqlx::query(age).bind(site.integration.id.uuid()).execute(&world.pool).await.unwrap();
    world.compare(&site).await;
    assert_eq!(world.listing(3).await.doors, second.doors);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_account_has_is_listed_with_a_comparison_and_with_what_may_keep_people_out() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    world.given(&site, &["Group 00", "Lock 00"]).await;
    for lock in ["Door 00", "Lock 00"] {
        site.org.twin.set_configured(site.org.lock(lock), false).unwrap();
    }
    world.compare(&site).await;
    let listed = world.listing(1).await;
    assert_eq!(listed.integration, site.integration.to_string());
    let names: Vec<&str> =
        listed.doors.iter().map(|door| door.target.as_ref().unwrap().display_name.as_str()).collect();
    assert!(names.contains(&"Group 00") && names.contains(&"Lock 00"), "{names:?}");
    assert!(names.iter().all(|name| !name.starts_with("Latchkey")), "{names:?}");
    let warned = listed.doors.iter().filter(|door| !door.warnings.is_empty());
    let warned: Vec<&str> = warned.map(|door| door.target.as_ref().unwrap().display_name.as_str()).collect();
    assert_eq!(warned, ["Door 00", "Lock 00"]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_replicas_one_takes_a_turn_and_the_others_leave_it_alone() {
    let mut world = World::start().await;
    for _ in 0..2 {
        let config = world.config();
        world.run_adapter(config, CancellationToken::new()).await;
    }
    let sites = [world.site("Nine"), world.site("Ten")];
    for site in &sites {
        world.given(site, &["Group 00", "Lock 00"]).await;
    }
    for _ in 0..3 {
        for site in &sites {
            assert_eq!(found(&world.compare(site).await), []);
        }
    }
    // Whatever else was under way is told before what follows.
    for site in &sites {
        world.given(site, &["Group 01"]).await;
    }
    let turns = world.history.iter().filter_map(|told| told.read::<pb::AccountReconciled>());
    for site in &sites {
        let turns = turns.clone().filter(|turn| turn.integration == site.integration.to_string());
        assert_eq!(turns.count(), 3, "each was asked for once");
    }
    world.finish().await;
}
