//! By which webhook a console reports to us.

use domain::Timestamp;
use domain::names::IntegrationName;
use door_adapter::LedgerError;

use super::Ledger;

/// What is known of a console's webhook.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct WebhookRow {
    pub endpoint: String,
    /// `None`: there can be none.
    pub webhook_id: Option<String>,
    /// Its secret, sealed.
    pub sealed: Option<Vec<u8>>,
    /// When it was last looked for.
    pub looked_at: Timestamp,
}

impl Ledger {
    /// What is known.
    pub(crate) async fn webhook(&self, account: IntegrationName) -> Result<Option<WebhookRow>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let row = sqlx::query_as(
            "select endpoint, webhook_id, sealed, looked_at from unifi_webhook
             where workspace_id = $1 and account_id = $2",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Notes what was found or made.
    pub(crate) async fn note_webhook(
        &self,
        account: IntegrationName,
        row: &WebhookRow,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        sqlx::query(
            "insert into unifi_webhook (workspace_id, account_id, endpoint, webhook_id, sealed, looked_at)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (workspace_id, account_id) do update
               set endpoint = excluded.endpoint, webhook_id = excluded.webhook_id, sealed = excluded.sealed,
                   looked_at = excluded.looked_at",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(&row.endpoint)
        .bind(&row.webhook_id)
        .bind(&row.sealed)
        .bind(row.looked_at)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Has the console's log read soon.
    pub(crate) async fn look_soon(&self, account: IntegrationName) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        door_adapter::look_within(&mut tx, account, LOOK_WITHIN).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What a console reports may stand in its log a moment later; and what it reports meanwhile is read along.
const LOOK_WITHIN: std::time::Duration = std::time::Duration::from_secs(1);
