//! Teams: who is in them has what they hold, from when they come until they go.

use chassis::auth::Role;
use chrono::Duration;
use domain::names::{PersonName, TeamName};
use domain::{PersonId, TeamId, WorkspaceId};
use proto::membership::v1 as pb;
use proto::membership::v1::membership::Holder;
use proto::membership::v1::team_service_client::TeamServiceClient;
use proto::workspace::v1::RemovePersonRequest;
use testkit::{Bearer, audit_line};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use workspace::DEFINITION;

use crate::memberships::Verb;
use crate::plans::{faults, refusal};
use crate::world::World;

type Client = TeamServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    pub(crate) fn teams(&self) -> Client {
        TeamServiceClient::new(self.harness.channel_as(&self.address, Role::Admin, self.workspace))
    }

    async fn try_create_team(&self, display_name: &str, people: Vec<String>) -> Result<pb::Team, Status> {
        let team = pb::Team { display_name: display_name.into(), people, ..Default::default() };
        let request =
            pb::CreateTeamRequest { parent: self.name.clone(), team: Some(team), request_id: String::new() };
        Ok(self.teams().create_team(request).await?.into_inner().team.unwrap())
    }

    /// Makes a team of those people.
    pub(crate) async fn create_team(&self, people: &[&str]) -> pb::Team {
        let people = people.iter().map(|&person| person.to_owned()).collect();
        self.try_create_team("Acme", people).await.unwrap()
    }

    pub(crate) async fn join(&self, team: &str, person: &str) -> Result<pb::Team, Status> {
        let request =
            pb::AddTeamPersonRequest { name: team.into(), person: person.into(), request_id: String::new() };
        Ok(self.teams().add_team_person(request).await?.into_inner().team.unwrap())
    }

    pub(crate) async fn leave(&self, team: &str, person: &str) -> Result<pb::Team, Status> {
        let request = pb::RemoveTeamPersonRequest {
            name: team.into(),
            person: person.into(),
            request_id: String::new(),
        };
        Ok(self.teams().remove_team_person(request).await?.into_inner().team.unwrap())
    }

    /// Starts a membership of a team.
    async fn start_for(&self, plan: &pb::Plan, team: &str) -> pb::Membership {
        let holder = Some(Holder::Team(team.into()));
        self.start(pb::Membership { holder, ..self.membership(plan) }).await.unwrap()
    }
}

