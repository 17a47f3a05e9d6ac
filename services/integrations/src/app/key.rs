//! Data keys: made, opened, wrapped anew.

use domain::WorkspaceId;
use proto::integrations::v1 as pb;

use super::App;
use crate::error::Error;
use crate::store::vault::{self as store, WrappedKey};
use crate::vault::{DataKey, MasterKey};

/// Data keys that one call wraps anew: few enough that it is over soon, with a key management service too.
const BATCH: u16 = 50;

impl App {
    /// The workspace's data key; a new one if it has none.
    pub(crate) async fn ensure_data_key(&self, workspace: WorkspaceId) -> Result<DataKey, Error> {
        if let Some(key) = self.find_data_key(workspace).await? {
            return Ok(key);
        }
        // What is new is wrapped by the newest, also in a process that was not told of it.
        self.keys.refresh()?;
        let fresh = wrap(&*self.keys.current(), workspace, &DataKey::generate()).await?;
        let mut tx = self.pool.begin(workspace).await?;
        store::ensure_data_key(&mut tx, workspace, &fresh, self.clock.now()).await?;
        tx.commit().await?;
        self.find_data_key(workspace).await?.ok_or(Error::Store(sqlx::Error::RowNotFound))
    }

    /// The workspace's data key, if it has one.
    pub(super) async fn find_data_key(&self, workspace: WorkspaceId) -> Result<Option<DataKey>, Error> {
        let Some(row) = self.wrapped_key(workspace).await? else { return Ok(None) };
        let (row, master) = match self.keys.find(&row.master_key_id) {
            Some(master) => (row, master),
            None => {
                // It was wrapped anew since the keys were read, or since the row was.
                self.keys.refresh()?;
                let Some(row) = self.wrapped_key(workspace).await? else { return Ok(None) };
                let master = self.keys.find(&row.master_key_id);
                let master = master.ok_or_else(|| self.keys.absent(&row.master_key_id))?;
                (row, master)
            }
        };
        unwrap(&*master, workspace, &row).await.map(Some)
    }

    async fn wrapped_key(&self, workspace: WorkspaceId) -> Result<Option<WrappedKey>, Error> {
        let mut conn = self.pool.begin(workspace).await?;
        Ok(store::find_data_key(&mut conn, workspace).await?)
    }

    /// Wraps one batch of data keys with the current master key. Values are opened meanwhile as ever: a
    /// data key stays what it is, and both master keys are at hand. Rows are not locked, for a key
    /// management service may take its time; who is second to write a row leaves it as it is.
    pub(crate) async fn rotate_keys(&self) -> Result<pb::RotateKeysResponse, Error> {
        self.keys.refresh()?;
        let current = self.keys.current();
        let mut conn = self.platform.acquire().await?;
        let rows = store::list_wrapped_by_others(&mut conn, current.id(), BATCH).await?;
        drop(conn);
        let mut rewrapped = 0;
        for (workspace, before) in &rows {
            let former = self.keys.find(&before.master_key_id);
            let former = former.ok_or_else(|| self.keys.absent(&before.master_key_id))?;
            let key = unwrap(&*former, *workspace, before).await?;
            let after = wrap(&*current, *workspace, &key).await?;
            let mut conn = self.platform.acquire().await?;
            rewrapped += i32::from(store::rewrap(&mut conn, *workspace, before, &after).await?);
        }
        let is_done = rows.len() < usize::from(BATCH);
        tracing::info!(master_key.id = current.id(), rewrapped, is_done, "data keys wrapped anew");
        Ok(pb::RotateKeysResponse { master_key: current.id().to_owned(), rewrapped, is_done })
    }
}

async fn wrap(master: &dyn MasterKey, workspace: WorkspaceId, key: &DataKey) -> Result<WrappedKey, Error> {
    let wrapped = master.wrap(workspace, key).await;
    let wrapped = wrapped.map_err(|source| Error::DataKey { workspace, source })?;
    Ok(WrappedKey { master_key_id: master.id().to_owned(), wrapped })
}

async fn unwrap(master: &dyn MasterKey, workspace: WorkspaceId, row: &WrappedKey) -> Result<DataKey, Error> {
    let key = master.unwrap(workspace, &row.wrapped).await;
    key.map_err(|source| Error::DataKey { workspace, source })
}
