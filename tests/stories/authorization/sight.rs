//! Every method, about things that are there but are none of the caller's business.

use chassis::auth::{Principal, Role};
use domain::names::{LocationName, PersonName, WorkspaceName};
use domain::{LocationId, PersonId, WorkspaceId};
use prost_reflect::DescriptorPool;
use proto::access::v1 as access;
use proto::auth::v1::Role as ProtoRole;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::play::{World, first_hour};
use stories::sales::{Holder, today};
use stories::stage::{ROUTED, Setting};
use tonic::Code;

use super::call::{Outcome, call};
use super::request::Things;
use crate::passes;

/// Who looks where they have nothing to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    OwnerElsewhere,
    ManagerElsewhere,
    Member,
    PausedMember,
    Guest,
    /// An admin's API key of another workspace.
    KeyElsewhere,
    /// A manager's API key of another location.
    ManagersKeyElsewhere,
    /// A guest's API key: nothing is its own.
    GuestsKey,
    /// An admin's API key for another method.
    KeyForAnother,
}

use Who::*;

const EVERYBODY: [Who; 9] = [
    OwnerElsewhere,
    ManagerElsewhere,
    Member,
    PausedMember,
    Guest,
    KeyElsewhere,
    ManagersKeyElsewhere,
    GuestsKey,
    KeyForAnother,
];

const ANYONE_AT_HOME: &[Who] =
    &[ManagerElsewhere, Member, PausedMember, Guest, ManagersKeyElsewhere, GuestsKey];

const MANAGERS: &[Who] = &[ManagerElsewhere, ManagersKeyElsewhere];

/// What the last of them is for.
const ANOTHER: &str = "latchkey.workspace.v1.WorkspaceService/GetWorkspace";

/// What is seen, or answered to, all the same. Reviewed; may only shrink: one that no longer happens fails
/// the test.
const EXCEPTIONS: &[(&str, &[Who], &str)] = &[
    ("WorkspaceService/GetWorkspace", ANYONE_AT_HOME, "where they are"),
    ("WorkspaceService/GetWorkspace", &[KeyForAnother], "it is the other method"),
    ("WorkspaceService/GetLocation", ANYONE_AT_HOME, "what can be booked is no secret at home"),
    ("WorkspaceService/ListLocations", ANYONE_AT_HOME, "as above"),
    ("WorkspaceService/GetResource", ANYONE_AT_HOME, "as above"),
    ("WorkspaceService/ListResources", ANYONE_AT_HOME, "as above"),
    ("PassService/GetPassProduct", ANYONE_AT_HOME, "what can be had is no secret at home"),
    ("PassService/ListPassProducts", ANYONE_AT_HOME, "as above"),
    ("PersonService/GetPerson", MANAGERS, "people are of the workspace, not of a location"),
    ("PersonService/ListPeople", MANAGERS, "as above"),
    ("PersonService/UpdatePerson", MANAGERS, "as above"),
    ("PersonService/CreatePerson", MANAGERS, "as above"),
    ("DoorService/CreateMobileLogin", &[PausedMember], "that they are paused"),
    ("DoorService/CreateMobileLogin", &[ManagersKeyElsewhere, GuestsKey], "that keys have no phone"),
];

/// A workspace with one of everything, and a location where nothing is.
struct Scene {
    world: World,
    things: Things,
    /// Ids of what is there: none may stand in an answer.
    ids: Vec<String>,
    elsewhere: LocationId,
    paused: PersonId,
    /// Another workspace's name.
    another: String,
}

impl Scene {
    async fn set(stage: &Stage) -> Self {
        let client = stage.client();
        let world = World::build(stage, 1, 2).await;
        let booking = world.book(&client, 1).await.name;
        let location = pb::Location {
            display_name: "Graz".into(),
            time_zone: "Europe/Vienna".into(),
            country: "AT".into(),
            ..Default::default()
        };
        let request = pb::CreateLocationRequest {
            parent: world.workspace.clone(),
            location: Some(location),
            ..Default::default()
        };
        let elsewhere = client.places.clone().create_location(request).await.unwrap().into_inner();
        let LocationName { id: elsewhere, .. } = elsewhere.location.unwrap().name.parse().unwrap();
        let (paused, someone) = (world.people[0].0.clone(), world.people[1].0.clone());
        let request = pb::PausePersonRequest { name: paused.clone(), ..Default::default() };
        client.people.clone().pause_person(request).await.unwrap();
        let PersonName { id: paused, .. } = paused.parse().unwrap();

        let request = pb::CreateWorkspaceRequest {
            workspace: Some(pb::Workspace { display_name: "Another".into(), ..Default::default() }),
            request_id: String::new(),
        };
        let another = client.places.clone().create_workspace(request).await.unwrap().into_inner();
        let another = another.workspace.unwrap().name;
        let key = pb::ApiKey {
            display_name: "The website".into(),
            role: ProtoRole::Guest.into(),
            ..Default::default()
        };
        let request = pb::CreateApiKeyRequest {
            parent: world.workspace.clone(),
            api_key: Some(key),
            request_id: String::new(),
        };
        let key = client.api_keys.clone().create_api_key(request).await.unwrap().into_inner();
        let key = key.api_key.unwrap().name;

        let parent = world.workspace.clone();
        let request = access::ListDoorMappingsRequest { parent: parent.clone(), ..Default::default() };
        let mappings = client.access.clone().list_door_mappings(request).await.unwrap().into_inner();
        let mapping = mappings.door_mappings[0].name.clone();
        let request = integrations::ListIntegrationsRequest { parent, ..Default::default() };
        let found = client.integrations.clone().list_integrations(request).await.unwrap().into_inner();
        let integration = found.integrations[0].name.clone();
        let visit = pb::Visit {
            display_name: "Eve".into(),
            email: "eve@visitors.example".into(),
            host: someone.clone(),
            location: world.location.clone(),
            start_time: Some(chassis::input::timestamp(first_hour())),
            end_time: Some(chassis::input::timestamp(first_hour() + chrono::Duration::hours(1))),
            ..Default::default()
        };
        let request = pb::AnnounceVisitRequest {
            parent: world.workspace.clone(),
            visit: Some(visit),
            request_id: String::new(),
        };
        let visit = client.visits.clone().announce_visit(request).await.unwrap().into_inner().visit.unwrap();
        let plan = world.sell_plan(&client, 0).await;
        let team = world.gather_team(&client, &[1]).await;
        let holder = Holder::Team(team.clone());
        let terms =
            pb::PassTerms { kind: pb::PassKind::Day.into(), uses: 1, validity_days: 1, weekly_hours: None };
        let product = passes::sell(&client, &world, &world.location, terms).await;
        let pass = passes::issue(&client, &world, &product, 1).await;
        let known = [
            ("apiKeys", key),
            ("bookings", booking),
            ("contracts", world.start_contract(&client, &holder, today()).await),
            ("doorMappings", mapping),
            ("entitlements", world.give(&client, 1, None).await),
            ("integrations", integration),
            ("locations", world.location.clone()),
            ("memberships", world.start_membership(&client, &plan, &holder, today()).await),
            ("passProducts", product),
            ("passes", pass),
            ("people", someone),
            ("plans", plan),
            ("resources", world.rooms[0].clone()),
            ("teams", team),
            ("visits", visit.name),
        ];
        let id_of = |name: &String| name.rsplit('/').next().unwrap().to_owned();
        let ids = known.iter().map(|(_, name)| id_of(name)).chain([id_of(&world.workspace)]).collect();
        let things = Things::of(&world.workspace, known);
        Self { world, things, ids, elsewhere, paused, another }
    }

