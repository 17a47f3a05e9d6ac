//! Use cases: one transaction each.

mod read;
mod report;

use std::sync::Arc;

use chassis::postgres::WorkspacePool;
use domain::{Clock, Timestamp};
use sqlx::PgPool;

use crate::engine::{self, Attempt, Outcome, Policy, Step};
use crate::error::Error;
use crate::model::{Channel, Content, Kind, MessageKey, State};
use crate::store::ledger;
use crate::store::queue::{self, Change};

/// The service's use cases.
#[derive(Clone)]
pub(crate) struct App {
    pool: WorkspacePool,
    platform: PgPool,
    clock: Arc<dyn Clock>,
}

/// A message that was taken up and must be sent now.
#[derive(Debug)]
pub(crate) struct Work {
    pub key: MessageKey,
    pub kind: Kind,
    pub content: Content,
    pub traceparent: Option<String>,
    pub attempt: Attempt,
}

/// What came of a message that was taken up.
#[derive(Debug)]
pub(crate) struct Finished {
    pub key: MessageKey,
    pub attempt: Attempt,
    pub outcome: Outcome,
}

/// What a round brought.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub work: Vec<Work>,
    /// How many rows were due.
    pub seen: usize,
    /// When the next row is due.
    pub next: Option<Timestamp>,
}

impl App {
    pub(crate) fn new(pool: WorkspacePool, platform: PgPool, clock: Arc<dyn Clock>) -> Self {
        Self { pool, platform, clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Notes what has finished, then takes up to `room` due messages. Once this has returned, what was
    /// taken up is the caller's for the length of the lease.
    pub(crate) async fn round(
        &self,
        channel: Channel,
        policy: &Policy,
        finished: &[Finished],
        room: usize,
    ) -> Result<Round, Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let concluded: Vec<Change> =
            finished.iter().map(|finished| conclude(finished, now, policy)).collect();
        queue::write(&mut tx, &concluded).await?;
        let mut round = Round::default();
        if room > 0 {
            let due = queue::lock_due(&mut tx, channel, now, room).await?;
            round.seen = due.len();
            let mut changes = Vec::with_capacity(due.len());
            let mut waiting = Vec::new();
            for message in due {
                let before = message.due.standing.clone();
                let Some(content) = message.content else {
                    changes.push(Change {
                        key: message.key,
                        from: (before.state, before.attempts),
                        to: engine::unreadable(&before),
                    });
                    continue;
                };
                let step = engine::take_up(&message.due, now, policy);
                changes.push(Change {
                    key: message.key,
                    from: (before.state, before.attempts),
                    to: step.standing().clone(),
                });
                match step {
                    Step::Send(during) => round.work.push(Work {
                        key: message.key,
                        kind: message.kind,
                        content,
                        traceparent: message.traceparent,
                        attempt: Attempt {
                            id: message.key.id,
                            before,
                            during,
                            expires_at: message.due.expires_at,
                        },
                    }),
                    Step::Wait(_) => waiting.extend(
                        message
                            .booking_version
                            .map(|version| ((message.key.workspace, message.booking, channel), version)),
                    ),
                    Step::Note(_) => {}
                }
            }
            queue::write(&mut tx, &changes).await?;
            if !waiting.is_empty() {
                // What they wait for may itself be waiting for a retry that must never come.
                queue::supersede_older(&mut tx, waiting).await?;
            }
            round.next = queue::next_due(&mut tx, channel).await?;
        }
        tx.commit().await?;
        Ok(round)
    }

    /// Those of the vendor's ids that are other messages of the workspace. This one's may be known since a moment, for the
    /// vendor reports it while it is looked for.
    pub(crate) async fn texts_of_others(
        &self,
        message: MessageKey,
        vendor_refs: &[String],
    ) -> Result<Vec<String>, Error> {
        let mut tx = self.pool.begin(message.workspace).await?;
        Ok(ledger::texts_of_others(&mut tx, message, vendor_refs).await?)
    }
}

fn conclude(finished: &Finished, now: Timestamp, policy: &Policy) -> Change {
    Change {
        key: finished.key,
        from: (State::Sending, finished.attempt.during.attempts),
        to: engine::conclude(&finished.attempt, finished.outcome.clone(), now, policy),
    }
}
