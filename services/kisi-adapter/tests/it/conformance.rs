//! Kisi is run through the suite of all providers, in each of the ways in which Kisi may treat a second
//! right of the same person on the same group.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chassis::Deps;
use chassis::postgres::WorkspacePool;
use chrono::Duration;
use domain::names::IntegrationName;
use domain::{Clock, IntegrationId, Timestamp, Window, WorkspaceId};
use door_adapter::conformance::{CardWorld, ControlWorld, Fault, LogWorld, PeopleWorld, World};
use door_adapter::{Account, Credential, Person, Target, TargetKind};
use kisi_adapter::vendor::KisiAccount;
use kisi_adapter::{DEFINITION, KisiConfig, KisiProvider};
use sandbox::kisi::{DuplicateAssignments, Refusal, Switches, Tap};
use sandbox::{Action, Phase, Vendor};
use secrecy::SecretString;
use sqlx::PgPool;
use testkit::Harness;

use crate::twin::{Org, Twin};

/// How the twin treats a second right.
pub(crate) trait Policy {
    /// Of a call that may be repeated without harm.
    const ATTEMPTS_MAX: u32 = 1;

    fn switches() -> Switches;
}

/// A Kisi organization and the adapter's ledger.
pub(crate) struct KisiWorld<P> {
    harness: Harness,
    pool: WorkspacePool,
    platform: PgPool,
    twin: Twin,
    org: Org,
    key: String,
    /// Someone else, with a key of their own, which stays.
    operator: KisiAccount,
    integration: IntegrationName,
    fault: AtomicU64,
    policy: PhantomData<P>,
}

impl<P> KisiWorld<P> {
    fn number(target: &Target) -> i64 {
        target.provider_ref.parse().unwrap()
    }

    /// The door that a target opens.
    fn lock(&self, target: &Target) -> i64 {
        match target.kind {
            TargetKind::Group => self.org.lock(&target.display_name.replace("Group", "Door")),
            TargetKind::Lock => Self::number(target),
        }
    }

    fn email(person: &Person) -> &str {
        person.email.as_ref().unwrap().as_str()
    }
}

impl<P: Policy> World for KisiWorld<P> {
    type Provider = KisiProvider;

    async fn new() -> Self {
        let mut harness = Harness::new().await;
        let Deps { pool, platform, .. } = harness.deps(&DEFINITION).await;
        let twin = Twin::start(harness.clock.clone()).await;
        let org = twin.organization("Nine", Switches { rate_limit: false, ..P::switches() });
        let integration = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
        let key = org.twin.create_api_key(&org.created.owner.email, false).unwrap().secret;
        Self {
            operator: twin.operator(org.key()),
            harness,
            pool,
            platform,
            twin,
            org,
            key,
            integration,
            fault: AtomicU64::new(0),
            policy: PhantomData,
        }
    }

    fn provider(&self) -> KisiProvider {
        let clock: Arc<dyn Clock> = self.harness.clock.clone();
        let config = KisiConfig { attempts_max: P::ATTEMPTS_MAX, ..self.twin.config() };
        let kisi = config.client(clock.clone()).unwrap();
        KisiProvider::new(kisi, self.pool.clone(), self.platform.clone(), clock)
    }

    fn platform(&self) -> &PgPool {
        &self.platform
    }

    fn account(&self) -> Account {
        let values = [("api_key".to_owned(), SecretString::from(self.key.clone()))];
        Account { integration: self.integration, credential: Credential::new(values), certificate: None }
    }

    fn now(&self) -> Timestamp {
        self.harness.clock.now()
    }

    fn target(&self, kind: TargetKind, number: usize) -> Option<Target> {
        let (display_name, id) = match kind {
            TargetKind::Group => {
                let name = format!("Group {number:02}");
                (name.clone(), self.org.group(&name))
            }
            TargetKind::Lock => {
                let name = format!("Lock {number:02}");
                (name.clone(), self.org.lock(&name))
            }
        };
        Some(Target { kind, provider_ref: id.to_string(), display_name })
    }

