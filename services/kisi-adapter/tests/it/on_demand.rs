//! What the adapter answers over gRPC.

use chassis::auth::Role;
use proto::access::v1 as pb;
use proto::access::v1::door_provider_service_client::DoorProviderServiceClient;
use proto::access::v1::{ConnectionOutcome, DoorTargetKind};
use sandbox::{Action, Fault, Vendor};
use tonic::Code;

use crate::world::{Site, World};

async fn check(world: &World, site: &Site) -> pb::CheckConnectionResponse {
    let request = pb::CheckConnectionRequest { workspace: site.name(), location: site.location_name() };
    world.provider_service().check_connection(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_taken_refused_or_cannot_be_checked() {
    let world = World::start().await;
    let site = world.site("Nine");
    let taken = check(&world, &site).await;
    assert_eq!(taken.outcome(), ConnectionOutcome::Accepted);
    assert_eq!(taken.account_display_name, "Nine");

    let outage = Fault::on(Vendor::Kisi, Action::Outage);
    let outage = world.twin.sandbox.faults().add(outage).unwrap();
    let unknown = check(&world, &site).await;
    assert_eq!(unknown.outcome(), ConnectionOutcome::Unreachable);
    assert!(!unknown.reason.is_empty() && unknown.account_display_name.is_empty());
    world.twin.sandbox.faults().remove(outage);

    // A key that works and yet may not do what is needed.
    site.org.twin.set_role(&site.org.created.owner.email, None).unwrap();
    let refused = check(&world, &site).await;
    assert_eq!(refused.outcome(), ConnectionOutcome::Refused);
    assert!(refused.reason.contains("may not do what is needed"), "{}", refused.reason);

    for key in ["unknown", "with\nnewline", " "] {
        world.keys.set(&site, key);
        let refused = check(&world, &site).await;
        assert_eq!(refused.outcome(), ConnectionOutcome::Refused, "{key:?}");
        assert!(!refused.reason.contains(key.trim()) || key.trim().is_empty(), "{}", refused.reason);
    }
    world.keys.remove(&site);
    assert_eq!(check(&world, &site).await.outcome(), ConnectionOutcome::Refused);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_services_may_ask_and_only_what_makes_sense() {
    let world = World::start().await;
    let site = world.site("Nine");
    let request = pb::CheckConnectionRequest { workspace: site.name(), location: String::new() };
    let channel = world.harness.channel_as(&world.address, Role::Owner, site.workspace);
    let refused = DoorProviderServiceClient::new(channel).check_connection(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let other = world.site("Ten");
    let request = pb::CheckConnectionRequest { workspace: site.name(), location: other.location_name() };
    let refused = world.provider_service().check_connection(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.finish().await;
}
