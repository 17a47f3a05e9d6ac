//! What is said of a connection.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use billing::{Config, PeersConfig, StripeConfig};
use chassis::auth::Role;
use domain::WorkspaceId;
use domain::names::WorkspaceName;
use proto::integrations::v1 as pb;
use proto::integrations::v1::ConnectionProblemKind as Kind;
use proto::integrations::v1::connection_service_client::ConnectionServiceClient;
use sandbox::stripe::Key;
use sandbox::{Action, Fault, Vendor};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::Code;

use crate::world::{ACCOUNT, LIVE_KEY, RESTRICTED_KEY, TEST_KEY, World};

/// The account's id, name and mode.
fn account(response: &pb::CheckConnectionResponse) -> [&str; 3] {
    assert_eq!(response.problems, []);
    let account = response.account.as_ref().unwrap();
    [&account.r#ref, &account.display_name, &account.mode]
}

/// The one problem, which repeats nothing of a key.
fn problem(response: &pb::CheckConnectionResponse) -> (&str, Kind, &str) {
    assert_eq!(response.account, None);
    let [problem] = response.problems.as_slice() else { panic!("{response:?}") };
    assert!(!problem.reason.contains("cdef") && !problem.reason.contains("0123"), "{}", problem.reason);
    (&problem.credential, problem.kind(), &problem.reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_leads_to_its_account_in_its_mode() {
    let world = World::start().await;
    world.saved.set(&world.name(), TEST_KEY);
    let location = world.new_location();
    world.saved.set(&location, LIVE_KEY);
    assert_eq!(account(&world.check("").await.unwrap()), [ACCOUNT, "Demo Space", "test"]);
    assert_eq!(account(&world.check(&location).await.unwrap()), [ACCOUNT, "Demo Space", "live"]);
    assert_eq!(account(&world.check(&world.new_location()).await.unwrap())[2], "test");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_key_is_good_although_it_may_not_read_its_account() {
    let world = World::start().await;
    world.saved.set(&world.name(), RESTRICTED_KEY);
    assert_eq!(account(&world.check("").await.unwrap()), [ACCOUNT, "", "live"]);
    let permissions = ["rak_accounts_kyc_id_numbers_read".to_owned()].into();
    let key = Key { permissions, ..Key::default() };
    world.sandbox.stripe().put_key(ACCOUNT, RESTRICTED_KEY.to_owned(), key);
    assert_eq!(account(&world.check("").await.unwrap()), [ACCOUNT, "Demo Space", "live"]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_missing_or_wrong_or_over() {
    let world = World::start().await;
    let missing = world.check("").await.unwrap();
    assert_eq!(problem(&missing), ("secret_key", Kind::Missing, "Stripe's secret key is missing"));

    for wrong in ["sk_test_another0123", "pk_test_0123456789abcdef", "whsec_0123", "sk_test_0123\n", "0123"] {
        world.saved.set(&world.name(), wrong);
        let refused = world.check("").await.unwrap();
        let (credential, kind, _) = problem(&refused);
        assert_eq!((credential, kind), ("secret_key", Kind::Wrong), "{wrong}");
    }

    world.saved.set(&world.name(), TEST_KEY);
    let expired = Key { is_expired: true, ..Key::default() };
    world.sandbox.stripe().put_key(ACCOUNT, TEST_KEY.to_owned(), expired);
    let over = world.check("").await.unwrap();
    assert_eq!(problem(&over).1, Kind::Wrong);
    assert!(problem(&over).2.contains("expired"));
    assert!(world.sandbox.stripe().revoke_key(ACCOUNT, TEST_KEY));
    assert_eq!(problem(&world.check("").await.unwrap()).1, Kind::Wrong);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripe_is_away_or_late_or_busy_or_strange() {
    let mut world = World::start().await;
    world.saved.set(&world.name(), TEST_KEY);
    let page = Action::Status {
        code: 200,
        body: Some("<html>".to_owned()),
        content_type: None,
        retry_after: None,
        phase: sandbox::Phase::BeforeEffect,
    };
    for (action, reason) in [
        (Action::Outage, "Stripe can't be reached"),
        (Action::status(500), "Stripe can't be reached"),
        (Action::status(429), "Stripe takes no more calls for this account just now"),
        (Action::status(400), "Stripe did not answer as it should"),
        (page, "Stripe did not answer as it should"),
    ] {
        world.sandbox.faults().add(Fault::on(Vendor::Stripe, action).times(1)).unwrap();
        assert_eq!(problem(&world.check("").await.unwrap()), ("", Kind::Unreachable, reason));
    }

    let hasty = world.config();
    let hasty = Config { stripe: StripeConfig { attempt_timeout_ms: 100, ..hasty.stripe }, ..hasty };
    let hasty = world.run(hasty).await;
    let late = Fault::on(Vendor::Stripe, Action::Delay { delay_ms: 60_000 });
    let late = world.sandbox.faults().add(late).unwrap();
    let response = world.check_at(&hasty, "").await.unwrap();
    assert_eq!(problem(&response), ("", Kind::TimedOut, "Stripe did not answer in time"));
    world.sandbox.faults().remove(late);
    assert_eq!(account(&world.check("").await.unwrap())[0], ACCOUNT);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_carries_the_key_and_the_pinned_version() {
    let mut world = World::start().await;
    world.saved.set(&world.name(), TEST_KEY);
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let log = seen.clone();
    let answer = async move |headers: HeaderMap| {
        log.lock().unwrap().push(headers);
        r#"{"id":"acct_1","object":"account"}"#
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });

    let config = world.config();
    let config = Config { stripe: StripeConfig { base_url, ..config.stripe }, ..config };
    let address = world.run(config).await;
    assert_eq!(account(&world.check_at(&address, "").await.unwrap()), ["acct_1", "", "test"]);
    let [headers] = seen.lock().unwrap().clone().try_into().unwrap();
    assert_eq!(headers["authorization"], format!("Bearer {TEST_KEY}"));
    assert_eq!(headers["stripe-version"], billing::vendor::API_VERSION);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_integrations_service_may_ask_and_only_what_makes_sense() {
    let world = World::start().await;
    let request = pb::CheckConnectionRequest { workspace: world.name(), location: String::new() };
    let owner = world.harness.channel_as(&world.address, Role::Owner, world.workspace);
    let refused = ConnectionServiceClient::new(owner).check_connection(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let other = world.harness.channel(&world.address, "notification");
    let refused = ConnectionServiceClient::new(other).check_connection(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let foreign = format!("{}/locations/{}", WorkspaceName(WorkspaceId::new()), domain::LocationId::new());
    for location in [foreign.as_str(), "here"] {
        assert_eq!(world.check(location).await.unwrap_err().code(), Code::InvalidArgument, "{location}");
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_integrations_service_nothing_is_said() {
    let mut world = World::start().await;
    // A port that nobody is given by chance.
    let integrations = "https://127.0.0.1:1".to_owned();
    let config = Config { peers: PeersConfig { integrations }, ..world.config() };
    let address = world.run(config).await;
    assert_eq!(world.check_at(&address, "").await.unwrap_err().code(), Code::Unavailable);
    world.harness.finish().await;
}
