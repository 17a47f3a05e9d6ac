//! A schema with an outbox and an inbox, a bus, and what runs on them.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::{consumer, stream};
use domain::names::PersonName;
use domain::{Clock as _, EventId, PersonId, SettableClock, WorkspaceId};
use events::outbox::About;
use events::subject::{Root, StreamKind};
use events::{Bus, Connection, Consumer, ConsumerConfig, Outgoing, Publisher, PublisherConfig, outbox};
use local_infra::{Nats, NatsConfig, Postgres, PostgresConfig};
use proto::workspace::v1::{Person, PersonCreated};
use secrecy::SecretString;
use sqlx::{Connection as _, PgConnection, PgPool};
use tempfile::TempDir;
use testkit::{Books, eventually, infra};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::recorder::Recorder;

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("tests/migrations");

static DEFINITION: chassis::Definition = chassis::Definition {
    name: "events-test",
    schema: "events_test",
    migrations: &[chassis::MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &["effect"] }],
    config_defaults: "",
};

/// Whose servers a test runs on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Servers {
    /// Those that all tests share.
    Shared,
    /// A NATS server that the test may stop and wipe.
    OwnNats,
    /// A Postgres that the test may stop.
    OwnPostgres,
}

pub(crate) struct World {
    pub pool: PgPool,
    pub bus: Bus,
    pub clock: Arc<SettableClock>,
    pub workspace: WorkspaceId,
    pub books: Books,
    nats: Option<Nats>,
    postgres: Option<Postgres>,
    _folder: TempDir,
    shutdown: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Servers::Shared).await
    }

    pub(crate) async fn on(servers: Servers) -> Self {
        let _ = tracing_subscriber::fmt()
            .with_env_filter(std::env::var("TEST_LOG").unwrap_or_else(|_| "off".into()))
            .with_test_writer()
            .try_init();
        chassis::install_crypto();
        let folder = tempfile::Builder::new().prefix("latchkey-test-").tempdir().unwrap();
        let nats = match servers {
            Servers::OwnNats => Some(own_nats(&folder).await),
            _ => None,
        };
        let postgres = match servers {
            Servers::OwnPostgres => Some(own_postgres(&folder).await),
            _ => None,
        };
        let name = format!("test_{}", EventId::new().uuid().simple());
        let database_url: SecretString = match &postgres {
            Some(postgres) => {
                postgres.ensure_database(&name).await.unwrap();
                postgres.url(&name).into()
            }
            None => {
                let mut admin = PgConnection::connect(&infra().database_url("postgres")).await.unwrap();
                let create = format!("create database {name}");
                sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
                infra().database_url(&name).into()
            }
        };
        chassis::postgres::migrate(&database_url, &DEFINITION).await.unwrap();
        let (_, pool) = chassis::postgres::connect(&database_url, &DEFINITION, 16).await.unwrap();
        let nats_url = nats.as_ref().map_or_else(|| infra().nats_url.clone(), Nats::url);
        let root = Root::new(name).unwrap();
        let connection = Connection::new(nats_url.clone().into(), root.clone());
        let start = chrono::DateTime::parse_from_rfc3339("2026-12-01T08:00:00.25Z").unwrap().to_utc();
        let bus = Bus::connect(connection, "test").await.unwrap();
        // So that the first connection is no news to a publisher.
        bus.epoch().wait_for(|epoch| *epoch > 0).await.unwrap();
        Self {
            pool,
            bus,
            clock: Arc::new(SettableClock::at(start)),
            workspace: WorkspaceId::new(),
            books: Books { database_url, schemas: vec![DEFINITION.schema], nats_url, root },
            nats,
            postgres,
            _folder: folder,
            shutdown: CancellationToken::new(),
            running: Vec::new(),
        }
    }

    pub(crate) fn nats(&mut self) -> &mut Nats {
        self.nats.as_mut().unwrap()
    }

    pub(crate) fn postgres(&mut self) -> &mut Postgres {
        self.postgres.as_mut().unwrap()
    }

    /// A fact that nobody has told yet: someone of that name became known.
    pub(crate) fn fact(&self, what: &str) -> Outgoing {
        let name = PersonName { workspace: self.workspace, id: PersonId::new() }.to_string();
        let about =
            About { workspace: self.workspace, name: name.clone(), version: 7, time: self.clock.now() };
        let person = Person { name, display_name: what.into(), ..Default::default() };
        Outgoing::event("test", about, &PersonCreated { person: Some(person) })
    }

    /// Writes facts to the outbox, in one transaction.
    pub(crate) async fn write(&self, whats: impl IntoIterator<Item = impl AsRef<str>>) {
        let facts: Vec<Outgoing> = whats.into_iter().map(|what| self.fact(what.as_ref())).collect();
        // Where a server was restarted a moment ago, the pool may have connections that are broken.
        let mut tx = eventually("a transaction begins", LIMIT, async || self.pool.begin().await).await;
        outbox::append(&mut tx, &facts).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The subject of the facts, root included.
    pub(crate) fn subject(&self) -> String {
        self.bus.root().subject(&format!("event.workspace.person_created.{}", self.workspace))
    }

    /// Puts a message on the bus past the outbox.
    pub(crate) async fn publish(&self, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) {
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let jetstream = self.bus.jetstream();
        let sent = jetstream.publish_with_headers(self.subject(), map, body.into().into()).await.unwrap();
        sent.await.unwrap();
    }

    /// Runs a task until the end of the test.
    pub(crate) fn run<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        task: impl FnOnce(CancellationToken) -> F,
    ) {
        self.running.push(tokio::spawn(task(self.shutdown.child_token())));
    }

    pub(crate) fn publisher(&self, config: PublisherConfig) -> Publisher {
        Publisher::new(self.pool.clone(), self.bus.clone(), DEFINITION.schema, config)
    }

    /// Runs a publisher and waits until it listens.
    pub(crate) async fn run_publisher(&mut self, config: PublisherConfig) {
        let listening = self.listening().await;
        let publisher = self.publisher(config);
        self.run(|shutdown| publisher.run(shutdown));
        eventually("the publisher listens", LIMIT, async || match self.listening().await {
            now if now > listening => Ok(()),
            now => Err(now),
        })
        .await;
    }

    /// Connections that may do what a service may not.
    pub(crate) async fn owner(&self) -> PgPool {
        testkit::owner(&self.books.database_url, DEFINITION.schema).await.unwrap()
    }

    /// Connections to this database that listen.
    async fn listening(&self) -> i64 {
        sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and query ilike 'listen%'",
        )
        .fetch_one(&self.owner().await)
        .await
        .unwrap()
    }

    pub(crate) fn consumer(&self, config: ConsumerConfig, recorder: Recorder) -> Consumer<Recorder> {
        Consumer::new(self.pool.clone(), self.bus.clone(), self.clock.clone(), config, recorder)
    }

    pub(crate) fn run_consumer(&mut self, config: ConsumerConfig, recorder: Recorder) {
        let consumer = self.consumer(config, recorder);
        self.run(|shutdown| consumer.run(shutdown));
    }

    /// What was applied, in alphabetical order.
    pub(crate) async fn effects(&self) -> Vec<String> {
        sqlx::query_scalar("select what from effect order by what").fetch_all(&self.pool).await.unwrap()
    }

    /// Waits until exactly this was applied, each once.
    pub(crate) async fn applied<T: AsRef<str>>(&self, expected: impl IntoIterator<Item = T>) {
        let mut expected: Vec<String> = expected.into_iter().map(|what| what.as_ref().to_owned()).collect();
        expected.sort();
        let effects = async || {
            let seen = sqlx::query_scalar::<_, String>("select what from effect order by what")
                .fetch_all(&self.pool)
                .await
                .map_err(|error| error.to_string())?;
            if seen == expected { Ok(()) } else { Err(format!("{seen:?}")) }
        };
        eventually("the effects are there", LIMIT, effects).await;
    }

    pub(crate) async fn stream(&self, kind: StreamKind) -> stream::Stream {
        self.bus.jetstream().get_stream(self.bus.root().stream(kind)).await.unwrap()
    }

    /// Waits until the events stream holds so many messages, and gives them.
    pub(crate) async fn stored(&self, count: u64) -> Vec<StreamMessage> {
        let look = async || {
            let name = self.bus.root().stream(StreamKind::Event);
            let stream = self.bus.jetstream().get_stream(name).await.map_err(|error| error.to_string())?;
            match stream.cached_info().state.messages {
                messages if messages == count => Ok(stream),
                messages => Err(format!("{messages} messages")),
            }
        };
        let stream = eventually("the stream holds the messages", LIMIT, look).await;
        let state = &stream.cached_info().state;
        let mut messages = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            messages.push(stream.get_raw_message(sequence).await.unwrap());
        }
        messages
    }

    /// What NATS knows of a consumer of the events stream.
    pub(crate) async fn consumer_info(&self, name: &str) -> Result<consumer::Info, String> {
        let name_of_stream = self.bus.root().stream(StreamKind::Event);
        let stream = self.bus.jetstream().get_stream(name_of_stream).await.map_err(|e| e.to_string())?;
        stream.consumer_info(name).await.map_err(|error| error.to_string())
    }

    /// A client beside the bus, which sees each publication, duplicates included.
    pub(crate) async fn eavesdrop(&self) -> async_nats::Subscriber {
        let client = async_nats::connect(&self.books.nats_url).await.unwrap();
        let everything = client.subscribe(self.bus.root().subject("event.>")).await.unwrap();
        client.flush().await.unwrap();
        everything
    }

    /// Checks the books, expecting no dead letter, and ends what runs.
    pub(crate) async fn finish(self) {
        self.finish_with_dead_letters(0).await;
    }

    pub(crate) async fn finish_with_dead_letters(mut self, count: u64) {
        self.books.balance(count, LIMIT).await;
        self.shutdown.cancel();
        for task in std::mem::take(&mut self.running) {
            task.await.expect("no task panics");
        }
        self.pool.close().await;
        if let Some(nats) = &mut self.nats {
            nats.stop().await.unwrap();
        }
        if let Some(postgres) = &mut self.postgres {
            postgres.stop().await.unwrap();
        }
    }
}

async fn own_nats(folder: &TempDir) -> Nats {
    let mut config = NatsConfig::new(folder.path().join("nats"));
    config.is_temporary = true;
    config.is_open = true;
    Nats::start(config).await.unwrap()
}

async fn own_postgres(folder: &TempDir) -> Postgres {
    let mut config = PostgresConfig::new(folder.path().join("postgres"));
    config.is_temporary = true;
    Postgres::start(config).await.unwrap()
}

/// `first`, `first + 1`, … so many, as text that sorts.
pub(crate) fn names(first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(|number| format!("person {number:04}")).collect()
}
