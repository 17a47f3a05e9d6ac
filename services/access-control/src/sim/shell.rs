//! The real shell on a real database: two replicas, each with one connection for what works across workspaces
//! and one for calls.

use std::sync::Arc;

use chassis::audit::Author;
use chassis::auth::{Principal, Role};
use chassis::idempotency::Intent;
use chassis::postgres::WorkspacePool;
use domain::names::DoorMappingName;
use domain::{EventId, SettableClock, Timestamp, WorkspaceId};
use events::consumer::{self, is_unavailable};
use events::{ApplyError, Envelope, Handler, Received};
use proto::access::v1 as pb;
use sqlx::PgPool;
use testkit::Harness;

use super::truth::Second;
use super::underway::{Failure, Outcome, Stand, Underway};
use crate::app::App;
use crate::consumers::integrations::Integrations;
use crate::consumers::reconciliations::Reconciliations;
use crate::consumers::results::Results;
use crate::consumers::workspace::Workspace;
use crate::consumers::{integrations, reconciliations, results, workspace};
use crate::control::Adapters;
use crate::error::Error;
use crate::{Config, DEFINITION, convert};

/// Who a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumer {
    Workspace,
    Results,
    Reconciliations,
    Integrations,
}

impl Consumer {
    pub(super) const ALL: [Self; 4] =
        [Self::Workspace, Self::Results, Self::Reconciliations, Self::Integrations];
}

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub to: Consumer,
    pub envelope: Envelope,
    pub payload: Vec<u8>,
}

/// What the shell is to do.
#[derive(Debug, Clone)]
pub(super) enum Work {
    TakeIn(Consumer, Vec<Message>),
    LookAtDue(u16),
    Call(Box<Call>),
}

/// A call of an admin, with its key.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub workspace: WorkspaceId,
    pub request_id: String,
    pub request: Request,
}

impl Call {
    pub(super) fn new(workspace: WorkspaceId, request: Request) -> Self {
        Self { workspace, request_id: EventId::new().to_string(), request }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Request {
    CreateMapping(Box<pb::DoorMapping>),
    DeleteMapping(String),
    UpdateSettings(pb::AccessSettings),
    UpdateLocationSettings(String, pb::LocationAccessSettings),
}

struct Replica {
    app: Arc<App>,
    pool: WorkspacePool,
    platform: PgPool,
    workspace: Workspace,
    results: Results,
    reconciliations: Reconciliations,
    integrations: Integrations,
}

/// What Postgres holds of one grant.
#[derive(Debug, PartialEq, sqlx::FromRow)]
pub(super) struct Row {
    pub workspace_id: uuid::Uuid,
    pub id: uuid::Uuid,
    pub generation: i64,
    pub person_id: uuid::Uuid,
    pub provider: String,
    pub target_kind: String,
    pub target_ref: String,
    pub served_by: Option<uuid::Uuid>,
    pub in_flight_until: Option<Timestamp>,
    pub retry_at: Option<Timestamp>,
    pub observed: String,
    pub observed_starts_at: Option<Timestamp>,
    pub observed_ends_at: Option<Timestamp>,
    pub problem: Option<String>,
    pub last_error: String,
    pub next_check_at: Option<Timestamp>,
}

impl Row {
    /// `workspaces/{workspace}/grants/{grant}`.
    pub(super) fn name(&self) -> String {
        format!("workspaces/{}/grants/{}", self.workspace_id, self.id)
    }
}

/// A row of the outbox.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Published {
    pub workspace_id: uuid::Uuid,
    pub subject: String,
    pub payload: Vec<u8>,
}

pub(super) struct Shell {
    pub clock: Arc<SettableClock>,
    replicas: [Replica; 2],
    owner: PgPool,
}

/// Grants have ids that are the same each time that a seed is run, and nobody waits long to hear that two wait
/// for each other.
const SETUP: &str = "
    create function same_id() returns trigger language plpgsql as $$
    begin
        new.id := md5(right(new.workspace_id::text, 1) || (to_jsonb(new) - 'id' - 'workspace_id')::text)::uuid;
        return new;
    end
    $$;
    create trigger same_id before insert on access_grant for each row execute function same_id();
    do $$ begin
        execute format('alter database %I set deadlock_timeout = ''20ms''', current_database());
        execute format('alter database %I set synchronous_commit = off', current_database());
    end $$;";

impl Shell {
    pub(super) async fn new(harness: &Harness) -> Self {
        let url = harness.database_url();
        chassis::postgres::migrate(url, &DEFINITION).await.unwrap();
        let owner = testkit::owner(url, DEFINITION.schema).await.unwrap();
        sqlx::raw_sql(SETUP).execute(&owner).await.unwrap();
        let clock = harness.clock.clone();
        let replicas = [Replica::new(harness, &clock).await, Replica::new(harness, &clock).await];
        Self { clock, replicas, owner }
    }

