//! Contracts over desks and offices.

use chassis::auth::{Principal, Role};
use chrono::Duration;
use domain::names::{ContractName, LocationName, PersonName, ResourceName};
use domain::{ContractId, ResourceId, WorkspaceId};
use proto::membership::v1 as pb;
use proto::membership::v1::contract::Holder;
use proto::membership::v1::contract_service_client::ContractServiceClient;
use testkit::{Bearer, audit_line};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use workspace::DEFINITION;

use crate::plans::{faults, refusal};
use crate::world::World;

type Client = ContractServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    pub(crate) fn contracts(&self) -> Client {
        self.contracts_as(&Principal::person("admin", self.workspace, Role::Admin))
    }

    pub(crate) fn contracts_as(&self, principal: &Principal) -> Client {
        ContractServiceClient::new(self.harness.channel_with(&self.address, principal))
    }

    /// The one person's over the one room, from the test's start on for 30 days.
    pub(crate) fn contract(&self) -> pb::Contract {
        pb::Contract {
            holder: Some(Holder::Person(self.person.clone())),
            resources: vec![self.resource.clone()],
            start_time: Self::day(0),
            end_time: Self::day(30),
            ..Default::default()
        }
    }

    pub(crate) async fn start_contract(&self, contract: pb::Contract) -> Result<pb::Contract, Status> {
        let request = pb::StartContractRequest {
            parent: self.name.clone(),
            contract: Some(contract),
            request_id: String::new(),
        };
        Ok(self.contracts().start_contract(request).await?.into_inner().contract.unwrap())
    }

    /// Ends a contract at once, or on a day.
    async fn end_contract(&self, name: &str, day: Option<i64>) -> Result<pb::Contract, Status> {
        let request = pb::EndContractRequest {
            name: name.into(),
            end_time: day.and_then(Self::day),
            request_id: String::new(),
        };
        Ok(self.contracts().end_contract(request).await?.into_inner().contract.unwrap())
    }

    pub(crate) async fn contracts_of(&self, client: &mut Client, person: &str, team: &str) -> Vec<String> {
        let request = pb::ListContractsRequest {
            parent: self.name.clone(),
            person: person.into(),
            team: team.into(),
            ..Default::default()
        };
        let answer = client.list_contracts(request).await.unwrap().into_inner();
        answer.contracts.into_iter().map(|contract| contract.name).collect()
    }

    /// What was told so far of contracts: fact, version and snapshot, in the order of the stream. `count` facts
    /// were told in all.
    async fn told_of_contracts(&self, count: usize) -> Vec<(String, i64, pb::ContractSnapshot)> {
        let told = self.told(count).await.into_iter();
        let of_contracts = told.filter(|(fact, ..)| fact.starts_with("contract_"));
        of_contracts
            .map(|(fact, version, payload)| {
                let mut body: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                (fact, version, serde_json::from_value(body["snapshot"].take()).unwrap())
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_started_shortened_and_ended_and_each_is_told_complete() {
    let mut world = World::new().await;
    let elsewhere = world.create_location().await;
    let (here, there) = (world.location.clone(), elsewhere.clone());
    let desks = [
        world.create_resource(&here).await,
        world.create_resource(&there).await,
        world.create_resource(&here).await,
    ];
    let named = [desks.as_slice(), &desks].concat();
    let started = world
        .start_contract(pb::Contract { resources: named, end_time: None, ..world.contract() })
        .await
        .unwrap();
    let expected = pb::Contract {
        name: started.name.clone(),
        resources: desks.to_vec(),
        end_time: None,
        version: 1,
        create_time: World::day(0),
        update_time: World::day(0),
        ..world.contract()
    };
    assert_eq!(started, expected);
    let get = pb::GetContractRequest { name: started.name.clone() };
    let got = world.contracts().get_contract(get).await.unwrap().into_inner();
    assert_eq!(got.contract, Some(started.clone()));
    let shortened = world.end_contract(&started.name, Some(20)).await.unwrap();
    assert_eq!(shortened, pb::Contract { end_time: World::day(20), version: 2, ..started.clone() });
    assert_eq!(world.end_contract(&started.name, Some(20)).await.unwrap(), shortened);
    assert_eq!(faults(world.end_contract(&started.name, Some(21)).await), ["end_time"]);
    world.harness.clock.advance(Duration::days(10));
    let ended = world.end_contract(&started.name, None).await.unwrap();
    let (ended_time, update_time) = (World::day(10), World::day(10));
    assert_eq!(ended, pb::Contract { ended_time, update_time, version: 3, ..shortened });
    assert_eq!(world.end_contract(&started.name, None).await.unwrap(), ended);
    assert_eq!(world.end_contract(&started.name, Some(15)).await.unwrap(), ended);

    let told = world.told_of_contracts(4).await;
    let facts: Vec<(&str, i64)> = told.iter().map(|(fact, version, _)| (fact.as_str(), *version)).collect();
    assert_eq!(facts, [("contract_started", 1), ("contract_shortened", 2), ("contract_ended", 3)]);
    for (_, version, snapshot) in &told {
        assert_eq!(snapshot.contract.as_ref().unwrap().version, *version);
        let resources: Vec<&str> = snapshot.resources.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(resources, desks.each_ref().map(String::as_str));
        let locations: Vec<&String> = snapshot.locations.iter().map(|it| &it.name).collect();
        assert_eq!(locations, [&world.location, &elsewhere], "each once");
        assert_eq!(snapshot.people.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), [&world.person]);
        assert_eq!(snapshot.workspace.as_ref().unwrap().name, world.name);
    }
    let entries = world.harness.audit_entries(&DEFINITION).await;
    let own: Vec<String> = entries.iter().filter(|it| it.subject == started.name).map(audit_line).collect();
    assert_eq!(own.len(), 3, "{own:#?}");
    assert_eq!(own[2], "EndContract: ended_time SET 2026-12-11T08:00:00Z");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_field_and_leaves_nothing_behind() {
    let world = World::new().await;
    let foreign = ResourceName { workspace: WorkspaceId::new(), id: ResourceId::new() }.to_string();
    let year_2199 = Some(pbjson_types::Timestamp { seconds: 7_226_582_400, nanos: 0 });
    let over = |resources| pb::Contract { resources, ..world.contract() };
    for (contract, field) in [
        (pb::Contract { holder: None, ..world.contract() }, "contract.person"),
        (pb::Contract { holder: Some(Holder::Team("teams/1".into())), ..world.contract() }, "contract.team"),
        (over(vec![]), "contract.resources"),
        (over(vec![foreign]), "contract.resources"),
        (over(vec![world.resource.clone(); 51]), "contract.resources"),
        (pb::Contract { start_time: None, ..world.contract() }, "contract.start_time"),
        (pb::Contract { start_time: year_2199, end_time: None, ..world.contract() }, "contract.start_time"),
        (pb::Contract { end_time: World::day(0), ..world.contract() }, "contract.end_time"),
        (pb::Contract { end_time: World::day(-1), ..world.contract() }, "contract.end_time"),
        (pb::Contract { end_time: year_2199, ..world.contract() }, "contract.end_time"),
    ] {
        assert_eq!(faults(world.start_contract(contract).await), [field]);
    }
    let unknown = ResourceName { workspace: world.workspace, id: ResourceId::new() }.to_string();
    let unknown = world.start_contract(over(vec![world.resource.clone(), unknown])).await;
    assert_eq!(refusal(unknown), (Code::NotFound, "RESOURCE_NOT_FOUND".into()));
    let past = pb::Contract { start_time: World::day(-9), end_time: World::day(0), ..world.contract() };
    let past = world.start_contract(past).await;
    assert_eq!(refusal(past), (Code::FailedPrecondition, "CONTRACT_OVER".into()));
    let nobody = Some(Holder::Team(world.create_team(&[]).await.name));
    let nobody = world.start_contract(pb::Contract { holder: nobody, ..world.contract() }).await;
    assert_eq!(refusal(nobody), (Code::FailedPrecondition, "TEAM_EMPTY".into()));
    assert_eq!(world.contracts_of(&mut world.contracts(), "", "").await, [""; 0]);
    let later = pb::Contract { start_time: World::day(9), ..world.contract() };
    let later = world.start_contract(later).await.unwrap();
    assert_eq!(faults(world.end_contract(&later.name, Some(9)).await), ["end_time"], "before it begins");
    let open = world.start_contract(pb::Contract { end_time: None, ..world.contract() }).await.unwrap();
    let end = pb::EndContractRequest { name: open.name, end_time: year_2199, request_id: String::new() };
    assert_eq!(faults(world.contracts().end_contract(end).await), ["end_time"]);
    let nothing = ContractName { workspace: world.workspace, id: ContractId::new() }.to_string();
    let nothing = world.end_contract(&nothing, None).await;
    assert_eq!(refusal(nothing), (Code::NotFound, "CONTRACT_NOT_FOUND".into()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_and_goes_is_told_of_the_teams_contracts_that_are_not_over() {
    let mut world = World::new().await;
    let bo = world.create_person("bo@example.org").await;
    let team = world.create_team(&[&world.person]).await.name;
    let of_team = |end| pb::Contract {
        holder: Some(Holder::Team(team.clone())),
        end_time: World::day(end),
        ..world.contract()
    };
    let held = world.start_contract(of_team(30)).await.unwrap().name;
    world.start_contract(of_team(2)).await.unwrap();
    let ended = world.start_contract(of_team(30)).await.unwrap().name;
    world.end_contract(&ended, None).await.unwrap();
    world.harness.clock.advance(Duration::days(4));
    world.join(&team, &bo).await.unwrap();
    let told = world.told_of_contracts(7).await;
    let (fact, version, snapshot) = told.last().unwrap();
    assert_eq!((fact.as_str(), *version), ("contract_people_changed", 2));
    assert_eq!(snapshot.contract.as_ref().unwrap().name, held);
    let people: Vec<&String> = snapshot.people.iter().map(|person| &person.name).collect();
    assert_eq!(people, [&world.person, &bo]);
    assert_eq!(told.iter().filter(|it| it.0 == "contract_people_changed").count(), 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_see_their_own_and_their_teams_managers_their_locations_and_only_admins_end_them() {
    let mut world = World::new().await;
    let bo = world.create_person("bo@example.org").await;
    let elsewhere = world.create_location().await;
    let desk = world.create_resource(&elsewhere).await;
    let team = world.create_team(&[&bo]).await.name;
    let own = world.start_contract(world.contract()).await.unwrap().name;
    let holder = Some(Holder::Team(team.clone()));
    let teams = pb::Contract { holder, resources: vec![desk], ..world.contract() };
    let teams = world.start_contract(teams).await.unwrap().name;
    let member = |person: &str| {
        let PersonName { workspace, id } = person.parse().unwrap();
        world.contracts_as(&Principal::person(id.to_string(), workspace, Role::Member))
    };
    let manager = |location: &str| {
        let LocationName { workspace, id } = location.parse().unwrap();
        world.contracts_as(&Principal::person("someone", workspace, Role::Manager).at([id]))
    };
    let not_found = (Code::NotFound, "CONTRACT_NOT_FOUND".to_owned());
    let too_low = (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned());
    for (mut client, seen, unseen) in [
        (member(&world.person), &own, &teams),
        (member(&bo), &teams, &own),
        (manager(&world.location), &own, &teams),
        (manager(&elsewhere), &teams, &own),
    ] {
        assert_eq!(world.contracts_of(&mut client, "", "").await.iter().collect::<Vec<_>>(), [seen]);
        assert!(client.get_contract(pb::GetContractRequest { name: seen.clone() }).await.is_ok());
        let get = pb::GetContractRequest { name: unseen.clone() };
        assert_eq!(refusal(client.get_contract(get).await), not_found);
        let end = pb::EndContractRequest { name: seen.clone(), ..Default::default() };
        assert_eq!(refusal(client.end_contract(end).await), too_low);
    }
    let mut admin = world.contracts();
    assert_eq!(world.contracts_of(&mut admin, &bo, "").await, [teams.as_str()]);
    assert_eq!(world.contracts_of(&mut admin, "", &team).await, [teams.as_str()]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_twice_is_one_contract() {
    let world = World::new().await;
    let mut client = world.contracts();
    let request = pb::StartContractRequest {
        parent: world.name.clone(),
        contract: Some(world.contract()),
        request_id: "once".into(),
    };
    let first = client.start_contract(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.start_contract(request).await.unwrap().into_inner(), first);
    assert_eq!(world.contracts_of(&mut client, "", "").await, [first.contract.unwrap().name]);
    world.harness.finish().await;
}