    /// What the caller shows: a token, or an API key.
    async fn shown(&self, stage: &Stage, who: Who) -> String {
        let WorkspaceName(home) = self.world.workspace.parse().unwrap();
        let token = |id: PersonId, role| stage.token(&Principal::person(id.to_string(), home, role));
        let stranger = PersonId::new();
        match who {
            OwnerElsewhere => {
                let owner = Principal::person(stranger.to_string(), WorkspaceId::new(), Role::Owner);
                stage.token(&owner)
            }
            ManagerElsewhere => {
                let manager = Principal::person(stranger.to_string(), home, Role::Manager);
                stage.token(&manager.at([self.elsewhere]))
            }
            Member => token(stranger, Role::Member),
            PausedMember => token(self.paused, Role::Member),
            Guest => token(stranger, Role::Guest),
            KeyElsewhere => self.key(stage, &self.another, ProtoRole::Admin, &[]).await,
            ManagersKeyElsewhere => self.key(stage, &self.world.workspace, ProtoRole::Manager, &[]).await,
            GuestsKey => self.key(stage, &self.world.workspace, ProtoRole::Guest, &[]).await,
            KeyForAnother => self.key(stage, &self.world.workspace, ProtoRole::Admin, &[ANOTHER]).await,
        }
    }

    async fn key(&self, stage: &Stage, workspace: &str, role: ProtoRole, methods: &[&str]) -> String {
        let WorkspaceName(home) = self.world.workspace.parse().unwrap();
        let elsewhere = LocationName { workspace: home, id: self.elsewhere }.to_string();
        let key = pb::ApiKey {
            display_name: "A machine".into(),
            role: role.into(),
            locations: if role == ProtoRole::Manager { vec![elsewhere] } else { Vec::new() },
            methods: methods.iter().map(|&method| method.to_owned()).collect(),
            ..Default::default()
        };
        let request = pb::CreateApiKeyRequest {
            parent: workspace.to_owned(),
            api_key: Some(key),
            request_id: String::new(),
        };
        stage.client().api_keys.create_api_key(request).await.unwrap().into_inner().text
    }

    /// Whether the caller is told that something is there, or may do something with it.
    fn is_let_on(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Refused | Outcome::Failed(Code::NotFound) => false,
            // A list of nothing.
            Outcome::Answered(message) => {
                self.ids.iter().any(|id| memchr::memmem::find(message, id.as_bytes()).is_some())
            }
            Outcome::Unknown | Outcome::Failed(_) => true,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_what_is_none_of_their_business() {
    let stage = Stage::set(Setting::default()).await;
    let scene = Scene::set(&stage).await;
    let gateway = chassis::rpc::outside_channel(&stage.gateway()).unwrap();
    let mut callers = Vec::new();
    for who in EVERYBODY {
        callers.push((who, scene.shown(&stage, who).await));
    }
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    let routed =
        pool.services().filter(|service| ROUTED.iter().any(|(name, _)| *name == service.full_name()));
    let mut wrong = Vec::new();
    for method in routed.flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let short = format!("{}/{}", method.parent_service().name(), method.name());
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let request = scene.things.request(&method);
        for (who, shown) in &callers {
            let outcome = call(&gateway, &path, &request, Some(shown)).await;
            let is_excepted = EXCEPTIONS.iter().any(|(of, whom, _)| *of == short && whom.contains(who));
            if scene.is_let_on(&outcome) != is_excepted {
                let expected = if is_excepted { "an exception that is none any more" } else { "let on" };
                wrong.push(format!("{short} as {who:?}: {expected}: {outcome:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
