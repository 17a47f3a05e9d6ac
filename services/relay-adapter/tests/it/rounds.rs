//! Rounds among controllers: what they are told, and what is taken over from them.

use std::pin::pin;
use std::time::Duration;

use chassis::Deps;
use chrono::TimeDelta;
use domain::names::{GrantName, IntegrationName};
use domain::{Clock as _, GrantId, IntegrationId, PersonId, Timestamp, Window, WorkspaceId};
use door_adapter::{
    AccessLogSource, AccessReason, AccessRequest, Account, Credential, DoorEvent, DoorProvider as _,
    DoorSecret, EventOutcome, Person, Spot, Target, TargetKind,
};
use futures::TryStreamExt as _;
use relay_adapter::boards::{BOARDS, Boards, KEYS};
use relay_adapter::{DEFINITION, Lasting, RelayProvider};
use relay_controller::controller::PinAnswer;
use relay_controller::request::ChannelNumber;
use secrecy::{ExposeSecret as _, SecretString};
use testkit::Harness;

use crate::daemon::Daemon;
use crate::world::{config, keys, outgoing};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// An adapter, and one controller called `hall`.
struct Hall {
    harness: Harness,
    deps: Deps,
    daemon: Daemon,
    provider: RelayProvider,
    account: Account,
    ada: Person,
}

impl Hall {
    async fn new() -> Self {
        let mut harness = Harness::new().await;
        let deps = harness.deps(&DEFINITION).await;
        let daemon = Daemon::start().await;
        let (clock, lasting) = (harness.clock.clone(), Lasting::default());
        let boards = Boards::new(config(), outgoing("127.0.0.0/8"), clock.clone(), lasting.clone()).unwrap();
        let provider = RelayProvider::new(boards, deps.pool.clone(), clock, lasting, keys());
        let line = daemon.line().replace("HERE", &daemon.address.to_string());
        let values = [(BOARDS, format!("hall {line}")), (KEYS, format!("hall {}", daemon.key))];
        let values = values.map(|(name, value)| (name.to_owned(), SecretString::from(value)));
        let integration = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
        let account = Account { integration, credential: Credential::new(values), certificate: None };
        let ada = Person { id: PersonId::new(), display_name: "Ada".to_owned(), email: None };
        Self { harness, deps, daemon, provider, account, ada }
    }

    fn now(&self) -> Timestamp {
        self.harness.clock.now()
    }

    /// Gives Ada the first relay for a while, or takes it. Her PIN.
    async fn give(&self, window: Option<Window>) -> Option<String> {
        let workspace = self.account.integration.workspace;
        let request = AccessRequest {
            grant: GrantName { workspace, id: GrantId::new() },
            generation: 1,
            location: None,
            target: Target {
                kind: TargetKind::Lock,
                provider_ref: "hall/1".to_owned(),
                display_name: String::new(),
            },
            person: self.ada.clone(),
            is_guest: false,
            window,
            due_at: self.now(),
        };
        let mut changes = Vec::new();
        let applied = self.provider.apply(&self.account, &request, &mut changes).await.unwrap();
        let mut conn = self.deps.platform.acquire().await.unwrap();
        self.provider.record(&mut conn, &changes).await.unwrap();
        match applied.secret {
            Some(DoorSecret::Pin(pin)) => Some(pin.expose_secret().to_owned()),
            Some(DoorSecret::Link(_)) => panic!("a link"),
            None => None,
        }
    }

    async fn tend(&self) {
        self.provider.tend(&self.account).await.unwrap();
    }

    /// Why a PIN does not open the first door; `None`: it does.
    async fn enter(&self, pin: &str) -> Option<String> {
        match self.daemon.controller.enter_pin(ChannelNumber::at(0), pin.to_owned()).await.unwrap() {
            PinAnswer::Opened { .. } => None,
            PinAnswer::Refused { reason, .. } => Some(reason),
        }
    }

    /// What the controller has written down, as far as that is read: all of it, or its first page.
    async fn read(&self, is_whole: bool) -> Vec<DoorEvent> {
        let window = Window::new(self.now(), self.now() + HOUR).unwrap();
        let mut pages = pin!(self.provider.read_log(&self.account, window));
        let mut events = Vec::new();
        while let Some(page) = pages.try_next().await.unwrap() {
            events.extend(page);
            if !is_whole {
                break;
            }
        }
        events
    }

    fn pass(&self, length: TimeDelta) {
        self.harness.clock.advance(length);
        self.daemon.clock.advance(length.to_std().unwrap_or(Duration::ZERO));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_opens_by_the_list_that_a_round_leaves_within_its_window_and_as_long_as_there_is_a_right() {
    let hall = Hall::new().await;
    hall.tend().await;
    assert_eq!(hall.enter("12345678").await.as_deref(), Some("LIST_MISSING"), "there is nothing to say");
    let window = Window::new(hall.now() + HOUR, hall.now() + HOUR * 2).unwrap();
    let pin = hall.give(Some(window)).await.unwrap();
    assert_eq!(hall.give(Some(window)).await, Some(pin.clone()), "it stays the same");
    hall.tend().await;
    assert_eq!(hall.enter(&pin).await.as_deref(), Some("PIN_NOT_NOW"));
    hall.pass(HOUR);
    assert_eq!(hall.enter(&pin).await, None);
    // Rounds in which nothing has changed leave the list as it is.
    let list = async || {
        let report = hall.daemon.controller.report().await.unwrap();
        serde_json::to_value(report).unwrap()["list"].clone()
    };
    let before = list().await;
    hall.tend().await;
    assert_eq!(list().await, before);
    hall.give(None).await;
    hall.tend().await;
    assert_eq!(hall.enter(&pin).await.as_deref(), Some("PIN_WRONG"), "it is taken back");
    let again = Window::new(hall.now(), hall.now() + HOUR).unwrap();
    let next = hall.give(Some(again)).await.unwrap();
    assert_ne!(next, pin, "who comes back has another one");
    hall.tend().await;
    assert_eq!(hall.enter(&next).await, None);
    // No row tells a PIN.
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("select sealed from relay_pin").fetch_all(&hall.deps.platform).await.unwrap();
    let shows = |row: &Vec<u8>| row.windows(next.len()).any(|part| part == next.as_bytes());
    assert!(rows.len() == 1 && !shows(&rows[0]));
    hall.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_controller_has_written_down_comes_until_it_was_taken_over_and_not_again() {
    let hall = Hall::new().await;
    let window = Window::new(hall.now(), hall.now() + HOUR).unwrap();
    let pin = hall.give(Some(window)).await.unwrap();
    hall.tend().await;
    assert_eq!(hall.enter(&pin).await, None);
    assert_eq!(hall.enter("1").await.as_deref(), Some("PIN_WRONG"));
    let opened = async |is_whole| {
        testkit::eventually("the entries are on the disk", Duration::from_secs(20), async || {
            let events = hall.read(is_whole).await;
            if events.len() == 2 { Ok(events) } else { Err(events.len()) }
        })
        .await
    };
    let first = opened(false).await;
    assert_eq!(first[0].spot, Spot::Door("hall/1".to_owned()));
    assert_eq!((first[0].source, first[0].outcome), (AccessLogSource::Pin, EventOutcome::Done));
    assert_eq!(first[0].person, Some(hall.ada.id));
    assert_eq!(
        (first[1].outcome, first[1].reason),
        (EventOutcome::Refused, AccessReason::ProviderHoldsNothing)
    );
    let again = hall.read(true).await;
    assert_eq!(again, first, "nobody said that it was taken over");
    assert_eq!(hall.read(true).await, [], "now it was");
    hall.harness.finish().await;
}
