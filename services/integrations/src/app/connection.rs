//! Integrations: connected, confirmed, accepted, disconnected.

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::input::Input;
use chassis::paging::Page;
use chrono::Duration;
use domain::names::IntegrationName;
use domain::{Fingerprint, IntegrationId, WorkspaceId};
use events::outbox;
use proto::integrations::v1 as pb;
use sqlx::PgConnection;

use super::{App, credential};
use crate::audit;
use crate::convert::{self, NewConnection};
use crate::error::Error;
use crate::facts::{self, SOURCE};
use crate::model::Integration;
use crate::store::vault::NewCredential;
use crate::store::{integration as store, vault};
use crate::vault::{DataKey, Label};

/// Should the process that saved values not come to check them, another one does after this.
const CHECK_AFTER_SAVE: Duration = Duration::minutes(1);

impl App {
    /// Saves values and checks the connection. The save is what `intent` makes happen once; the check
    /// comes after its commit, also for a request that is repeated, and its outcome is the answer.
    pub(crate) async fn connect(
        &self,
        workspace: WorkspaceId,
        new: NewConnection,
        key: &DataKey,
        saved_by: &str,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::Integration, Error> {
        let begun = Change::begin::<pb::Integration>(self.pool.begin(workspace).await?, intent).await?;
        let saved = match begun {
            Begun::Known(saved) => saved,
            Begun::Fresh(mut change) => {
                let saved = self.save(change.conn(), workspace, &new, key, saved_by, author).await?;
                change.commit(convert::integration(&saved)).await?
            }
        };
        let IntegrationName { id, .. } =
            saved.name.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        self.outcome(workspace, id).await
    }

    /// The integration after a check, which comes after the commit of what made it worth one.
    async fn outcome(&self, workspace: WorkspaceId, id: IntegrationId) -> Result<pb::Integration, Error> {
        match self.ask(workspace, id).await {
            Ok((integration, _)) => Ok(integration),
            // Disconnected since the first time that this was asked.
            Err(Error::Disconnected(_)) => self.get(workspace, id).await,
            Err(error) => Err(error),
        }
        .map(|integration| convert::integration(&integration))
    }

    async fn save(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        new: &NewConnection,
        key: &DataKey,
        saved_by: &str,
        author: &Author,
    ) -> Result<Integration, Error> {
        let (now, provider, location) = (self.clock.now(), new.provider, new.location);
        let id = store::put(conn, workspace, provider.name, location, now, now + CHECK_AFTER_SAVE).await?;
        let before = store::find(conn, workspace, id).await?.ok_or(Error::IntegrationNotFound(id))?;
        for (spec, value) in &new.credentials {
            let label = Label { workspace, location, provider: provider.name, name: spec.name };
            let (sealed, mask) = (key.seal(label, value), spec.mask(value));
            let credential = NewCredential { name: spec.name, sealed: &sealed, mask: &mask, saved_by };
            vault::put_credential(conn, workspace, id, credential, now).await?;
        }
        let mut saved = store::find(conn, workspace, id).await?.ok_or(Error::IntegrationNotFound(id))?;
        let mut input = Input::new();
        for name in &new.blank {
            if saved.credentials.iter().all(|kept| kept.name != *name) {
                input.refuse(&convert::credential_field(name), "must not be empty");
            }
        }
        let sealed = vault::list_sealed(conn, workspace, provider.name, location).await?;
        let in_force = credential::open(key, workspace, provider, sealed)?;
        if let Err(disagreement) = (provider.agree)(&in_force.values) {
            input.refuse(&convert::credential_field(disagreement.credential), disagreement.problem);
        }
        input.finish()?;
        if let Some(moved) = saved.at(in_force.host().as_ref()) {
            store::update(conn, &moved).await?;
            saved = moved;
        }
        if location.is_none() {
            store::make_locations_due(conn, workspace, provider.name, now).await?;
        }
        let names = new.credentials.iter().map(|(spec, _)| spec.name);
        audit::saved(author, &before, names, now).record(SOURCE, conn).await?;
        // Told even if nothing else changed: whoever holds the old values learns that there are others.
        outbox::append(conn, &[facts::status_changed(&saved)]).await?;
        Ok(saved)
    }

    /// Says that mappings are meant for the account that is connected now.
    pub(crate) async fn confirm_account(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
        account_ref: &str,
        author: &Author,
    ) -> Result<pb::Integration, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let before = store::find_for_update(&mut tx, workspace, id).await?;
        let before = before.ok_or(Error::IntegrationNotFound(id))?;
        let after = before.confirm(account_ref).ok_or(Error::OtherAccount(id))?;
        store::update(&mut tx, &after).await?;
        if after.is_news_after(&before) {
            outbox::append(&mut tx, &[facts::status_changed(&after)]).await?;
        }
        audit::confirmed(author, &before, &after, self.clock.now()).record(SOURCE, &mut tx).await?;
        tx.commit().await?;
        Ok(convert::integration(&after))
    }

    /// Says that a certificate which the host has shown is the right one, and checks the connection.
    pub(crate) async fn accept_certificate(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
        fingerprint: Fingerprint,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::Integration, Error> {
        let begun = Change::begin::<pb::Integration>(self.pool.begin(workspace).await?, intent).await?;
        if let Begun::Fresh(mut change) = begun {
            let before = store::find_for_update(change.conn(), workspace, id).await?;
            let before = before.ok_or(Error::IntegrationNotFound(id))?;
            let now = self.clock.now();
            let after = before.accept(fingerprint, now).ok_or(Error::OtherCertificate(id))?;
            store::update(change.conn(), &after).await?;
            if after.is_news_after(&before) {
                outbox::append(change.conn(), &[facts::status_changed(&after)]).await?;
            }
            audit::accepted(author, &before, &after, now).record(SOURCE, change.conn()).await?;
            change.commit(convert::integration(&after)).await?;
        }
        self.outcome(workspace, id).await
    }

    pub(super) async fn get(&self, workspace: WorkspaceId, id: IntegrationId) -> Result<Integration, Error> {
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
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::Integration, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = store::find_for_update(change.conn(), workspace, id)
            .await?
            .ok_or(Error::IntegrationNotFound(id))?;
        if before.credentials.is_empty() {
            return Ok(change.commit(convert::integration(&before)).await?);
        }
        let now = self.clock.now();
        let after = before.disconnect(now);
        vault::delete_credentials(change.conn(), workspace, id).await?;
        store::update(change.conn(), &after).await?;
        if after.location.is_none() {
            store::make_locations_due(change.conn(), workspace, &after.provider, after.status_at).await?;
        }
        outbox::append(change.conn(), &[facts::status_changed(&after)]).await?;
        audit::forgotten(author, &before, now).record(SOURCE, change.conn()).await?;
        Ok(change.commit(convert::integration(&after)).await?)
    }
}
