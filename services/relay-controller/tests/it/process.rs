//! The program, and what becomes of its relays when it ends, by an observer apart: the levels at the pins.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use relay_controller::board::{Killed, levels};
use relay_controller::certificate::Certificate;
use relay_controller::disk::Folder;
use serde_json::json;
use tempfile::TempDir;

use crate::world::Caller;

const UNIT: &str = include_str!("../../../../deploy/relay-controller/relay-controller.service");

struct Machine {
    folder: TempDir,
    key: String,
}

struct Daemon {
    child: Child,
    caller: Caller,
    _output: BufReader<ChildStdout>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "listen = \"127.0.0.1:0\"\nstate = \"{0}/state\"\n[board]\nkind = \"simulated\"\nchannels = 2\nlevels = \"{0}/levels\"\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        let mut machine = Self { folder, key: String::new() };
        let paired = String::from_utf8(machine.run(&["pair"]).stdout).unwrap();
        machine.key = paired.split_whitespace().find(|word| word.starts_with("lrc_")).unwrap().to_owned();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay-controller"));
        command.args(arguments).arg("--config").arg(self.path("config.toml"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the unit says is run when the daemon has ended, however that was.
    fn run_what_systemd_runs_after_the_end(&self) {
        let line = UNIT.lines().find_map(|line| line.strip_prefix("ExecStopPost=")).unwrap();
        let arguments: Vec<_> = line.split_whitespace().skip(1).collect();
        assert!(self.run(&arguments).status.success());
    }

    /// Starts the daemon, and waits until it listens.
    fn start(&self) -> Daemon {
        let mut child = self.command(&["run"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended");
            if let Some((_, address)) = line.trim().split_once("the API listens address=") {
                break address.parse().unwrap();
            }
        };
        let certificate = Certificate::ensure(&Folder::open(&self.path("state")).unwrap()).unwrap();
        Daemon { child, caller: Caller::new(address, certificate.der(), &self.key), _output: output }
    }

    fn levels(&self, killed: Killed) -> Vec<bool> {
        levels(&self.path("levels"), killed).unwrap()
    }
}

impl Daemon {
    async fn hold(&self) {
        let hold = json!({ "id": "h", "lease_ms": 60_000, "for_ms": 3_600_000 });
        assert_eq!(self.caller.post("/v1/channels/1/hold", hold).await.0, 200);
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn terminate(mut self) -> bool {
        let id = i32::try_from(self.child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn killed_while_a_door_is_held_it_is_locked_within_the_lease() {
    let machine = Machine::new();
    let daemon = machine.start();
    daemon.hold().await;
    assert_eq!(machine.levels(Killed::Keep), [true, false]);
    daemon.kill();
    assert_eq!(machine.levels(Killed::Revert), [false, false], "where the kernel takes lines back, at once");
    assert_eq!(machine.levels(Killed::Keep), [true, false], "else not yet");
    machine.run_what_systemd_runs_after_the_end();
    assert_eq!(machine.levels(Killed::Keep), [false, false]);
}

#[tokio::test]
async fn a_start_after_a_kill_switches_off_and_takes_nothing_up_again() {
    let machine = Machine::new();
    let daemon = machine.start();
    daemon.hold().await;
    daemon.kill();
    assert_eq!(machine.levels(Killed::Keep), [true, false]);
    let daemon = machine.start();
    assert_eq!(machine.levels(Killed::Keep), [false, false]);
    let renew = json!({ "hold": "h", "lease_ms": 60_000 });
    assert_eq!(daemon.caller.post("/v1/channels/1/renew", renew).await.1["error"]["reason"], "HOLD_ENDED");
    assert_eq!(machine.levels(Killed::Keep), [false, false]);
}

#[tokio::test]
async fn told_to_end_it_switches_off_and_writes_down_what_was() {
    let machine = Machine::new();
    let daemon = machine.start();
    daemon.hold().await;
    assert!(daemon.terminate());
    assert_eq!(machine.levels(Killed::Keep), [false, false]);
    let log = machine.start().caller.log(0, 4).await;
    let words: Vec<_> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(words, ["started", "hold", "stopped", "started"]);
}

#[tokio::test]
async fn killed_at_any_moment_of_a_change_it_loses_none_that_was_answered() {
    let machine = Machine::new();
    let mut answered = String::from("Door 1");
    for round in 0..5 {
        let daemon = machine.start();
        let name = daemon.caller.channel(1).await["name"].clone();
        assert!(name == answered || name == format!("{answered}+"), "{name} after {answered}");
        for n in 0..(round * 7) {
            answered = format!("{round}.{n}");
            daemon.caller.patch("/v1/channels/1", json!({ "name": answered })).await;
        }
        // One more is on its way as the end comes.
        let name = json!({ "name": format!("{answered}+") });
        let last = daemon.caller.try_call(reqwest::Method::PATCH, "/v1/channels/1", Some(&name));
        let _ = tokio::time::timeout(std::time::Duration::from_millis(round), last).await;
        daemon.kill();
    }
}

#[tokio::test]
async fn killed_with_what_it_was_writing_torn_at_any_point_it_loses_no_setting() {
    let machine = Machine::new();
    let daemon = machine.start();
    let front = json!({ "name": "Front", "default_pulse_ms": 5_000 });
    assert_eq!(daemon.caller.patch("/v1/channels/1", front).await.0, 200);
    assert_eq!(daemon.caller.post("/v1/channels/2/lock-down", json!({ "id": "d" })).await.0, 200);
    daemon.kill();
    let state = machine.path("state");
    let files = || std::fs::read_dir(&state).unwrap().map(|file| file.unwrap().path());
    let saved: Vec<_> = files()
        .filter(|path| path.is_file() && path.extension().is_some())
        .map(|path| (std::fs::read(&path).unwrap(), path))
        .collect();
    assert!(saved.iter().any(|(_, path)| path.ends_with("settings.json")), "{saved:?}");
    for tenths in 0..=10 {
        for (bytes, path) in &saved {
            let new = [bytes.as_slice(), b" and more"].concat();
            let torn = &new[..new.len() * tenths / 10];
            std::fs::write(format!("{}.new", path.display()), torn).unwrap();
        }
        let daemon = machine.start();
        let (front, back) = (daemon.caller.channel(1).await, daemon.caller.channel(2).await);
        assert_eq!((&front["name"], &front["default_pulse_ms"]), (&json!("Front"), &json!(5_000)));
        assert_eq!((&front["locked_down"], &back["locked_down"]), (&json!(false), &json!(true)));
        daemon.kill();
    }
}

#[test]
fn a_second_daemon_and_a_pairing_beside_one_are_refused_with_a_reason() {
    let machine = Machine::new();
    let _daemon = machine.start();
    for (arguments, said) in
        [(["run"].as_slice(), "lines"), (&["pair", "--again"], "stop it first"), (&["off"], "lines")]
    {
        let output = machine.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(said), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_another_one_ends_it() {
    let machine = Machine::new();
    let again = machine.run(&["pair"]);
    assert!(!again.status.success() && !String::from_utf8(again.stdout).unwrap().contains("lrc_"));
    assert!(machine.run(&["pair", "--again"]).status.success());
    assert_eq!(machine.start().caller.get("/v1/state").await.0, 401);
}

#[test]
fn what_is_remembered_is_closed_to_other_users() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.path("state")), 0o700);
    for file in std::fs::read_dir(machine.path("state")).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
