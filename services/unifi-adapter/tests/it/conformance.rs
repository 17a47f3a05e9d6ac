//! UniFi Access is run through the suite of all providers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use chassis::Deps;
use chassis::postgres::WorkspacePool;
use chrono::Duration;
use domain::names::{GrantName, IntegrationName};
use domain::{Clock as _, Fingerprint, GrantId, IntegrationId, Timestamp, Window, WorkspaceId};
use door_adapter::conformance::{CardWorld, ControlWorld, Fault, LogWorld, PeopleWorld, World};
use door_adapter::{Account, Credential, DoorProvider as _, Person, Target, TargetKind};
use sandbox::unifi::AccessWindow;
use sandbox::{Action, Phase, Vendor};
use sealing::{Keys, SealingConfig};
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgPool;
use testkit::Harness;
use unifi_adapter::{DEFINITION, UnifiProvider};

use crate::console::{Console, TOKEN, id};

/// A console and the adapter's ledger, by calls of which each is tried so often, if that does no harm.
pub(crate) struct ConsoleWorld<const ATTEMPTS_MAX: u32> {
    pub harness: Harness,
    pub console: Console,
    pool: WorkspacePool,
    platform: PgPool,
    pub integration: IntegrationName,
    /// What the console showed at the first check.
    pub certificate: Option<Fingerprint>,
    fault: AtomicU64,
    /// Given so far.
    pins: AtomicU64,
}

/// One attempt is all.
pub(crate) type UnifiWorld = ConsoleWorld<1>;

impl<const ATTEMPTS_MAX: u32> ConsoleWorld<ATTEMPTS_MAX> {
    /// The door that a target opens.
    fn door(target: &Target) -> String {
        target.provider_ref.replace("group", "door")
    }

    fn email(person: &Person) -> &str {
        person.email.as_ref().unwrap().as_str()
    }

    fn resource(target: &Target) -> (&'static str, &str) {
        let kind = match target.kind {
            TargetKind::Group => "door_group",
            TargetKind::Lock => "door",
        };
        (kind, &target.provider_ref)
    }

    fn visits(&self, person: &Person, target: &Target) -> Vec<AccessWindow> {
        let mut visits = self.console.visits(&Self::door(target));
        visits.retain(|visit| visit.email == Self::email(person));
        visits
    }

    /// One that nobody has.
    fn next_pin(&self) -> String {
        format!("{:08}", self.pins.fetch_add(1, Ordering::SeqCst))
    }

    /// The same values, whatever was seen of a certificate.
    pub(crate) fn account_with(&self, certificate: Option<Fingerprint>) -> Account {
        let values = [
            ("host", "127.0.0.1".to_owned()),
            ("port", self.console.port.to_string()),
            ("api_key", TOKEN.to_owned()),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        Account { integration: self.integration, credential: Credential::new(values), certificate }
    }
}

/// What PINs and the secrets of webhooks are sealed with.
pub(crate) fn keys() -> Arc<Keys> {
    let config = SealingConfig { key: "07".repeat(32).into(), key_file: "/nowhere".into() };
    Arc::new(config.keys().unwrap())
}

fn windows(visits: Vec<AccessWindow>) -> Vec<Window> {
    visits.into_iter().map(|visit| visit.window).collect()
}

impl<const ATTEMPTS_MAX: u32> World for ConsoleWorld<ATTEMPTS_MAX> {
    type Provider = UnifiProvider;

    async fn new() -> Self {
        let mut harness = Harness::new().await;
        let Deps { pool, platform, .. } = harness.deps(&DEFINITION).await;
        let console = Console::start(harness.clock.clone()).await;
        let integration = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
        let fault = AtomicU64::new(0);
        let pins = AtomicU64::new(1_000);
        let mut world =
            Self { harness, console, pool, platform, integration, certificate: None, fault, pins };
        let found = world.provider().check(&world.account()).await.unwrap();
        world.certificate = Some(found.certificate.unwrap().fingerprint);
        world
    }

