//! What a person, a team or a location has is found by an index, however much others have.

use chassis::auth::{Principal, Role};
use domain::names::{LocationName, PersonName};
use proto::membership::v1 as pb;
use testkit::assert_by_index;
use workspace::DEFINITION;

use crate::world::World;

const TABLES: [&str; 6] =
    ["contract", "contract_location", "membership", "membership_location", "team", "team_person"];

/// Connections that work in one workspace at a time.
const CONNECTIONS: usize = 8;

impl World {
    /// 2,000 people, each alone in a team, and both with a membership and a contract.
    async fn fill(&self, plan: &pb::Plan) {
        let owner = testkit::owner(self.harness.database_url(), DEFINITION.schema).await.unwrap();
        for statement in [
            "insert into person
               (workspace_id, id, display_name, email, role, locations, status, version, created_at)
             select workspace_id, gen_random_uuid(), '', number || '@example.org', 'member', '{}', 'active', 1, now()
             from plan, generate_series(1, 2000) as number where id = $1",
            "insert into team select workspace_id, id, '', array[id], 1, now() from person where $1 is not null",
            "insert into team_person select workspace_id, id, id from team where $1 is not null",
            "insert into membership (workspace_id, id, plan_id, person_id, team_id, location_id, shared_locations,
               grace_days, starts_at, period_ends_at, is_paused, is_ending, version, created_at, updated_at)
             select p.workspace_id, gen_random_uuid(), l.id, case when by_team then null else p.id end,
               case when by_team then p.id end, l.location_id, '{}', 1, now(), now() + interval '1 day', false,
               false, 1, now(), now()
             from person p, plan l, unnest(array[true, false]) as by_team where l.id = $1",
            "insert into membership_location select workspace_id, location_id, id from membership where plan_id = $1",
            "insert into contract (workspace_id, id, person_id, team_id, resources, starts_at, version, created_at,
               updated_at)
             select p.workspace_id, gen_random_uuid(), case when by_team then null else p.id end,
               case when by_team then p.id end, array(select id from resource limit 1), now(), 1, now(), now()
             from person p, unnest(array[true, false]) as by_team where $1 is not null",
            "insert into contract_location select c.workspace_id, r.location_id, c.id from contract c
             join resource r on r.id = c.resources[1] where $1 is not null",
        ] {
            let plan: domain::names::PlanName = plan.name.parse().unwrap();
            sqlx::query(statement).bind(plan.id.uuid()).execute(&owner).await.unwrap();
        }
        sqlx::query("analyze").execute(&owner).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_a_person_a_team_or_a_location_read_nobody_elses() {
    let world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    world.fill(&plan).await;
    let team = world.create_team(&[&world.person]).await.name;
    let person: PersonName = world.person.parse().unwrap();
    let location: LocationName = world.location.parse().unwrap();
    let admin = Principal::person("admin", world.workspace, Role::Admin);
    let member = Principal::person(person.id.to_string(), world.workspace, Role::Member);
    let manager = Principal::person("someone", world.workspace, Role::Manager).at([location.id]);
    for (principal, of_person, of_team) in [
        (&admin, world.person.as_str(), ""),
        (&admin, "", team.as_str()),
        (&member, "", ""),
        (&manager, "", ""),
        (&manager, &world.person, &team),
    ] {
        world.memberships_of(&mut world.memberships_as(principal), of_person, of_team).await;
        world.contracts_of(&mut world.contracts_as(principal), of_person, of_team).await;
    }
    let list = pb::ListTeamsRequest {
        parent: world.name.clone(),
        person: world.person.clone(),
        ..Default::default()
    };
    world.teams().list_teams(list).await.unwrap();

    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(world.pool.begin(world.workspace).await.unwrap());
    }
    let mut judged = Vec::new();
    for conn in &mut connections {
        let values = [world.workspace.uuid(), person.id.uuid()];
        judged.extend(assert_by_index(conn, &TABLES, values).await);
    }
    drop(connections);
    for part in [
        "select team.* from found join team",
        "person_id = $2 union all select id from membership",
        "select id from membership where workspace_id = $1 and team_id = $2)",
        "select distinct membership_id",
        "exists (select from membership_location",
        "person_id = $2 union all select id from contract",
        "select id from contract where workspace_id = $1 and team_id = $2)",
        "select distinct contract_id",
        "exists (select from contract_location",
    ] {
        assert!(judged.iter().any(|statement| statement.contains(part)), "{part} in {judged:#?}");
    }
    world.harness.finish().await;
}
