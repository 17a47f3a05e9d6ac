//! What was known before sources and subjects came that there were not at first.

use access_control::DEFINITION;
use chassis::{Definition, MigrationSet};
use sqlx::migrate::Migrator;
use testkit::Harness;

/// The first migration that knows several sources, and the one that knows several subjects.
const SOURCES: i64 = 20_261_128_000_010;
const SUBJECTS: i64 = 20_261_129_000_010;

/// The schema as it was before a migration.
fn before(version: i64) -> Definition {
    let [set] = DEFINITION.migrations else { panic!("one set of migrations") };
    let older = set.migrator.iter().filter(|migration| migration.version < version).cloned().collect();
    let migrator = Box::leak(Box::new(Migrator::with_migrations(older)));
    let sets = Box::leak(Box::new([MigrationSet { table: set.table, migrator, shared: set.shared }]));
    Definition { migrations: sets, ..DEFINITION }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_that_were_known_give_what_they_gave_and_their_older_versions_nothing() {
    let harness = Harness::new().await;
    let url = harness.database_url();
    chassis::postgres::migrate(url, &before(SOURCES)).await.unwrap();
    let owner = testkit::owner(url, DEFINITION.schema).await.unwrap();
    sqlx::query(
        "insert into entitlement (workspace_id, source_kind, source_id, source_version, person_id, resource_id,
           starts_at, ends_at, stands)
         select gen_random_uuid(), 'booking', gen_random_uuid(), version, gen_random_uuid(),
           gen_random_uuid(), '2026-12-02 09:00Z', '2026-12-02 10:00Z', version = 2
         from unnest(array[2, 3]) as version",
    )
    .execute(&owner)
    .await
    .unwrap();
    chassis::postgres::migrate(url, &DEFINITION).await.unwrap();
    let versions: Vec<i64> =
        sqlx::query_scalar("select version from entitlement_source where kind = 'booking' order by version")
            .fetch_all(&owner)
            .await
            .unwrap();
    assert_eq!(versions, [2, 3], "what does not stand is known all the same");
    let kept: Vec<(i64, String, bool)> = sqlx::query_as(
        "select s.version, e.starts_at::text, e.location_id is null from entitlement e
         join entitlement_source s on s.workspace_id = e.workspace_id and s.kind = e.source_kind
           and s.id = e.source_id",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert_eq!(kept, [(2, "2026-12-02 09:00:00+00".to_owned(), true)]);
    harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resources_that_were_mapped_and_booked_and_doors_that_were_given_are_subjects() {
    let harness = Harness::new().await;
    let url = harness.database_url();
    chassis::postgres::migrate(url, &before(SUBJECTS)).await.unwrap();
    let owner = testkit::owner(url, DEFINITION.schema).await.unwrap();
    for statement in [
        "insert into door_mapping (workspace_id, id, resource_id, location_id, provider, target_kind, target_ref,
           target_name, created_at)
         select gen_random_uuid(), gen_random_uuid(), md5('room')::uuid, gen_random_uuid(), 'kisi', 'lock', '7',
           '', now()",
        "insert into entitlement (workspace_id, id, source_kind, source_id, person_id, resource_id, starts_at,
           ends_at)
         select workspace_id, gen_random_uuid(), 'booking', gen_random_uuid(), gen_random_uuid(), resource_id,
           '2026-12-02 09:00Z', '2026-12-02 10:00Z' from door_mapping",
        "insert into entitlement (workspace_id, id, source_kind, source_id, person_id, location_id, provider,
           target_kind, target_ref, target_name, starts_at, ends_at)
         select workspace_id, gen_random_uuid(), 'manual', gen_random_uuid(), gen_random_uuid(), location_id,
           provider, target_kind, target_ref, target_name, '2026-12-02 09:00Z', '2026-12-02 10:00Z'
         from door_mapping",
    ] {
        sqlx::query(statement).execute(&owner).await.unwrap();
    }
    chassis::postgres::migrate(url, &DEFINITION).await.unwrap();
    let subjects: Vec<(String, Option<String>, bool, bool)> = sqlx::query_as(
        "select e.source_kind, e.subject_kind, e.subject_id is not distinct from m.subject_id,
           e.target_ref is not distinct from m.target_ref
         from entitlement e, door_mapping m where m.subject_kind = 'resource' and e.hours is null
         order by e.source_kind",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let booked = ("booking".to_owned(), Some("resource".to_owned()), true, false);
    assert_eq!(subjects, [booked, ("manual".to_owned(), None, false, true)]);
    harness.finish().await;
}
