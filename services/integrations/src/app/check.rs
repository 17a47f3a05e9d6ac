//! Asks providers whether the values in force are taken, and notes what was said.

use chrono::Duration;
use domain::{IntegrationId, Timestamp, WorkspaceId};
use events::{Envelope, outbox};
use futures::future::join_all;
use proto::integrations::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::convert;
use crate::error::Error;
use crate::facts;
use crate::model::{Integration, Word};
use crate::providers;
use crate::store::{integration as store, vault};

/// Whoever took an integration to check it has so long: more than an adapter's answer is awaited.
const LEASE: Duration = Duration::minutes(1);

impl App {
    /// Asks the provider again, for someone who waits for it.
    pub(crate) async fn check(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
    ) -> Result<pb::Integration, Error> {
        match self.ask(workspace, id).await? {
            (_, Word::NotAsked { reason }) => Err(Error::NotAsked(reason)),
            (integration, _) => Ok(convert::integration(&integration)),
        }
    }

    /// Asks about integrations whose time has come, one batch at a time. Says how many.
    pub(crate) async fn check_due(&self, limit: u16) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut conn = self.platform.acquire().await?;
        let due = store::claim_due(&mut conn, now, now + LEASE, limit).await?;
        drop(conn);
        join_all(due.iter().map(async |(workspace, id)| match self.ask(*workspace, *id).await {
            // Disconnected since it was taken.
            Ok(_) | Err(Error::Disconnected(_)) => {}
            Err(error) => {
                // Its lease runs out, then it is due again.
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, workspace.id = %workspace, integration.id = %id, "not checked");
            }
        }))
        .await;
        Ok(due.len())
    }

    /// Tells integrations once more that are to be told so, one batch. Says how many.
    pub(crate) async fn retell(&self, limit: i64) -> Result<usize, Error> {
        let mut tx = self.platform.begin().await?;
        let claimed = store::claim_retold(&mut tx, limit).await?;
        let mut messages = Vec::with_capacity(claimed.len());
        for (workspace, id) in &claimed {
            let found = store::find(&mut tx, *workspace, *id).await?;
            messages.extend(found.as_ref().map(facts::status_changed));
        }
        outbox::append(&mut tx, &messages).await?;
        tx.commit().await?;
        Ok(claimed.len())
    }

    /// Asks the provider, outside of any transaction, and notes what it said.
    pub(super) async fn ask(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
    ) -> Result<(Integration, Word), Error> {
        let integration = self.get(workspace, id).await?;
        if integration.credentials.is_empty() {
            return Err(Error::Disconnected(id));
        }
        // What was true when the question was put may be old when the answer comes.
        let asked_at = self.clock.now();
        let word = self.word_on(&integration).await?;
        let mut tx = self.pool.begin(workspace).await?;
        let after = hear(&mut tx, workspace, id, &word, asked_at, None).await?;
        tx.commit().await?;
        Ok((after, word))
    }

    async fn word_on(&self, integration: &Integration) -> Result<Word, Error> {
        let Integration { workspace, location, .. } = *integration;
        let provider = providers::find(&integration.provider)
            .ok_or_else(|| sqlx::Error::Decode("an integration of an unknown provider".into()))?;
        let mut conn = self.pool.begin(workspace).await?;
        let in_force = vault::list_sealed(&mut conn, workspace, provider.name, location).await?;
        drop(conn);
        let missing = provider.missing(in_force.iter().map(|sealed| sealed.name.as_str()));
        if !missing.is_empty() {
            return Ok(Word::missing(&missing));
        }
        Ok(self.adapters.check(provider, workspace, location).await)
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
}

/// Applies a word that was said at `time`, and tells of what is new. Gives the integration as it is
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
    if after.is_news_after(&before) {
        let fact = facts::status_changed(&after);
        let fact = match cause {
            Some(cause) => fact.caused_by(cause),
            None => fact,
        };
        outbox::append(conn, &[fact]).await?;
    }
    Ok(after)
}
