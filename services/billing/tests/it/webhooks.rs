//! What Stripe reports: verified, taken in once, applied whatever comes when.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use domain::names::LocationName;
use domain::{Clock as _, LocationId, WorkspaceId};
use hmac::{Hmac, Mac as _};
use proto::billing::v1 as pb;
use proto::billing::v1::stripe_webhook_service_client::StripeWebhookServiceClient;
use sandbox::stripe::{SIGNATURE_HEADER, WebhookSwitches};
use sha2::Sha256;
use testkit::eventually;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::methods::{Browser, LIMIT, Person, connected, reason, rows};
use crate::world::{OTHER_KEY, TEST_KEY, World};

/// The secret of an endpoint that no twin has.
pub(crate) const SECRET: &str = "whsec_0123456789abcdef";
const OTHER_SECRET: &str = "whsec_abcdef0123456789";

type Client = StripeWebhookServiceClient<chassis::rpc::ServiceChannel>;

/// An event as Stripe sends it.
pub(crate) fn event(id: &str, kind: &str, object: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"event","livemode":false,"type":"{kind}","data":{{"object":{object}}}}}"#
    )
}

/// The header of a delivery.
fn signature(secrets: &[&str], at: i64, body: &str) -> String {
    let sign = |secret: &&str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at}.{body}").as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!(",v1={hex}")
    };
    format!("t={at}{}", secrets.iter().map(sign).collect::<String>())
}

/// What comes in through the gateway, which is not here: passed on, and answered, as it does.
#[derive(Clone)]
struct Front {
    client: Client,
    workspace: String,
}

async fn pass(State(front): State<Front>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let report = pb::ReceiveStripeEventRequest {
        workspace: front.workspace,
        location: String::new(),
        body: body.to_vec(),
        signature: headers[SIGNATURE_HEADER].to_str().unwrap().to_owned(),
    };
    let mut client = front.client;
    if client.receive_stripe_event(report).await.is_ok() { StatusCode::OK } else { StatusCode::FORBIDDEN }
}

impl World {
    fn webhooks(&self) -> Client {
        StripeWebhookServiceClient::new(self.harness.channel(&self.address, "gateway"))
    }

    /// Something comes to the workspace's endpoint, signed now.
    pub(crate) async fn report(&self, secret: &str, body: &str) -> Result<(), Status> {
        let signature = signature(&[secret], self.harness.clock.now().timestamp(), body);
        self.report_signed(String::new(), &signature, body).await
    }

    async fn report_signed(&self, location: String, signature: &str, body: &str) -> Result<(), Status> {
        let (body, signature) = (body.into(), signature.to_owned());
        let report = pb::ReceiveStripeEventRequest { workspace: self.name(), location, body, signature };
        self.webhooks().receive_stripe_event(report).await.map(drop)
    }

    /// Has the twin report everything to the workspace's endpoint, and saves the secret. The endpoint's id.
    async fn subscribe(&self, tasks: &mut JoinSet<()>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let front = Front { client: self.webhooks(), workspace: self.name() };
        let router = Router::new().route("/", post(pass)).with_state(front);
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let fields = [("url", url.as_str()), ("enabled_events[]", "*")];
        let made = self.post(TEST_KEY, "/v1/webhook_endpoints", &fields).await;
        self.saved.set_webhook_secret(&self.name(), made["secret"].as_str().unwrap());
        made["id"].as_str().unwrap().to_owned()
    }

    /// Which events were taken in, and how many of them are not applied.
    async fn taken(&self) -> (Vec<String>, usize) {
        let events = rows(self, "select event_ref from stripe_event order by event_ref").await;
        let due = rows(self, "select event_ref from stripe_event where due_at is not null").await;
        (events, due.len())
    }