    /// Begins a piece of work on one of the replicas.
    pub(super) fn begin<'a>(&'a self, replica: usize, work: &'a Work) -> Underway<'a> {
        let replica = &self.replicas[replica];
        match work {
            Work::TakeIn(consumer, batch) => Underway::new(replica.take_in(*consumer, batch)),
            Work::LookAtDue(limit) => Underway::new(async {
                let looked_at = replica.app.replan_due(*limit).await;
                looked_at.map(|(count, _)| Some(count.to_string())).map_err(Failure::from)
            }),
            Work::Call(call) => Underway::new(replica.call(call)),
        }
    }

    /// Goes on with a piece of work that these processes of the database do, for so many statements.
    pub(super) async fn advance(
        &self,
        processes: [i32; 2],
        underway: &mut Underway<'_>,
        statements: usize,
    ) -> Stand {
        underway
            .advance(statements, async || {
                sqlx::query_scalar(
                    "select bool_or(cardinality(pg_blocking_pids(process)) > 0) from unnest($1::int[]) as process",
                )
                .bind(processes)
                .fetch_one(&self.owner)
                .await
                .unwrap()
            })
            .await
    }

    /// The database's processes that work for a replica, which has nothing under way: they are others now and then,
    /// as connections come to their ends.
    pub(super) async fn processes(&self, replica: usize) -> [i32; 2] {
        let Replica { platform, pool, .. } = &self.replicas[replica];
        let process = || sqlx::query_scalar("select pg_backend_pid()");
        let of_platform = process().fetch_one(platform).await.unwrap();
        let mut tx = pool.begin(WorkspaceId::new()).await.unwrap();
        [of_platform, process().fetch_one(&mut *tx).await.unwrap()]
    }

    /// Waits until what was dropped on a replica is rolled back.
    pub(super) async fn recover(&self, replica: usize) {
        self.processes(replica).await;
    }

    /// Takes what was written to the outbox since.
    pub(super) async fn publish(&self) -> Vec<Published> {
        sqlx::query_as("delete from outbox returning workspace_id, subject, payload")
            .fetch_all(&self.owner)
            .await
            .unwrap()
    }

    /// The ledger of these workspaces.
    pub(super) async fn ledger(&self, workspaces: &[WorkspaceId]) -> Vec<Row> {
        sqlx::query_as("select * from access_grant where workspace_id = any($1) order by workspace_id, id")
            .bind(workspaces.iter().map(|workspace| workspace.uuid()).collect::<Vec<_>>())
            .fetch_all(&self.owner)
            .await
            .unwrap()
    }

    /// The kinds of drift that are noted as being there.
    pub(super) async fn drifts(&self, workspaces: &[WorkspaceId]) -> Vec<(uuid::Uuid, String)> {
        sqlx::query_as(
            "select workspace_id, kind from drift where workspace_id = any($1) and ended_at is null
             order by workspace_id, kind",
        )
        .bind(workspaces.iter().map(|workspace| workspace.uuid()).collect::<Vec<_>>())
        .fetch_all(&self.owner)
        .await
        .unwrap()
    }

    /// Has nothing of these workspaces looked at any more.
    pub(super) async fn leave(&self, workspaces: &[WorkspaceId]) {
        sqlx::query("update access_grant set next_check_at = null where workspace_id = any($1)")
            .bind(workspaces.iter().map(|workspace| workspace.uuid()).collect::<Vec<_>>())
            .execute(&self.owner)
            .await
            .unwrap();
        self.publish().await;
    }

