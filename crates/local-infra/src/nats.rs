//! A private NATS server with JetStream, its streams in files.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::folder::{Folder, write_private};
use crate::process::{Launch, Process, delete};
use crate::{Error, Server, binaries, leftovers, port};

const USER: &str = "latchkey";
const FREE_PORT_ATTEMPTS: usize = 5;
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// A server's first line is below one kilobyte; what is longer is no NATS server.
const INFO_MAX_BYTES: u64 = 64 * 1024;

/// How to run a private NATS server.
#[derive(Debug, Clone)]
pub struct NatsConfig {
    /// The folder for its streams, log, configuration and password. Made if it is not there.
    pub data_dir: PathBuf,
    /// The TCP port on 127.0.0.1, or any free one.
    pub port: Option<u16>,
    /// Whether everyone on this machine may connect, without the password. For tests: whoever is
    /// connected can open doors.
    pub is_open: bool,
    /// Whether the folder is deleted when the server stops for good: by [`Nats::stop`] and when
    /// this process ends. For tests.
    pub is_temporary: bool,
}

impl NatsConfig {
    /// A server with its data in that folder, on any free port, that wants its password.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), port: None, is_open: false, is_temporary: false }
    }
}

/// A private NATS server. It holds its folder, stopped or not, until it is dropped.
/// Dropping it stops the server, without waiting for it.
pub struct Nats {
    config: NatsConfig,
    folder: Folder,
    program: PathBuf,
    /// None if the server is open to all.
    password: Option<String>,
    port: u16,
    process: Option<Process>,
}

impl Nats {
    /// Starts the server and waits until it takes connections.
    pub async fn start(config: NatsConfig) -> Result<Self, Error> {
        let folder = Folder::hold(&config.data_dir)?;
        let program = binaries::nats().await?;
        let password = (!config.is_open).then(|| folder.password()).transpose()?;
        let mut server = Self { port: 0, process: None, config, folder, program, password };
        server.launch_on_some_port().await?;
        Ok(server)
    }

    /// The server's address, with user and password if it wants them: for connecting, never for a
    /// log. The `async-nats` client does not use those of an address by itself; hand them over with
    /// `ConnectOptions::user_and_password`.
    pub fn url(&self) -> String {
        let sign_in =
            self.password.as_ref().map(|password| format!("{USER}:{password}@")).unwrap_or_default();
        format!("nats://{sign_in}127.0.0.1:{}", self.port)
    }

    /// The TCP port on 127.0.0.1. The same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server, if it was started and not stopped since.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Stops the server. One that has stopped already is fine.
    pub async fn stop(&mut self) -> Result<(), Error> {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
        if self.config.is_temporary { delete(self.folder.path()) } else { Ok(()) }
    }

    /// Kills the server with SIGKILL, as a crash would.
    pub async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Starts the server again with the same data on the same port; one that runs is stopped first.
    pub async fn restart(&mut self) -> Result<(), Error> {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
        self.launch().await
    }

    /// Deletes every stream and consumer, as a lost disk would. The server must not run: kill it
    /// first, and restart it after.
    pub fn wipe(&mut self) -> Result<(), Error> {
        match &self.process {
            Some(_) => Err(Error::State { server: Server::Nats, running: true }),
            None => delete(&self.folder.path().join("data")),
        }
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
            self.port = port::free().ok_or(Error::NoFreePort { server: Server::Nats })?;
            match self.launch().await {
                Err(Error::PortTaken { .. }) if attempts < FREE_PORT_ATTEMPTS => attempts += 1,
                result => return result,
            }
        }
    }

    async fn launch(&mut self) -> Result<(), Error> {
        let dir = self.folder.path();
        leftovers::end(dir, "nats-server", Signal::SIGTERM).await;
        if !port::is_free(self.port) {
            return Err(Error::PortTaken { server: Server::Nats, port: self.port });
        }
        // The name is how we know that it is our server that answers on the port.
        let name = format!("latchkey-{}-{}", std::process::id(), self.port);
        write_private(&dir.join("nats.conf"), &configuration(&name, self.port, self.password.as_deref()))?;
        let process = Process::start(Launch {
            server: Server::Nats,
            words: vec![(&self.program).into(), "--config".into(), "nats.conf".into()],
            working_dir: dir,
            log: dir.join("nats.log"),
            stop_signal: Signal::SIGTERM,
            delete_when_orphaned: self.config.is_temporary.then_some(dir),
            port: self.port,
        })
        .await?;
        let port = self.port;
        let process = self.process.insert(process);
        let answers = async || matches!(timeout(PROBE_TIMEOUT, server_name(port)).await, Ok(Some(said)) if said == name);
        let ready = process.ready(answers).await;
        if ready.is_err() {
            // One that is silent must not run on.
            self.kill().await;
        }
        ready
    }
}

/// The server's configuration file. Paths are relative to the data folder, where it is started.
fn configuration(name: &str, port: u16, password: Option<&str>) -> String {
    let authorization = password
        .map(|password| format!("authorization {{ user: \"{USER}\", password: \"{password}\" }}\n"))
        .unwrap_or_default();
    format!(
        "server_name: \"{name}\"\n\
         listen: \"127.0.0.1:{port}\"\n\
         jetstream {{ store_dir: \"data\" }}\n\
         {authorization}"
    )
}

/// The name in the `INFO` line with which a NATS server greets (NATS documentation, Client
/// Protocol), if JetStream is on.
async fn server_name(port: u16) -> Option<String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    let mut line = String::new();
    BufReader::new(stream.take(INFO_MAX_BYTES)).read_line(&mut line).await.ok()?;
    let info: serde_json::Value = serde_json::from_str(line.strip_prefix("INFO ")?).ok()?;
    info["jetstream"].as_bool()?.then(|| info["server_name"].as_str().map(str::to_owned))?
}
