//! Compares accounts with what they should have, each as often as the setting says.
//!
//! A turn reads all that an account has, page by page, and gives commands the way before each page. Then
//! what was read is compared with the last answers, but for what commands touched since the turn began,
//! and told. A turn in which any page can't be read ends without a word about who has what.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use events::Outgoing;
use events::outbox;
use futures::TryStreamExt as _;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use prost::Message as _;
use proto::access::v1 as pb;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::turns::{self, Job, Stopped};
use crate::config::ReconcilerConfig;
use crate::credentials::Credentials;
use crate::drift::{Drift, compare};
use crate::error::{ErrorKind, Problem, ProviderError};
use crate::facts::{Source, Turn, listed_door};
use crate::provider::{Account, DoorProvider, Listed, Right};
use crate::store::reconciliation::{self, Claimed};
use crate::store::{LaneKey, account, held, lane};

/// How long an account stays with a process that has died: longer than any call takes.
const LEASE: Duration = Duration::from_secs(120);

/// How long a turn waits for commands before it looks again whether there are any.
const WAY: Duration = Duration::from_millis(500);

/// A turn that takes longer has found the account busy all the time.
const TURN_MAX: Duration = Duration::from_secs(1_800);

/// How long the account's commands may be held back while one right is taken away.
const HOLD: Duration = Duration::from_secs(30);

/// After a turn that failed.
const AGAIN: Duration = Duration::from_secs(600);

/// After a turn that took something away: it shows whether it is gone.
const LOOK_AFTER: Duration = Duration::from_secs(60);

/// Rights that are kept in memory for one account.
const RIGHTS_MAX: usize = 200_000;

/// After so long what an account has is told again, though it is the same: to whoever did not hear it.
const TOLD_AGAIN: Duration = Duration::from_secs(24 * 3_600);

/// The job. Idempotent; any number of processes share the accounts.
pub(crate) struct Reconciler<P> {
    pub provider: Arc<P>,
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub credentials: Arc<Credentials>,
    pub config: ReconcilerConfig,
    pub poll: Duration,
    pub source: Source,
    /// Wakes this job.
    pub wake: Arc<Notify>,
    /// Wakes the scheduler of commands.
    pub commands: Arc<Notify>,
    pub turns: Counter<u64>,
}

impl<P: DoorProvider> Job for Reconciler<P> {
    type Claimed = Claimed;
    const ACCOUNTS_MAX: usize = 8;

    async fn claim(&self, max: usize) -> Result<Vec<Claimed>, sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        reconciliation::claim(&mut conn, Uuid::now_v7(), LEASE, max).await
    }

    async fn take_turn(&self, claimed: &Claimed, shutdown: &CancellationToken) {
        let turn = Turn {
            account: claimed.account,
            number: claimed.began_at.timestamp_micros(),
            began_at: self.clock.now(),
        };
        let (outcome, next) = match self.reconcile(claimed, turn, shutdown).await {
            Ok(next) => ("whole", next),
            Err(Stopped::Failed(error)) => {
                tracing::info!(
                    provider.name = P::NAME, workspace.id = %claimed.account.workspace,
                    integration.id = %claimed.account.id, kind = ?error.kind, reason = error.reason,
                    "not reconciled"
                );
                let again = AGAIN.min(self.config.every());
                match self.tell_failure(claimed, turn, &error).await {
                    Ok(()) => ("failed", again),
                    Err(_) => return,
                }
            }
            // Whoever has the account next begins anew: the lease runs out.
            Err(Stopped::Left) => return,
            Err(Stopped::Ledger(error)) => {
                tracing::warn!(integration.id = %claimed.account.id, error = %error.0,
                    "the account is reconciled later: the database is away");
                return;
            }
        };
        self.turns.add(1, &[KeyValue::new("provider.name", P::NAME), KeyValue::new("outcome", outcome)]);
        if let Err(error) = self.finish(claimed, next).await {
            tracing::warn!(integration.id = %claimed.account.id, %error, "the lease stays until it runs out");
        }
    }
}

