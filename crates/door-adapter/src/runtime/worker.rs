//! Works one lane: its commands in order of urgency, until none is left.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::names::IntegrationName;
use domain::{Clock, EventId, IntegrationId, PersonId};
use events::{Envelope, trace};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use prost::Message as _;
use proto::access::v1 as pb;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::lease::Lease;
use super::recorder::{Completion, Recorder};
use crate::config::{CommandsConfig, ReconcilerConfig};
use crate::credentials::{Credentials, Site};
use crate::error::{ApplyError, ErrorKind, LedgerError, Problem, ProviderError};
use crate::facts::{Answer, Source};
use crate::provider::{Account, DoorProvider, UserApplied};
use crate::request::{Matter, Reading, Request};
use crate::secret::{Sealer, SecretChange};
use crate::store::command::{Batch, Waiting};
use crate::store::{LaneKey, command, held, lane};

/// After this long a batch is read anew: something more urgent may have come in.
const BATCH_AGE_MAX: Duration = Duration::from_secs(1);

/// Wait before the next try when the database is away.
const DATABASE_WAIT: Duration = Duration::from_millis(500);

/// What works lanes.
pub(crate) struct Worker<P: DoorProvider> {
    pub provider: Arc<P>,
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub credentials: Arc<Credentials>,
    pub recorder: Recorder<P>,
    pub config: CommandsConfig,
    pub reconciler: ReconcilerConfig,
    pub sealer: Arc<Sealer>,
    pub source: Source,
    /// Wakes the scheduler.
    pub wake: Arc<Notify>,
}

/// A command that is being worked.
struct Job {
    request: Request,
    cause: Envelope,
}

/// What was asked for is so.
struct Done {
    answer: Answer,
    /// What the provider has now, for a grant.
    outcome: Option<held::Outcome>,
    was_asked: bool,
}

/// What became of a command's turn.
enum Turn {
    Answered,
    /// The site's commands belong to another account.
    Misrouted(Site, IntegrationId),
}

