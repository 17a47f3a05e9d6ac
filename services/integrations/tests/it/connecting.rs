//! Connect, check, list, disconnect.

use std::sync::atomic::Ordering;

use chassis::auth::Role;
use domain::WorkspaceId;
use domain::names::WorkspaceName;
use proto::integrations::v1 as pb;
use proto::integrations::v1::IntegrationStatus::{Connected, Disconnected, Refused, Unchecked};
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use tonic::Code;

use crate::adapter::GOOD_KEY;
use crate::world::{World, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_key_connects_and_is_told() {
    let mut world = World::new().await;
    let integration = world.connect("", GOOD_KEY).await.unwrap();
    assert_eq!(integration.status(), Connected);
    assert_eq!(integration.account_display_name, "Acme Coworking");
    assert_eq!((integration.provider.as_str(), integration.location.as_str()), ("kisi", ""));
    assert_eq!(integration.credential_names, ["api_key"]);
    assert_eq!(world.list().await, [integration]);
    assert_eq!(world.facts(2).await, [("UNCHECKED".into(), 1), ("CONNECTED".into(), 2)]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_refused_with_the_reason_and_kept_until_a_better_one() {
    let mut world = World::new().await;
    let refused = world.connect("", "a-wrong-key").await.unwrap();
    assert_eq!((refused.status(), refused.status_reason.as_str()), (Refused, "Kisi refuses the API key"));
    assert_eq!(world.resolve("").await.values["api_key"], "a-wrong-key");

    let connected = world.connect("", GOOD_KEY).await.unwrap();
    assert_eq!(connected.name, refused.name, "one integration for one place");
    assert_eq!((connected.status(), connected.status_reason.as_str()), (Connected, ""));
    let told = ["UNCHECKED", "REFUSED", "UNCHECKED", "CONNECTED"].map(str::to_owned);
    assert_eq!(world.facts(4).await, told.into_iter().zip(1..).collect::<Vec<_>>());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_cannot_be_asked_is_no_refusal() {
    let mut world = World::new().await;
    world.adapter.is_away.store(true, Ordering::SeqCst);
    let unchecked = world.connect("", GOOD_KEY).await.unwrap();
    assert_eq!((unchecked.status(), unchecked.status_reason.as_str()), (Unchecked, "Kisi does not answer"));
    assert_eq!(world.resolve("").await.values["api_key"], GOOD_KEY);

    world.adapter.is_away.store(false, Ordering::SeqCst);
    assert_eq!(world.check(&unchecked.name).await.unwrap().status(), Connected);

    world.stop_adapter.cancel();
    let unchecked =
        testkit::eventually("the adapter is gone", std::time::Duration::from_secs(20), async || {
            let name = unchecked.name.clone();
            let request = pb::CheckIntegrationRequest { name };
            let checked = world.integrations.clone().check_integration(request).await.unwrap();
            let checked = checked.into_inner().integration.unwrap();
            if checked.status() == Unchecked { Ok(checked) } else { Err(format!("{checked:?}")) }
        })
        .await;
    assert!(unchecked.status_reason.contains("its adapter is not available"), "{unchecked:?}");
    assert_eq!(world.resolve("").await.values["api_key"], GOOD_KEY);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blank_value_is_refused_and_wipes_nothing() {
    let mut world = World::new().await;
    world.connect("", GOOD_KEY).await.unwrap();
    for key in ["", " ", "\n\t"] {
        let status = world.connect("", key).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("credentials.api_key"), "{status}");
    }
    let mut nameless = world.request("", GOOD_KEY);
    nameless.credentials.clear();
    assert_eq!(refusal(world.send(nameless).await).0, Code::InvalidArgument);
    assert_eq!(world.resolve("").await.values["api_key"], GOOD_KEY);
    assert_eq!(world.list().await[0].status(), Connected);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_twice_saves_once_and_checks_again() {
    let mut world = World::new().await;
    let request = pb::ConnectIntegrationRequest { request_id: "one".into(), ..world.request("", GOOD_KEY) };
    world.adapter.is_away.store(true, Ordering::SeqCst);
    let first = world.send(request.clone()).await.unwrap();
    world.adapter.is_away.store(false, Ordering::SeqCst);
    let second = world.send(request.clone()).await.unwrap();
    assert_eq!((first.status(), second.status()), (Unchecked, Connected));
    assert_eq!(world.adapter.checks.load(Ordering::SeqCst), 2);
    assert_eq!(world.facts(2).await, [("UNCHECKED".into(), 1), ("CONNECTED".into(), 2)]);

    let mut other = request.clone();
    other.credentials.insert("api_key".into(), "another-key".into());
    assert_eq!(refusal(world.send(other).await), (Code::FailedPrecondition, "REQUEST_ID_REUSED".into()));

    world.disconnect(&first.name).await.unwrap();
    assert_eq!(world.send(request).await.unwrap().status(), Disconnected, "what was forgotten stays so");
    assert!(world.resolve("").await.values.is_empty());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnecting_forgets_the_values_and_keeps_the_row() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    let gone = world.disconnect(&name).await.unwrap();
    assert_eq!(gone.status(), Disconnected);
    assert!(gone.credential_names.is_empty() && gone.account_display_name.is_empty());
    assert_eq!(world.list().await, std::slice::from_ref(&gone));
    assert_eq!(world.resolve("").await, pb::ResolveCredentialResponse::default());
    let kept: i64 =
        sqlx::query_scalar("select count(*) from credential").fetch_one(&world.pool).await.unwrap();
    assert_eq!(kept, 0);

    assert_eq!(world.disconnect(&name).await.unwrap(), gone, "twice is once");
    let expected = (Code::FailedPrecondition, "INTEGRATION_DISCONNECTED".into());
    assert_eq!(refusal(world.check(&name).await), expected);
    assert_eq!(world.connect("", GOOD_KEY).await.unwrap().status(), Connected);
    let told = ["UNCHECKED", "CONNECTED", "DISCONNECTED", "UNCHECKED", "CONNECTED"].map(str::to_owned);
    assert_eq!(world.facts(5).await, told.into_iter().zip(1..).collect::<Vec<_>>());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn integrations_are_listed_in_pages() {
    let mut world = World::new().await;
    let mut names = Vec::new();
    for _ in 0..3 {
        let location = world.new_location();
        names.push(world.connect(&location, GOOD_KEY).await.unwrap().name);
    }
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListIntegrationsRequest { parent: world.parent.clone(), page_size: 2, page_token };
        let page = world.integrations.list_integrations(request).await.unwrap().into_inner();
        listed.extend(page.integrations.into_iter().map(|integration| integration.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, names);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_workspaces_integration_is_not_there() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    let stranger = world.harness.channel_as(&world.address, Role::Owner, WorkspaceId::new());
    let mut stranger = IntegrationServiceClient::new(stranger);
    let not_found = (Code::NotFound, "WORKSPACE_NOT_FOUND".to_owned());
    let check = pb::CheckIntegrationRequest { name: name.clone() };
    assert_eq!(refusal(stranger.check_integration(check).await), not_found);
    let disconnect = pb::DisconnectIntegrationRequest { name: name.clone(), request_id: String::new() };
    assert_eq!(refusal(stranger.disconnect_integration(disconnect).await), not_found);
    let list = pb::ListIntegrationsRequest { parent: world.parent.clone(), ..Default::default() };
    assert_eq!(refusal(stranger.list_integrations(list).await), not_found);
    let connect = world.request("", "a-strangers-key");
    assert_eq!(refusal(stranger.connect_integration(connect).await), not_found);

    // An id that is another workspace's, under one's own.
    let (own, id) = (WorkspaceId::new(), name.rsplit('/').next().unwrap());
    let own_channel = world.harness.channel_as(&world.address, Role::Owner, own);
    let check = pb::CheckIntegrationRequest { name: format!("workspaces/{own}/integrations/{id}") };
    let outcome = IntegrationServiceClient::new(own_channel).check_integration(check).await;
    assert_eq!(refusal(outcome), (Code::NotFound, "INTEGRATION_NOT_FOUND".into()));

    // And a location that is.
    let elsewhere = format!("{}/locations/{}", WorkspaceName(own), domain::LocationId::new());
    assert_eq!(refusal(world.connect(&elsewhere, GOOD_KEY).await).0, Code::InvalidArgument);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_may_not_touch_integrations() {
    let world = World::new().await;
    for role in [Role::Manager, Role::Member, Role::Guest] {
        let member = world.harness.channel_as(&world.address, role, world.workspace);
        let outcome =
            IntegrationServiceClient::new(member).connect_integration(world.request("", GOOD_KEY)).await;
        assert_eq!(refusal(outcome), (Code::PermissionDenied, "ROLE_TOO_LOW".into()), "{role:?}");
    }
    world.harness.finish().await;
}
