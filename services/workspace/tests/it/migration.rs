//! What was known before something came that there was not at first.

use testkit::Harness;
use workspace::DEFINITION;

/// The first migration by which nobody is in a team who was removed; after it teams, memberships and contracts are
/// found by who and where they are.
const REMOVED_PEOPLE: i64 = 20_261_129_000_120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn teams_lose_who_was_removed_and_all_is_found_by_who_and_where_it_is() {
    let harness = Harness::new().await;
    let url = harness.database_url();
    chassis::postgres::migrate(url, &testkit::before(&DEFINITION, REMOVED_PEOPLE)).await.unwrap();
    let owner = testkit::owner(url, DEFINITION.schema).await.unwrap();
    for statement in [
        "insert into workspace values (md5('us')::uuid, 'Us', null, now())",
        "insert into location select workspace.id, md5(name)::uuid, name, 'Europe/Vienna', 'AT', '', now()
         from (select md5('us')::uuid as id) as workspace, unnest(array['here', 'there', 'far']) as name",
        "insert into resource select workspace_id, id, id, '', now() from location",
        "insert into person (workspace_id, id, display_name, email, role, locations, status, version, created_at)
         select md5('us')::uuid, md5(name)::uuid, name, name || '@example.org', 'member', '{}', status, 1, now()
         from (values ('ada', 'active'), ('rita', 'removed'), ('bo', 'paused')) as p (name, status)",
        "insert into team select md5('us')::uuid, md5(people::text)::uuid, people::text,
           array(select md5(name)::uuid from unnest(people) as name), 1, now()
         from (values (array['bo', 'rita', 'ada']), (array['bo'])) as t (people)",
        "insert into plan (workspace_id, id, display_name, location_id, shared_locations, grace_days, version,
           created_at)
         select workspace_id, id, '', id, '{}', 0, 1, now() from location where display_name = 'here'",
        "insert into membership (workspace_id, id, plan_id, person_id, location_id, shared_locations, grace_days,
           starts_at, period_ends_at, is_paused, is_ending, version, created_at, updated_at)
         select p.workspace_id, md5('held')::uuid, p.id, md5('ada')::uuid, p.id,
           array[md5('there')::uuid, md5('here')::uuid], 0, now(), now() + interval '1 day', false, false, 1, now(),
           now()
         from plan p",
        "insert into contract (workspace_id, id, person_id, resources, starts_at, version, created_at, updated_at)
         select md5('us')::uuid, md5('held')::uuid, md5('ada')::uuid, array[md5('here')::uuid, md5('far')::uuid],
           now(), 1, now(), now()",
    ] {
        sqlx::query(statement).execute(&owner).await.unwrap();
    }
    chassis::postgres::migrate(url, &DEFINITION).await.unwrap();
    let teams: Vec<(i64, Vec<String>)> = sqlx::query_as(
        "select version, array(select display_name from unnest(people) with ordinality as p (id, number)
           join person on person.id = p.id order by number)
         from team order by version",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    assert_eq!(teams, [(1, vec!["bo".to_owned()]), (2, vec!["bo".to_owned(), "ada".to_owned()])]);
    let found: Vec<(String, String)> = sqlx::query_as(
        "select 'team', display_name from team_person join person on id = person_id
         union all
         select 'membership', display_name from membership_location join location on id = location_id
         union all
         select 'contract', display_name from contract_location join location on id = location_id
         order by 1, 2",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let expected = [
        ("contract", "far"),
        ("contract", "here"),
        ("membership", "here"),
        ("membership", "there"),
        ("team", "ada"),
        ("team", "bo"),
        ("team", "bo"),
    ];
    assert_eq!(found, expected.map(|(what, whose)| (what.to_owned(), whose.to_owned())));
    let retold: i64 = sqlx::query_scalar("select count(*) from retelling").fetch_one(&owner).await.unwrap();
    assert_eq!(retold, 6, "readers hear of all of it once more");
    harness.finish().await;
}