impl<P: DoorProvider> Reconciler<P> {
    /// Takes turns until shutdown.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let (wake, poll) = (self.wake.clone(), self.poll);
        turns::run(self, &wake, poll, shutdown).await;
    }

    async fn finish(&self, claimed: &Claimed, next: Duration) -> Result<(), sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        reconciliation::finish(&mut conn, claimed, next).await?;
        Ok(())
    }

    /// A whole turn. Gives how long until the next one.
    async fn reconcile(
        &self,
        claimed: &Claimed,
        turn: Turn,
        shutdown: &CancellationToken,
    ) -> Result<Duration, Stopped> {
        let Some(account) = self.account(claimed).await.map_err(Stopped::Failed)? else {
            // Nothing is connected: there is nothing to look at, and nothing to tell.
            return Ok(self.config.every());
        };
        if let Some(error) = self.credentials.refusal(&account) {
            return Err(Stopped::Failed(error));
        }
        let rights = self.read(claimed, &account, shutdown).await?;
        self.give_way(claimed, Instant::now() + TURN_MAX, shutdown).await?;
        let listed = self.provider.list_targets(&account).await.map_err(Stopped::Failed)?;
        let unwanted = self.tell(claimed, turn, &rights, &listed).await?;
        let has_removed = self.remove(claimed, &account, &unwanted, shutdown).await?;
        Ok(if has_removed { LOOK_AFTER.min(self.config.every()) } else { self.config.every() })
    }

    /// The account with its credentials in force, by any site that leads to it.
    async fn account(&self, claimed: &Claimed) -> Result<Option<Account>, ProviderError> {
        for &site in &claimed.sites {
            let found = self.credentials.fresh_account(site).await?;
            if let Some(account) = found.filter(|account| account.integration == claimed.account) {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    /// All that the account has.
    async fn read(
        &self,
        claimed: &Claimed,
        account: &Account,
        shutdown: &CancellationToken,
    ) -> Result<Vec<Right>, Stopped> {
        let until = Instant::now() + TURN_MAX;
        let targets = {
            let mut conn = self.pool.acquire().await?;
            held::used_targets(&mut conn, claimed.account).await?
        };
        let mut pages = pin!(self.provider.survey(account, &targets));
        let mut rights = Vec::new();
        loop {
            self.give_way(claimed, until, shutdown).await?;
            let page = tokio::select! {
                () = shutdown.cancelled() => return Err(Stopped::Left),
                page = pages.try_next() => page?,
            };
            match page {
                Some(page) => rights.extend(page),
                None => return Ok(rights),
            }
            if rights.len() > RIGHTS_MAX {
                let reason = format!("the account has more than {RIGHTS_MAX} rights: too many to compare");
                return Err(Stopped::Failed(ProviderError::new(ErrorKind::Malformed, reason)));
            }
        }
    }

    /// Waits while the account has commands to work.
    async fn give_way(
        &self,
        claimed: &Claimed,
        until: Instant,
        shutdown: &CancellationToken,
    ) -> Result<(), Stopped> {
        while self.is_busy(claimed).await? {
            if Instant::now() > until {
                let reason =
                    "the account had commands to work all the time: it is compared when there is room";
                return Err(Stopped::Failed(ProviderError::new(ErrorKind::RateLimited, reason)));
            }
            tokio::select! {
                () = shutdown.cancelled() => return Err(Stopped::Left),
                () = sleep(WAY) => {}
            }
        }
        if shutdown.is_cancelled() { Err(Stopped::Left) } else { Ok(()) }
    }

    async fn is_busy(&self, claimed: &Claimed) -> Result<bool, Stopped> {
        let mut conn = self.pool.acquire().await?;
        reconciliation::renew(&mut conn, claimed, LEASE).await?.ok_or(Stopped::Left)
    }

    /// Compares, and tells what came of it. Gives what is to be taken away.
    async fn tell(
        &self,
        claimed: &Claimed,
        turn: Turn,
        rights: &[Right],
        listed: &[Listed],
    ) -> Result<Vec<Right>, Stopped> {
        let mut tx = self.pool.begin().await?;
        let held = held::of_account(&mut tx, claimed.account, claimed.began_at).await?;
        let drifts = compare(&held, rights, self.clock.now());
        let mut messages = self.source.reconciled(turn, rights.len(), &drifts, self.clock.now());
        let doors: Vec<_> = listed.iter().map(listed_door).collect();
        if reconciliation::note_listing(&mut tx, claimed, &digest(&doors), TOLD_AGAIN).await? {
            messages.extend(self.source.doors_listed(turn, &doors, self.clock.now()));
        }
        for name in account::accept(&mut tx, &[claimed.account]).await? {
            messages.push(self.source.connection_changed(name, Ok(()), self.clock.now()));
        }
        self.commit(tx, claimed, &messages).await?;
        let unwanted = drifts.into_iter().filter_map(|drift| match drift {
            Drift::Unwanted(right) => Some(right),
            Drift::Missing(_) | Drift::Changed(..) | Drift::Foreign(_) => None,
        });
        Ok(unwanted.collect())
    }

    async fn tell_failure(
        &self,
        claimed: &Claimed,
        turn: Turn,
        error: &ProviderError,
    ) -> Result<(), Stopped> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        let mut messages = vec![self.source.not_reconciled(turn, error, now)];
        if error.kind == ErrorKind::Unauthorized {
            let problem = Problem::at_work(error);
            for name in account::refuse(&mut tx, &[(claimed.account, &problem.reason)], now).await? {
                messages.push(self.source.connection_changed(name, Err(&problem), now));
            }
        }
        self.commit(tx, claimed, &messages).await
    }

    /// Writes messages, unless someone else has the account by now.
    async fn commit(
        &self,
        mut tx: sqlx::Transaction<'_, sqlx::Postgres>,
        claimed: &Claimed,
        messages: &[Outgoing],
    ) -> Result<(), Stopped> {
        let conn: &mut PgConnection = &mut tx;
        outbox::append(conn, messages).await?;
        reconciliation::renew(conn, claimed, LEASE).await?.ok_or(Stopped::Left)?;
        Ok(tx.commit().await?)
    }

    /// Takes away what is ours and unwanted, as long as there are no commands: one could come to use just
    /// such a right. What is left has its turn next time. Says whether anything was taken away.
    async fn remove(
        &self,
        claimed: &Claimed,
        account: &Account,
        unwanted: &[Right],
        shutdown: &CancellationToken,
    ) -> Result<bool, Stopped> {
        let key = LaneKey { workspace: claimed.account.workspace, id: claimed.account.id.uuid() };
        let mut has_removed = false;
        for right in unwanted {
            if shutdown.is_cancelled() || self.is_busy(claimed).await? || !self.hold(claimed, key).await? {
                break;
            }
            let removed = timeout(HOLD / 2, self.provider.remove(account, right)).await;
            self.give_back(claimed, key).await?;
            let error: &(dyn std::error::Error + 'static) = match &removed {
                Ok(Ok(())) => {
                    has_removed = true;
                    continue;
                }
                Ok(Err(error)) => error,
                Err(late) => late,
            };
            tracing::warn!(integration.id = %claimed.account.id, error,
                "what is unwanted cannot be taken away; it is tried again next time");
            break;
        }
        Ok(has_removed)
    }

    async fn hold(&self, claimed: &Claimed, key: LaneKey) -> Result<bool, sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        lane::try_hold(&mut conn, key, claimed.token, HOLD).await
    }

    async fn give_back(&self, claimed: &Claimed, key: LaneKey) -> Result<(), sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        lane::give_back(&mut conn, key, claimed.token).await?;
        self.commands.notify_one();
        Ok(())
    }
}

/// The same for the same doors.
fn digest(doors: &[pb::ListedDoor]) -> Vec<u8> {
    let listing = pb::AccountDoorsListed { doors: doors.to_vec(), ..Default::default() };
    Sha256::digest(listing.encode_to_vec()).to_vec()
}
