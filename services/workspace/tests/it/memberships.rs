//! Memberships of plans, for people and teams.

use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use chrono::Duration;
use domain::names::{LocationName, MembershipName, PersonName, PlanName, TeamName};
use domain::{MembershipId, PersonId, PlanId, TeamId, WorkspaceId};
use proto::membership::v1 as pb;
use proto::membership::v1::membership::Holder;
use proto::membership::v1::membership_service_client::MembershipServiceClient;
use proto::workspace::v1::{PausePersonRequest, RemovePersonRequest};
use testkit::{Bearer, audit_line, eventually};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use workspace::DEFINITION;

use crate::plans::{faults, refusal};
use crate::world::World;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

type Client = MembershipServiceClient<InterceptedService<Channel, Bearer>>;

/// What is asked of a membership.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    /// Paid until so many days after the test's start.
    Renew(i64),
    /// The renewal after so many days has failed.
    Fail(i64),
    Pause,
    Resume,
    Cancel,
    CancelAtOnce,
}

impl World {
    pub(crate) fn memberships(&self) -> Client {
        self.memberships_as(&Principal::person("admin", self.workspace, Role::Admin))
    }

    pub(crate) fn memberships_as(&self, principal: &Principal) -> Client {
        MembershipServiceClient::new(self.harness.channel_with(&self.address, principal))
    }

    /// So many days after the test's start.
    pub(crate) fn day(number: i64) -> Option<pbjson_types::Timestamp> {
        let start = chrono::NaiveDate::from_ymd_opt(2026, 12, 1).unwrap().and_hms_opt(8, 0, 0).unwrap();
        Some(timestamp(start.and_utc() + Duration::days(number)))
    }

    /// The membership of a plan for the one person, from the test's start on, and paid for 30 days.
    pub(crate) fn membership(&self, plan: &pb::Plan) -> pb::Membership {
        pb::Membership {
            plan: plan.name.clone(),
            holder: Some(Holder::Person(self.person.clone())),
            start_time: Self::day(0),
            period_end_time: Self::day(30),
            ..Default::default()
        }
    }

    pub(crate) async fn start(&self, membership: pb::Membership) -> Result<pb::Membership, Status> {
        let request = pb::StartMembershipRequest {
            parent: self.name.clone(),
            membership: Some(membership),
            request_id: String::new(),
        };
        Ok(self.memberships().start_membership(request).await?.into_inner().membership.unwrap())
    }

    pub(crate) async fn get_membership(&self, name: &str) -> pb::Membership {
        let request = pb::GetMembershipRequest { name: name.into() };
        self.memberships().get_membership(request).await.unwrap().into_inner().membership.unwrap()
    }

    pub(crate) async fn ask(&self, name: &str, verb: Verb) -> Result<pb::Membership, Status> {
        let (name, request_id, mut client) = (name.to_owned(), String::new(), self.memberships());
        let cancel =
            |at_once| pb::CancelMembershipRequest { name: name.clone(), at_once, request_id: String::new() };
        let answer = match verb {
            Verb::Renew(day) => {
                let period_end_time = Self::day(day);
                let request = pb::RenewMembershipRequest { name, period_end_time, request_id };
                client.renew_membership(request).await?.into_inner().membership
            }
            Verb::Fail(day) => {
                let period_end_time = Self::day(day);
                let request = pb::FailMembershipRenewalRequest { name, period_end_time, request_id };
                client.fail_membership_renewal(request).await?.into_inner().membership
            }
            Verb::Pause => {
                let request = pb::PauseMembershipRequest { name, request_id };
                client.pause_membership(request).await?.into_inner().membership
            }
            Verb::Resume => {
                let request = pb::ResumeMembershipRequest { name, request_id };
                client.resume_membership(request).await?.into_inner().membership
            }
            Verb::Cancel => client.cancel_membership(cancel(false)).await?.into_inner().membership,
            Verb::CancelAtOnce => client.cancel_membership(cancel(true)).await?.into_inner().membership,
        };
        Ok(answer.unwrap())
    }

