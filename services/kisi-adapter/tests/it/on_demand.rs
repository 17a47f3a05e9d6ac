//! What the adapter answers over gRPC.

use chassis::auth::Role;
use domain::names::IntegrationName;
use domain::{IntegrationId, OperationId};
use proto::access::v1 as pb;
use proto::access::v1::DoorTargetKind;
use proto::access::v1::door_control_service_client::DoorControlServiceClient;
use proto::access::v1::door_provider_service_client::DoorProviderServiceClient;
use proto::access::v1::operate_provider_door_response::Outcome;
use proto::integrations::v1::connection_service_client::ConnectionServiceClient;
use proto::integrations::v1::{
    CheckConnectionRequest, CheckConnectionResponse, ConnectionProblem, ConnectionProblemKind,
};
use sandbox::{Action, Fault, Vendor};
use testkit::eventually;
use tokio::task::JoinSet;
use tonic::Code;

use crate::world::{LIMIT, Site, World};

async fn check(world: &World, site: &Site) -> CheckConnectionResponse {
    let request = CheckConnectionRequest { workspace: site.name(), location: site.location_name() };
    let channel = world.harness.channel(&world.address, "integrations");
    ConnectionServiceClient::new(channel).check_connection(request).await.unwrap().into_inner()
}

async fn problem(world: &World, site: &Site) -> ConnectionProblem {
    let CheckConnectionResponse { account, problems, .. } = check(world, site).await;
    assert_eq!(account, None);
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    problem.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_finds_the_organization_with_its_places_or_says_what_is_wrong() {
    let world = World::start().await;
    let site = world.site("Nine");
    let taken = check(&world, &site).await;
    assert_eq!(taken.problems, []);
    let account = taken.account.unwrap();
    assert_eq!(account.display_name, "Nine");
    assert_eq!(account.r#ref, site.org.created.id.to_string());
    let [places] = &account.findings[..] else { panic!("{account:?}") };
    assert_eq!(places.kind, "place");
    assert_eq!(usize::try_from(places.count).unwrap(), places.names.len());
    assert!(places.count > 0, "{account:?}");

    let outage = Fault::on(Vendor::Kisi, Action::Outage);
    let outage = world.twin.sandbox.faults().add(outage).unwrap();
    let unknown = problem(&world, &site).await;
    assert_eq!((unknown.kind(), unknown.credential.as_str()), (ConnectionProblemKind::Unreachable, ""));
    assert!(!unknown.reason.is_empty());
    world.twin.sandbox.faults().remove(outage);

    // A key that works and yet may not do what is needed.
    site.org.twin.set_role(&site.org.created.owner.email, None).unwrap();
    let refused = problem(&world, &site).await;
    assert_eq!((refused.kind(), refused.credential.as_str()), (ConnectionProblemKind::Wrong, "api_key"));
    assert!(refused.reason.contains("may not do what is needed"), "{}", refused.reason);

    for key in ["unknown", "with\nnewline"] {
        world.keys.set(&site, key);
        let refused = problem(&world, &site).await;
        assert_eq!((refused.kind(), refused.credential.as_str()), (ConnectionProblemKind::Wrong, "api_key"));
        assert!(!refused.reason.contains(key), "{}", refused.reason);
    }
    world.keys.set(&site, " ");
    let blank = problem(&world, &site).await;
    assert_eq!((blank.kind(), blank.credential.as_str()), (ConnectionProblemKind::Missing, "api_key"));
    world.keys.remove(&site);
    assert_eq!(problem(&world, &site).await.kind(), ConnectionProblemKind::Missing);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_listed_by_what_they_are_called() {
    let world = World::start().await;
    let site = world.site("Nine");
    let request = pb::ListPlacesRequest { workspace: site.name(), location: site.location_name() };
    let listed = world.provider_service().list_places(request.clone()).await.unwrap().into_inner().places;
    assert!(!listed.is_empty());
    assert!(listed.is_sorted_by_key(|place| place.display_name.clone()), "{listed:?}");
    assert!(listed.iter().all(|place| place.r#ref.parse::<u64>().is_ok()), "{listed:?}");
    world.keys.set(&site, "unknown");
    let refused = world.provider_service().list_places(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doors_are_listed_without_the_groups_that_are_kept_for_locks() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Lock 07");
    world.send(&grant, 1, Some(world.window(1, 2))).await;
    world.success(&grant).await;
    let request = pb::ListDoorTargetsRequest { workspace: site.name(), location: site.location_name() };
    let listed = world.provider_service().list_door_targets(request.clone()).await.unwrap().into_inner();
    let names: Vec<&str> = listed.targets.iter().map(|target| target.display_name.as_str()).collect();
    assert_eq!((names.len(), names[0], names[80]), (160, "Group 00", "Door 00"));
    assert_eq!(listed.targets[79].kind(), DoorTargetKind::Group);
    assert_eq!(listed.targets[80].kind(), DoorTargetKind::Lock);
    world.keys.remove(&site);
    let refused = world.provider_service().list_door_targets(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    world.finish().await;
}

/// One that opens a door for a moment.
fn pulse(door: i64) -> pb::ProviderOperation {
    pb::ProviderOperation {
        id: OperationId::new().to_string(),
        r#where: Some(pb::provider_operation::Where::DoorRef(door.to_string())),
        action: pb::DoorAction::Pulse.into(),
        ..Default::default()
    }
}

/// `None`: it was done.
async fn operate(
    world: &World,
    account: pb::ProviderAccountRef,
    operation: pb::ProviderOperation,
) -> Option<pb::AccessFailure> {
    let request = pb::OperateProviderDoorRequest { account: Some(account), operation: Some(operation) };
    match world.control_service().operate_provider_door(request).await.unwrap().into_inner().outcome {
        Some(Outcome::Operated(_)) => None,
        Some(Outcome::Failed(failure)) => Some(failure),
        None => panic!("nothing is said"),
    }
}

/// How often the door has opened.
fn openings(site: &Site, door: i64) -> usize {
    let events = site.org.twin.events();
    events.iter().filter(|event| event.object_id == door && event.success && event.action == "unlock").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_is_opened_by_the_integration_that_is_named_and_no_other() {
    let world = World::start().await;
    let site = world.site("Nine");
    let door = site.org.lock("Door 07");
    assert_eq!(operate(&world, site.account_ref(), pulse(door)).await, None);
    assert_eq!(openings(&site, door), 1);

    let other = IntegrationName { id: IntegrationId::new(), ..site.integration };
    let other = pb::ProviderAccountRef { integration: other.to_string(), ..site.account_ref() };
    let refused = operate(&world, other, pulse(door)).await.unwrap();
    assert_eq!(refused.code(), pb::AccessReason::IntegrationInactive, "{refused:?}");
    world.keys.set_of_workspace(&site, site.org.key());
    let of_workspace = pb::ProviderAccountRef { location: String::new(), ..site.account_ref() };
    assert_eq!(operate(&world, of_workspace, pulse(door)).await, None);
    // Whose place has no values of its own any more is not opened by the workspace's: its doors may be others.
    world.keys.remove(&site);
    world.tell_status_changed(site.workspace).await;
    eventually("the key is forgotten", LIMIT, async || {
        let failure = operate(&world, site.account_ref(), pulse(door)).await;
        let is_so =
            failure.as_ref().map(pb::AccessFailure::code) == Some(pb::AccessReason::IntegrationInactive);
        if is_so { Ok(()) } else { Err(format!("{failure:?}")) }
    })
    .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_refused_and_a_lockdown_waits_for_none_of_them() {
    let world = World::start().await;
    let site = world.site("Nine");
    let slow = Fault::on(Vendor::Kisi, Action::Delay { delay_ms: 60_000 }).request("POST", "/unlock$");
    world.twin.sandbox.faults().add(slow).unwrap();
    let mut taps = JoinSet::new();
    for number in 0..12 {
        let (mut client, door) = (world.control_service(), site.org.lock(&format!("Door {number:02}")));
        let request = pb::OperateProviderDoorRequest {
            account: Some(site.account_ref()),
            operation: Some(pulse(door)),
        };
        taps.spawn(async move { client.operate_provider_door(request).await.unwrap().into_inner().outcome });
    }
    for _ in 0..4 {
        match taps.join_next().await.unwrap().unwrap() {
            Some(Outcome::Failed(failure)) => {
                assert_eq!(failure.code(), pb::AccessReason::ProviderRateLimited, "{failure:?}");
                assert!(failure.retry_after.is_some() && !failure.outcome_unknown, "{failure:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    let door = site.org.lock("Door 00");
    let lock_down = pb::ProviderOperation { action: pb::DoorAction::LockDown.into(), ..pulse(door) };
    assert_eq!(operate(&world, site.account_ref(), lock_down).await, None);
    assert_eq!(taps.len(), 8, "they wait still");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_services_may_ask_and_only_what_makes_sense() {
    let world = World::start().await;
    let site = world.site("Nine");
    let request = pb::ListPlacesRequest { workspace: site.name(), location: String::new() };
    let owner = world.harness.channel_as(&world.address, Role::Owner, site.workspace);
    let refused = DoorProviderServiceClient::new(owner.clone()).list_places(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let request = CheckConnectionRequest { workspace: site.name(), location: String::new() };
    let refused = ConnectionServiceClient::new(owner.clone()).check_connection(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let request = pb::OperateProviderDoorRequest {
        account: Some(site.account_ref()),
        operation: Some(pulse(site.org.lock("Door 07"))),
    };
    let refused = DoorControlServiceClient::new(owner).operate_provider_door(request.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let other = world.harness.channel(&world.address, "integrations");
    let refused = DoorControlServiceClient::new(other).operate_provider_door(request.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let mut nowhere = request;
    nowhere.operation.as_mut().unwrap().r#where = None;
    let refused = world.control_service().operate_provider_door(nowhere).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let other = world.site("Ten");
    let request = pb::ListPlacesRequest { workspace: site.name(), location: other.location_name() };
    let refused = world.provider_service().list_places(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.finish().await;
}
