//! Relay boards are run through the suites of all providers: Shellies, one for each door. Boards know nobody, so who may
//! open them is held to what a ledger is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chassis::Deps;
use chrono::Duration;
use domain::names::IntegrationName;
use domain::{Clock, IntegrationId, Timestamp, Window, WorkspaceId};
use door_adapter::conformance::{ControlWorld, Fault, World};
use door_adapter::{Account, Credential, Person, Target, TargetKind};
use relay_adapter::boards::{BOARDS, Boards, KEYS};
use relay_adapter::{DEFINITION, Lasting, RelayProvider};
use sandbox::boards::{Board as Twin, Device, NewBoard, Shelly, ShellyChannel};
use sandbox::{Action, Phase, Sandbox, Vendor};
use secrecy::SecretString;
use sqlx::PgPool;
use testkit::Harness;

use crate::world::{ANSWER_MS, config, keys, outgoing};

/// Each a board with a relay.
const DOORS: usize = 45;
const PASSWORD: &str = "door-pass";

/// Boards and the adapter's ledger.
struct RelayWorld {
    harness: Harness,
    deps: Deps,
    sandbox: Sandbox,
    twins: Vec<Arc<Twin>>,
    password: &'static str,
    integration: IntegrationName,
    lasting: Lasting,
    fault: AtomicU64,
}

impl RelayWorld {
    fn twin(&self, door: &str) -> &Twin {
        let name = door.strip_suffix("/1").unwrap();
        self.twins.iter().find(|twin| twin.name() == name).unwrap()
    }

    /// What is written down, asked as the suite does: at once.
    fn ask<T>(&self, question: impl Future<Output = Result<T, sqlx::Error>>) -> T {
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| runtime.block_on(question)).unwrap()
    }

    fn windows(&self, person: Option<&Person>, target: &Target) -> Vec<Window> {
        let query = sqlx::query_as(
            "select starts_at, ends_at from relay_right
             where account_id = $1 and door = $2 and ($3::uuid is null or person_id = $3) order by starts_at",
        );
        let query = query
            .bind(self.integration.id.uuid())
            .bind(&target.provider_ref)
            .bind(person.map(|person| person.id.uuid()));
        let rows: Vec<(Timestamp, Timestamp)> = self.ask(query.fetch_all(&self.deps.platform));
        rows.into_iter().map(|(start, end)| Window::new(start, end).unwrap()).collect()
    }
}

fn name(number: usize) -> String {
    format!("door-{number:02}")
}

impl World for RelayWorld {
    type Provider = RelayProvider;

    async fn new() -> Self {
        let mut harness = Harness::new().await;
        let deps = harness.deps(&DEFINITION).await;
        let sandbox = Sandbox::new(sandbox::Config::default(), harness.clock.clone());
        let mut twins = Vec::new();
        for number in 0..DOORS {
            let channels = vec![ShellyChannel::of_a_door(60.0)];
            let shelly = Shelly { password: Some(PASSWORD.to_owned()), channels, ..Shelly::default() };
            let new = NewBoard { channels: 1, ..NewBoard::new(name(number), Device::Shelly(shelly)) };
            twins.push(sandbox.boards().add(new).await.unwrap());
        }
        let integration = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
        let (lasting, fault) = (Lasting::default(), AtomicU64::new(0));
        Self { harness, deps, sandbox, twins, password: PASSWORD, integration, lasting, fault }
    }

    fn provider(&self) -> RelayProvider {
        let clock: Arc<dyn Clock> = self.harness.clock.clone();
        let boards =
            Boards::new(config(), outgoing("127.0.0.0/8"), clock.clone(), self.lasting.clone()).unwrap();
        RelayProvider::new(boards, self.deps.pool.clone(), clock, self.lasting.clone(), keys())
    }

    fn platform(&self) -> &PgPool {
        &self.deps.platform
    }

    fn account(&self) -> Account {
        let each = |line: &dyn Fn(&Twin) -> String| {
            self.twins.iter().map(|it| line(it)).collect::<Vec<_>>().join("\n")
        };
        let boards = each(&|twin| format!("{} shelly {}", twin.name(), twin.address()));
        let keys = each(&|twin| format!("{} {}", twin.name(), self.password));
        let values =
            [(BOARDS.to_owned(), SecretString::from(boards)), (KEYS.to_owned(), SecretString::from(keys))];
        Account { integration: self.integration, credential: Credential::new(values), certificate: None }
    }

    fn now(&self) -> Timestamp {
        self.harness.clock.now()
    }

    fn target(&self, kind: TargetKind, number: usize) -> Option<Target> {
        (kind == TargetKind::Lock).then(|| Target {
            kind,
            provider_ref: self.door(number),
            display_name: name(number),
        })
    }

    fn calls(&self) -> usize {
        self.sandbox.requests().count(Vendor::Boards, |_| true)
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
            Fault::Truncated => answer(200, Some("{\"was_"), None, Phase::AfterEffect),
            Fault::NotSent => Action::DropBeforeEffect,
            Fault::Broken => answer(500, None, None, Phase::BeforeEffect),
            Fault::RateLimited { retry_after } => {
                answer(429, None, retry_after.then_some(1), Phase::BeforeEffect)
            }
            Fault::Slow => Action::Delay { delay_ms: ANSWER_MS * 3 },
        };
        let rule = sandbox::Fault::on(Vendor::Boards, action).every(call.try_into().unwrap()).times(1);
        self.fault.store(self.sandbox.faults().add(rule).unwrap(), Ordering::SeqCst);
    }

    fn heal(&self) -> bool {
        // A rule that has happened is gone.
        !self.sandbox.faults().remove(self.fault.load(Ordering::SeqCst))
    }

    fn access(&self, person: &Person, target: &Target) -> Vec<Window> {
        self.windows(Some(person), target)
    }

    fn anyones_access(&self, target: &Target) -> Vec<Window> {
        self.windows(None, target)
    }

    fn set_credentials_work(&mut self, do_work: bool) {
        self.password = if do_work { PASSWORD } else { "revoked" };
    }

    async fn finish(self) {
        self.harness.finish().await;
    }
}

impl ControlWorld for RelayWorld {
    fn door(&self, number: usize) -> String {
        format!("{}/1", name(number))
    }

    fn group(&self) -> Option<(String, Vec<String>)> {
        None
    }

    fn openings(&self, door: &str) -> usize {
        self.twin(door).closures(0).len()
    }

    fn is_held(&self, door: &str) -> bool {
        self.twin(door).is_closed(0)
    }

    fn is_locked_down(&self, door: &str) -> bool {
        let query =
            sqlx::query_scalar("select exists (select from relay_door where door = $1 and is_locked_down)");
        let is_noted: bool = self.ask(query.bind(door).fetch_one(&self.deps.platform));
        assert!(!is_noted || !self.twin(door).is_closed(0), "what is locked down is locked");
        is_noted
    }

    fn unplug(&self, door: &str) {
        self.twin(door).set_power(false);
    }

    /// A contact that has opened again says nothing.
    fn tells_fates(&self) -> bool {
        false
    }

    fn advance(&self, by: Duration) {
        self.harness.clock.advance(by);
    }
}

door_adapter::ledger_conformance_suite!(RelayWorld);
door_adapter::control_conformance_suite!(RelayWorld);