    fn provider(&self) -> UnifiProvider {
        let clock = self.harness.clock.clone();
        UnifiProvider::new(Console::client(clock.clone(), ATTEMPTS_MAX), self.pool.clone(), clock, keys())
    }

    fn platform(&self) -> &PgPool {
        &self.platform
    }

    fn account(&self) -> Account {
        self.account_with(self.certificate)
    }

    fn now(&self) -> Timestamp {
        self.harness.clock.now()
    }

    fn target(&self, kind: TargetKind, number: usize) -> Option<Target> {
        let display_name = match kind {
            TargetKind::Group => format!("Group {number:02}"),
            TargetKind::Lock => format!("Lock {number:02}"),
        };
        Some(Target { kind, provider_ref: id(&display_name), display_name })
    }

    fn calls(&self) -> usize {
        self.console.calls()
    }

    fn break_call(&self, call: usize, fault: Fault) {
        let answer = |code, body: Option<&str>, retry_after, phase| Action::Status {
            code,
            body: body.map(str::to_owned),
            content_type: Some("application/json".to_owned()),
            retry_after,
            phase,
        };
        let action = match fault {
            Fault::AnswerLost => Action::DropAfterEffect,
            Fault::Truncated => {
                answer(200, Some(r#"{"code":"SUCCESS","msg":"succ"#), None, Phase::AfterEffect)
            }
            Fault::NotSent => Action::DropBeforeEffect,
            // As consoles say it.
            Fault::Broken => {
                answer(200, Some(r#"{"code":"CODE_SYSTEM_ERROR","msg":"x"}"#), None, Phase::BeforeEffect)
            }
            Fault::RateLimited { retry_after } => {
                answer(429, None, retry_after.then_some(1), Phase::BeforeEffect)
            }
            Fault::Slow => Action::Delay { delay_ms: 5_000 },
        };
        let rule = sandbox::Fault::on(Vendor::Unifi, action).every(call.try_into().unwrap()).times(1);
        self.fault.store(self.console.sandbox.faults().add(rule).unwrap(), Ordering::SeqCst);
    }

    fn heal(&self) -> bool {
        // A rule that has happened is gone.
        !self.console.sandbox.faults().remove(self.fault.load(Ordering::SeqCst))
    }

    fn access(&self, person: &Person, target: &Target) -> Vec<Window> {
        windows(self.visits(person, target))
    }

    fn anyones_access(&self, target: &Target) -> Vec<Window> {
        windows(self.console.visits(&Self::door(target)))
    }

    fn set_credentials_work(&mut self, do_work: bool) {
        self.console.set_token_works(do_work);
    }

    async fn finish(self) {
        self.harness.finish().await;
    }
}

impl<const ATTEMPTS_MAX: u32> PeopleWorld for ConsoleWorld<ATTEMPTS_MAX> {
    fn user(&self, person: &Person) -> Option<bool> {
        let email = Self::email(person);
        let doors = self.console.twin().doors();
        let has_access =
            doors.iter().any(|door| self.console.visits(&door.id).iter().any(|visit| visit.email == email));
        has_access.then_some(true)
    }

    async fn add_foreign(&self, person: &Person, target: &Target, window: Window) {
        self.console.add(Self::email(person), "By the operator", Self::resource(target), window).await;
    }

    /// Called off, as staff does it; the record stays.
    async fn remove_access(&self, person: &Person, target: &Target) {
        for visit in self.visits(person, target) {
            let path = format!("/visitors/{}", visit.visitor_id);
            self.console.operate(Method::DELETE, &path, json!({})).await;
        }
    }

    async fn move_access(&self, person: &Person, target: &Target, window: Window) {
        for visit in self.visits(person, target) {
            let times =
                json!({ "start_time": window.start().timestamp(), "end_time": window.end().timestamp() });
            self.console.operate(Method::PUT, &format!("/visitors/{}", visit.visitor_id), times).await;
        }
    }

    async fn add_stray(&self, person: &Person, target: &Target, window: Window) -> bool {
        let grant = GrantName { workspace: self.integration.workspace, id: GrantId::new() };
        let remarks = format!("Latchkey {grant}");
        self.console.add(Self::email(person), &remarks, Self::resource(target), window).await;
        true
    }

    async fn suspend_person(&self, _: &Person) -> bool {
        false
    }

    async fn remove_person(&self, person: &Person) {
        for door in self.console.twin().doors() {
            for visit in self.console.visits(&door.id) {
                if visit.email == Self::email(person) {
                    let path = format!("/visitors/{}?is_force=true", visit.visitor_id);
                    self.console.operate(Method::DELETE, &path, json!({})).await;
                }
            }
        }
    }

    async fn remove_target(&self, target: &Target) {
        self.console.twin().remove(&target.provider_ref);
    }
}

impl<const ATTEMPTS_MAX: u32> ControlWorld for ConsoleWorld<ATTEMPTS_MAX> {
    fn door(&self, number: usize) -> String {
        id(&format!("Door {number:02}"))
    }

    fn group(&self) -> Option<(String, Vec<String>)> {
        Some((id("Group 07"), vec![self.door(7)]))
    }

    fn openings(&self, door: &str) -> usize {
        self.console.twin().logs().iter().filter(|entry| entry.door_id == door && entry.is_open).count()
    }

    fn is_held(&self, door: &str) -> bool {
        self.console
            .twin()
            .doors()
            .iter()
            .any(|it| it.id == door && it.is_unlocked && it.rule_ends_at.is_some())
    }

    fn is_locked_down(&self, _door: &str) -> bool {
        self.console.twin().is_locked_down()
    }

    fn unplug(&self, door: &str) {
        self.console.twin().set_online(door, false);
    }

    fn tells_fates(&self) -> bool {
        true
    }

    fn advance(&self, by: Duration) {
        self.harness.clock.advance(by);
    }
}

impl<const ATTEMPTS_MAX: u32> LogWorld for ConsoleWorld<ATTEMPTS_MAX> {
    fn try_to_open(&self, door: &str) {
        assert!(!self.console.twin().present_pin(door, "99999999"));
    }

    /// By a PIN that the operator has given them.
    async fn enter(&self, person: &Person, target: &Target) {
        let visit = self.visits(person, target).remove(0);
        let pin = self.next_pin();
        let path = format!("/visitors/{}/pin_codes", visit.visitor_id);
        self.console.operate(Method::PUT, &path, json!({ "pin_code": pin })).await;
        assert!(self.console.twin().present_pin(&Self::door(target), &pin));
    }
}

impl<const ATTEMPTS_MAX: u32> CardWorld for ConsoleWorld<ATTEMPTS_MAX> {
    fn card(&self, number: usize) -> String {
        let printed = format!("04A1{number:08X}");
        if number < 40 {
            self.console.twin().add_card(&printed);
        }
        printed
    }

    fn has_card(&self, person: &Person, card: &str) -> bool {
        self.console.twin().card_holder(card).as_deref() == Some(Self::email(person))
    }

    fn holders(&self, card: &str) -> usize {
        usize::from(self.console.twin().card_holder(card).is_some())
    }

    /// As a user of the operator's.
    async fn give_card(&self, person: &Person, card: &str) {
        let user = json!({ "first_name": "Eve", "last_name": "E.", "user_email": Self::email(person) });
        let made = self.console.operate(Method::POST, "/users", user).await;
        let token = self.console.twin().add_card(card);
        let path = format!("/users/{}/nfc_cards", made["id"].as_str().unwrap());
        self.console.operate(Method::PUT, &path, json!({ "token": token })).await;
    }
}

door_adapter::conformance_suite!(UnifiWorld);
door_adapter::card_conformance_suite!(UnifiWorld);
door_adapter::log_conformance_suite!(UnifiWorld);
door_adapter::control_conformance_suite!(ConsoleWorld<3>);
