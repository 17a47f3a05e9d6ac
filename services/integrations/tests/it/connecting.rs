//! Connect, check, list, disconnect.

use std::sync::atomic::Ordering;

use chassis::auth::Role;
use domain::names::WorkspaceName;
use domain::{Clock as _, WorkspaceId};
use proto::integrations::v1 as pb;
use proto::integrations::v1::IntegrationStatus::{Connected, Failing, NotConnected};
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use tonic::Code;

use crate::adapter::GOOD_KEY;
use crate::world::{World, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_key_connects_and_is_told() {
    let mut world = World::new().await;
    let integration = world.connect("", GOOD_KEY).await.unwrap();
    assert_eq!(integration.status(), Connected);
    let account = integration.account.as_ref().unwrap();
    assert_eq!((account.display_name.as_str(), account.r#ref.as_str()), ("Acme Coworking", "9"));
    assert_eq!((account.findings[0].count, account.findings[0].names[1].as_str()), (2, "Loft"));
    assert!(integration.is_active && !integration.account_changed);
    assert_eq!((integration.provider.as_str(), integration.location.as_str()), ("kisi", ""));
    let [key] = &integration.credentials[..] else { panic!("{integration:?}") };
    assert_eq!((key.name.as_str(), key.mask.as_str()), ("api_key", "••••••••4e85"));
    assert!(!key.saved_by.is_empty());
    assert_eq!(key.save_time.unwrap().seconds, world.harness.clock.now().timestamp());
    assert_eq!(world.list().await, [integration]);
    assert_eq!(world.facts(2).await, [("NOT_CONNECTED".into(), 1), ("CONNECTED".into(), 2)]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_refused_with_the_reason_and_kept_until_a_better_one() {
    let mut world = World::new().await;
    let refused = world.connect("", "a-wrong-key").await.unwrap();
    assert_eq!((refused.status(), refused.status_reason.as_str()), (Failing, "Kisi refuses the API key"));
    assert_eq!(refused.problems[0].credential, "api_key");
    assert_eq!(refused.problems[0].kind(), pb::ConnectionProblemKind::Wrong);
    assert!(!refused.is_active, "nobody knows where it leads");
    assert_eq!(world.resolve("").await.values["api_key"], "a-wrong-key");

    let connected = world.connect("", GOOD_KEY).await.unwrap();
    assert_eq!(connected.name, refused.name, "one integration for one place");
    assert_eq!((connected.status(), connected.status_reason.as_str()), (Connected, ""));
    let told = ["NOT_CONNECTED", "FAILING", "NOT_CONNECTED", "CONNECTED"].map(str::to_owned);
    assert_eq!(world.facts(4).await, told.into_iter().zip(1..).collect::<Vec<_>>());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_cannot_be_reached_costs_no_value() {
    let mut world = World::new().await;
    world.adapter.is_away.store(true, Ordering::SeqCst);
    let failing = world.connect("", GOOD_KEY).await.unwrap();
    assert_eq!((failing.status(), failing.status_reason.as_str()), (Failing, "Kisi does not answer"));
    assert_eq!(failing.problems[0].kind(), pb::ConnectionProblemKind::Unreachable);
    assert_eq!(world.resolve("").await.values["api_key"], GOOD_KEY);
    world.adapter.is_away.store(false, Ordering::SeqCst);
    assert_eq!(world.check(&failing.name).await.unwrap().status(), Connected);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adapter_that_is_not_there_says_nothing_about_the_connection() {
    let mut world = World::new().await;
    world.adapter.is_down.store(true, Ordering::SeqCst);
    let saved = world.connect("", GOOD_KEY).await.unwrap();
    assert_eq!(saved.status(), NotConnected);
    assert!(saved.status_reason.contains("its adapter is not available"), "{saved:?}");
    world.adapter.is_down.store(false, Ordering::SeqCst);
    assert_eq!(world.check(&saved.name).await.unwrap().status(), Connected);
    world.adapter.is_down.store(true, Ordering::SeqCst);
    let expected = (Code::Unavailable, "ADAPTER_UNAVAILABLE".into());
    assert_eq!(refusal(world.check(&saved.name).await), expected);
    assert_eq!(world.list().await[0].status(), Connected);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_saved_in_any_order_and_what_is_missing_is_said() {
    let mut world = World::new().await;
    let optional = world.save("relay", &[("keys", "front short")]).await.unwrap();
    assert_eq!(optional.status_reason, "boards is missing");
    let first = world.save("unifi", &[("api_key", "short")]).await.unwrap();
    assert_eq!(first.status(), NotConnected);
    assert_eq!(first.status_reason, "host is missing");
    assert!(first.problems.iter().all(|problem| problem.kind() == pb::ConnectionProblemKind::Missing));
    let second = world.save("unifi", &[("host", "console.example"), ("api_key", "")]).await.unwrap();
    assert_eq!(second.name, first.name);
    let masks: Vec<_> = second.credentials.iter().map(|c| (c.name.as_str(), c.mask.as_str())).collect();
    assert_eq!(masks, [("api_key", "••••••••"), ("host", "console.example")]);
    assert!(second.problems.iter().all(|problem| problem.kind() != pb::ConnectionProblemKind::Missing));
    // All is there now, and nothing in this installation speaks to boards.
    let all = world.save("relay", &[("boards", "front shelly relay.example")]).await.unwrap();
    assert!(all.status_reason.contains("no adapter"), "{all:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripes_keys_are_of_one_mode_also_if_they_come_one_by_one() {
    let mut world = World::new().await;
    world.save("stripe", &[("secret_key", "sk_test_4eC39HqLyjWD")]).await.unwrap();
    let wrong = world.save("stripe", &[("publishable_key", "pk_live_TYooMQauvdED")]).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert!(wrong.message().starts_with("credentials.publishable_key must be of the same mode"), "{wrong}");
    assert_eq!(world.list().await[0].credentials.len(), 1, "nothing of it was saved");
    world.save("stripe", &[("publishable_key", "pk_test_TYooMQauvdED")]).await.unwrap();

    // A location's key goes with what is in force there.
    let here = world.new_location();
    let at_here = |value: &str| pb::ConnectIntegrationRequest {
        provider: "stripe".into(),
        credentials: [("secret_key".to_owned(), value.to_owned())].into(),
        ..world.request(&here, "")
    };
    let (wrong, right) = (at_here("rk_live_4eC39HqLyjWD"), at_here("rk_test_4eC39HqLyjWD"));
    assert_eq!(refusal(world.send(wrong).await).0, Code::InvalidArgument);
    let right = world.send(right).await.unwrap();
    assert_eq!(right.status_reason, "webhook_secret is missing");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blank_value_wipes_nothing_and_stands_for_none() {
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

    let status = world.save("unifi", &[("host", "console.example"), ("api_key", " ")]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "credentials.api_key must not be empty");
    assert_eq!(world.list().await.len(), 1, "nothing of it was saved");
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
    assert_eq!((first.status(), second.status()), (Failing, Connected));
    assert_eq!(world.adapter.checks.load(Ordering::SeqCst), 2);
    let told = ["NOT_CONNECTED", "FAILING", "CONNECTED"].map(str::to_owned);
    assert_eq!(world.facts(3).await, told.into_iter().zip(1..).collect::<Vec<_>>());

    let mut other = request.clone();
    other.credentials.insert("api_key".into(), "another-key".into());
    assert_eq!(refusal(world.send(other).await), (Code::FailedPrecondition, "REQUEST_ID_REUSED".into()));

    world.disconnect(&first.name).await.unwrap();
    assert_eq!(world.send(request).await.unwrap().status(), NotConnected, "what was forgotten stays so");
    assert!(world.resolve("").await.values.is_empty());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnecting_forgets_the_values_and_keeps_the_row() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    let gone = world.disconnect(&name).await.unwrap();
    assert_eq!(gone.status(), NotConnected);
    assert!(gone.credentials.is_empty() && gone.account.is_none() && !gone.is_active);
    assert_eq!(world.list().await, std::slice::from_ref(&gone));
    assert_eq!(world.resolve("").await, pb::ResolveCredentialResponse::default());
    let kept: i64 =
        sqlx::query_scalar("select count(*) from credential").fetch_one(&world.pool).await.unwrap();
    assert_eq!(kept, 0);

    assert_eq!(world.disconnect(&name).await.unwrap(), gone, "twice is once");
    let expected = (Code::FailedPrecondition, "INTEGRATION_DISCONNECTED".into());
    assert_eq!(refusal(world.check(&name).await), expected);
    assert_eq!(world.connect("", GOOD_KEY).await.unwrap().status(), Connected);
    let told =
        ["NOT_CONNECTED", "CONNECTED", "NOT_CONNECTED", "NOT_CONNECTED", "CONNECTED"].map(str::to_owned);
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
