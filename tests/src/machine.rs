//! A small machine at the door, which runs the relay-controller as an installer sets it up. Its relays are a file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use domain::OperationId;
use relay_controller::board::{Killed, levels};
use relay_controller::certificate::Certificate;
use relay_controller::disk::Folder;
use tempfile::TempDir;
use testkit::{Link, Traffic, eventually};
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
    /// Where the keypad asks, which needs no network.
    keypad: SocketAddr,
    /// Between the platform and the machine.
    link: Link,
    key: String,
    fingerprint: String,
    process: Mutex<Option<Child>>,
}

impl Machine {
    /// Sets a machine up and starts it.
    pub async fn put_up(stage: &Stage) -> Self {
        let folder = tempfile::Builder::new().prefix("latchkey-machine-").tempdir().unwrap();
        let [address, keypad] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let place = folder.path().display();
        let config = format!(
            "listen = \"{address}\"\nkeypad = \"{keypad}\"\nstate = \"{place}/state\"\n[board]\nkind = \"simulated\"\nchannels = 2\nlevels = \"{place}/levels\"\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let (program, process) = (stage.program("relay-controller"), Mutex::default());
        let (link, key, fingerprint) = (Link::to(address).await, String::new(), String::new());
        let mut machine = Self { program, folder, address, keypad, link, key, fingerprint, process };
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
        format!("{name} controller {} relays=2 certificate={}", self.link.address(), self.fingerprint)
    }

    /// The key that it was paired with.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether a relay is on, counted from 1.
    pub fn is_on(&self, relay: usize) -> bool {
        levels(&self.folder.path().join("levels"), Killed::Keep).unwrap()[relay - 1]
    }

    /// Cuts the network between the platform and the machine, or mends it.
    pub fn cut_off(&self, is_cut: bool) {
        self.link.set(if is_cut { Traffic::Cut } else { Traffic::Carried });
    }

    /// What calls the controller straight.
    pub fn caller(&self) -> Caller {
        let state = Folder::open(&self.folder.path().join("state")).unwrap();
        let certificate = Certificate::ensure(&state).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_der(certificate.der()).unwrap()])
            .resolve("relay-controller", self.address)
            .no_proxy()
            .build()
            .unwrap();
        let url = format!("https://relay-controller:{}/v1/channels/1/pulse", self.address.port());
        Caller { http, url, key: self.key.clone() }
    }

    /// Someone types a PIN at a door: whether it opens, or why not.
    pub async fn enter(&self, relay: usize, pin: &str) -> Result<(), String> {
        let client = reqwest::Client::builder().build().unwrap();
        let request = client.post(format!("http://{}/v1/pins", self.keypad));
        let body = serde_json::json!({ "channel": relay, "pin": pin }).to_string();
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        match answer["opened"].as_bool() {
            Some(true) => Ok(()),
            _ => Err(answer["reason"].as_str().unwrap_or_default().to_owned()),
        }
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

/// Calls a controller, as the adapter does.
pub struct Caller {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Caller {
    /// Opens the first door for a moment.
    pub async fn pulse(&self) {
        let body = serde_json::json!({ "id": OperationId::new().to_string() }).to_string();
        let request = self.http.post(&self.url).bearer_auth(&self.key);
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert!(answer.status().is_success());
        answer.bytes().await.unwrap();
    }
}
