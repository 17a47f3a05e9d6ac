//! Cards and bank accounts: saved in a browser, chosen, removed, expiring.

use std::time::Duration;

use billing::DEFINITION;
use chassis::auth::{Principal, Role};
use chrono::{DateTime, Utc};
use domain::PersonId;
use domain::names::PersonName;
use proto::billing::v1 as pb;
use proto::billing::v1::payment_method_service_client::PaymentMethodServiceClient;
use sandbox::{Action, Fault, Vendor};
use sqlx::Row as _;
use testkit::{Bearer, audit_line, eventually};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::world::{OTHER_KEY, TEST_KEY, World};

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

type Client = PaymentMethodServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    pub(crate) fn methods_as(&self, person: PersonId, role: Role) -> Client {
        let principal = Principal::person(person.to_string(), self.workspace, role);
        PaymentMethodServiceClient::new(self.harness.channel_with(&self.address, &principal))
    }

    fn admin(&self) -> Client {
        self.methods_as(PersonId::new(), Role::Admin)
    }

    pub(crate) async fn take_debits(&self, takes_debits: bool) -> Result<bool, Status> {
        let request = pb::UpdatePaymentSettingsRequest {
            parent: self.name(),
            payment_settings: Some(pb::PaymentSettings { takes_debits }),
            request_id: "debits".to_owned(),
        };
        let answer = self.admin().update_payment_settings(request).await?.into_inner();
        Ok(answer.payment_settings.unwrap().takes_debits)
    }
}

/// What a person does in their browser.
pub(crate) struct Browser<'a> {
    kind: pb::PaymentMethodKind,
    /// Stripe's test id of what they enter.
    enters: &'a str,
}

impl<'a> Browser<'a> {
    pub(crate) fn card(enters: &'a str) -> Self {
        Self { kind: pb::PaymentMethodKind::Card, enters }
    }

    pub(crate) fn bank_account(enters: &'a str) -> Self {
        Self { kind: pb::PaymentMethodKind::UsBankAccount, enters }
    }
}

/// Someone who pays.
pub(crate) struct Person<'a> {
    pub world: &'a World,
    pub id: PersonId,
}

impl<'a> Person<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, id: PersonId::new() }
    }

    fn client(&self) -> Client {
        self.world.methods_as(self.id, Role::Member)
    }

    pub(crate) fn name(&self) -> String {
        PersonName { workspace: self.world.workspace, id: self.id }.to_string()
    }

    fn start_request(&self, kind: pb::PaymentMethodKind) -> pb::StartPaymentMethodRequest {
        let (parent, person) = (self.world.name(), self.name());
        pb::StartPaymentMethodRequest { parent, person, kind: kind.into(), ..Default::default() }
    }

    pub(crate) async fn start(
        &self,
        kind: pb::PaymentMethodKind,
    ) -> Result<pb::StartPaymentMethodResponse, Status> {
        let request = self.start_request(kind);
        self.client().start_payment_method(request).await.map(tonic::Response::into_inner)
    }

    /// Enters something in the browser, which speaks to Stripe itself.
    pub(crate) async fn enters(&self, started: &pb::StartPaymentMethodResponse, enters: &str) {
        let intent = started.client_secret.split("_secret").next().unwrap();
        let fields = [
            ("client_secret", started.client_secret.as_str()),
            ("payment_method", enters),
            ("mandate_data[customer_acceptance][type]", "online"),
            ("mandate_data[customer_acceptance][online][infer_from_client]", "true"),
        ];
        let path = format!("/v1/setup_intents/{intent}/confirm");
        self.world.post(&started.publishable_key, &path, &fields).await;
    }

    pub(crate) async fn check(&self, name: &str) -> Result<pb::PaymentMethod, Status> {
        let request = pb::CheckPaymentMethodRequest { name: name.to_owned() };
        let answer = self.client().check_payment_method(request).await?.into_inner();
        Ok(answer.payment_method.unwrap())
    }

    /// Saves something, or tries to. How it is then.
    pub(crate) async fn saves(&self, browser: Browser<'_>) -> pb::PaymentMethod {
        let started = self.start(browser.kind).await.unwrap();
        self.enters(&started, browser.enters).await;
        self.check(&started.payment_method.unwrap().name).await.unwrap()
    }

    pub(crate) async fn list(&self) -> Vec<pb::PaymentMethod> {
        let (parent, person) = (self.world.name(), self.name());
        let request = pb::ListPaymentMethodsRequest { parent, person, ..Default::default() };
        self.client().list_payment_methods(request).await.unwrap().into_inner().payment_methods
    }

    pub(crate) async fn choose(&self, name: &str) -> Result<pb::PaymentMethod, Status> {
        let request = pb::SetDefaultPaymentMethodRequest { name: name.to_owned(), ..Default::default() };
        let answer = self.client().set_default_payment_method(request).await?.into_inner();
        Ok(answer.payment_method.unwrap())
    }

    async fn remove(&self, name: &str) -> Result<pb::PaymentMethod, Status> {
        let request = pb::RemovePaymentMethodRequest { name: name.to_owned() };
        let answer = self.client().remove_payment_method(request).await?.into_inner();
        Ok(answer.payment_method.unwrap())
    }
}

