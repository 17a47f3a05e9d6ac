//! The connection to NATS JetStream and the four streams.

use std::time::Duration;

use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{ConnectOptions, Event, ServerAddr};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use crate::subject::{Root, StreamKind};

/// The largest message that a stream takes, headers included. Below NATS's default limit of 1 MiB, so that
/// each has room for its reason if it becomes a dead letter.
const MESSAGE_BYTES_MAX: i32 = 960 * 1024;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the bus is.
#[derive(Debug, Clone)]
pub struct Connection {
    /// `nats://user:password@host:port`, several separated by commas; user and password may be left out.
    pub url: SecretString,
    /// Root of all subjects.
    pub root: Root,
    /// Copies of each stream that JetStream keeps: 1, or 3 on a cluster.
    pub replicas: usize,
    /// Without a sign of life of its consumer for this long, a message is given to another one.
    pub ack_wait: Duration,
}

impl Connection {
    /// A connection to a single server, with the usual waits.
    pub fn new(url: SecretString, root: Root) -> Self {
        Self { url, root, replicas: 1, ack_wait: Duration::from_secs(30) }
    }
}

/// A shared connection to NATS.
#[derive(Debug, Clone)]
pub struct Bus {
    jetstream: Context,
    root: Root,
    replicas: usize,
    ack_wait: Duration,
    epoch: watch::Receiver<u64>,
}

/// Why the bus is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The address makes no sense.
    #[error("nats.url is not an address such as nats://host:port")]
    Address,
    /// No connection.
    #[error("cannot connect to NATS at {servers}")]
    Connect {
        /// Where: host and port of each.
        servers: String,
        /// Why.
        #[source]
        source: async_nats::ConnectError,
    },
    /// A stream could not be read or made.
    #[error("cannot prepare stream {stream}")]
    Stream {
        /// Which.
        stream: String,
        /// Why.
        #[source]
        source: async_nats::Error,
    },
}

impl Bus {
    /// Connects to the first server that answers within 10 seconds, and makes sure that the streams are
    /// there. Fails if there is none. Later losses of the connection heal by themselves.
    pub async fn connect(connection: Connection, client_name: &str) -> Result<Self, BusError> {
        let (connected, epoch) = watch::channel(0);
        let servers: Result<Vec<ServerAddr>, _> =
            connection.url.expose_secret().split(',').map(|url| url.trim().parse()).collect();
        let servers = servers.map_err(|_| BusError::Address)?;
        let mut options = ConnectOptions::new();
        // The client takes no credentials from an address.
        if let Some((user, password)) = servers.iter().find_map(|s| Some((s.username()?, s.password()?))) {
            options = options.user_and_password(user.to_owned(), password.to_owned());
        }
        let options = options
            .name(client_name)
            .connection_timeout(Duration::from_secs(10))
            .ping_interval(Duration::from_secs(10))
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis((50 * 2_u64.saturating_pow(attempts.min(6) as u32)).min(2_000))
            })
            .event_callback(move |event| {
                if matches!(event, Event::Connected) {
                    connected.send_modify(|epoch| *epoch += 1);
                }
                async move {
                    match event {
                        Event::Connected => tracing::info!("connected to NATS"),
                        Event::Disconnected => tracing::warn!("lost the connection to NATS; reconnecting"),
                        Event::Closed | Event::Draining => tracing::debug!("NATS connection ended"),
                        other => tracing::warn!(event = %other, "NATS connection"),
                    }
                }
            });
        let shown: Vec<String> = servers.iter().map(|s| format!("{}:{}", s.host(), s.port())).collect();
        let client = options
            .connect(servers)
            .await
            .map_err(|source| BusError::Connect { servers: shown.join(", "), source })?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(Duration::from_secs(5))
            .ack_timeout(Duration::from_secs(5))
            .max_ack_inflight(4_096)
            .build(client);
        let Connection { root, replicas, ack_wait, .. } = connection;
        let bus = Self { jetstream, root, replicas, ack_wait, epoch };
        bus.ensure_streams().await?;
        Ok(bus)
    }

    /// Makes the streams that are missing. Never changes one that is there.
    pub async fn ensure_streams(&self) -> Result<(), BusError> {
        for kind in StreamKind::ALL {
            self.stream(kind).await?;
        }
        Ok(())
    }

    /// The stream, made if it is missing.
    pub async fn stream(&self, kind: StreamKind) -> Result<stream::Stream, BusError> {
        let config = self.stream_config(kind);
        let name = config.name.clone();
        let failed = |source| BusError::Stream { stream: name.clone(), source };
        match self.jetstream.get_stream(&name).await {
            Ok(stream) => return Ok(stream),
            Err(error) => match error.kind() {
                jetstream::context::GetStreamErrorKind::JetStream(e)
                    if e.error_code() == ErrorCode::STREAM_NOT_FOUND => {}
                _ => return Err(failed(error.into())),
            },
        }
        tracing::info!(stream = name, "making the stream");
        self.jetstream.create_stream(config).await.map_err(|error| failed(error.into()))
    }

    fn stream_config(&self, kind: StreamKind) -> stream::Config {
        // Events stay for integrators who come back after a long weekend; work waits as long as it must.
        let (retention, max_age) = match kind {
            StreamKind::Event => (RetentionPolicy::Limits, 7 * DAY),
            StreamKind::Command | StreamKind::Ingest => (RetentionPolicy::WorkQueue, Duration::ZERO),
            StreamKind::Dead => (RetentionPolicy::Limits, 90 * DAY),
        };
        stream::Config {
            name: self.root.stream(kind),
            subjects: vec![self.root.subject(&format!("{}.>", kind.token()))],
            retention,
            max_age,
            max_message_size: if kind == StreamKind::Dead { -1 } else { MESSAGE_BYTES_MAX },
            storage: StorageType::File,
            // A full store refuses: the outbox keeps what it could not publish. How full is full, the
            // server's own limit says.
            discard: DiscardPolicy::New,
            duplicate_window: Duration::from_secs(120),
            num_replicas: self.replicas,
            ..Default::default()
        }
    }

    /// JetStream itself.
    pub fn jetstream(&self) -> &Context {
        &self.jetstream
    }

    /// Without a sign of life of its consumer for this long, a message is given to another one.
    pub fn ack_wait(&self) -> Duration {
        self.ack_wait
    }

    /// The root of all subjects.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Counts the times that a connection was made. A new number means: the server may have restarted,
    /// and may have forgotten what it had not flushed.
    pub fn epoch(&self) -> watch::Receiver<u64> {
        self.epoch.clone()
    }

    /// Whether the connection stands right now.
    pub fn is_connected(&self) -> bool {
        self.jetstream.client().connection_state() == async_nats::connection::State::Connected
    }
}