    fn calls(&self) -> usize {
        self.twin.calls()
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
            Fault::Truncated => answer(200, Some(r#"[{"id": 1, "na"#), None, Phase::AfterEffect),
            Fault::NotSent => Action::DropBeforeEffect,
            Fault::Broken => answer(500, None, None, Phase::BeforeEffect),
            Fault::RateLimited { retry_after } => {
                answer(429, None, retry_after.then_some(1), Phase::BeforeEffect)
            }
            Fault::Slow => Action::Delay { delay_ms: 5_000 },
        };
        let rule = sandbox::Fault::on(Vendor::Kisi, action).every(call.try_into().unwrap()).times(1);
        self.fault.store(self.twin.sandbox.faults().add(rule).unwrap(), Ordering::SeqCst);
    }

    fn heal(&self) -> bool {
        // A rule that has happened is gone.
        !self.twin.sandbox.faults().remove(self.fault.load(Ordering::SeqCst))
    }

    fn access(&self, person: &Person, target: &Target) -> Vec<Window> {
        self.org.windows(Self::email(person), self.lock(target))
    }

    fn anyones_access(&self, target: &Target) -> Vec<Window> {
        self.org.anyones_windows(self.lock(target))
    }

    fn ways_in(&self, target: &Target) -> Option<Vec<Window>> {
        Some(self.org.link_windows(self.lock(target)))
    }

    async fn opens(&self, link: &str, target: &Target) -> bool {
        self.twin.opens(link, self.lock(target)).await
    }

    fn set_credentials_work(&mut self, do_work: bool) {
        if do_work {
            let email = &self.org.created.owner.email;
            self.key = self.org.twin.create_api_key(email, false).unwrap().secret;
        } else {
            self.org.twin.revoke_login(&self.key).unwrap();
        }
    }

    async fn finish(self) {
        assert!(self.org.twin.mails().is_empty(), "nobody is mailed by Kisi");
        self.harness.finish().await;
    }
}

impl<P: Policy> PeopleWorld for KisiWorld<P> {
    fn user(&self, person: &Person) -> Option<bool> {
        self.org.look_at(self.org.user(Self::email(person))?).map(|(_, is_enabled)| is_enabled)
    }

    async fn add_foreign(&self, person: &Person, target: &Target, window: Window) {
        let group = match target.kind {
            TargetKind::Group => Self::number(target),
            TargetKind::Lock => self.org.group(&target.display_name.replace("Lock", "Staff")),
        };
        self.org.add_foreign(&self.operator, Self::email(person), group, window).await;
    }

    async fn remove_access(&self, person: &Person, target: &Target) {
        self.org.remove_access(&self.operator, Self::email(person), self.lock(target)).await;
    }

    async fn move_access(&self, person: &Person, target: &Target, window: Window) {
        self.org.move_access(&self.twin, Self::email(person), self.lock(target), window).await;
    }

    async fn add_stray(&self, person: &Person, target: &Target, window: Window) -> bool {
        if target.kind == TargetKind::Group {
            return false;
        }
        let name = format!("Latchkey: lock {}", target.provider_ref);
        let groups = self.operator.list_groups().await.unwrap();
        let kept = groups.iter().find(|group| group.name == name).unwrap().id.0;
        self.org.add_foreign(&self.operator, Self::email(person), kept.cast_signed(), window).await;
        true
    }

    async fn suspend_person(&self, person: &Person) -> bool {
        let user = self.org.user(Self::email(person)).unwrap();
        self.operator.set_access_enabled(user, false).await.unwrap();
        true
    }

    async fn remove_person(&self, person: &Person) {
        let user = self.org.user(Self::email(person)).unwrap();
        self.operator.delete_user(user).await.unwrap();
    }

    async fn remove_target(&self, target: &Target) {
        let id = Self::number(target);
        if target.kind == TargetKind::Group {
            return self.twin.delete(&self.key, &format!("groups/{id}")).await;
        }
        let name = format!("Latchkey: lock {id}");
        let groups = self.operator.list_groups().await.unwrap();
        let kept = groups.iter().find(|group| group.name == name).unwrap().id;
        self.twin.delete(&self.key, &format!("groups/{kept}")).await;
        self.twin.delete(&self.key, &format!("locks/{id}")).await;
    }
}

impl<P: Policy> ControlWorld for KisiWorld<P> {
    fn door(&self, number: usize) -> String {
        self.org.lock(&format!("Door {number:02}")).to_string()
    }

