//! One Postgres and one NATS for all tests of a process. They end with it.

use std::sync::OnceLock;

use local_infra::{Nats, NatsConfig, Postgres, PostgresConfig};

/// Where the servers are.
#[derive(Debug)]
pub struct Infra {
    postgres_port_url: String,
    /// `nats://…`.
    pub nats_url: String,
}

impl Infra {
    /// The URL of a database.
    pub fn database_url(&self, name: &str) -> String {
        format!("{}/{name}", self.postgres_port_url)
    }
}

/// The servers, started by the first who asks. They run on a thread of their own, for each test has
/// its own runtime.
pub fn infra() -> &'static Infra {
    static INFRA: OnceLock<Infra> = OnceLock::new();
    INFRA.get_or_init(|| {
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("infra".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let folder = tempfile::Builder::new().prefix("latchkey-test-").tempdir().unwrap();
                    let mut config = PostgresConfig::new(folder.path().join("postgres"));
                    config.is_temporary = true;
                    config.settings = [("max_connections", "400"), ("shared_buffers", "64MB")]
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .to_vec();
                    let postgres = Postgres::start(config).await.expect("Postgres starts");
                    let mut config = NatsConfig::new(folder.path().join("nats"));
                    config.is_temporary = true;
                    config.is_open = true;
                    let nats = Nats::start(config).await.expect("NATS starts");
                    let url = postgres.url("postgres");
                    let infra = Infra {
                        postgres_port_url: url.rsplit_once('/').unwrap().0.to_owned(),
                        nats_url: nats.url(),
                    };
                    ready.send(infra).unwrap();
                    // Held until the process ends, and the servers with it.
                    std::future::pending::<()>().await;
                    drop((postgres, nats, folder));
                });
            })
            .unwrap();
        is_ready.recv().expect("the servers start")
    })
}
