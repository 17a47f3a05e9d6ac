//! Holds end when they should. A console counts in whole minutes, and ends a hold up to a minute late by itself; so at the
//! very end its rule is taken back. Whatever dies, the console ends it.

use std::time::Duration;

use domain::Timestamp;
use door_adapter::{Account, Accounts, ApplyError, ErrorKind, LedgerError};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::control::{hold, is_held_until};
use crate::provider::UnifiProvider;
use crate::store::{Hold, take_due};
use crate::vendor::Line;
use crate::vendor::wire::Rule;

/// How often it is looked for holds that should be over.
const TICK: Duration = Duration::from_secs(1);
/// Holds that one look takes.
const TAKEN_MAX: i64 = 100;

impl UnifiProvider {
    /// Notes a hold before the console is told of it, so that it ends in time.
    pub(crate) async fn note_hold(&self, hold: &Hold, until: Timestamp) {
        if let Err(LedgerError(error)) = self.ledger.note_hold(hold, until).await {
            tracing::warn!(door = hold.door, %error, "the end of a hold is not noted: its console ends it");
        }
    }

    /// Takes the holds of all workspaces that should be over. One that is not [ended](Self::end_hold) is taken again.
    pub async fn take_due_holds(&self, pool: &PgPool) -> Result<Vec<Hold>, sqlx::Error> {
        take_due(pool, self.now(), TAKEN_MAX).await
    }

    /// Ends a hold that should be over, if the door still has it: what it was told since, by whomever, stays.
    pub async fn end_hold(&self, account: &Account, over: &Hold) -> Result<(), ApplyError> {
        if self.now() < over.held_until {
            let console = self.open(account, Line::Doors)?;
            let rule = match console.rule(&over.door).await {
                // The door is gone.
                Err(error) if error.kind == ErrorKind::NotFound => None,
                read => read?,
            };
            if rule.is_some_and(|rule| is_held_until(&rule, over.held_until)) {
                console.set_rule(&over.door, &Rule::reset()).await?;
                self.renew_other(account, over).await?;
            }
        }
        Ok(self.ledger.forget_hold(over).await?)
    }

    /// Holds a door once more that someone has held in the very moment in which its hold was ended.
    async fn renew_other(&self, account: &Account, over: &Hold) -> Result<(), ApplyError> {
        let now = self.now();
        let standing = self.ledger.hold_of(account.integration, &over.door).await?;
        let other = standing.filter(|it| it.operation != over.operation && now < it.held_until);
        if let Some(other) = other {
            let (minutes, _) = hold(now, other.held_until);
            self.open(account, Line::Doors)?.set_rule(&other.door, &Rule::custom(minutes)).await?;
        }
        Ok(())
    }
}

/// Ends holds until shutdown. Any number of processes share them.
pub(crate) async fn run(
    provider: UnifiProvider,
    pool: PgPool,
    accounts: Accounts,
    shutdown: CancellationToken,
) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // A console that does not answer keeps no other waiting.
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        while under_way.try_join_next().is_some() {}
        match provider.take_due_holds(&pool).await {
            Ok(due) => {
                for over in due {
                    under_way.spawn(end(provider.clone(), accounts.clone(), over));
                }
            }
            Err(error) => tracing::warn!(%error, "holds that should be over can't be read; trying again"),
        }
    }
}

async fn end(provider: UnifiProvider, accounts: Accounts, over: Hold) {
    let ended = match accounts.find(over.account).await {
        Ok(Some(account)) => provider.end_hold(&account, &over).await,
        Err(error) if provider.now() < over.held_until => Err(error),
        // Nobody can tell the console any more, or it has ended the hold by itself.
        Ok(None) | Err(_) => provider.ledger.forget_hold(&over).await.map_err(Into::into),
    };
    if let Err(error) = ended {
        tracing::warn!(
            integration.id = %over.account.id, door = over.door, %error,
            "a door is not locked at the end of its hold, but by its console"
        );
    }
}
