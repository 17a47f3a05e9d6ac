//! The platform's own Postgres and NATS.

use anyhow::Context as _;
use local_infra::{Error, Nats, NatsConfig, Postgres, PostgresConfig, Server};

use super::UpConfig;
use crate::installation::DataDir;

/// The one database of all services.
const DATABASE: &str = "latchkey";

/// Both servers, running.
pub(crate) struct Servers {
    pub postgres: Postgres,
    pub nats: Nats,
}

impl Servers {
    pub(super) async fn start(config: &UpConfig, data: &DataDir) -> anyhow::Result<Self> {
        let mut postgres = PostgresConfig::new(data.path().join("postgres"));
        postgres.port = Some(config.up.postgres_port);
        let mut nats = NatsConfig::new(data.path().join("nats"));
        nats.port = Some(config.up.nats_port);
        let (postgres, nats) =
            tokio::try_join!(async { Postgres::start(postgres).await.map_err(explain) }, async {
                Nats::start(nats).await.map_err(explain)
            },)?;
        postgres.ensure_database(DATABASE).await.context("cannot make the database")?;
        Ok(Self { postgres, nats })
    }

    pub(super) fn database_url(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// Until one of them ends by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            () = self.postgres.ended() => anyhow::bail!("Postgres ended by itself; its log is in the data folder"),
            () = self.nats.ended() => anyhow::bail!("NATS ended by itself; its log is in the data folder"),
        }
    }

    pub(super) async fn stop(mut self) {
        for outcome in [self.nats.stop().await, self.postgres.stop().await] {
            if let Err(error) = outcome {
                tracing::warn!(error = &error as &dyn std::error::Error, "while stopping a server");
            }
        }
    }
}

/// Names the setting beside the taken port.
fn explain(error: Error) -> anyhow::Error {
    match &error {
        Error::PortTaken { server: Server::Postgres, .. } => {
            anyhow::Error::from(error).context(taken("up.postgres_port", "LATCHKEY_UP__POSTGRES_PORT"))
        }
        Error::PortTaken { server: Server::Nats, .. } => {
            anyhow::Error::from(error).context(taken("up.nats_port", "LATCHKEY_UP__NATS_PORT"))
        }
        _ => error.into(),
    }
}

/// What to do about a taken port.
pub(super) fn taken(key: &str, variable: &str) -> String {
    format!("a port is taken: set {key} to a free one, for example by the environment variable {variable}")
}
