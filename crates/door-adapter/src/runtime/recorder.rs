//! Writes what came of commands: the provider's ledger, the answer, secrets, what is known of the account, in one
//! transaction; those of several accounts together.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Clock;
use domain::names::IntegrationName;
use events::Outgoing;
use events::consumer::is_unavailable;
use events::outbox::{self, OutboxError};
use sqlx::PgPool;

use crate::batcher::Batcher;
use crate::error::{LedgerError, Problem};
use crate::facts::Source;
use crate::provider::DoorProvider;
use crate::request::Matter;
use crate::secret::SecretChange;
use crate::store::{account, command, held, secret};

/// Answers in one transaction at most.
const BATCH: usize = 100;

/// What came of a command.
#[derive(Debug, Clone)]
pub(crate) struct Completion<C> {
    pub matter: Matter,
    pub generation: i64,
    /// The answer.
    pub answer: Outgoing,
    /// For the provider's ledger.
    pub changes: Vec<C>,
    /// What the provider has now; `None`: as before, or nobody knows.
    pub outcome: Option<held::Outcome>,
    /// What becomes of the secret of what was asked for.
    pub secret: SecretChange,
    /// What is now known of the account: taken, or refused and why. `None`: nothing.
    pub account: Option<(IntegrationName, Result<(), Problem>)>,
}

/// Writes completions.
pub(crate) struct Recorder<P: DoorProvider> {
    provider: Arc<P>,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    source: Source,
    batcher: Batcher<Completion<P::Change>, Result<(), LedgerError>>,
}

impl<P: DoorProvider> Recorder<P> {
    pub(crate) fn new(provider: Arc<P>, pool: PgPool, clock: Arc<dyn Clock>, source: Source) -> Self {
        Self { provider, pool, clock, source, batcher: Batcher::new(BATCH) }
    }

    /// Writes a completion.
    pub(crate) async fn record(&self, completion: Completion<P::Change>) -> Result<(), LedgerError> {
        self.batcher.ask(completion, |batch| self.write_all(batch)).await
    }

    async fn write_all(&self, batch: Vec<Completion<P::Change>>) -> Vec<Result<(), LedgerError>> {
        let error = match self.write(&batch).await {
            Ok(()) => return vec![Ok(()); batch.len()],
            Err(error) => error,
        };
        if batch.len() == 1 || is_unavailable(&error) {
            return vec![Err(error.into()); batch.len()];
        }
        // One that can't be written must hinder no other.
        let mut results = Vec::with_capacity(batch.len());
        for completion in &batch {
            results.push(self.write(std::slice::from_ref(completion)).await.map_err(LedgerError::from));
        }
        results
    }

    async fn write(&self, batch: &[Completion<P::Change>]) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let mut messages: Vec<Outgoing> = batch.iter().map(|c| c.answer.clone()).collect();
        let changes: Vec<P::Change> = batch.iter().flat_map(|c| c.changes.iter().cloned()).collect();
        // What was learned last of an account counts.
        let mut accepted: HashMap<IntegrationName, ()> = HashMap::new();
        let mut refused: HashMap<IntegrationName, &Problem> = HashMap::new();
        for (name, taken) in batch.iter().filter_map(|c| c.account.as_ref()) {
            match taken {
                Ok(()) => {
                    refused.remove(name);
                    accepted.insert(*name, ());
                }
                Err(problem) => {
                    accepted.remove(name);
                    refused.insert(*name, problem);
                }
            }
        }

        let mut tx = self.pool.begin().await?;
        if !changes.is_empty() {
            self.provider.record(&mut tx, &changes).await?;
        }
        let outcomes: Vec<&held::Outcome> = batch.iter().filter_map(|c| c.outcome.as_ref()).collect();
        held::record(&mut tx, &outcomes).await?;
        secret::record(&mut tx, batch.iter().map(|c| (c.matter, &c.secret))).await?;
        command::finish(&mut tx, batch.iter().map(|c| (c.matter, c.generation)), now).await?;
        if !accepted.is_empty() {
            let accepted: Vec<IntegrationName> = accepted.into_keys().collect();
            for name in account::accept(&mut tx, &accepted).await? {
                messages.push(self.source.connection_changed(name, Ok(()), now));
            }
        }
        if !refused.is_empty() {
            let listed: Vec<(IntegrationName, &str)> =
                refused.iter().map(|(name, problem)| (*name, problem.reason.as_str())).collect();
            let news = account::refuse(&mut tx, &listed, now).await?;
            messages.extend(news.into_iter().filter_map(|name| {
                let problem = refused.get(&name)?;
                Some(self.source.connection_changed(name, Err(problem), now))
            }));
        }
        outbox::append(&mut tx, &messages).await.map_err(|error| match error {
            OutboxError::Store(error) => error,
            error @ OutboxError::TooLarge { .. } => sqlx::Error::Encode(error.into()),
        })?;
        tx.commit().await
    }
}
