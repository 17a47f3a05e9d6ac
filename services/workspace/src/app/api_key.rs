//! API keys, and what one that is shown is good for.

use chassis::audit::Author;
use chassis::auth::{ApiKeyText, Principal};
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{ApiKeyId, WorkspaceId};
use proto::workspace::v1 as pb;

use super::App;
use super::person::known_locations;
use crate::audit;
use crate::convert::{self, NewApiKey};
use crate::error::Error;
use crate::facts::SOURCE;
use crate::model::api_key::Verdict;
use crate::model::{ApiKey, policy};
use crate::store::{api_key as store, place};

impl App {
    /// A new key. Its text leaves here and stays nowhere: what is remembered of the answer is without it.
    pub(crate) async fn create_api_key(
        &self,
        workspace: WorkspaceId,
        caller: &Principal,
        author: &Author,
        new: NewApiKey,
        intent: Option<Intent>,
    ) -> Result<pb::CreateApiKeyResponse, Error> {
        if !policy::may_appoint(caller) {
            return Err(Error::NotForApiKeys);
        }
        if !policy::may_add(caller, new.role) {
            return Err(Error::RoleAbove(new.role));
        }
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        place::find_workspace(change.conn(), workspace).await?.ok_or(Error::WorkspaceNotFound(workspace))?;
        known_locations(change.conn(), workspace, &new.locations).await?;
        let (shown, now) = (ApiKeyText::generate(ApiKeyId::new()), self.clock.now());
        let key = ApiKey {
            workspace,
            id: shown.id(),
            display_name: new.display_name,
            hash: shown.hash().to_vec(),
            role: new.role,
            locations: new.locations,
            methods: new.methods,
            creator: caller.id.clone(),
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        store::insert(change.conn(), &key).await?;
        audit::api_key_created(author, &key, now).record(SOURCE, change.conn()).await?;
        let remembered =
            pb::CreateApiKeyResponse { api_key: Some(convert::api_key(&key)), text: String::new() };
        let answer = change.commit(remembered).await?;
        Ok(pb::CreateApiKeyResponse { text: shown.text().to_owned(), ..answer })
    }

    pub(crate) async fn get_api_key(
        &self,
        workspace: WorkspaceId,
        id: ApiKeyId,
    ) -> Result<pb::ApiKey, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let key = store::find(&mut tx, workspace, id).await?.ok_or(Error::ApiKeyNotFound(id))?;
        Ok(convert::api_key(&key))
    }

    pub(crate) async fn list_api_keys(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListApiKeysResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |key| key.id.uuid());
        Ok(pb::ListApiKeysResponse { api_keys: rows.iter().map(convert::api_key).collect(), next_page_token })
    }

    pub(crate) async fn revoke_api_key(
        &self,
        workspace: WorkspaceId,
        caller: &Principal,
        author: &Author,
        id: ApiKeyId,
        intent: Option<Intent>,
    ) -> Result<pb::RevokeApiKeyResponse, Error> {
        if !policy::may_appoint(caller) {
            return Err(Error::NotForApiKeys);
        }
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before =
            store::find_for_update(change.conn(), workspace, id).await?.ok_or(Error::ApiKeyNotFound(id))?;
        let now = self.clock.now();
        let revoked = before.revoked(now);
        if let Some(after) = &revoked {
            store::revoke(change.conn(), after).await?;
            audit::api_key_revoked(author, after, now).record(SOURCE, change.conn()).await?;
        }
        let key = revoked.as_ref().unwrap_or(&before);
        Ok(change.commit(pb::RevokeApiKeyResponse { api_key: Some(convert::api_key(key)) }).await?)
    }

    /// What a key that was shown is good for; writes down its use. Works across workspaces: the key does not
    /// say of which it is.
    pub(crate) async fn exchange_api_key(
        &self,
        id: ApiKeyId,
        hash: &[u8],
    ) -> Result<pb::ExchangeApiKeyResponse, Error> {
        let mut conn = self.platform.acquire().await?;
        let Some(key) = store::find_anywhere(&mut conn, id).await? else {
            let verdict = pb::ApiKeyVerdict::Unknown.into();
            return Ok(pb::ExchangeApiKeyResponse { verdict, api_key: None });
        };
        let now = self.clock.now();
        let verdict = key.judge(hash, now);
        if verdict == Verdict::Good && key.is_news(now) {
            store::note_use(&mut conn, &key, now, ApiKey::use_horizon(now)).await?;
        }
        let api_key = (verdict == Verdict::Good).then(|| convert::api_key(&key));
        Ok(pb::ExchangeApiKeyResponse { verdict: convert::verdict(verdict).into(), api_key })
    }
}