    fn group(&self) -> Option<(String, Vec<String>)> {
        Some((self.org.group("Group 07").to_string(), vec![self.door(7)]))
    }

    fn openings(&self, door: &str) -> usize {
        let opened = |event: &sandbox::kisi::Event| {
            event.r#type == "lock.unlock" && event.success && event.object_id.to_string() == door
        };
        self.org.twin.events().iter().filter(|event| opened(event)).count()
    }

    fn is_held(&self, _door: &str) -> bool {
        false
    }

    fn is_locked_down(&self, door: &str) -> bool {
        let locks = self.org.twin.locks();
        let lock = locks.iter().find(|lock| lock.id.to_string() == door).unwrap();
        let places = self.org.twin.places();
        lock.locked_down || places.iter().any(|place| place.id == lock.place_id && place.locked_down)
    }

    fn unplug(&self, door: &str) {
        self.org.twin.set_online(door.parse().unwrap(), Some(false)).unwrap();
    }

    fn tells_fates(&self) -> bool {
        true
    }

    fn advance(&self, by: Duration) {
        self.harness.clock.advance(by);
    }
}

impl<P: Policy> LogWorld for KisiWorld<P> {
    fn try_to_open(&self, door: &str) {
        let tap = Tap::of("stranger@example.org", door.parse().unwrap());
        assert!(!self.org.twin.tap(&tap).unwrap().opens);
    }

    async fn enter(&self, person: &Person, target: &Target) {
        assert!(self.org.twin.tap(&Tap::of(Self::email(person), self.lock(target))).unwrap().opens);
    }
}

impl<P: Policy> CardWorld for KisiWorld<P> {
    fn card(&self, number: usize) -> String {
        let token = format!("00{number:08}");
        if number < 40 {
            self.org.twin.print_card(&token);
        }
        token
    }

    fn has_card(&self, person: &Person, card: &str) -> bool {
        self.org.twin.card_holders(card).iter().any(|email| email == Self::email(person))
    }

    fn holders(&self, card: &str) -> usize {
        self.org.twin.card_holders(card).len()
    }

    async fn give_card(&self, person: &Person, card: &str) {
        self.org.twin.give_card(Self::email(person), card);
    }
}

/// And one kind of card.
mod cards {
    use super::*;

    pub(crate) struct Now;

    impl Policy for Now {
        fn switches() -> Switches {
            Switches::default()
        }
    }

    door_adapter::card_conformance_suite!(KisiWorld<Now>);
}

/// Kisi knows one way to operate a door, however it treats rights.
mod on_demand {
    use super::*;

    pub(crate) struct Now;

    impl Policy for Now {
        const ATTEMPTS_MAX: u32 = 3;

        fn switches() -> Switches {
            Switches::default()
        }
    }

    door_adapter::control_conformance_suite!(KisiWorld<Now>);
}

/// And one log.
mod log {
    use super::*;

    pub(crate) struct Now;

    impl Policy for Now {
        fn switches() -> Switches {
            Switches::default()
        }
    }

    door_adapter::log_conformance_suite!(KisiWorld<Now>);
}

macro_rules! policies {
    ($($name:ident: $switches:expr;)+) => {$(
        mod $name {
            use super::*;

            pub(crate) struct Now;

            impl Policy for Now {
                fn switches() -> Switches {
                    $switches
                }
            }

            door_adapter::conformance_suite!(KisiWorld<Now>);
        }
    )+};
}

policies! {
    another_window_is_another_right: Switches::default();
    a_second_right_conflicts: Switches {
        duplicate_assignments: DuplicateAssignments::Strict,
        strict_refusal: Refusal::Conflict,
        duplicate_group_lock: Refusal::Conflict,
        ..Switches::default()
    };
    a_second_right_is_invalid: Switches {
        duplicate_assignments: DuplicateAssignments::Strict,
        strict_refusal: Refusal::Unprocessable,
        duplicate_user: Refusal::Unprocessable,
        ..Switches::default()
    };
    rights_may_repeat: Switches {
        duplicate_assignments: DuplicateAssignments::Allow,
        ..Switches::default()
    };
}
