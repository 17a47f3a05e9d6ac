//! Changes that come at the same moment. A lock that the test holds makes them.

use proto::access::v1 as pb;
use sqlx::{Connection as _, PgConnection};
use testkit::eventually;

use crate::world::{LIMIT, World, at, window};

/// The number of the test's lock.
const GATE: i64 = 4_711;

impl World {
    /// From now on whoever has inserted into `table`, be it nothing, waits in the middle of its transaction
    /// until the connection is closed that is given back.
    async fn close_gate(&self, table: &str) -> PgConnection {
        let trigger = format!(
            "create trigger gate after insert on {table} for each statement execute function wait_at_gate()"
        );
        let owner = self.owner().await;
        for statement in [
            "create function wait_at_gate() returns trigger language plpgsql as $$
             begin perform pg_advisory_xact_lock_shared(4711); return null; end $$",
            &trigger,
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&owner).await.unwrap();
        }
        let mut gate = owner.acquire().await.unwrap().detach();
        sqlx::query("select pg_advisory_lock($1)").bind(GATE).execute(&mut gate).await.unwrap();
        gate
    }

    /// Waits until so many transactions stand before an advisory lock.
    async fn waiting(&self, gate: &mut PgConnection, count: i64) {
        let gate = tokio::sync::Mutex::new(gate);
        eventually("transactions wait", LIMIT, async || {
            let mut gate = gate.lock().await;
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_locks where locktype = 'advisory' and not granted
                 and database = (select oid from pg_database where datname = current_database())",
            )
            .fetch_one(&mut **gate)
            .await
            .unwrap();
            if waiting == count { Ok(()) } else { Err(format!("{waiting}")) }
        })
        .await;
    }

    /// Lets `change` begin, then opens the gate.
    async fn racing<T>(&self, mut gate: PgConnection, change: impl Future<Output = T>) -> T {
        tokio::pin!(change);
        // One that needs not wait is done before the gate opens: that is the race.
        tokio::select! {
            done = &mut change => {
                gate.close().await.unwrap();
                done
            }
            () = self.waiting(&mut gate, 2) => {
                gate.close().await.unwrap();
                change.await
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_and_a_booking_that_cannot_see_each_other_yet_still_meet() {
    let mut world = World::new().await;
    let mut gate = world.close_gate("access_grant").await;
    let resource = world.new_resource();
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    world.waiting(&mut gate, 1).await;
    world.racing(gate, world.create_mapping(world.mapping(&resource, "group-1"))).await.unwrap();
    assert_eq!(world.obey().await.window, window((8, 45), (10, 15)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_goes_while_a_booking_comes_leaves_no_access() {
    let mut world = World::new().await;
    let resource = world.new_resource();
    let mapping = world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    let mut gate = world.close_gate("outbox").await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    world.waiting(&mut gate, 1).await;
    world.racing(gate, world.delete_mapping(&mapping.name)).await;
    let mut provider = std::collections::HashMap::new();
    world.obey_all(&mut provider).await;
    assert!(provider.values().all(Option::is_none), "{provider:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_change_while_a_booking_comes_hold_for_it() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let mut gate = world.close_gate("outbox").await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    world.waiting(&mut gate, 1).await;
    world.racing(gate, world.update_settings(60, 60)).await;
    let mut provider = std::collections::HashMap::new();
    world.obey_all(&mut provider).await;
    assert_eq!(provider.values().collect::<Vec<_>>(), [&window((8, 0), (11, 0))]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_hear_and_schedule_together_and_each_command_goes_out_once() {
    let mut world = World::new().await;
    for _ in 0..2 {
        let deps = world.harness.deps(&access_control::DEFINITION).await;
        let service = access_control::build(access_control::Config::default(), deps).await.unwrap();
        world.harness.run(service);
    }
    let (first, second) = (world.mapped("group-1").await, world.mapped("group-1").await);
    let mut people = Vec::new();
    for _ in 0..40 {
        let person = world.new_person();
        world.tell(&world.booking(&person, &first, 9, 10)).await;
        world.tell(&world.booking(&person, &second, 10, 11)).await;
        people.push(person);
    }
    let mut provider = std::collections::HashMap::new();
    world.obey_all(&mut provider).await;
    assert_eq!(provider.len(), 40);
    assert!(provider.values().all(|held| *held == window((8, 45), (11, 15))), "{provider:?}");
    world.harness.clock.set(at(12));
    for _ in 0..40 {
        let command = world.command().await;
        assert_eq!(command.window, None);
        world.applied(&command).await;
        assert_eq!(provider.insert(command.grant.clone(), None), Some(window((8, 45), (11, 15))));
    }
    assert_eq!(world.quiet().await, []);
    let grants = world.grants().await;
    assert!(grants.iter().all(|grant| grant.state() == pb::GrantState::Settled), "{grants:?}");
    world.harness.finish().await;
}
