//! A private PostgreSQL.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;

use crate::account::Account;
use crate::binaries::{self, PostgresPrograms};
use crate::folder::{Folder, write_private};
use crate::process::{Launch, Process, delete};
use crate::{Error, Server, leftovers, log, port};

/// The only user of a fresh server: its owner, with a generated password.
const USER: &str = "postgres";
/// The database that every server has from the start.
const MAINTENANCE_DATABASE: &str = "postgres";
/// How often another free port is tried when someone else took the one we had found.
const FREE_PORT_ATTEMPTS: usize = 5;
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Settings for a single machine; the caller's come after and win.
const SETTINGS: [(&str, &str); 9] = [
    ("listen_addresses", "127.0.0.1"),
    // Socket paths have a length limit that a data folder can exceed.
    ("unix_socket_directories", ""),
    ("max_connections", "200"),
    ("shared_buffers", "128MB"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("cluster_name", "latchkey"),
];

/// How to run a private PostgreSQL.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// The folder for its data, log and password. Made if it is not there.
    pub data_dir: PathBuf,
    /// The TCP port on 127.0.0.1, or any free one.
    pub port: Option<u16>,
    /// More of what `postgresql.conf` takes, such as `("fsync", "off")`.
    pub settings: Vec<(String, String)>,
    /// Whether the folder is deleted when the server stops for good: by [`Postgres::stop`] and
    /// when this process ends. For tests.
    pub is_temporary: bool,
}

impl PostgresConfig {
    /// A server with its data in that folder, on any free port, with the usual settings.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), port: None, settings: Vec::new(), is_temporary: false }
    }
}

/// A private PostgreSQL. It holds its folder, stopped or not, until it is dropped.
/// Dropping it stops the server, without waiting for it.
pub struct Postgres {
    config: PostgresConfig,
    folder: Folder,
    programs: PostgresPrograms,
    account: Account,
    password: String,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Starts the server and waits until it takes connections. The first start in a folder sets
    /// up the database cluster (a few seconds); later ones take well under a second.
    pub async fn start(config: PostgresConfig) -> Result<Self, Error> {
        if let Some((name, _)) = config.settings.iter().find(|(name, _)| !is_setting_name(name)) {
            return Err(Error::SettingName(name.clone()));
        }
        let folder = Folder::hold(&config.data_dir)?;
        let cluster = folder.path().join("data");
        let made_by = fs::read_to_string(cluster.join("PG_VERSION")).ok();
        let made_by = made_by.as_deref().map(|version| (cluster.as_path(), version.trim()));
        let programs = binaries::postgres(made_by).await?;
        let account = Account::for_folder(folder.path(), &cluster).await?;
        if made_by.is_some() && !folder.password_file().exists() {
            // A new one would not open the old data.
            return Err(Error::PasswordLost { dir: folder.path().to_owned() });
        }
        let password = folder.password()?;
        let mut server = Self { port: 0, process: None, config, folder, programs, account, password };
        if made_by.is_none() {
            server.set_up().await?;
        }
        server.launch_on_some_port().await?;
        Ok(server)
    }