pub(crate) async fn connected() -> World {
    let world = World::start().await;
    world.saved.set(&world.name(), TEST_KEY);
    world.bills().await;
    world
}

pub(crate) fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_entered_at_stripe_and_kept_by_what_stripe_shows_of_it() {
    let world = connected().await;
    let ada = Person::new(&world);
    let started = ada.start(pb::PaymentMethodKind::Card).await.unwrap();
    let method = started.payment_method.clone().unwrap();
    assert_eq!((method.state(), method.version), (pb::PaymentMethodState::Entering, 1));
    assert!(!format!("{started:?}").contains(&started.client_secret), "it would stand in logs");
    assert_eq!(ada.check(&method.name).await.unwrap(), method, "nothing was entered yet");

    ada.enters(&started, "pm_card_visa").await;
    let saved = ada.check(&method.name).await.unwrap();
    assert_eq!((saved.state(), saved.is_default), (pb::PaymentMethodState::Saved, true));
    assert_eq!([&saved.brand, &saved.last_four, &saved.expire_date], ["visa", "4242", "2034-12-31"]);
    assert_eq!(ada.check(&method.name).await.unwrap(), saved, "twice is once");
    assert_eq!(ada.list().await, [saved]);
    // One customer, however many methods and lost answers.
    let fault = Fault::on(Vendor::Stripe, Action::DropAfterEffect).request("POST", "setup_intents").times(1);
    world.sandbox.faults().add(fault).unwrap();
    assert_eq!(ada.start(pb::PaymentMethodKind::Card).await.unwrap_err().code(), Code::Unavailable);
    let second = ada.saves(Browser::card("pm_card_visa")).await;
    assert!(!second.is_default);
    let customers: Vec<String> = rows(&world, "select customer_ref from stripe_customer").await;
    assert_eq!(customers.len(), 1);
    // Neither the secret nor a number is anywhere.
    for table in ["payment_method", "request", "outbox", "customer", "stripe_customer"] {
        let texts: Vec<String> = rows(&world, &format!("select t::text from {table} t")).await;
        assert!(!texts.iter().any(|text| text.contains("_secret_") || text.contains("4242424242424242")));
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_charged_and_its_holder_says_which() {
    let world = connected().await;
    let ada = Person::new(&world);
    let first = ada.saves(Browser::card("pm_card_visa")).await;
    let second = ada.saves(Browser::card("pm_card_visa")).await;
    let chosen = ada.choose(&second.name).await.unwrap();
    assert!(chosen.is_default);
    assert_eq!(ada.choose(&second.name).await.unwrap(), chosen, "twice is once");
    let charged = |all: &[pb::PaymentMethod]| all.iter().map(|it| it.is_default).collect::<Vec<_>>();
    assert_eq!(charged(&ada.list().await), [false, true]);

    let entering = ada.start(pb::PaymentMethodKind::Card).await.unwrap().payment_method.unwrap();
    let refused = ada.choose(&entering.name).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "PAYMENT_METHOD_NOT_SAVED")
    );

    // The answer of its removal gets lost.
    let fault = Fault::on(Vendor::Stripe, Action::DropAfterEffect).request("POST", "detach").times(1);
    world.sandbox.faults().add(fault).unwrap();
    assert_eq!(ada.remove(&second.name).await.unwrap_err().code(), Code::Unavailable);
    let removed = ada.remove(&second.name).await.unwrap();
    assert_eq!((removed.state(), removed.is_default), (pb::PaymentMethodState::Removed, false));
    assert_eq!(ada.remove(&second.name).await.unwrap(), removed);
    assert_eq!(ada.remove(&entering.name).await.unwrap().state(), pb::PaymentMethodState::Cancelled);
    let left: Vec<String> = ada.list().await.into_iter().map(|method| method.name).collect();
    assert_eq!(left, [first.name]);
    // With none chosen, the next one that is saved is charged.
    assert!(ada.saves(Browser::card("pm_card_visa")).await.name != removed.name);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_card_is_not_saved_and_another_one_is_in_its_place() {
    let world = connected().await;
    let ada = Person::new(&world);
    let started = ada.start(pb::PaymentMethodKind::Card).await.unwrap();
    let name = started.payment_method.clone().unwrap().name;
    ada.enters(&started, "pm_card_chargeDeclined").await;
    assert_eq!(ada.check(&name).await.unwrap().state(), pb::PaymentMethodState::Entering);
    ada.enters(&started, "pm_card_authenticationRequired").await;
    assert_eq!(ada.check(&name).await.unwrap().state(), pb::PaymentMethodState::AwaitsPerson);
    let intent = started.client_secret.split("_secret").next().unwrap();
    assert!(world.sandbox.stripe().authenticate(intent, true));
    assert_eq!(ada.check(&name).await.unwrap().state(), pb::PaymentMethodState::Saved);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_account_waits_for_the_setting_the_webhook_and_its_deposits() {
    let world = connected().await;
    let ada = Person::new(&world);
    let kind = pb::PaymentMethodKind::UsBankAccount;
    assert_eq!(reason(&ada.start(kind).await.unwrap_err()), "DEBITS_OFF");
    assert_eq!(reason(&world.take_debits(true).await.unwrap_err()), "WEBHOOK_SECRET_MISSING");
    world.saved.set_webhook_secret(&world.name(), "whsec_0123456789abcdef");
    assert!(world.take_debits(true).await.unwrap());
    // The workspace's webhook tells nothing of an account that is a location's own.
    let location = world.new_location();
    world.saved.set(&location, OTHER_KEY);
    let there = pb::StartPaymentMethodRequest { location: location.clone(), ..ada.start_request(kind) };
    let refused = ada.client().start_payment_method(there.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "WEBHOOK_SECRET_MISSING");
    world.saved.set_webhook_secret(&location, "whsec_abcdef0123456789");
    assert!(ada.client().start_payment_method(there).await.is_ok());
    let saved = ada.saves(Browser::bank_account("pm_usBankAccount_success")).await;
    assert_eq!((saved.state(), saved.kind()), (pb::PaymentMethodState::Saved, kind));
    assert_eq!([&saved.last_four, &saved.expire_date], ["6789", ""]);

    // Its number is typed by hand.
    let started = ada.start(kind).await.unwrap();
    let name = started.payment_method.clone().unwrap().name;
    let intent = started.client_secret.split("_secret").next().unwrap().to_owned();
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
    world.post(key, &format!("{path}/confirm"), &typed).await;
    assert_eq!(ada.check(&name).await.unwrap().state(), pb::PaymentMethodState::AwaitsDeposits);
    let amounts = [secret, ("amounts[0]", "32"), ("amounts[1]", "45")];
    world.post(key, &format!("{path}/verify_microdeposits"), &amounts).await;
    assert_eq!(ada.check(&name).await.unwrap().state(), pb::PaymentMethodState::Saved);

    let logged: Vec<String> = world.harness.audit_entries(&DEFINITION).await.iter().map(audit_line).collect();
    let logged: Vec<&String> = logged.iter().filter(|line| line.contains("takes_debits")).collect();
    assert_eq!(logged.len(), 1, "{logged:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_what_another_one_pays_by() {
    let world = connected().await;
    let (ada, bo) = (Person::new(&world), Person::new(&world));
    let card = ada.saves(Browser::card("pm_card_visa")).await;
    let of_ada = pb::StartPaymentMethodRequest { person: ada.name(), ..bo.start_request(card.kind()) };
    let list =
        pb::ListPaymentMethodsRequest { parent: world.name(), person: ada.name(), ..Default::default() };
    for status in [
        bo.client().start_payment_method(of_ada.clone()).await.map(drop),
        bo.client().list_payment_methods(list.clone()).await.map(drop),
        bo.check(&card.name).await.map(drop),
        bo.choose(&card.name).await.map(drop),
        bo.remove(&card.name).await.map(drop),
    ] {
        assert_eq!(status.unwrap_err().code(), Code::NotFound);
    }
    // An admin does it for them.
    let listed = world.admin().list_payment_methods(list).await.unwrap().into_inner().payment_methods;
    assert_eq!(listed, [card]);
    assert!(world.admin().start_payment_method(of_ada).await.is_ok());
    let both =
        pb::StartPaymentMethodRequest { team: "x".into(), ..ada.start_request(pb::PaymentMethodKind::Card) };
    assert_eq!(world.admin().start_payment_method(both).await.unwrap_err().code(), Code::InvalidArgument);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_with_a_key_of_its_own_has_its_own_customers() {
    let world = World::start().await;
    let ada = Person::new(&world);
    let refused = ada.start(pb::PaymentMethodKind::Card).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "STRIPE_NOT_CONNECTED")
    );
    world.saved.set(&world.name(), TEST_KEY);
    let location = world.new_location();
    world.saved.set(&location, OTHER_KEY);
    let start = async |location: &str| {
        let request = ada.start_request(pb::PaymentMethodKind::Card);
        let request = pb::StartPaymentMethodRequest { location: location.to_owned(), ..request };
        let started = ada.client().start_payment_method(request).await.unwrap().into_inner();
        ada.enters(&started, "pm_card_visa").await;
        ada.check(&started.payment_method.unwrap().name).await.unwrap()
    };
    let there = start(&location).await;
    // One without a key is charged by the workspace's.
    let here = start(&world.new_location()).await;
    assert_eq!((there.location.as_str(), here.location.as_str()), (location.as_str(), ""));
    assert!(there.is_default && here.is_default);

    // The workspace's key becomes another account's, where nobody is known.
    world.saved.set(&world.name(), OTHER_KEY);
    assert!(ada.check(&here.name).await.is_err());
    assert_eq!(start("").await.state(), pb::PaymentMethodState::Saved);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_expires_is_told_once_thirty_days_before() {
    let world = connected().await;
    let ada = Person::new(&world);
    let card = ada.saves(Browser::card("pm_card_visa")).await;
    let told = async || {
        let count = "select subject from outbox where subject like '%payment_method_expiring%'";
        rows(&world, count).await.len()
    };
    let before: DateTime<Utc> = "2034-11-30T23:59:59Z".parse().unwrap();
    world.harness.clock.set(before);
    let other = ada.saves(Browser::card("pm_card_visa")).await;
    assert_eq!(told().await, 0);
    ada.remove(&other.name).await.unwrap();
    world.harness.clock.set(before + chrono::Duration::seconds(1));
    eventually("it is told", LIMIT, async || match told().await {
        1 => Ok(()),
        count => Err(count),
    })
    .await;
    assert_eq!(ada.check(&card.name).await.unwrap().version, card.version, "that is no change");
    world.harness.finish().await;
}

/// What some rows have in a column of text.
pub(crate) async fn rows(world: &World, select: &str) -> Vec<String> {
    let owner = testkit::owner(world.harness.database_url(), DEFINITION.schema).await.unwrap();
    let rows = sqlx::query(sqlx::AssertSqlSafe(select.to_owned())).fetch_all(&owner).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
