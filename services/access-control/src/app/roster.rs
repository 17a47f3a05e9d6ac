//! Which doors accounts and groups have: asked for when it is needed and not known, or not lately.

use std::time::Duration;

use futures::StreamExt as _;

use super::App;
use crate::control::{Account, Failure};
use crate::error::Error;
use crate::store::door;

/// Nobody waits longer than this for what may be known well enough.
const ASKING_MAX: Duration = Duration::from_secs(4);
/// Groups that are asked for at the same time.
const GROUPS_AT_ONCE: usize = 4;

/// How old what is known may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Freshness {
    /// Doors with what they can do, and how they are.
    pub doors: chrono::Duration,
    /// Which doors a group opens.
    pub groups: chrono::Duration,
}

impl App {
    /// Asks an account for its doors, and for those of groups, as far as that is not known, or not lately. What can't
    /// be asked in time stays as it is known. Says what the account answered instead of its doors, if it did.
    pub(super) async fn freshen(
        &self,
        account: &Account,
        groups: &[String],
        freshness: Freshness,
    ) -> Result<Option<Failure>, Error> {
        let asking = async {
            // Whoever else asks this account at the moment asks for all.
            let turn = self.turn_of(account.id);
            let _turn = turn.lock().await;
            let failure = self.freshen_doors(account, freshness.doors).await?;
            self.freshen_groups(account, groups, freshness.groups).await?;
            Ok(failure)
        };
        tokio::time::timeout(ASKING_MAX, asking).await.unwrap_or(Ok(None))
    }

    async fn freshen_doors(
        &self,
        account: &Account,
        age_max: chrono::Duration,
    ) -> Result<Option<Failure>, Error> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let asked_at = door::asked_at(&mut tx, account).await?;
        drop(tx);
        if asked_at.is_some_and(|asked_at| self.clock.now() - asked_at < age_max) {
            return Ok(None);
        }
        match self.adapters.list_doors(account).await {
            Ok(doors) => {
                let mut tx = self.pool.begin(account.workspace).await?;
                door::replace(&mut tx, account, &doors, self.clock.now()).await?;
                tx.commit().await?;
                Ok(None)
            }
            Err(failure) => {
                tracing::warn!(integration.id = %account.id, reason = failure.detail, "doors are not listed");
                Ok(Some(failure))
            }
        }
    }

    async fn freshen_groups(
        &self,
        account: &Account,
        groups: &[String],
        age_max: chrono::Duration,
    ) -> Result<(), Error> {
        if groups.is_empty() {
            return Ok(());
        }
        let since = self.clock.now() - age_max;
        let mut tx = self.pool.begin(account.workspace).await?;
        let stale = door::stale_groups(&mut tx, account, groups, since).await?;
        drop(tx);
        let asking = stale.into_iter().map(|group| async move {
            let doors = self.adapters.doors_of_group(account, &group).await;
            (group, doors)
        });
        let mut answers = futures::stream::iter(asking).buffer_unordered(GROUPS_AT_ONCE);
        while let Some((group, doors)) = answers.next().await {
            match doors {
                Ok(doors) => {
                    let mut tx = self.pool.begin(account.workspace).await?;
                    door::replace_group(&mut tx, account, &group, &doors, self.clock.now()).await?;
                    tx.commit().await?;
                }
                Err(failure) => {
                    tracing::warn!(integration.id = %account.id, reason = failure.detail, "a group is not listed");
                }
            }
        }
        Ok(())
    }
}