fn names(snapshot: &pb::MembershipSnapshot) -> Vec<&str> {
    snapshot.people.iter().map(|person| person.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_and_goes_is_told_of_all_that_the_team_holds_and_of_nothing_else() {
    let mut world = World::new().await;
    let [bo, cy] = [world.create_person("bo@example.org").await, world.create_person("cy@example.org").await];
    let plan = world.create_plan(world.terms()).await;
    let team = world.create_team(&[&bo, &bo]).await;
    assert_eq!((team.people.as_slice(), team.version), ([bo.clone()].as_slice(), 1), "each once");
    let another = world.create_team(&[&bo]).await;
    let held = world.start_for(&plan, &team.name).await;
    let paused = world.start_for(&plan, &team.name).await;
    world.ask(&paused.name, Verb::Pause).await.unwrap();
    world.start_for(&plan, &another.name).await;
    let over = world.start_for(&plan, &team.name).await;
    world.ask(&over.name, Verb::CancelAtOnce).await.unwrap();
    world.harness.clock.advance(Duration::days(2));

    let both = world.join(&team.name, &cy).await.unwrap();
    assert_eq!((both.people.as_slice(), both.version), ([bo.clone(), cy.clone()].as_slice(), 2));
    assert_eq!(world.join(&team.name, &cy).await.unwrap(), both, "twice is once");
    let left = world.leave(&team.name, &bo).await.unwrap();
    assert_eq!((left.people.as_slice(), left.version), ([cy.clone()].as_slice(), 3));
    assert_eq!(world.leave(&team.name, &bo).await.unwrap(), left);

    let told = world.told_of_memberships(13).await;
    let changes: Vec<(&str, i64, Vec<&str>, i64)> = told
        .iter()
        .filter(|(fact, ..)| fact == "membership_people_changed")
        .map(|(_, version, it)| {
            let name = it.membership.as_ref().unwrap().name.as_str();
            (name, *version, names(it), it.team.as_ref().unwrap().version)
        })
        .collect();
    let expected = [
        (held.name.as_str(), 2, vec![bo.as_str(), &cy], 2),
        (paused.name.as_str(), 3, vec![bo.as_str(), &cy], 2),
        (held.name.as_str(), 3, vec![cy.as_str()], 3),
        (paused.name.as_str(), 4, vec![cy.as_str()], 3),
    ];
    assert_eq!(changes, expected);
    assert_eq!(world.get_membership(&held.name).await.version, 3);

    let list = |person: &str| pb::ListTeamsRequest {
        parent: world.name.clone(),
        person: person.into(),
        ..Default::default()
    };
    for (person, teams) in [(bo.as_str(), vec![&another]), (&cy, vec![&left]), ("", vec![&left, &another])] {
        let listed = world.teams().list_teams(list(person)).await.unwrap().into_inner().teams;
        assert_eq!(listed.iter().collect::<Vec<_>>(), teams);
    }
    let get = pb::GetTeamRequest { name: team.name.clone() };
    assert_eq!(world.teams().get_team(get).await.unwrap().into_inner().team, Some(left));
    let entries = world.harness.audit_entries(&DEFINITION).await;
    let own: Vec<String> = entries.iter().filter(|it| it.subject == team.name).map(audit_line).collect();
    let [made, joined, went] = own.as_slice() else { panic!("{own:#?}") };
    assert!(made.contains(&bo), "{made}");
    assert_eq!(joined, &format!("AddTeamPerson: people SET {cy}"));
    assert_eq!(went, &format!("RemoveTeamPerson: people CLEARED {bo}"));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_is_just_over_is_told_too_for_its_lag_may_not_be() {
    let mut world = World::new().await;
    let bo = world.create_person("bo@example.org").await;
    let plan = world.create_plan(world.terms()).await;
    let team = world.create_team(&[&world.person, &bo]).await.name;
    let held = world.start_for(&plan, &team).await;
    world.ask(&held.name, Verb::CancelAtOnce).await.unwrap();
    world.leave(&team, &bo).await.unwrap();
    let told = world.told_of_memberships(5).await;
    let (fact, version, snapshot) = &told[2];
    assert_eq!((fact.as_str(), *version), ("membership_people_changed", 3));
    assert_eq!(names(snapshot), [world.person.as_str()]);
    assert_eq!(snapshot.membership.as_ref().unwrap().state(), pb::MembershipState::Ended);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_was_not_renewed_is_told_until_its_grace_and_lag_are_over() {
    let mut world = World::new().await;
    let [bo, cy] = [world.create_person("bo@example.org").await, world.create_person("cy@example.org").await];
    let terms = world.terms();
    let lasts = Duration::days(30 + i64::from(terms.grace_days) + 1);
    let plan = world.create_plan(terms).await;
    let team = world.create_team(&[&world.person]).await.name;
    let lapsing = world.start_for(&plan, &team).await.name;
    let going_on = world.start_for(&plan, &team).await.name;
    world.ask(&going_on, Verb::Renew(90)).await.unwrap();
    let versions = async || {
        [world.get_membership(&lapsing).await.version, world.get_membership(&going_on).await.version]
    };
    world.harness.clock.advance(lasts - Duration::hours(1));
    world.join(&team, &bo).await.unwrap();
    assert_eq!(versions().await, [2, 3]);
    world.harness.clock.advance(Duration::hours(1));
    world.join(&team, &cy).await.unwrap();
    assert_eq!(versions().await, [2, 4]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_can_not_be_in_a_team_is_refused() {
    let mut world = World::new().await;
    let rita = world.create_person("rita@example.org").await;
    let remove = RemovePersonRequest { name: rita.clone(), ..Default::default() };
    world.people.remove_person(remove).await.unwrap();
    let unknown = PersonName { workspace: world.workspace, id: PersonId::new() }.to_string();
    let foreign = PersonName { workspace: WorkspaceId::new(), id: PersonId::new() }.to_string();
    let team = world.create_team(&[&world.person]).await;
    let removed = (Code::FailedPrecondition, "PERSON_REMOVED".to_owned());
    let not_found = (Code::NotFound, "PERSON_NOT_FOUND".to_owned());
    assert_eq!(refusal(world.join(&team.name, &rita).await), removed);
    assert_eq!(refusal(world.join(&team.name, &unknown).await), not_found);
    assert_eq!(faults(world.join(&team.name, &foreign).await), ["person"]);
    assert_eq!(refusal(world.try_create_team("Acme", vec![rita]).await), removed);
    assert_eq!(faults(world.try_create_team("Acme", vec![foreign]).await), ["team.people"]);
    assert_eq!(faults(world.try_create_team("Acme", vec![unknown; 501]).await), ["team.people"]);
    assert_eq!(faults(world.try_create_team("", vec![]).await), ["team.display_name"]);
    let nothing = TeamName { workspace: world.workspace, id: TeamId::new() }.to_string();
    let not_found = (Code::NotFound, "TEAM_NOT_FOUND".to_owned());
    assert_eq!(refusal(world.join(&nothing, &world.person).await), not_found);
    let get = pb::GetTeamRequest { name: team.name.clone() };
    assert_eq!(world.teams().get_team(get).await.unwrap().into_inner().team, Some(team));
    world.harness.finish().await;
}

/// Whoever comes while something is started, paused or renewed for the team stands in its newest event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_at_the_same_moment_the_last_that_is_told_names_everyone() {
    let mut world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    let team = world.create_team(&[&world.person]).await.name;
    let held = world.start_for(&plan, &team).await.name;
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(world.create_person(&format!("p{number}@example.org")).await);
    }
    let joining = people.iter().map(async |person| {
        world.join(&team, person).await.unwrap();
    });
    let starting = (0..3).map(async |_| {
        world.start_for(&plan, &team).await;
    });
    let changing = async {
        for verb in [Verb::Pause, Verb::Resume, Verb::Renew(60)] {
            world.ask(&held, verb).await.unwrap();
        }
    };
    tokio::join!(futures::future::join_all(joining), futures::future::join_all(starting), changing);

    let list = pb::ListMembershipsRequest { parent: world.name.clone(), ..Default::default() };
    let memberships = world.memberships().list_memberships(list).await.unwrap().into_inner().memberships;
    assert_eq!(memberships.len(), 4);
    let versions: i64 = memberships.iter().map(|membership| membership.version).sum();
    // Each version was told; and five people became known.
    let told = world.told_of_memberships(usize::try_from(versions).unwrap() + 5).await;
    for membership in &memberships {
        let (.., newest) = told
            .iter()
            .filter(|(.., it)| it.membership.as_ref().unwrap().name == membership.name)
            .max_by_key(|(_, version, _)| *version)
            .unwrap();
        assert_eq!(newest.membership.as_ref(), Some(membership));
        let mut named = names(newest);
        named.sort_unstable();
        let mut everyone: Vec<&str> = people.iter().chain([&world.person]).map(String::as_str).collect();
        everyone.sort_unstable();
        assert_eq!(named, everyone);
    }
    world.harness.finish().await;
}

impl World {
    async fn remove_person(&self, name: &str) -> Result<(), Status> {
        let remove = RemovePersonRequest { name: name.into(), ..Default::default() };
        self.people.clone().remove_person(remove).await.map(drop)
    }

    async fn get_team(&self, name: &str) -> pb::Team {
        let get = pb::GetTeamRequest { name: name.into() };
        self.teams().get_team(get).await.unwrap().into_inner().team.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_removed_is_in_no_team_any_more_and_all_that_those_hold_is_told() {
    let mut world = World::new().await;
    let rita = world.create_person("rita@example.org").await;
    let plan = world.create_plan(world.terms()).await;
    let both = world.create_team(&[&rita, &world.person]).await.name;
    let alone = world.create_team(&[&rita]).await.name;
    let held = world.start_for(&plan, &both).await.name;
    world.remove_person(&rita).await.unwrap();
    for (team, people) in [(&both, vec![world.person.clone()]), (&alone, vec![])] {
        let left = world.get_team(team).await;
        assert_eq!((left.people, left.version), (people, 2));
    }
    world.remove_person(&rita).await.unwrap();
    assert_eq!(world.get_team(&both).await.version, 2, "twice is once");
    // Two people became known, one was removed.
    let told = world.told_of_memberships(5).await;
    let [(_, 1, _), (fact, 2, newest)] = &told[..] else { panic!("{told:#?}") };
    assert_eq!((fact.as_str(), names(newest)), ("membership_people_changed", vec![world.person.as_str()]));
    assert_eq!(newest.membership.as_ref().unwrap().name, held);
    let entries = world.harness.audit_entries(&DEFINITION).await;
    assert_eq!(entries.iter().filter(|it| it.subject == both || it.subject == alone).count(), 4);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_and_added_at_the_same_moment_is_in_no_team_in_the_end() {
    let mut world = World::new().await;
    let team = world.create_team(&[&world.person]).await.name;
    for number in 0..8 {
        let person = world.create_person(&format!("p{number}@example.org")).await;
        // Refused, or undone.
        let (_, made, removed) = tokio::join!(
            world.join(&team, &person),
            world.try_create_team("Acme", vec![person.clone()]),
            world.remove_person(&person)
        );
        removed.unwrap();
        if let Ok(made) = made {
            assert_eq!(world.get_team(&made.name).await.people, Vec::<String>::new());
        }
    }
    assert_eq!(world.get_team(&team).await.people, [world.person.clone()]);
    world.harness.finish().await;
}
