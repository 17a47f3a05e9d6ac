//! Files that are removed: at once for people, and at the store right after.

use domain::{FileId, WorkspaceId};
use events::outbox;
use sqlx::PgConnection;

use super::App;
use crate::error::Error;
use crate::facts;
use crate::model::{Caller, File, Removal, State};
use crate::store::{file as store, usage};

impl App {
    /// Removes a file that somebody deletes.
    pub(crate) async fn delete_file(
        &self,
        workspace: WorkspaceId,
        caller: Caller,
        id: FileId,
    ) -> Result<File, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let file = store::find_for_update(&mut tx, workspace, id).await?;
        let file = file.filter(|file| caller.is(file.kind.rules().read, file.person));
        let file = file.ok_or(Error::FileNotFound(id))?;
        if !caller.is(file.kind.rules().delete, file.person) {
            return Err(Error::KindNotYours(file.kind, "delete"));
        }
        if file.state == State::Removed {
            return Ok(file);
        }
        let after = self.remove(&mut tx, file, Removal::Deleted).await?;
        tx.commit().await?;
        self.clear(&after).await;
        Ok(after)
    }

    /// Removes a locked file; of one that was stored it is told.
    pub(super) async fn remove(
        &self,
        conn: &mut PgConnection,
        before: File,
        why: Removal,
    ) -> Result<File, Error> {
        let after = before.clone().removed(self.clock.now());
        store::update(conn, &after).await?;
        usage::change(conn, &before, &after).await?;
        if before.state == State::Stored {
            outbox::append(conn, &[facts::removed(&after, why)]).await?;
        }
        Ok(after)
    }

    /// Removes at the store what is left of a file that is over. If that fails, the sweep does it.
    pub(super) async fn clear(&self, file: &File) {
        if let Err(error) = self.try_clear(file).await {
            let error = &error as &dyn std::error::Error;
            tracing::info!(workspace.id = %file.workspace, file.id = %file.id, error, "what is left is removed later");
        }
    }

    /// Removes at the store what is left of a file that is over, and takes that down.
    pub(super) async fn try_clear(&self, file: &File) -> Result<(), Error> {
        for key in keys(file) {
            self.objects()?.delete(&key).await?;
        }
        let mut tx = self.pool.begin(file.workspace).await?;
        let now = self.clock.now();
        if let Some(before) = store::find_for_update(&mut tx, file.workspace, file.id).await? {
            store::update(&mut tx, &before.cleared(now)).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Removes what nobody needs any more; what stays is found by the comparison of the bucket.
    pub(super) async fn clear_quietly(&self, keys: &[String]) {
        let Some(objects) = &self.objects else { return };
        for key in keys {
            if let Err(error) = objects.delete(key).await {
                let error = &error as &dyn std::error::Error;
                tracing::info!(error, "what was sent is removed later");
            }
        }
    }
}

/// Where anything of a file may lie.
fn keys(file: &File) -> Vec<String> {
    let sides = file.thumbnail_sides.iter().map(|side| side.cast_unsigned());
    // One whose check ended before it was taken down may have them without its row saying so.
    let sides = sides.chain(crate::check::SIDES).collect::<std::collections::BTreeSet<u32>>();
    [file.staging_key(), file.key(None)]
        .into_iter()
        .chain(sides.into_iter().map(|side| file.key(Some(side))))
        .map(|key| key.to_string())
        .collect()
}
