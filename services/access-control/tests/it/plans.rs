//! The cost of an event and of a tick does not grow with the history.

use testkit::assert_by_index;

use crate::world::{World, at_minute, ended};

const TABLES: [&str; 6] =
    ["access_grant", "door_mapping", "entitlement", "location_settings", "person", "preflight"];

/// Connections that work across workspaces, but for those on which the publisher and the watchers listen.
const CONNECTIONS: usize = 6;

/// Connections that work in one workspace at a time.
const CALLS: usize = 8;

impl World {
    /// 20 workspaces with 1,000 people each, this one among them: bookings of the past and of the future,
    /// grants at rest and grants that are due in some weeks.
    async fn fill(&self) {
        let mut conn = self.pool.acquire().await.unwrap();
        sqlx::query(
            "create temp table someone as
             select case tenant when 1 then $1 else md5(tenant::text)::uuid end as workspace_id,
               gen_random_uuid() as person_id, gen_random_uuid() as resource_id, number
             from generate_series(1, 20) as tenant, generate_series(1, 1000) as number",
        )
        .bind(self.workspace.uuid())
        .execute(&mut *conn)
        .await
        .unwrap();
        for statement in [
            "insert into person
             select workspace_id, person_id, 1, 'Ada', 'ada@example.org', $1 is not null, 1, false from someone",
            "insert into door_mapping (workspace_id, id, subject_kind, subject_id, location_id, provider,
               target_kind, target_ref, target_name, created_at)
             select workspace_id, gen_random_uuid(), 'resource', resource_id, workspace_id, 'kisi', 'group',
               'group-' || number, '', $1 from someone",
            "insert into entitlement_source
             select workspace_id, 'booking', gen_random_uuid(), 2 from someone where $1 is not null",
            "insert into entitlement (workspace_id, id, source_kind, source_id, person_id, subject_kind,
               subject_id, starts_at, ends_at)
             select workspace_id, gen_random_uuid(), 'booking', gen_random_uuid(), person_id, 'resource',
               resource_id, $1 + make_interval(days => day), $1 + make_interval(days => day, hours => 1)
             from someone, unnest(array[-40, -20, 20, 40]) as day",
            "insert into entitlement (workspace_id, id, source_kind, source_id, person_id, location_id,
               provider, target_kind, target_ref, target_name, starts_at, ends_at)
             select workspace_id, gen_random_uuid(), 'manual', gen_random_uuid(), person_id, workspace_id,
               'kisi', 'group', 'group-' || number, '',
               $1 + make_interval(days => day), $1 + make_interval(days => day, hours => 1)
             from someone, unnest(array[-40, 40]) as day",
            "insert into access_grant (workspace_id, id, person_id, location_id, provider, target_kind,
               target_ref, target_name, next_check_at)
             select workspace_id, gen_random_uuid(), person_id, workspace_id, 'kisi', 'group',
               'group-' || number, '',
               case when number % 2 = 0 then $1 + make_interval(days => 17, secs => number) end
             from someone",
        ] {
            sqlx::query(statement).bind(self.now()).execute(&mut *conn).await.unwrap();
        }
        sqlx::query("drop table someone").execute(&mut *conn).await.unwrap();
        sqlx::query("analyze").execute(&self.owner().await).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_of_an_event_or_a_tick_reads_a_table_through() {
    let mut world = World::new().await;
    world.fill().await;
    // Everything once that happens with each event and each tick.
    let resource = world.mapped("group-1").await;
    let mut person = world.new_person();
    let stay = world.booking(&person, &resource, 9, 10);
    world.tell(&stay).await;
    world.obey().await;
    world.tell(&stay.rescheduled(11, 12)).await;
    world.obey().await;
    let friend = world.new_person();
    world.tell(&stay.rescheduled(11, 12).with(&[&friend])).await;
    world.obey().await;
    let manual = world.manual(&friend, "group-2", 9, None);
    world.tell_manual(&manual, &friend).await;
    world.obey().await;
    world.tell_manual(&ended(&manual), &friend).await;
    world.obey().await;
    person.version += 1;
    world.tell_person(&person).await;
    world.harness.clock.set(at_minute(12, 15));
    world.obey().await;
    world.obey().await;
    assert_eq!(world.quiet().await, []);

    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(world.pool.acquire().await.unwrap());
    }
    let mut judged = Vec::new();
    for conn in &mut connections {
        let row: (uuid::Uuid, uuid::Uuid) =
            sqlx::query_as("select workspace_id, id from access_grant limit 1")
                .persistent(false)
                .fetch_one(&mut **conn)
                .await
                .unwrap();
        judged.extend(assert_by_index(conn, &TABLES, [row.0, row.1]).await);
    }
    drop(connections);
    // The claim of what is due, when the next is, the windows of grants, and their makers.
    for part in [
        "where next_check_at <= $1",
        "min(next_check_at)",
        "coalesce(m.lead_minutes, l.lead_minutes, s.lead_minutes, $3)",
        "insert into access_grant",
        "insert into entitlement_source",
        "insert into entitlement (",
        "delete from entitlement",
        "e.source_kind = k.source_kind",
        "e.target_ref = g.target_ref",
        "join access_grant g on g.workspace_id = m.workspace_id",
        "join access_grant g on g.workspace_id = k.workspace_id and g.provider",
        "insert into person",
        "update access_grant g set generation",
        "for update of g",
    ] {
        assert!(judged.iter().any(|statement| statement.contains(part)), "{part} in {judged:#?}");
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_admin_changes_at_a_location_or_a_door_reads_no_others() {
    let mut world = World::new().await;
    world.fill().await;
    let resource = world.new_resource();
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    let mapping = world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    world.obey().await;
    world.update_location_settings(&world.location.clone(), Some(0), None).await;
    world.obey().await;
    world.delete_mapping(&mapping.name).await;
    world.obey().await;

    let mut connections = Vec::new();
    for _ in 0..CALLS {
        connections.push(world.calls.begin(world.workspace).await.unwrap());
    }
    let mut judged = Vec::new();
    for conn in &mut connections {
        let values = [world.workspace.uuid(), world.workspace.uuid()];
        judged.extend(assert_by_index(conn, &TABLES, values).await);
    }
    drop(connections);
    for part in
        ["with door as", "insert into door_mapping", "delete from door_mapping", "insert into access_grant"]
    {
        assert!(judged.iter().any(|statement| statement.contains(part)), "{part} in {judged:#?}");
    }
    world.harness.finish().await;
}
