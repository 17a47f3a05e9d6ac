//! Integrations: connected, checked, told about, disconnected.

use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::names::IntegrationName;
use domain::{IntegrationId, Timestamp, WorkspaceId};
use events::{Envelope, outbox};
use proto::integrations::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::convert::{self, NewConnection};
use crate::error::Error;
use crate::facts;
use crate::model::{Integration, Status, Word};
use crate::providers;
use crate::store::{integration as store, vault};
use crate::vault::{DataKey, Label};

/// The status reason between the save and the first check.
const NOT_ASKED_YET: &str = "saved; the provider was not asked yet";

impl App {
    /// Saves values and checks the connection. The save is what `intent` makes happen once; the check
    /// comes after its commit, also for a request that is repeated, and its outcome is the answer.
    pub(crate) async fn connect(
        &self,
        workspace: WorkspaceId,
        new: NewConnection,
        intent: Option<Intent>,
    ) -> Result<pb::Integration, Error> {
        let begun = Change::begin::<pb::Integration>(self.pool.begin(workspace).await?, intent).await?;
        let saved = match begun {
            Begun::Known(saved) => saved,
            Begun::Fresh(mut change) => {
                let saved = self.save(change.conn(), workspace, &new).await?;
                change.commit(convert::integration(&saved)).await?
            }
        };
        let IntegrationName { id, .. } =
            saved.name.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        match self.ask(workspace, id).await {
            // Disconnected since the first time that this was asked.
            Err(Error::Disconnected(_)) => self.get(workspace, id).await,
            outcome => outcome,
        }
        .map(|integration| convert::integration(&integration))
    }

    async fn save(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        new: &NewConnection,
    ) -> Result<Integration, Error> {
        let now = self.clock.now();
        let provider = new.provider.name;
        let id = store::put(conn, workspace, provider, new.location, NOT_ASKED_YET, now).await?;
        let fresh = self.master_key.wrap(workspace, &DataKey::generate());
        let wrapped = vault::ensure_data_key(conn, workspace, &fresh, now).await?;
        let key = self.open_data_key(workspace, &wrapped)?;
        for (name, value) in &new.credentials {
            let label = Label { workspace, location: new.location, provider, name };
            vault::put_credential(conn, workspace, id, name, &key.seal(label, value), now).await?;
        }
        let saved = store::find(conn, workspace, id).await?.ok_or(Error::IntegrationNotFound(id))?;
        // Told even if it was unchecked before: whoever holds the old values learns that there are others.
        outbox::append(conn, &[facts::status_changed(&saved)]).await?;
        Ok(saved)
    }

    /// Asks the provider again.
    pub(crate) async fn check(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
    ) -> Result<pb::Integration, Error> {
        Ok(convert::integration(&self.ask(workspace, id).await?))
    }

    /// Asks the provider, outside of any transaction, and notes what it said.
    async fn ask(&self, workspace: WorkspaceId, id: IntegrationId) -> Result<Integration, Error> {
        let integration = self.get(workspace, id).await?;
        if integration.status == Status::Disconnected {
            return Err(Error::Disconnected(id));
        }
        let provider = providers::find(&integration.provider)
            .ok_or_else(|| sqlx::Error::Decode("an integration of an unknown provider".into()))?;
        // What was true when the question was put may be old when the answer comes.
        let asked_at = self.clock.now();
        let word = self.adapters.check(provider, workspace, integration.location).await;
        let mut tx = self.pool.begin(workspace).await?;
        let after = hear(&mut tx, workspace, id, &word, asked_at, None).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Notes what an adapter found out by itself, in the transaction of the message that said so.
    pub(crate) async fn take_word(
        &self,
        conn: &mut PgConnection,
        cause: &Envelope,
        id: IntegrationId,
        word: &Word,
    ) -> Result<(), Error> {
        hear(conn, cause.workspace, id, word, cause.time, Some(cause)).await?;
        Ok(())
    }

    async fn get(&self, workspace: WorkspaceId, id: IntegrationId) -> Result<Integration, Error> {
        let mut conn = self.pool.begin(workspace).await?;
        store::find(&mut conn, workspace, id).await?.ok_or(Error::IntegrationNotFound(id))
    }

    pub(crate) async fn list(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListIntegrationsResponse, Error> {
        let mut conn = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut conn, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |integration| integration.id.uuid());
        let integrations = rows.iter().map(convert::integration).collect();
        Ok(pb::ListIntegrationsResponse { integrations, next_page_token })
    }

    /// Forgets the values. The row stays, for what refers to it.
    pub(crate) async fn disconnect(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
        intent: Option<Intent>,
    ) -> Result<pb::Integration, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = store::find_for_update(change.conn(), workspace, id)
            .await?
            .ok_or(Error::IntegrationNotFound(id))?;
        if before.status == Status::Disconnected {
            return Ok(change.commit(convert::integration(&before)).await?);
        }
        let after = before.disconnect(self.clock.now());
        vault::delete_credentials(change.conn(), workspace, id).await?;
        store::update(change.conn(), &after).await?;
        outbox::append(change.conn(), &[facts::status_changed(&after)]).await?;
        Ok(change.commit(convert::integration(&after)).await?)
    }
}

/// Applies a word that was said at `time`, and tells of a new status. Gives the integration as it is
/// then.
async fn hear(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: IntegrationId,
    word: &Word,
    time: Timestamp,
    cause: Option<&Envelope>,
) -> Result<Integration, Error> {
    let before = store::find_for_update(conn, workspace, id).await?.ok_or(Error::IntegrationNotFound(id))?;
    let Some(after) = before.hear(word, time) else { return Ok(before) };
    store::update(conn, &after).await?;
    if after.status != before.status {
        let fact = facts::status_changed(&after);
        let fact = match cause {
            Some(cause) => fact.caused_by(cause),
            None => fact,
        };
        outbox::append(conn, &[fact]).await?;
    }
    Ok(after)
}
