//! What happens to files by time: given up, ended, looked for, removed at the store, forgotten.

use chrono::Duration;

use super::App;
use crate::error::Error;
use crate::model::{File, Removal, State, Step};
use crate::store::file as store;

/// Files that one round takes at most.
const PER_ROUND: i64 = 50;

/// For so long they are this process's: longer than a round takes.
const LEASE: Duration = Duration::minutes(10);

impl App {
    /// Does what is due. How many files it was due for.
    pub(crate) async fn do_due(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let due = store::claim_due(&mut tx, now, now + LEASE, PER_ROUND).await?;
        tx.commit().await?;
        let count = due.len();
        for file in due {
            if let Err(error) = self.do_step(&file, file.step(now)).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(workspace.id = %file.workspace, file.id = %file.id, error, "a file is looked at later");
            }
        }
        Ok(count)
    }

    async fn do_step(&self, file: &File, step: Step) -> Result<(), Error> {
        match step {
            Step::GiveUp => self.end(file, Removal::Deleted).await,
            Step::Release => self.release(file).await,
            Step::Expire => self.end(file, Removal::Expired).await,
            Step::Verify => self.verify(file).await,
            Step::Clear => self.try_clear(file).await,
            Step::Forget => {
                let mut tx = self.pool.begin(file.workspace).await?;
                store::delete(&mut tx, file.workspace, file.id).await?;
                tx.commit().await?;
                Ok(())
            }
        }
    }

    /// Removes a file, if it is still as it was when it was due.
    async fn end(&self, file: &File, why: Removal) -> Result<(), Error> {
        let mut tx = self.pool.begin(file.workspace).await?;
        let before = store::find_for_update(&mut tx, file.workspace, file.id).await?;
        let Some(before) = before.filter(|before| before.version == file.version) else { return Ok(()) };
        let after = self.remove(&mut tx, before, why).await?;
        tx.commit().await?;
        self.try_clear(&after).await
    }

    /// Lets others look at a file.
    async fn release(&self, file: &File) -> Result<(), Error> {
        let mut tx = self.pool.begin(file.workspace).await?;
        let before = store::find_for_update(&mut tx, file.workspace, file.id).await?;
        if let Some(before) = before.filter(|before| before.version == file.version) {
            store::update(&mut tx, &before.sent_again(self.clock.now())).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Looks whether a stored file is there, with all that belongs to it.
    async fn verify(&self, file: &File) -> Result<(), Error> {
        let sides = file.thumbnail_sides.iter().map(|side| Some(side.cast_unsigned()));
        let mut is_there = true;
        for side in [None].into_iter().chain(sides) {
            is_there &= self.objects()?.head(&file.key(side)).await?.is_some();
        }
        let mut tx = self.pool.begin(file.workspace).await?;
        let before = store::find_for_update(&mut tx, file.workspace, file.id).await?;
        let Some(before) = before.filter(|before| before.state == State::Stored) else { return Ok(()) };
        let (after, is_lost) = before.verified(is_there, self.clock.now());
        store::update(&mut tx, &after).await?;
        if !is_there {
            tracing::warn!(
                workspace.id = %file.workspace, file.id = %file.id, is_lost,
                "a file is missing at the store; put it back from a backup of the bucket"
            );
        }
        if is_lost {
            self.remove(&mut tx, after, Removal::Lost).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