    async fn all_applied(&self) -> Vec<String> {
        eventually("all is applied", LIMIT, async || match self.taken().await {
            (events, 0) => Ok(events),
            (_, due) => Err(due),
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_do_in_their_browsers_is_heard_although_those_close() {
    let world = connected().await;
    let mut tasks = JoinSet::new();
    world.subscribe(&mut tasks).await;
    // Whatever comes, comes twice, and what came last comes first.
    world.sandbox.stripe().switch(|all| {
        all.webhooks = WebhookSwitches { is_doubled: true, is_reversed: true, ..Default::default() };
    });
    let ada = Person::new(&world);
    let owed = ada.owes().await;
    ada.becomes(&owed, pb::PaymentState::AwaitsPayer, 1).await;
    let intent = rows(&world, "select intent_ref from payment").await.remove(0);
    let path = format!("/v1/payment_intents/{intent}/confirm");
    world.post(TEST_KEY, &path, &[("payment_method", "pm_card_visa")]).await;
    ada.becomes(&owed, pb::PaymentState::Succeeded, 1).await;
    // She saves a card, and nobody asks how far it is.
    let started = ada.start(pb::PaymentMethodKind::Card).await.unwrap();
    ada.enters(&started, "pm_card_visa").await;
    eventually("it is saved", LIMIT, async || {
        let states: Vec<_> = ada.list().await.iter().map(|method| method.state()).collect();
        if states == [pb::PaymentMethodState::Saved] { Ok(()) } else { Err(format!("{states:?}")) }
    })
    .await;
    let events = world.all_applied().await;
    let listed = world.get(TEST_KEY, "/v1/events?limit=100").await;
    let mut all: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(events, all, "each once");
    let noted = rows(&world, "select told::text from stripe_event").await.concat();
    assert!(!noted.contains("_secret"), "{noted}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_that_are_confirmed_on_stripes_own_page_make_an_account_that_can_be_charged() {
    let world = connected().await;
    let mut tasks = JoinSet::new();
    world.subscribe(&mut tasks).await;
    world.take_debits(true).await.unwrap();
    let ada = Person::new(&world);
    let started = ada.start(pb::PaymentMethodKind::UsBankAccount).await.unwrap();
    let intent = started.client_secret.split("_secret").next().unwrap();
    let secret = ("client_secret", started.client_secret.as_str());
    let typed = [
        secret,
        ("payment_method_data[type]", "us_bank_account"),
        ("payment_method_data[billing_details][name]", "Ada"),
        ("payment_method_data[us_bank_account][account_number]", "000123456789"),
        ("payment_method_data[us_bank_account][routing_number]", "110000000"),
        ("mandate_data[customer_acceptance][type]", "online"),
        ("mandate_data[customer_acceptance][online][infer_from_client]", "true"),
    ];
    let (key, path) = (&started.publishable_key, format!("/v1/setup_intents/{intent}"));
    let becomes = async |state: pb::PaymentMethodState| {
        eventually("the account goes on", LIMIT, async || {
            let methods = ada.list().await;
            if methods[0].state() == state { Ok(()) } else { Err(format!("{methods:?}")) }
        })
        .await;
    };
    world.post(key, &format!("{path}/confirm"), &typed).await;
    becomes(pb::PaymentMethodState::AwaitsDeposits).await;
    let amounts = [secret, ("amounts[0]", "32"), ("amounts[1]", "45")];
    world.post(key, &format!("{path}/verify_microdeposits"), &amounts).await;
    becomes(pb::PaymentMethodState::Saved).await;
    world.all_applied().await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_an_old_and_a_changed_report_change_nothing() {
    let world = connected().await;
    let now = world.harness.clock.now().timestamp();
    let body = event("evt_1", "payment_intent.succeeded", r#"{"id":"pi_1","object":"payment_intent"}"#);
    let refused = async |signature: &str, body: &str| {
        let status = world.report_signed(String::new(), signature, body).await.unwrap_err();
        (status.code(), reason(&status))
    };
    let unverified = (Code::PermissionDenied, "WEBHOOK_UNVERIFIED".to_owned());
    // Before there is a secret, nobody can tell what is true.
    assert_eq!(refused(&signature(&[SECRET], now, &body), &body).await, unverified);
    world.saved.set_webhook_secret(&world.name(), SECRET);
    let true_one = signature(&[SECRET], now, &body);
    for (header, body) in [
        // Another endpoint's.
        (signature(&[OTHER_SECRET], now, &body), body.as_str()),
        (signature(&[], now, &body), &body),
        ("t=now,v1=00".to_owned(), &body),
        (signature(&[SECRET], now - 301, &body), &body),
        (signature(&[SECRET], now + 301, &body), &body),
        (true_one.clone(), &format!("{body} ")),
    ] {
        assert_eq!(refused(&header, body).await, unverified, "{header}");
    }
    // True, and no event.
    let nonsense = refused(&signature(&[SECRET], now, "[]"), "[]").await;
    assert_eq!(nonsense, (Code::InvalidArgument, "INVALID_INPUT".to_owned()));
    assert_eq!(world.taken().await.0, [""; 0]);
    // Somebody kept a true one, and sends it once more a week later.
    world.report_signed(String::new(), &true_one, &body).await.unwrap();
    world.harness.clock.advance(chrono::Duration::days(7));
    assert_eq!(refused(&true_one, &body).await, unverified);
    assert_eq!(world.all_applied().await, ["evt_1"]);
    // Nor may anybody but the gateway pass something on.
    let member = world.harness.channel(&world.address, "workspace");
    let report = pb::ReceiveStripeEventRequest { workspace: world.name(), ..Default::default() };
    let status = StripeWebhookServiceClient::new(member).receive_stripe_event(report).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_none_of_ours_is_kept_and_passed_over() {
    let world = connected().await;
    world.saved.set_webhook_secret(&world.name(), SECRET);
    let foreign = r#"{"id":"pi_1","object":"payment_intent","metadata":{}}"#;
    let ours = r#"{"id":"pi_2","object":"payment_intent","metadata":{"latchkey_payment":"x"}}"#;
    let live = event("evt_4", "payment_intent.succeeded", ours).replace("false", "true");
    for body in [
        event("evt_1", "payment_intent.succeeded", foreign),
        event("evt_2", "pigeon.landed", "{}"),
        event("evt_3", "payment_method.detached", r#"{"id":"pm_1","object":"payment_method"}"#),
        event("evt_5", "setup_intent.succeeded", r#"{"id":"seti_1","object":"setup_intent"}"#),
        // Of the other mode, of which this key knows nothing.
        live,
    ] {
        for _ in 0..2 {
            world.report(SECRET, &body).await.unwrap();
        }
    }
    assert_eq!(world.all_applied().await, ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5"]);
    assert_eq!(rows(&world, "select event_ref from unexplained_event").await, [""; 0]);
    // What says that it is ours, and is in no books, is listed.
    world.report(SECRET, &event("evt_6", "payment_intent.succeeded", ours)).await.unwrap();
    world.all_applied().await;
    assert_eq!(rows(&world, "select event_ref from unexplained_event").await, ["evt_6"]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_secret_is_rolled_the_one_before_holds_too() {
    let world = connected().await;
    let mut tasks = JoinSet::new();
    let endpoint = world.subscribe(&mut tasks).await;
    let stripe = world.sandbox.stripe();
    // Stripe signs with both for a day, so the old one is good here until the new one is saved.
    let account = crate::world::ACCOUNT;
    let fresh = stripe.roll_secret(account, false, &endpoint, 86_400).unwrap();
    let ada = Person::new(&world);
    ada.saves(Browser::card("pm_card_visa")).await;
    let some = eventually("they are heard", LIMIT, async || match world.taken().await.0 {
        events if events.is_empty() => Err("nothing"),
        events => Ok(events.len()),
    })
    .await;
    world.saved.set_webhook_secret(&world.name(), &fresh);
    ada.saves(Browser::card("pm_card_visa")).await;
    eventually("more are heard", LIMIT, async || match world.taken().await.0 {
        events if events.len() > some => Ok(()),
        events => Err(events.len()),
    })
    .await;
    // And where both are saved, either is good.
    world.saved.set_webhook_secret(&world.name(), &format!("{SECRET} {OTHER_SECRET}"));
    for (id, secret) in [("evt_a", SECRET), ("evt_b", OTHER_SECRET)] {
        world.report(secret, &event(id, "pigeon.landed", "{}")).await.unwrap();
    }
    assert_eq!(
        reason(&world.report(&fresh, &event("evt_c", "x", "{}")).await.unwrap_err()),
        "WEBHOOK_UNVERIFIED"
    );
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_place_has_an_endpoint_and_a_secret_of_its_own() {
    let world = connected().await;
    world.saved.set_webhook_secret(&world.name(), SECRET);
    let location = world.new_location();
    let body = event("evt_1", "pigeon.landed", "{}");
    let sent = async |location: &str, secret: &str| {
        let header = signature(&[secret], world.harness.clock.now().timestamp(), &body);
        world.report_signed(location.to_owned(), &header, &body).await.map_err(|status| reason(&status))
    };
    let unverified = Err("WEBHOOK_UNVERIFIED".to_owned());
    assert_eq!(sent(&location, SECRET).await, unverified, "it has no account of its own");
    world.saved.set(&location, OTHER_KEY);
    assert_eq!(sent(&location, SECRET).await, unverified, "nor is the workspace's secret its own");
    world.saved.set_webhook_secret(&location, OTHER_SECRET);
    assert_eq!(sent(&location, SECRET).await, unverified);
    assert_eq!(sent("", OTHER_SECRET).await, unverified);
    assert_eq!((sent(&location, OTHER_SECRET).await, sent("", SECRET).await), (Ok(()), Ok(())));
    let sites = rows(&world, "select site_id::text from stripe_event order by site_id = workspace_id").await;
    let there = location.parse::<LocationName>().unwrap().id;
    assert_eq!(sites, [there.to_string(), world.workspace.to_string()]);
    let elsewhere = LocationName { workspace: WorkspaceId::new(), id: LocationId::new() }.to_string();
    assert_eq!(sent(&elsewhere, SECRET).await, Err("INVALID_INPUT".to_owned()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_heard_is_forgotten_once_it_can_not_come_again() {
    let mut world = connected().await;
    world.saved.set_webhook_secret(&world.name(), SECRET);
    world.report(SECRET, &event("evt_1", "pigeon.landed", "{}")).await.unwrap();
    world.all_applied().await;
    world.harness.clock.advance(chrono::Duration::days(32));
    world.report(SECRET, &event("evt_2", "pigeon.landed", "{}")).await.unwrap();
    // Each process looks as it starts.
    world.run(world.config()).await;
    eventually("the old one is forgotten", LIMIT, async || {
        let events = world.taken().await.0;
        if events == ["evt_2"] { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
    world.harness.finish().await;
}
