//! Values in force, and who gets them.

use chassis::auth::Role;
use proto::integrations::v1 as pb;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use tonic::Code;

use crate::adapter::GOOD_KEY;
use crate::world::{World, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locations_value_wins_over_the_workspaces() {
    let mut world = World::new().await;
    let (here, elsewhere) = (world.new_location(), world.new_location());
    assert_eq!(world.resolve(&here).await, pb::ResolveCredentialResponse::default());

    let whole = world.connect("", GOOD_KEY).await.unwrap();
    let at_here = world.connect(&here, "the-key-of-this-location").await.unwrap();
    assert_eq!(at_here.location, here);
    let resolved = world.resolve(&here).await;
    assert_eq!(resolved.values["api_key"], "the-key-of-this-location");
    assert_eq!((&resolved.integration, &resolved.location), (&at_here.name, &here));
    for location in ["", &elsewhere] {
        let resolved = world.resolve(location).await;
        assert_eq!(resolved.values["api_key"], GOOD_KEY);
        assert_eq!((&resolved.integration, resolved.location.as_str()), (&whole.name, ""));
    }

    world.disconnect(&at_here.name).await.unwrap();
    let resolved = world.resolve(&here).await;
    assert_eq!((resolved.values["api_key"].as_str(), &resolved.integration), (GOOD_KEY, &whole.name));
    assert_eq!(resolved.location, "", "it has none of its own any more");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_value_is_resolved_by_itself() {
    let mut world = World::new().await;
    let here = world.new_location();
    world.save("unifi", &[("host", "console.example"), ("api_key", "the-key")]).await.unwrap();
    let request = pb::ConnectIntegrationRequest {
        provider: "unifi".into(),
        credentials: [("host".to_owned(), "10.0.0.7".to_owned())].into(),
        ..world.request(&here, "")
    };
    world.send(request).await.unwrap();
    let unifi = world.harness.channel(&world.address, "unifi-adapter");
    let resolve = |location: &str| pb::ResolveCredentialRequest {
        workspace: world.parent.clone(),
        provider: "unifi".into(),
        location: location.into(),
    };
    let mut unifi = CredentialServiceClient::new(unifi);
    let at_here = unifi.resolve_credential(resolve(&here)).await.unwrap().into_inner().values;
    let whole = unifi.resolve_credential(resolve("")).await.unwrap().into_inner().values;
    assert_eq!(at_here, [("api_key", "the-key"), ("host", "10.0.0.7")].map(owned).into());
    assert_eq!(whole["host"], "console.example");
    world.harness.finish().await;
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_go_to_the_providers_adapter_alone() {
    let mut world = World::new().await;
    world.connect("", GOOD_KEY).await.unwrap();
    let request = pb::ResolveCredentialRequest {
        workspace: world.parent.clone(),
        provider: "kisi".into(),
        location: String::new(),
    };
    let refused = (Code::PermissionDenied, "INTERNAL_METHOD".to_owned());
    for role in [Role::Owner, Role::Admin, Role::Manager, Role::Member, Role::Guest] {
        let person = world.harness.channel_as(&world.address, role, world.workspace);
        let outcome = CredentialServiceClient::new(person).resolve_credential(request.clone()).await;
        assert_eq!(refusal(outcome), refused, "{role:?}");
    }
    let another = world.harness.channel(&world.address, "notification");
    let outcome = CredentialServiceClient::new(another).resolve_credential(request).await;
    assert_eq!(refusal(outcome), refused);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_provider_is_named_as_the_field() {
    let mut world = World::new().await;
    let request = pb::ResolveCredentialRequest {
        workspace: world.parent.clone(),
        provider: "kissi".into(),
        location: String::new(),
    };
    let status = world.credentials.resolve_credential(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "provider must be one of: kisi, relay, stripe, unifi");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_moved_does_not_open() {
    let mut world = World::new().await;
    let (here, there) = (world.new_location(), world.new_location());
    world.connect(&here, GOOD_KEY).await.unwrap();
    world.connect(&there, "another-key").await.unwrap();
    sqlx::query(
        "update credential c set sealed = o.sealed from credential o
         where o.integration_id <> c.integration_id",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let request = pb::ResolveCredentialRequest {
        workspace: world.parent.clone(),
        provider: "kisi".into(),
        location: here,
    };
    let outcome = world.credentials.resolve_credential(request).await;
    assert_eq!(refusal(outcome), (Code::Internal, "CREDENTIAL".into()));
    world.harness.finish().await;
}