    /// The clock of all replicas.
    pub(super) fn set_clock(&self, now: Second) {
        self.clock.set(chrono::DateTime::from_timestamp(now, 0).unwrap());
    }
}

impl Replica {
    async fn new(harness: &Harness, clock: &Arc<SettableClock>) -> Self {
        let (pool, platform) =
            chassis::postgres::connect(harness.database_url(), &DEFINITION, 2).await.unwrap();
        let (adapters, config) = (Adapters::default(), Config::default());
        let app = Arc::new(App::new(pool.clone(), platform.clone(), clock.clone(), adapters, &config));
        Self {
            pool,
            platform,
            workspace: Workspace::new(app.clone()),
            results: Results::new(app.clone()),
            reconciliations: Reconciliations::new(app.clone()),
            integrations: Integrations::new(app.clone()),
            app,
        }
    }

    async fn take_in(&self, consumer: Consumer, batch: &[Message]) -> Outcome {
        match consumer {
            Consumer::Workspace => self.apply(&workspace::config().name, &self.workspace, batch).await,
            Consumer::Results => self.apply(&results::config().name, &self.results, batch).await,
            Consumer::Reconciliations => {
                self.apply(&reconciliations::config().name, &self.reconciliations, batch).await
            }
            Consumer::Integrations => {
                self.apply(&integrations::config().name, &self.integrations, batch).await
            }
        }
    }

    /// What a consumer does with a batch, up to its acknowledgement.
    async fn apply<H: Handler>(&self, name: &str, handler: &H, batch: &[Message]) -> Outcome {
        let mut received = Vec::new();
        for Message { envelope, payload, .. } in batch {
            let body = handler.decode(envelope, payload).map_err(Failure::Never)?;
            let span = tracing::Span::none();
            received.extend(body.map(|body| Received { envelope: envelope.clone(), body, span }));
        }
        if received.is_empty() {
            return Ok(Some("and reads none of it".to_owned()));
        }
        consumer::apply(&self.platform, name, handler, &received.iter().collect::<Vec<_>>()).await?;
        Ok(None)
    }

    async fn call(&self, Call { workspace, request_id, request }: &Call) -> Outcome {
        let author = Author::service("simulation", "simulation");
        let caller = Principal::person("admin", *workspace, Role::Admin);
        let workspace = *workspace;
        match request {
            Request::CreateMapping(mapping) => {
                let message = pb::CreateDoorMappingRequest {
                    door_mapping: Some((**mapping).clone()),
                    ..Default::default()
                };
                let intent =
                    Intent::of(&caller, workspace, "CreateDoorMapping", request_id, &message).unwrap();
                let mapping = convert::new_mapping(workspace, Some(mapping)).unwrap();
                let answer = self.app.create_mapping(workspace, mapping, &author, intent).await?;
                Ok(answer.door_mapping.map(|mapping| mapping.name))
            }
            Request::DeleteMapping(name) => {
                let message = pb::DeleteDoorMappingRequest { name: name.clone(), ..Default::default() };
                let intent =
                    Intent::of(&caller, workspace, "DeleteDoorMapping", request_id, &message).unwrap();
                let DoorMappingName { id, .. } = name.parse().unwrap();
                self.app.delete_mapping(workspace, id, &author, intent).await?;
                Ok(None)
            }
            Request::UpdateSettings(settings) => {
                let message = pb::UpdateAccessSettingsRequest {
                    access_settings: Some(*settings),
                    ..Default::default()
                };
                let intent =
                    Intent::of(&caller, workspace, "UpdateAccessSettings", request_id, &message).unwrap();
                let settings = convert::new_settings(Some(settings)).unwrap();
                self.app.update_settings(workspace, settings, &author, intent).await?;
                Ok(None)
            }
            Request::UpdateLocationSettings(name, settings) => {
                let message = pb::UpdateLocationAccessSettingsRequest {
                    name: name.clone(),
                    location_access_settings: Some(*settings),
                    ..Default::default()
                };
                let intent =
                    Intent::of(&caller, workspace, "UpdateLocationAccessSettings", request_id, &message)
                        .unwrap();
                let settings = convert::new_location_settings(Some(settings)).unwrap();
                self.app.update_location_settings(name.parse().unwrap(), settings, &author, intent).await?;
                Ok(None)
            }
        }
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Unavailable(_) => Self::Again,
            ApplyError::Later(reason) | ApplyError::Never(reason) => Self::Never(reason),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) if is_unavailable(&error) => Self::Again,
            error => Self::Never(format!("{error}: {error:?}")),
        }
    }
}
