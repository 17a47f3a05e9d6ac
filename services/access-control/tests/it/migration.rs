//! What was known before sources and subjects came that there were not at first.

use access_control::DEFINITION;
use testkit::Harness;

/// The first migration that knows several sources, and the one that knows several subjects.
const SOURCES: i64 = 20_261_128_000_010;
const SUBJECTS: i64 = 20_261_129_000_010;
/// The first one by which a grant belongs to an integration and not to a location.
const SERVED_BY: i64 = 20_261_129_000_011;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_that_were_known_give_what_they_gave_and_their_older_versions_nothing() {
    let harness = Harness::new().await;
    let url = harness.database_url();
    chassis::postgres::migrate(url, &testkit::before(&DEFINITION, SOURCES)).await.unwrap();
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
    chassis::postgres::migrate(url, &testkit::before(&DEFINITION, SUBJECTS)).await.unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_of_several_locations_by_one_integration_become_one_that_is_told_anew() {
    let harness = Harness::new().await;
    let url = harness.database_url();
    chassis::postgres::migrate(url, &testkit::before(&DEFINITION, SERVED_BY)).await.unwrap();
    let owner = testkit::owner(url, DEFINITION.schema).await.unwrap();
    for statement in [
        "insert into integration (workspace_id, provider, location_id, version, is_active)
         values (md5('us')::uuid, 'kisi', null, 1, true), (md5('us')::uuid, 'kisi', md5('own')::uuid, 1, false)",
        // At two locations that the workspace's serves, at one that has its own, and at another door.
        "insert into access_grant (workspace_id, id, person_id, location_id, provider, target_kind, target_ref,
           target_name, generation, observed, observed_starts_at, observed_ends_at, in_flight_until)
         select md5('us')::uuid, md5(number::text)::uuid, md5('ada')::uuid, md5(location)::uuid, 'kisi', 'group', door,
           '', number, 'holds', '2026-12-02 09:00Z', '2026-12-02 10:00Z', '2026-12-01 08:00Z'
         from (values (1, 'one', '7'), (2, 'two', '7'), (3, 'own', '7'), (4, 'two', '8'))
           as held (number, location, door)",
    ] {
        sqlx::query(statement).execute(&owner).await.unwrap();
    }
    chassis::postgres::migrate(url, &DEFINITION).await.unwrap();
    let kept: Vec<(String, bool, String, bool, bool)> = sqlx::query_as(
        "select target_ref, served_by is not null, observed, in_flight_until is null, next_check_at is not null
         from access_grant order by target_ref, served_by nulls first",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let row = |door: &str, is_own, observed: &str, is_new| {
        (door.to_owned(), is_own, observed.to_owned(), is_new, is_new)
    };
    assert_eq!(
        kept,
        [row("7", false, "unknown", true), row("7", true, "holds", false), row("8", false, "holds", false)]
    );
    harness.finish().await;
}