    pub(crate) async fn memberships_of(&self, client: &mut Client, person: &str, team: &str) -> Vec<String> {
        let request = pb::ListMembershipsRequest {
            parent: self.name.clone(),
            person: person.into(),
            team: team.into(),
            ..Default::default()
        };
        let answer = client.list_memberships(request).await.unwrap().into_inner();
        answer.memberships.into_iter().map(|membership| membership.name).collect()
    }

    /// What was told so far of memberships: fact, version and snapshot, in the order of the stream. `count` facts
    /// were told in all.
    pub(crate) async fn told_of_memberships(
        &self,
        count: usize,
    ) -> Vec<(String, i64, pb::MembershipSnapshot)> {
        let told = self.told(count).await.into_iter();
        let of_memberships = told.filter(|(fact, ..)| fact.starts_with("membership_"));
        of_memberships
            .map(|(fact, version, payload)| {
                let mut body: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                (fact, version, serde_json::from_value(body["snapshot"].take()).unwrap())
            })
            .collect()
    }
}

fn ended(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_whole_life_is_told_each_step_once_and_complete() {
    let mut world = World::new().await;
    let elsewhere = world.create_location().await;
    let terms = pb::PlanTerms { shared_locations: vec![elsewhere.clone()], ..world.terms() };
    let plan = world.create_plan(terms.clone()).await;
    let started = world.start(world.membership(&plan)).await.unwrap();
    let expected = pb::Membership {
        name: started.name.clone(),
        terms: Some(terms.clone()),
        state: pb::MembershipState::Active.into(),
        version: 1,
        create_time: World::day(0),
        update_time: World::day(0),
        ..world.membership(&plan)
    };
    assert_eq!(started, expected);
    assert_eq!(world.get_membership(&started.name).await, started);
    // What a plan becomes reaches nobody who has it.
    let later = pb::Plan { terms: Some(world.terms()), ..plan.clone() };
    world.update_plan(later, &["terms"]).await.unwrap();

    use pb::MembershipState::{Active, Ended, Ending, Paused};
    for (verb, state, version) in [
        (Verb::Pause, Paused, 2),
        (Verb::Pause, Paused, 2),
        (Verb::Resume, Active, 3),
        (Verb::Resume, Active, 3),
        (Verb::Fail(30), Ending, 4),
        (Verb::Fail(30), Ending, 4),
        (Verb::Renew(60), Active, 5),
        (Verb::Renew(60), Active, 5),
        (Verb::Fail(30), Active, 5),
        (Verb::Cancel, Ending, 6),
        (Verb::Cancel, Ending, 6),
        (Verb::CancelAtOnce, Ended, 7),
        (Verb::CancelAtOnce, Ended, 7),
        (Verb::Fail(60), Ended, 7),
    ] {
        let after = world.ask(&started.name, verb).await.unwrap();
        assert_eq!((after.state(), after.version), (state, version), "{verb:?}");
        assert_eq!(after.terms, Some(terms.clone()));
    }
    let over = world.get_membership(&started.name).await;
    assert_eq!((over.period_end_time, over.ended_time), (World::day(60), World::day(0)));
    for verb in [Verb::Renew(90), Verb::Pause, Verb::Resume] {
        assert_eq!(refusal(world.ask(&started.name, verb).await), ended("MEMBERSHIP_ENDED"), "{verb:?}");
    }

    let told = world.told_of_memberships(8).await;
    let facts: Vec<(&str, i64)> = told.iter().map(|(fact, version, _)| (fact.as_str(), *version)).collect();
    let expected = [
        ("membership_started", 1),
        ("membership_paused", 2),
        ("membership_resumed", 3),
        ("membership_renewal_failed", 4),
        ("membership_renewed", 5),
        ("membership_cancelled", 6),
        ("membership_cancelled", 7),
    ];
    assert_eq!(facts, expected);
    for (_, version, snapshot) in &told {
        let membership = snapshot.membership.as_ref().unwrap();
        assert_eq!((membership.version, &membership.terms), (*version, &Some(terms.clone())));
        let people: Vec<&str> = snapshot.people.iter().map(|person| person.email.as_str()).collect();
        assert_eq!((people, &snapshot.team), (vec!["ada@example.org"], &None));
        let locations: Vec<&String> = snapshot.locations.iter().map(|location| &location.name).collect();
        assert_eq!(locations, [&world.location, &elsewhere]);
        assert_eq!(snapshot.locations[0].time_zone, "Europe/Vienna");
        assert_eq!(snapshot.plan.as_ref().unwrap().name, plan.name);
        assert_eq!(snapshot.workspace.as_ref().unwrap().name, world.name);
    }
    let entries = world.harness.audit_entries(&DEFINITION).await;
    let own: Vec<String> = entries.iter().filter(|it| it.subject == started.name).map(audit_line).collect();
    assert_eq!(own.len(), 7, "{own:#?}");
    assert_eq!(own[1], "PauseMembership: state REPLACED active -> paused");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_failed_ends_at_once_if_the_paid_period_is_over() {
    let world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    let started = world.start(world.membership(&plan)).await.unwrap();
    world.harness.clock.advance(Duration::days(31));
    let failed = world.ask(&started.name, Verb::Fail(30)).await.unwrap();
    assert_eq!((failed.state(), failed.ended_time), (pb::MembershipState::Ended, World::day(31)));
    assert_eq!(world.told_of_memberships(3).await[1].0, "membership_renewal_failed");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_to_end_ends_by_itself_when_the_paid_period_does_and_nothing_else_does() {
    let world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    let ending = world.start(world.membership(&plan)).await.unwrap();
    let going_on = world.start(world.membership(&plan)).await.unwrap();
    world.ask(&ending.name, Verb::Pause).await.unwrap();
    world.ask(&ending.name, Verb::Cancel).await.unwrap();
    world.harness.clock.advance(Duration::days(30) + Duration::hours(3));
    let over = eventually("it has ended", LIMIT, async || {
        let membership = world.get_membership(&ending.name).await;
        if membership.state() == pb::MembershipState::Ended {
            Ok(membership)
        } else {
            Err(format!("{membership:?}"))
        }
    })
    .await;
    assert_eq!(
        (over.ended_time, over.version),
        (World::day(30), 4),
        "with the period, not when it was noticed"
    );
    assert_eq!(world.get_membership(&going_on.name).await, going_on);
    let told = world.told_of_memberships(6).await;
    let last: Vec<(&str, i64)> =
        told.iter().filter(|it| it.0 == "membership_ended").map(|it| (it.0.as_str(), it.1)).collect();
    assert_eq!(last, [("membership_ended", 4)]);

    let at_once = world.ask(&ending.name, Verb::CancelAtOnce).await.unwrap();
    assert_eq!((at_once.ended_time, at_once.is_ending), (at_once.update_time, false), "without lag");
    let told = world.told_of_memberships(7).await;
    let (fact, version, snapshot) = told.last().unwrap();
    assert_eq!((fact.as_str(), *version), ("membership_cancelled", 5));
    assert_eq!(snapshot.membership.as_ref(), Some(&at_once));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_field_and_leaves_nothing_behind() {
    let world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    let whole = || world.membership(&plan);
    let other = WorkspaceId::new();
    let (foreign_plan, foreign_person, foreign_team) = (
        PlanName { workspace: other, id: PlanId::new() }.to_string(),
        PersonName { workspace: other, id: PersonId::new() }.to_string(),
        TeamName { workspace: other, id: TeamId::new() }.to_string(),
    );
    let year_2199 = Some(pbjson_types::Timestamp { seconds: 7_226_582_400, nanos: 0 });
    for (membership, field) in [
        (pb::Membership { plan: String::new(), ..whole() }, "membership.plan"),
        (pb::Membership { plan: foreign_plan, ..whole() }, "membership.plan"),
        (pb::Membership { holder: None, ..whole() }, "membership.person"),
        (pb::Membership { holder: Some(Holder::Person(foreign_person)), ..whole() }, "membership.person"),
        (pb::Membership { holder: Some(Holder::Team(foreign_team)), ..whole() }, "membership.team"),
        (pb::Membership { start_time: None, ..whole() }, "membership.start_time"),
        (pb::Membership { period_end_time: None, ..whole() }, "membership.period_end_time"),
        (pb::Membership { period_end_time: World::day(0), ..whole() }, "membership.period_end_time"),
        (pb::Membership { period_end_time: World::day(-1), ..whole() }, "membership.period_end_time"),
        (pb::Membership { period_end_time: year_2199, ..whole() }, "membership.period_end_time"),
    ] {
        assert_eq!(faults(world.start(membership).await), [field]);
    }
    let mut client = world.memberships();
    assert!(world.memberships_of(&mut client, "", "").await.is_empty());
    let started = world.start(whole()).await.unwrap();
    assert_eq!(faults(world.ask(&started.name, Verb::Renew(29)).await), ["period_end_time"]);
    let request = pb::RenewMembershipRequest { name: started.name.clone(), ..Default::default() };
    assert_eq!(faults(client.renew_membership(request).await), ["period_end_time"]);
    let request = pb::FailMembershipRenewalRequest { name: started.name.clone(), ..Default::default() };
    assert_eq!(faults(client.fail_membership_renewal(request).await), ["period_end_time"]);
    assert_eq!(world.get_membership(&started.name).await, started);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_not_sold_over_or_for_nobody_is_refused() {
    let mut world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    let held = |holder| pb::Membership { holder: Some(holder), ..world.membership(&plan) };
    let unknown = PersonName { workspace: world.workspace, id: PersonId::new() }.to_string();
    let unknown = world.start(held(Holder::Person(unknown))).await;
    assert_eq!(refusal(unknown), (Code::NotFound, "PERSON_NOT_FOUND".into()));
    let unknown = TeamName { workspace: world.workspace, id: TeamId::new() }.to_string();
    let unknown = world.start(held(Holder::Team(unknown))).await;
    assert_eq!(refusal(unknown), (Code::NotFound, "TEAM_NOT_FOUND".into()));
    let unknown = PlanName { workspace: world.workspace, id: PlanId::new() }.to_string();
    let unknown = pb::Membership { plan: unknown, ..world.membership(&plan) };
    assert_eq!(refusal(world.start(unknown).await), (Code::NotFound, "PLAN_NOT_FOUND".into()));
    let unknown = MembershipName { workspace: world.workspace, id: MembershipId::new() }.to_string();
    let unknown = world.ask(&unknown, Verb::Pause).await;
    assert_eq!(refusal(unknown), (Code::NotFound, "MEMBERSHIP_NOT_FOUND".into()));

    let nobody = world.create_team(&[]).await.name;
    assert_eq!(refusal(world.start(held(Holder::Team(nobody))).await), ended("TEAM_EMPTY"));
    let rita = world.create_person("rita@example.org").await;
    let only_rita = world.create_team(&[&rita]).await.name;
    let remove = RemovePersonRequest { name: rita.clone(), ..Default::default() };
    world.people.remove_person(remove).await.unwrap();
    let plan = plan.clone();
    let held = |holder| pb::Membership { holder: Some(holder), ..world.membership(&plan) };
    assert_eq!(refusal(world.start(held(Holder::Person(rita))).await), ended("PERSON_REMOVED"));
    assert_eq!(refusal(world.start(held(Holder::Team(only_rita))).await), ended("TEAM_EMPTY"));

    // In its days of grace it is something, thereafter it is not.
    let begun = |end| pb::Membership {
        start_time: World::day(-60),
        period_end_time: World::day(end),
        ..world.membership(&plan)
    };
    assert_eq!(refusal(world.start(begun(-5)).await), ended("MEMBERSHIP_OVER"));
    assert!(world.start(begun(-4)).await.is_ok());
    world.disable_plan(&plan.name).await;
    assert_eq!(refusal(world.start(world.membership(&plan)).await), ended("PLAN_DISABLED"));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_person_may_have_one_and_the_plan_that_is_off_sale_goes_on_for_who_has_it() {
    let mut world = World::new().await;
    let pause = PausePersonRequest { name: world.person.clone(), ..Default::default() };
    world.people.pause_person(pause).await.unwrap();
    let plan = world.create_plan(world.terms()).await;
    let started = world.start(world.membership(&plan)).await.unwrap();
    world.disable_plan(&plan.name).await;
    let renewed = world.ask(&started.name, Verb::Renew(60)).await.unwrap();
    assert_eq!((renewed.state(), renewed.period_end_time), (pb::MembershipState::Active, World::day(60)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_twice_is_one_membership_and_one_change() {
    let world = World::new().await;
    let plan = world.create_plan(world.terms()).await;
    let mut client = world.memberships();
    let request = pb::StartMembershipRequest {
        parent: world.name.clone(),
        membership: Some(world.membership(&plan)),
        request_id: "once".into(),
    };
    let first = client.start_membership(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.start_membership(request.clone()).await.unwrap().into_inner(), first);
    let mut other = request;
    other.membership.as_mut().unwrap().period_end_time = World::day(31);
    assert_eq!(refusal(client.start_membership(other).await), ended("REQUEST_ID_REUSED"));
    let name = first.membership.unwrap().name;
    let pause = pb::PauseMembershipRequest { name: name.clone(), request_id: "pause".into() };
    let paused = client.pause_membership(pause.clone()).await.unwrap().into_inner();
    world.ask(&name, Verb::Resume).await.unwrap();
    assert_eq!(client.pause_membership(pause).await.unwrap().into_inner(), paused);
    assert_eq!(world.get_membership(&name).await.state(), pb::MembershipState::Active, "it came before");
    assert_eq!(world.memberships_of(&mut client, "", "").await, [name]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_their_own_and_their_teams_managers_their_locations_and_only_admins_change_them() {
    let mut world = World::new().await;
    let elsewhere = world.create_location().await;
    let [bo, cy] = [world.create_person("bo@example.org").await, world.create_person("cy@example.org").await];
    let team = world.create_team(&[&bo]).await.name;
    let here = world.create_plan(world.terms()).await;
    let there = world.create_plan(pb::PlanTerms { location: elsewhere.clone(), ..world.terms() }).await;
    let own = world.start(world.membership(&here)).await.unwrap().name;
    let holder = Some(Holder::Team(team.clone()));
    let teams = world.start(pb::Membership { holder, ..world.membership(&there) }).await.unwrap().name;

    let member = |person: &str| {
        let PersonName { workspace, id } = person.parse().unwrap();
        world.memberships_as(&Principal::person(id.to_string(), workspace, Role::Guest))
    };
    let manager = |location: &str| {
        let LocationName { workspace, id } = location.parse().unwrap();
        world.memberships_as(&Principal::person("someone", workspace, Role::Manager).at([id]))
    };
    let not_found = (Code::NotFound, "MEMBERSHIP_NOT_FOUND".to_owned());
    for (client, seen, unseen) in [
        (&mut member(&world.person.clone()), vec![&own], vec![&teams]),
        (&mut member(&bo), vec![&teams], vec![&own]),
        (&mut member(&cy), vec![], vec![&own, &teams]),
        (&mut manager(&world.location), vec![&own], vec![&teams]),
        (&mut manager(&elsewhere), vec![&teams], vec![&own]),
        (&mut world.memberships(), vec![&own, &teams], vec![]),
    ] {
        assert_eq!(world.memberships_of(client, "", "").await.iter().collect::<Vec<_>>(), seen);
        for name in seen {
            assert!(client.get_membership(pb::GetMembershipRequest { name: name.clone() }).await.is_ok());
        }
        for name in unseen {
            let get = pb::GetMembershipRequest { name: name.clone() };
            assert_eq!(refusal(client.get_membership(get).await), not_found);
        }
    }
    let mut admin = world.memberships();
    assert_eq!(world.memberships_of(&mut admin, &bo, "").await, [teams.as_str()], "by their team");
    assert_eq!(world.memberships_of(&mut admin, "", &team).await, [teams.as_str()]);
    assert_eq!(world.memberships_of(&mut member(&bo), &world.person, "").await, [""; 0]);
    let too_low = (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned());
    let cancel = pb::CancelMembershipRequest { name: own.clone(), ..Default::default() };
    assert_eq!(refusal(member(&world.person).cancel_membership(cancel.clone()).await), too_low);
    assert_eq!(refusal(manager(&world.location).cancel_membership(cancel.clone()).await), too_low);
    let stranger = Principal::person("owner", WorkspaceId::new(), Role::Owner);
    let mut stranger = world.memberships_as(&stranger);
    let not_found = (Code::NotFound, "WORKSPACE_NOT_FOUND".to_owned());
    assert_eq!(refusal(stranger.cancel_membership(cancel).await), not_found);
    let get = pb::GetMembershipRequest { name: own };
    assert_eq!(refusal(stranger.get_membership(get).await), not_found);
    world.harness.finish().await;
}
