//! Doors that people are given directly.

use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use chrono::Duration;
use domain::names::{EntitlementName, LocationName, PersonName};
use domain::{Clock as _, EntitlementId, LocationId, PersonId, WorkspaceId};
use proto::access::v1::{DoorTarget, DoorTargetKind};
use proto::workspace::v1 as pb;
use proto::workspace::v1::entitlement_service_client::EntitlementServiceClient;
use testkit::{Bearer, audit_line};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use workspace::DEFINITION;

use crate::world::{World, at};

type Client = EntitlementServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    fn entitlements(&self) -> Client {
        let channel = self.harness.channel_as(&self.address, Role::Admin, self.workspace);
        EntitlementServiceClient::new(channel)
    }

    /// The main door, on 2 December from 9 to 10.
    fn door(&self) -> pb::Entitlement {
        pb::Entitlement {
            person: self.person.clone(),
            location: self.location.clone(),
            provider: "kisi".into(),
            target: Some(DoorTarget {
                kind: DoorTargetKind::Lock.into(),
                r#ref: "7".into(),
                display_name: "Main door".into(),
            }),
            start_time: Some(at(9)),
            end_time: Some(at(10)),
            reason: " repairs ".into(),
            ..Default::default()
        }
    }

    fn creation(&self, entitlement: pb::Entitlement) -> pb::CreateEntitlementRequest {
        pb::CreateEntitlementRequest {
            parent: self.name.clone(),
            entitlement: Some(entitlement),
            request_id: String::new(),
        }
    }

    pub(crate) async fn give(&self, entitlement: pb::Entitlement) -> Result<pb::Entitlement, Status> {
        let answer = self.entitlements().create_entitlement(self.creation(entitlement)).await?;
        Ok(answer.into_inner().entitlement.unwrap())
    }

    /// Gives the main door.
    pub(crate) async fn give_door(&self) -> pb::Entitlement {
        self.give(self.door()).await.unwrap()
    }

    async fn end(&self, name: &str) -> Result<pb::Entitlement, Status> {
        let request = pb::EndEntitlementRequest { name: name.into(), request_id: String::new() };
        Ok(self.entitlements().end_entitlement(request).await?.into_inner().entitlement.unwrap())
    }

    async fn listed(&self, person: &str) -> Vec<String> {
        let request = pb::ListEntitlementsRequest {
            parent: self.name.clone(),
            person: person.into(),
            ..Default::default()
        };
        let answer = self.entitlements().list_entitlements(request).await.unwrap().into_inner();
        answer.entitlements.into_iter().map(|entitlement| entitlement.name).collect()
    }
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_is_given_and_taken_back_once_and_both_are_told_and_recorded() {
    let world = World::new().await;
    let given = world.give(world.door()).await.unwrap();
    let expected = pb::Entitlement {
        name: given.name.clone(),
        reason: "repairs".into(),
        version: 1,
        create_time: given.create_time,
        ..world.door()
    };
    assert_eq!(given, expected);
    let get = pb::GetEntitlementRequest { name: given.name.clone() };
    let got = world.entitlements().get_entitlement(get).await.unwrap().into_inner();
    assert_eq!(got.entitlement, Some(given.clone()));
    world.harness.clock.advance(Duration::hours(1));
    let ended = world.end(&given.name).await.unwrap();
    let now = Some(timestamp(world.harness.clock.now()));
    assert_eq!(ended, pb::Entitlement { ended_time: now, version: 2, ..given.clone() });
    world.harness.clock.advance(Duration::hours(1));
    assert_eq!(world.end(&given.name).await.unwrap(), ended, "a second time changes nothing");
    let told = world.facts(3).await;
    let expected = [("person_created", 1), ("entitlement_given", 1), ("entitlement_ended", 2)];
    assert_eq!(told, expected.map(|(fact, version)| (fact.to_owned(), version)));

    let entries = world.harness.audit_entries(&DEFINITION).await;
    let own: Vec<String> =
        entries.iter().filter(|entry| entry.subject == given.name).map(audit_line).collect();
    let [gave, ended] = own.as_slice() else { panic!("two entries, not {own:#?}") };
    for part in ["CreateEntitlement: ", &world.person, "kisi", "lock", "2026-12-02T09:00:00Z"] {
        assert!(gave.contains(part), "{part} in {gave}");
    }
    assert!(!gave.contains("repairs"), "{gave}");
    assert_eq!(ended, "EndEntitlement: ended_time SET 2026-12-01T09:00:00Z");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_begun_begins_now_and_without_an_end_there_is_none() {
    let world = World::new().await;
    let now = Some(timestamp(world.harness.clock.now()));
    let past = Some(timestamp(world.harness.clock.now() - Duration::days(3)));
    for start_time in [None, past] {
        let asked = pb::Entitlement { start_time, end_time: None, ..world.door() };
        let given = world.give(asked).await.unwrap();
        assert_eq!((given.start_time, given.end_time), (now, None));
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_field_and_leaves_nothing_behind() {
    let world = World::new().await;
    let target = |target: DoorTarget| pb::Entitlement { target: Some(target), ..world.door() };
    let other = WorkspaceId::new();
    let foreign_person = PersonName { workspace: other, id: PersonId::new() }.to_string();
    let foreign_location = LocationName { workspace: other, id: LocationId::new() }.to_string();
    let door = world.door().target.unwrap();
    let year_2199 = pbjson_types::Timestamp { seconds: 7_226_582_400, nanos: 0 };
    for (asked, field) in [
        (pb::Entitlement { end_time: Some(at(9)), ..world.door() }, "entitlement.end_time"),
        (pb::Entitlement { end_time: Some(at(8)), ..world.door() }, "entitlement.end_time"),
        (
            pb::Entitlement {
                end_time: Some(pbjson_types::Timestamp { seconds: -1, nanos: 0 }),
                ..world.door()
            },
            "entitlement.end_time",
        ),
        (pb::Entitlement { end_time: Some(year_2199), ..world.door() }, "entitlement.end_time"),
        (
            pb::Entitlement { start_time: Some(year_2199), end_time: None, ..world.door() },
            "entitlement.start_time",
        ),
        (pb::Entitlement { reason: " ".into(), ..world.door() }, "entitlement.reason"),
        (pb::Entitlement { reason: "x".repeat(501), ..world.door() }, "entitlement.reason"),
        (pb::Entitlement { person: String::new(), ..world.door() }, "entitlement.person"),
        (pb::Entitlement { person: foreign_person, ..world.door() }, "entitlement.person"),
        (pb::Entitlement { location: foreign_location, ..world.door() }, "entitlement.location"),
        (pb::Entitlement { provider: "Kisi.>".into(), ..world.door() }, "entitlement.provider"),
        (pb::Entitlement { target: None, ..world.door() }, "entitlement.target"),
        (target(DoorTarget { kind: 0, ..door.clone() }), "entitlement.target.kind"),
        (target(DoorTarget { r#ref: String::new(), ..door.clone() }), "entitlement.target.ref"),
        (
            target(DoorTarget { display_name: "x".repeat(201), ..door.clone() }),
            "entitlement.target.display_name",
        ),
    ] {
        let refused = world.give(asked).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    assert!(world.listed("").await.is_empty());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_or_for_nobody_is_refused_and_a_paused_person_is_somebody() {
    let mut world = World::new().await;
    let past = |hours| Some(timestamp(world.harness.clock.now() - Duration::hours(hours)));
    let over = pb::Entitlement { start_time: past(2), end_time: past(1), ..world.door() };
    assert_eq!(reason(world.give(over).await), (Code::FailedPrecondition, "ENTITLEMENT_OVER".into()));
    let unknown = PersonName { workspace: world.workspace, id: PersonId::new() }.to_string();
    let unknown = pb::Entitlement { person: unknown, ..world.door() };
    assert_eq!(reason(world.give(unknown).await), (Code::NotFound, "PERSON_NOT_FOUND".into()));
    let nowhere = LocationName { workspace: world.workspace, id: LocationId::new() }.to_string();
    let nowhere = pb::Entitlement { location: nowhere, ..world.door() };
    assert_eq!(reason(world.give(nowhere).await), (Code::NotFound, "LOCATION_NOT_FOUND".into()));
    let removed = world.create_person("rita@example.org").await;
    let remove = pb::RemovePersonRequest { name: removed.clone(), ..Default::default() };
    world.people.remove_person(remove).await.unwrap();
    let removed = pb::Entitlement { person: removed, ..world.door() };
    assert_eq!(reason(world.give(removed).await), (Code::FailedPrecondition, "PERSON_REMOVED".into()));
    assert!(world.listed("").await.is_empty());
    let pause = pb::PausePersonRequest { name: world.person.clone(), ..Default::default() };
    world.people.pause_person(pause).await.unwrap();
    assert!(world.give(world.door()).await.is_ok());
    let nothing = EntitlementName { workspace: world.workspace, id: EntitlementId::new() }.to_string();
    assert_eq!(reason(world.end(&nothing).await), (Code::NotFound, "ENTITLEMENT_NOT_FOUND".into()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_by_person_and_in_pages() {
    let mut world = World::new().await;
    let bo = world.create_person("bo@example.org").await;
    let mut names = Vec::new();
    for person in [&world.person, &bo, &world.person] {
        let given = world.give(pb::Entitlement { person: person.clone(), ..world.door() }).await.unwrap();
        names.push(given.name);
    }
    let [first, bos, last] = <[String; 3]>::try_from(names).unwrap();
    assert_eq!(world.listed("").await, [first.clone(), bos.clone(), last.clone()]);
    assert_eq!(world.listed(&bo).await, [bos]);
    let page = |page_token: String| pb::ListEntitlementsRequest {
        parent: world.name.clone(),
        person: world.person.clone(),
        page_size: 1,
        page_token,
    };
    let mut client = world.entitlements();
    let one = client.list_entitlements(page(String::new())).await.unwrap().into_inner();
    let two = client.list_entitlements(page(one.next_page_token)).await.unwrap().into_inner();
    assert_eq!((&one.entitlements[0].name, &two.entitlements[0].name), (&first, &last));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_twice_is_one_door() {
    let world = World::new().await;
    let request = pb::CreateEntitlementRequest { request_id: "once".into(), ..world.creation(world.door()) };
    let first = world.entitlements().create_entitlement(request.clone()).await.unwrap().into_inner();
    // Also when it would be refused by now.
    world.harness.clock.advance(Duration::days(2));
    let second = world.entitlements().create_entitlement(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, second);
    let mut other = request;
    other.entitlement.as_mut().unwrap().reason = "something else".into();
    let refused = world.entitlements().create_entitlement(other).await;
    assert_eq!(reason(refused), (Code::FailedPrecondition, "REQUEST_ID_REUSED".into()));
    assert_eq!(world.listed("").await.len(), 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doors_are_given_by_admins_and_owners_of_the_workspace_alone() {
    let world = World::new().await;
    let given = world.give_door().await;
    let PersonName { id, .. } = world.person.parse().unwrap();
    let LocationName { id: here, .. } = world.location.parse().unwrap();
    let as_role = |role| Principal::person(id.to_string(), world.workspace, role);
    let end = pb::EndEntitlementRequest { name: given.name.clone(), request_id: String::new() };
    let get = pb::GetEntitlementRequest { name: given.name.clone() };
    for principal in [as_role(Role::Guest), as_role(Role::Member), as_role(Role::Manager).at([here])] {
        let channel = world.harness.channel_with(&world.address, &principal);
        let mut client = EntitlementServiceClient::new(channel);
        let refused = (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned());
        assert_eq!(reason(client.create_entitlement(world.creation(world.door())).await), refused);
        assert_eq!(reason(client.get_entitlement(get.clone()).await), refused, "not even one's own");
        assert_eq!(reason(client.end_entitlement(end.clone()).await), refused);
    }
    let channel = world.harness.channel_as(&world.address, Role::Owner, WorkspaceId::new());
    let mut stranger = EntitlementServiceClient::new(channel);
    assert_eq!(stranger.get_entitlement(get).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(stranger.end_entitlement(end).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        stranger.create_entitlement(world.creation(world.door())).await.unwrap_err().code(),
        Code::NotFound
    );
    let channel = world.harness.channel_with(&world.address, &as_role(Role::Owner));
    let mut owner = EntitlementServiceClient::new(channel);
    let request = pb::EndEntitlementRequest { name: given.name, request_id: String::new() };
    assert!(owner.end_entitlement(request).await.is_ok());
    world.harness.finish().await;
}