    /// The address of a database, with user and password: for connecting, never for a log.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}?sslmode=disable", self.password, self.port)
    }

    /// The TCP port on 127.0.0.1. The same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server, if it was started and not stopped since.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Makes a database of that name if there is none.
    pub async fn ensure_database(&self, name: &str) -> Result<(), Error> {
        let fits = (1..=63).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !fits {
            return Err(Error::DatabaseName(name.to_owned()));
        }
        let mut connection = self.connect().await?;
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            let made =
                sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await;
            // Someone else made it in between, which is as good.
            let is_there = |error: &sqlx::Error| {
                error
                    .as_database_error()
                    .is_some_and(|error| matches!(error.code().as_deref(), Some("42P04" | "23505")))
            };
            if let Err(error) = made
                && !is_there(&error)
            {
                return Err(error.into());
            }
        }
        connection.close().await?;
        Ok(())
    }

    /// Stops the server: open transactions are rolled back, everything else is on disk after.
    /// A server that has stopped already is fine.
    pub async fn stop(&mut self) -> Result<(), Error> {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
        if self.config.is_temporary { delete(self.folder.path()) } else { Ok(()) }
    }

    /// Kills the server with SIGKILL, as a crash would. None of its processes is left then: those
    /// that serve connections notice the death of their parent only when they next wait, and would
    /// answer one more question until then.
    pub async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
            leftovers::end(&self.cluster(), "postgres", Signal::SIGKILL).await;
        }
    }

    /// Starts the server again with the same data on the same port; one that runs is stopped first.
    pub async fn restart(&mut self) -> Result<(), Error> {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
        self.launch().await
    }

    /// Waits until the server ends without having been told to. Can be dropped and called again.
    pub async fn ended(&mut self) {
        if let Some(process) = &mut self.process {
            process.ended().await;
        }
    }

    async fn launch_on_some_port(&mut self) -> Result<(), Error> {
        if let Some(port) = self.config.port {
            self.port = port;
            return self.launch().await;
        }
        let mut attempts = 1;
        loop {
            self.port = port::free().ok_or(Error::NoFreePort { server: Server::Postgres })?;
            match self.launch().await {
                Err(Error::PortTaken { .. }) if attempts < FREE_PORT_ATTEMPTS => attempts += 1,
                result => return result,
            }
        }
    }

    async fn launch(&mut self) -> Result<(), Error> {
        let cluster = self.cluster();
        if leftovers::end(&cluster, "postgres", Signal::SIGINT).await {
            // By now it can only name a process that is gone, or an unlucky one that got its number
            // and for whose sake the server would refuse to start.
            let _ = fs::remove_file(cluster.join("postmaster.pid"));
        }
        if !port::is_free(self.port) {
            return Err(Error::PortTaken { server: Server::Postgres, port: self.port });
        }
        let process = Process::start(Launch {
            server: Server::Postgres,
            words: self.words(&cluster),
            working_dir: &cluster,
            log: self.folder.path().join("postgres.log"),
            // "Fast shutdown" (PostgreSQL documentation, Shutting Down the Server).
            stop_signal: Signal::SIGINT,
            delete_when_orphaned: self.config.is_temporary.then(|| self.folder.path()),
            port: self.port,
        })
        .await?;
        let process = self.process.insert(process);
        // Signing in with our password shows that it is our server that answers.
        let options = connect_options(&self.password, self.port);
        let answers = async || {
            let attempt = async { options.connect().await?.close().await };
            matches!(timeout(PROBE_TIMEOUT, attempt).await, Ok(Ok(())))
        };
        let ready = process.ready(answers).await;
        if ready.is_err() {
            // One that is silent must not run on.
            self.kill().await;
        }
        ready
    }

    fn words(&self, cluster: &Path) -> Vec<OsString> {
        let mut words = self.account.words(&self.programs.postgres);
        words.extend(["-D".into(), cluster.into()]);
        let ours = SETTINGS.iter().map(|&(name, value)| format!("{name}={value}"));
        let theirs = self.config.settings.iter().map(|(name, value)| format!("{name}={value}"));
        for setting in ours.chain(theirs).chain([format!("port={}", self.port)]) {
            words.extend(["-c".into(), setting.into()]);
        }
        words
    }

    /// Makes the database cluster. Under another name until it is whole, so that a start that was
    /// cut short leaves nothing that looks like one.
    async fn set_up(&self) -> Result<(), Error> {
        let unfinished = self.folder.path().join("data.unfinished");
        delete(&unfinished)?;
        let password_file = self.folder.path().join("password.initdb");
        write_private(&password_file, &self.password)?;
        self.account.give(&password_file)?;
        let is_durable = !self.config.settings.iter().any(|(name, value)| name == "fsync" && value == "off");
        let output = self
            .account
            .command(&self.programs.initdb)
            .arg("-D")
            .arg(&unfinished)
            .args(["-U", USER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"])
            .arg("--pwfile")
            .arg(&password_file)
            .args((!is_durable).then_some("--no-sync"))
            .current_dir(self.folder.path())
            .output()
            .await
            .map_err(Error::io("run", &self.programs.initdb))?;
        fs::remove_file(&password_file).map_err(Error::io("delete", &password_file))?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            return Err(Error::Helper { program: "initdb".into(), output: log::last_lines(&said) });
        }
        let cluster = self.cluster();
        fs::rename(&unfinished, &cluster).map_err(Error::io("create", &cluster))
    }

    fn cluster(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn connect(&self) -> Result<PgConnection, Error> {
        Ok(connect_options(&self.password, self.port).connect().await?)
    }
}

fn connect_options(password: &str, port: u16) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(&Ipv4Addr::LOCALHOST.to_string())
        .port(port)
        .username(USER)
        .password(password)
        .database(MAINTENANCE_DATABASE)
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging()
}

fn is_setting_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
}
