//! A small machine at the door, which runs the relay-controller as an installer sets it up. Its relays are a file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use relay_controller::board::{Killed, levels};
use tempfile::TempDir;
use testkit::eventually;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::Stage;
use crate::stage::free_port;

const LIMIT: Duration = Duration::from_secs(60);

/// A machine with two relays.
pub struct Machine {
    program: PathBuf,
    folder: TempDir,
    address: SocketAddr,
    key: String,
    fingerprint: String,
    process: Mutex<Option<Child>>,
}

impl Machine {
    /// Sets a machine up and starts it.
    pub async fn put_up(stage: &Stage) -> Self {
        let folder = tempfile::Builder::new().prefix("latchkey-machine-").tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let place = folder.path().display();
        let config = format!(
            "listen = \"{address}\"\nstate = \"{place}/state\"\n[board]\nkind = \"simulated\"\nchannels = 2\nlevels = \"{place}/levels\"\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let (program, process) = (stage.program("relay-controller"), Mutex::default());
        let mut machine =
            Self { program, folder, address, key: String::new(), fingerprint: String::new(), process };
        let paired = String::from_utf8(machine.run("pair").await.stdout).unwrap();
        let said = |what: &str| {
            let line = paired.lines().find_map(|line| line.strip_prefix(what)).expect("it is said");
            line.trim().to_owned()
        };
        (machine.key, machine.fingerprint) = (said("API key:"), said("fingerprint:"));
        machine.start().await;
        machine
    }

    /// As relay boards are listed.
    pub fn line(&self, name: &str) -> String {
        format!("{name} controller {} relays=2 certificate={}", self.address, self.fingerprint)
    }

    /// The key that it was paired with.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether a relay is on, counted from 1.
    pub fn is_on(&self, relay: usize) -> bool {
        levels(&self.folder.path().join("levels"), Killed::Keep).unwrap()[relay - 1]
    }

    /// Starts the daemon, and waits until it listens.
    pub async fn start(&self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = self.command("run");
        command.stdout(log.try_clone().unwrap()).stderr(log);
        *self.process.lock().await = Some(command.spawn().unwrap());
        eventually("the relay-controller listens", LIMIT, async || {
            TcpStream::connect(self.address).await.map(drop)
        })
        .await;
    }

    /// `kill -9`, and what systemd runs after that.
    pub async fn kill(&self) {
        if let Some(mut process) = self.process.lock().await.take() {
            process.kill().await.unwrap();
        }
        assert!(self.run("off").await.status.success());
    }

    async fn run(&self, what: &str) -> Output {
        self.command(what).output().await.unwrap()
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(what).arg("--config").arg(self.folder.path().join("config.toml")).kill_on_drop(true);
        command
    }
}