impl<P: DoorProvider> Worker<P> {
    /// Works a lane from its first batch on. Ends when no command is left, the lease is lost or the
    /// service stops.
    pub(crate) async fn run(&self, lease: Lease, first: Batch, shutdown: CancellationToken) {
        let mut next = Ok(first);
        while lease.holds() {
            let outcome = match next {
                Ok(batch) => self.work(&lease, batch, &shutdown).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(lane = %lease.lane.id, error = %error.0, "commands wait for the database");
                    tokio::time::sleep(DATABASE_WAIT).await;
                }
            }
            if shutdown.is_cancelled() {
                if let Err(error) = self.give_back(&lease).await {
                    tracing::warn!(lane = %lease.lane.id, %error, "the lease stays until it runs out");
                }
                return;
            }
            next = self.fetch(lease.lane).await;
        }
        tracing::warn!(lane = %lease.lane.id, "the lease ran out; others go on");
    }

    /// Works a batch. `true` if the lane is done and given back.
    async fn work(
        &self,
        lease: &Lease,
        batch: Batch,
        shutdown: &CancellationToken,
    ) -> Result<bool, LedgerError> {
        let is_all = batch.commands.len() < self.config.batch;
        let fetched = Instant::now();
        let mut waiting: VecDeque<Job> = VecDeque::with_capacity(batch.commands.len());
        for command in &batch.commands {
            match read(lease.lane, command) {
                Ok(job) => waiting.push_back(job),
                Err(problem) => self.refuse_unreadable(lease.lane, command, problem).await?,
            }
        }
        let mut running = FuturesUnordered::new();
        let mut busy: HashSet<PersonId> = HashSet::new();
        let mut misrouted = None;
        let mut has_started = false;
        loop {
            let may_start = misrouted.is_none()
                && lease.holds()
                && !shutdown.is_cancelled()
                && (!has_started || fetched.elapsed() < BATCH_AGE_MAX);
            while may_start && running.len() < self.config.account_concurrency {
                // One person's commands one after the other: they share what is kept of the person.
                let free = waiting.iter().position(|job| !busy.contains(&job.request.person()));
                let Some(job) = free.and_then(|index| waiting.remove(index)) else { break };
                has_started = true;
                busy.insert(job.request.person());
                running.push(self.turn(lease, job));
            }
            let Some((person, turn)) = running.next().await else { break };
            busy.remove(&person);
            match turn? {
                Turn::Answered => {}
                Turn::Misrouted(site, account) => misrouted = Some((site, account)),
            }
        }
        drop(running);
        if let Some((site, account)) = misrouted {
            let mut conn = self.pool.acquire().await?;
            let reconciled_after = self.reconciler.every();
            lane::reroute(&mut conn, lease.lane, site.id(), account.uuid(), reconciled_after).await?;
            self.wake.notify_one();
            return Ok(false);
        }
        if !is_all || !waiting.is_empty() {
            return Ok(false);
        }
        let mut conn = self.pool.acquire().await?;
        Ok(lane::try_finish(&mut conn, lease.lane, lease.token, batch.arrivals).await?)
    }

    /// One command's turn, in the command's trace; and whose it was.
    async fn turn(&self, lease: &Lease, job: Job) -> (PersonId, Result<Turn, LedgerError>) {
        let request = &job.request;
        let span = tracing::info_span!(
            "apply",
            otel.name = "apply a command",
            otel.kind = "consumer",
            provider.name = P::NAME,
            workspace.id = %request.matter().workspace(),
            grant.id = %request.matter().id(),
            grant.generation = request.generation(),
        );
        trace::continue_from(&span, job.cause.traceparent.as_deref());
        (request.person(), self.carry_out(lease, &job).instrument(span).await)
    }

    async fn carry_out(&self, lease: &Lease, job: &Job) -> Result<Turn, LedgerError> {
        let request = &job.request;
        let site = request.site();
        let account = match self.credentials.own_account(site).await {
            Ok(Some(account)) => account,
            Ok(None) => return self.fail(lease, job, None, not_connected(P::DISPLAY_NAME), Vec::new()).await,
            Err(error) => return self.fail(lease, job, None, error, Vec::new()).await,
        };
        if account.integration.id.uuid() != lease.lane.id {
            return Ok(Turn::Misrouted(site, account.integration.id));
        }
        let mut changes = Vec::new();
        match self.apply(site, &account, request, &mut changes).await {
            Ok(done) => self.answer(lease, job, Some(&account), done, changes).await,
            Err(ApplyError::Provider(error)) => self.fail(lease, job, Some(&account), error, changes).await,
            Err(ApplyError::Ledger(error)) => Err(error),
        }
    }

    async fn apply(
        &self,
        site: Site,
        account: &Account,
        request: &Request,
        changes: &mut Vec<P::Change>,
    ) -> Result<Done, ApplyError> {
        if let Some(error) = self.credentials.refusal(account) {
            return Err(error.into());
        }
        let result = self.ask(account, request, changes).await;
        let Err(ApplyError::Provider(error)) = &result else { return result };
        if error.kind != ErrorKind::Unauthorized {
            return result;
        }
        // The kept credential may be one that was just replaced.
        match self.credentials.fresh_own_account(site).await {
            Ok(Some(fresh)) if fresh.integration == account.integration && fresh != *account => {
                let result = self.ask(&fresh, request, changes).await;
                if let Err(ApplyError::Provider(error)) = &result
                    && error.kind == ErrorKind::Unauthorized
                {
                    self.credentials.refuse(&fresh, error);
                }
                result
            }
            _ => {
                self.credentials.refuse(account, error);
                result
            }
        }
    }

    /// Asks the provider, once.
    async fn ask(
        &self,
        account: &Account,
        request: &Request,
        changes: &mut Vec<P::Change>,
    ) -> Result<Done, ApplyError> {
        match request {
            Request::Access(request) if !self.provider.capabilities().can(request.target.kind) => {
                let reason = format!("{} has no such target: map another one", P::DISPLAY_NAME);
                Err(ProviderError::new(ErrorKind::Rejected, reason).into())
            }
            Request::Access(request) => {
                let applied = self.provider.apply(account, request, changes).await?;
                Ok(Done {
                    was_asked: applied.was_asked,
                    outcome: Some(held::Outcome {
                        account: account.integration,
                        grant: request.grant,
                        generation: request.generation,
                        target: request.target.clone(),
                        right: applied.window.zip(applied.provider_ref.clone()),
                    }),
                    answer: Answer::Access(request.grant, applied),
                })
            }
            Request::WayIn(request) => {
                let applied = self.provider.set_way_in(account, request).await?;
                let was_asked = applied.was_asked;
                Ok(Done { was_asked, outcome: None, answer: Answer::WayIn(request.way_in, applied) })
            }
            Request::User(request) => {
                let UserApplied { state, was_asked } = self.provider.set_user(account, request).await?;
                Ok(Done { was_asked, outcome: None, answer: Answer::User(request.user, state) })
            }
        }
    }

    async fn answer(
        &self,
        lease: &Lease,
        job: &Job,
        account: Option<&Account>,
        done: Done,
        changes: Vec<P::Change>,
    ) -> Result<Turn, LedgerError> {
        tracing::debug!("applied");
        let taken = account.filter(|_| done.was_asked).map(|account| (account.integration, Ok(())));
        self.complete(lease, job, &done.answer, changes, done.outcome, taken).await
    }

    async fn fail(
        &self,
        lease: &Lease,
        job: &Job,
        account: Option<&Account>,
        error: ProviderError,
        changes: Vec<P::Change>,
    ) -> Result<Turn, LedgerError> {
        tracing::info!(kind = ?error.kind, reason = error.reason, "not applied");
        let taken = account
            .filter(|_| error.kind == ErrorKind::Unauthorized)
            .map(|account| (account.integration, Err(Problem::at_work(&error))));
        let answer = Answer::Failed(job.request.matter(), error);
        self.complete(lease, job, &answer, changes, None, taken).await
    }

    async fn complete(
        &self,
        lease: &Lease,
        job: &Job,
        answer: &Answer,
        changes: Vec<P::Change>,
        outcome: Option<held::Outcome>,
        account: Option<(IntegrationName, Result<(), Problem>)>,
    ) -> Result<Turn, LedgerError> {
        let request = &job.request;
        let completion = Completion {
            matter: request.matter(),
            generation: request.generation(),
            answer: self.source.completed(answer, request.generation(), &job.cause, self.clock.now()),
            changes,
            outcome,
            secret: self.secret(request, answer),
            account,
        };
        // What was done at the provider should be known: while the lane is ours, try again.
        while let Err(error) = self.recorder.record(completion.clone()).await {
            if !lease.holds() {
                return Err(error);
            }
            tracing::warn!(error = %error.0, "the answer cannot be written; trying again");
            tokio::time::sleep(DATABASE_WAIT).await;
        }
        Ok(Turn::Answered)
    }

    /// What an answer means for the secret of what was asked for.
    fn secret(&self, request: &Request, answer: &Answer) -> SecretChange {
        let (window, secret) = match (request, answer) {
            (_, Answer::Access(_, applied)) => (applied.window, applied.secret.as_ref()),
            (Request::WayIn(request), Answer::WayIn(_, applied)) => {
                (request.window.filter(|_| applied.secret.is_some()), applied.secret.as_ref())
            }
            _ => return SecretChange::Stays,
        };
        match (window, secret) {
            (None, _) => SecretChange::Goes,
            (Some(window), None) => SecretChange::Lasts(window.end()),
            (Some(window), Some(secret)) => {
                SecretChange::Is(self.sealer.seal(request.matter(), secret, window.end()))
            }
        }
    }

    /// Answers a command that was stored by a version of this program that understood it.
    async fn refuse_unreadable(
        &self,
        lane: LaneKey,
        waiting: &Waiting,
        problem: String,
    ) -> Result<(), LedgerError> {
        let (matter, generation) = (waiting.matter, waiting.generation);
        let failed = Answer::Failed(matter, senseless(problem));
        let answer = self.source.completed(&failed, generation, &cause(lane, waiting), self.clock.now());
        let completion = Completion {
            matter,
            generation,
            answer,
            changes: Vec::new(),
            outcome: None,
            secret: SecretChange::Stays,
            account: None,
        };
        self.recorder.record(completion).await
    }

    async fn fetch(&self, key: LaneKey) -> Result<Batch, LedgerError> {
        let mut conn = self.pool.acquire().await?;
        let batches = command::fetch(&mut conn, &[key], self.config.batch).await?;
        Ok(batches.into_iter().next().unwrap_or(Batch { lane: key, arrivals: 0, commands: Vec::new() }))
    }

    async fn give_back(&self, lease: &Lease) -> Result<(), sqlx::Error> {
        let mut conn = self.pool.acquire().await?;
        lane::give_back(&mut conn, lease.lane, lease.token).await
    }
}

