//! A provider with its ledger, and one board called `front`.

use std::sync::Arc;
use std::time::Duration;

use chassis::Deps;
use chrono::TimeDelta;
use domain::names::IntegrationName;
use domain::{Clock as _, IntegrationId, OperationId, Timestamp, WorkspaceId};
use door_adapter::{Account, Action, Credential, DoorControl as _, Operated, Operation, ProviderError, Spot};
use relay_adapter::boards::{BOARDS, Boards};
use relay_adapter::{DEFINITION, Lasting, RelayProvider};
use sandbox::boards::{Board as Twin, Device, NewBoard};
use sandbox::{Sandbox, Vendor};
use secrecy::SecretString;
use testkit::Harness;

use crate::world::{config, keys, outgoing};

pub(crate) struct Stage {
    pub(crate) harness: Harness,
    pub(crate) deps: Deps,
    pub(crate) sandbox: Sandbox,
    pub(crate) twin: Arc<Twin>,
    pub(crate) boards: String,
    integration: IntegrationName,
}

impl Stage {
    /// With the board as it is listed, such as `tasmota HERE relays=2`.
    pub(crate) async fn new(device: Device, line: &str) -> Self {
        let mut harness = Harness::new().await;
        let deps = harness.deps(&DEFINITION).await;
        let sandbox = Sandbox::new(sandbox::Config::default(), harness.clock.clone());
        let twin = sandbox.boards().add(NewBoard::new("front", device)).await.unwrap();
        let boards = format!("front {}", line.replace("HERE", &twin.address().to_string()));
        let integration = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
        Self { harness, deps, sandbox, twin, boards, integration }
    }

    /// A process of the adapter. What it holds open goes on as long as `lasting` does.
    pub(crate) fn provider(&self, lasting: &Lasting) -> RelayProvider {
        let clock = self.harness.clock.clone();
        let boards = Boards::new(config(), outgoing("127.0.0.0/8"), clock.clone(), lasting.clone()).unwrap();
        RelayProvider::new(boards, self.deps.pool.clone(), clock, lasting.clone(), keys())
    }

    pub(crate) fn account(&self) -> Account {
        let boards = (BOARDS.to_owned(), SecretString::from(self.boards.clone()));
        Account { integration: self.integration, credential: Credential::new([boards]), certificate: None }
    }

    /// So long from now.
    pub(crate) fn after(&self, length: Duration) -> Timestamp {
        self.harness.clock.now() + TimeDelta::from_std(length).unwrap()
    }

    pub(crate) fn pass(&self, length: Duration) {
        self.harness.clock.advance(TimeDelta::from_std(length).unwrap());
    }

    /// Has it done at the first relay.
    pub(crate) async fn operate(
        &self,
        provider: &RelayProvider,
        action: Action,
    ) -> Result<Operated, ProviderError> {
        let spot = Spot::Door("front/1".to_owned());
        let operation = Operation { id: OperationId::new(), spot, action, actor: None };
        provider.operate(&self.account(), &operation).await
    }

    /// From now on what is noted of doors can be neither read nor written.
    pub(crate) async fn lose_ledger(&self) {
        let owner = testkit::owner(self.harness.database_url(), DEFINITION.schema).await.unwrap();
        sqlx::query("alter table relay_door rename to lost").execute(&owner).await.unwrap();
    }

    /// Calls that the board has answered.
    pub(crate) fn calls(&self) -> usize {
        self.sandbox.requests().count(Vendor::Boards, |_| true)
    }
}
