//! What a world sells: plans, and contracts over its rooms.

use chassis::input::timestamp;
use chrono::Duration;
use domain::{Clock as _, SystemClock, Window};
use proto::access::v1 as access;
use proto::membership::v1 as pb;
use proto::membership::v1::{contract, membership};

use crate::client::{Client, insist};
use crate::play::World;

/// Whose a membership or contract is.
#[derive(Debug, Clone)]
pub enum Holder {
    /// One of the people.
    Person(usize),
    /// A team, by its name.
    Team(String),
}

impl Holder {
    /// Part of an idempotency key, which is shorter than names.
    fn key(&self) -> String {
        match self {
            Self::Person(person) => person.to_string(),
            Self::Team(_) => "team".into(),
        }
    }
}

impl World {
    /// A plan with so many days of grace, which opens the one group. Says by what name.
    pub async fn sell_plan(&self, client: &Client, grace_days: i32) -> String {
        let terms = pb::PlanTerms { location: self.location.clone(), grace_days, ..Default::default() };
        let plan = pb::Plan { display_name: "Flex".into(), terms: Some(terms), ..Default::default() };
        let request = pb::CreatePlanRequest {
            parent: self.workspace.clone(),
            plan: Some(plan),
            request_id: "plan".into(),
        };
        let plan = insist(&client.plans, request, |mut c, r| async move { c.create_plan(r).await }).await;
        let plan = plan.plan.expect("it was made").name;
        let mapping = access::DoorMapping {
            subject: plan.clone(),
            location: self.location.clone(),
            provider: "kisi".into(),
            target: Some(self.target()),
            ..Default::default()
        };
        let request = access::CreateDoorMappingRequest {
            parent: self.workspace.clone(),
            door_mapping: Some(mapping),
            request_id: "map-plan".into(),
        };
        insist(&client.access, request, |mut c, r| async move { c.create_door_mapping(r).await }).await;
        plan
    }

    /// A team of some of the people. Says by what name.
    pub async fn gather_team(&self, client: &Client, people: &[usize]) -> String {
        let people = people.iter().map(|&person| self.people[person].0.clone()).collect();
        let team = pb::Team { display_name: "Acme".into(), people, ..Default::default() };
        let request = pb::CreateTeamRequest {
            parent: self.workspace.clone(),
            team: Some(team),
            request_id: "team".into(),
        };
        let team = insist(&client.teams, request, |mut c, r| async move { c.create_team(r).await }).await;
        team.team.expect("it was made").name
    }

    /// One of the people joins a team.
    pub async fn join_team(&self, client: &Client, team: &str, person: usize) {
        let request = pb::AddTeamPersonRequest {
            name: team.into(),
            person: self.people[person].0.clone(),
            request_id: format!("join-{person}"),
        };
        insist(&client.teams, request, |mut c, r| async move { c.add_team_person(r).await }).await;
    }

    /// One of the people leaves a team.
    pub async fn leave_team(&self, client: &Client, team: &str, person: usize) {
        let request = pb::RemoveTeamPersonRequest {
            name: team.into(),
            person: self.people[person].0.clone(),
            request_id: format!("leave-{person}"),
        };
        insist(&client.teams, request, |mut c, r| async move { c.remove_team_person(r).await }).await;
    }

    /// A membership that is paid for that window. Says by what name.
    pub async fn start_membership(
        &self,
        client: &Client,
        plan: &str,
        holder: &Holder,
        paid: Window,
    ) -> String {
        let membership = pb::Membership {
            plan: plan.to_owned(),
            holder: Some(match holder {
                Holder::Person(person) => membership::Holder::Person(self.people[*person].0.clone()),
                Holder::Team(team) => membership::Holder::Team(team.clone()),
            }),
            start_time: Some(timestamp(paid.start())),
            period_end_time: Some(timestamp(paid.end())),
            ..Default::default()
        };
        let request = pb::StartMembershipRequest {
            parent: self.workspace.clone(),
            membership: Some(membership),
            request_id: format!("membership-{}", holder.key()),
        };
        let answer =
            insist(&client.memberships, request, |mut c, r| async move { c.start_membership(r).await }).await;
        answer.membership.expect("it was started").name
    }

    /// A contract over the first room in that window. Says by what name.
    pub async fn start_contract(&self, client: &Client, holder: &Holder, window: Window) -> String {
        let contract = pb::Contract {
            holder: Some(match holder {
                Holder::Person(person) => contract::Holder::Person(self.people[*person].0.clone()),
                Holder::Team(team) => contract::Holder::Team(team.clone()),
            }),
            resources: vec![self.rooms[0].clone()],
            start_time: Some(timestamp(window.start())),
            end_time: Some(timestamp(window.end())),
            ..Default::default()
        };
        let request = pb::StartContractRequest {
            parent: self.workspace.clone(),
            contract: Some(contract),
            request_id: format!("contract-{}", holder.key()),
        };
        let answer =
            insist(&client.contracts, request, |mut c, r| async move { c.start_contract(r).await }).await;
        answer.contract.expect("it was started").name
    }
}

/// From an hour ago until a day from now.
pub fn today() -> Window {
    let now = SystemClock.now();
    Window::new(now - Duration::hours(1), now + Duration::days(1)).expect("it is not empty")
}