/// The answer to a command that cannot be understood.
pub(crate) fn senseless(problem: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(ErrorKind::Rejected, format!("the command makes no sense: {problem}"))
}

/// The answer where nothing is connected.
pub(crate) fn not_connected(provider: &str) -> ProviderError {
    let reason = format!("no {provider} credentials are saved for this location: connect {provider}");
    ProviderError::new(ErrorKind::Unauthorized, reason)
}

fn read(lane: LaneKey, waiting: &Waiting) -> Result<Job, String> {
    let (workspace, body) = (lane.workspace, waiting.body.as_slice());
    let reading = match waiting.matter {
        Matter::Grant(_) => pb::AccessCommand::decode(body).map(|it| Reading::of_access(workspace, &it)),
        Matter::User(_) => pb::UserCommand::decode(body).map(|it| Reading::of_user(workspace, &it)),
        Matter::WayIn(_) => pb::WayInCommand::decode(body).map(|it| Reading::of_way_in(workspace, &it)),
    };
    match reading.map_err(|error| error.to_string())? {
        Ok(Reading::Request(request)) => Ok(Job { request, cause: cause(lane, waiting) }),
        Ok(Reading::Unusable { problem, .. }) | Err(problem) => Err(problem.to_string()),
    }
}

/// The message that a command came as, as far as an answer refers to it.
fn cause(lane: LaneKey, waiting: &Waiting) -> Envelope {
    Envelope {
        id: EventId::from_uuid(waiting.event_id),
        type_name: String::new(),
        source: String::new(),
        subject: String::new(),
        time: domain::Timestamp::UNIX_EPOCH,
        workspace: lane.workspace,
        sequence: 0,
        correlation: waiting.correlation.clone(),
        causation: None,
        traceparent: waiting.traceparent.clone(),
    }
}
