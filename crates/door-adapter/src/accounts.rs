//! Accounts by their integrations, for what an adapter does by itself, beside commands and calls.

use std::sync::Arc;

use domain::names::IntegrationName;
use sqlx::PgPool;

use crate::credentials::Credentials;
use crate::error::ApplyError;
use crate::provider::Account;
use crate::store::log::site_of;

/// The accounts of one provider. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    pool: PgPool,
    credentials: Arc<Credentials>,
}

impl Accounts {
    pub(crate) fn new(pool: PgPool, credentials: Arc<Credentials>) -> Self {
        Self { pool, credentials }
    }

    /// The integration's account, with its values in force; `None` if it is not connected any more.
    pub async fn find(&self, integration: IntegrationName) -> Result<Option<Account>, ApplyError> {
        let site = {
            let mut conn = self.pool.acquire().await?;
            site_of(&mut conn, integration).await?
        };
        let Some(site) = site else { return Ok(None) };
        let account = self.credentials.own_account(site).await?;
        let Some(account) = account.filter(|account| account.integration == integration) else {
            return Ok(None);
        };
        match self.credentials.refusal(&account) {
            Some(error) => Err(error.into()),
            None => Ok(Some(account)),
        }
    }
}
