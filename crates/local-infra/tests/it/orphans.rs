//! What becomes of the servers when the process that started them is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use local_infra::{Nats, NatsConfig, Postgres};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use crate::postgres::quick;

/// Not a test by itself: the process that gets killed. Starts both servers in the folder that it
/// reads from standard input, says their process ids, and waits.
#[tokio::test]
#[ignore = "the other tests of this file run it as a process of its own"]
async fn holder() {
    let mut words = String::new();
    std::io::stdin().read_line(&mut words).unwrap();
    let (kind, dir) = words.trim_end().split_once(' ').unwrap();
    let mut config = quick(&Path::new(dir).join("db"));
    config.is_temporary = kind == "temporary";
    let mut nats_config = NatsConfig::new(Path::new(dir).join("nats"));
    nats_config.is_temporary = kind == "temporary";
    let (mut postgres, nats) =
        (Postgres::start(config).await.unwrap(), Nats::start(nats_config).await.unwrap());
    println!("\npids {} {}", postgres.pid().unwrap(), nats.pid().unwrap());
    postgres.ended().await;
}

struct Holder {
    process: Child,
    servers: [Pid; 2],
}

impl Holder {
    fn start(kind: &str, dir: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "orphans::holder", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(process.stdin.as_mut().unwrap(), "{kind} {}", dir.display()).unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said = lines.find_map(|line| Some(line.strip_prefix("pids ")?.to_owned())).unwrap();
        let mut pids = said.split(' ').map(|pid| Pid::from_raw(pid.parse().unwrap()));
        Self { process, servers: [pids.next().unwrap(), pids.next().unwrap()] }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn servers_are_gone(&self) {
        let gone = || self.servers.iter().all(|pid| !is_alive(*pid));
        eventually("both servers have ended", gone).await;
    }
}

/// Whether that process runs; one that has ended and was not waited for does not.
fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within 15 seconds: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_servers_end_when_their_parent_is_killed() {
    let root = tempfile::tempdir().unwrap();
    let mut holder = Holder::start("kept", root.path());
    assert!(holder.servers.iter().all(|pid| is_alive(*pid)));
    holder.kill();
    holder.servers_are_gone().await;
    assert!(root.path().join("db/data").exists());
}

#[tokio::test]
async fn temporary_folders_go_when_their_parent_is_killed() {
    let root = tempfile::tempdir().unwrap();
    let mut holder = Holder::start("temporary", root.path());
    assert!(root.path().join("db/data").exists());
    holder.kill();
    eventually("both folders are gone", || {
        !root.path().join("db").exists() && !root.path().join("nats").exists()
    })
    .await;
    holder.servers_are_gone().await;
}

#[tokio::test]
async fn servers_that_were_left_behind_are_stopped_by_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    let mut holder = Holder::start("kept", root.path());
    for server in holder.servers {
        // Kill the watching shell, too: now nothing stops the servers.
        let status = std::fs::read_to_string(format!("/proc/{server}/status")).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
        let shell = Pid::from_raw(parent.trim().parse().unwrap());
        // The shell's watcher goes first, or it would still stop the server.
        for child in children(shell).into_iter().filter(|child| *child != server) {
            kill(child, Signal::SIGKILL).unwrap();
        }
        kill(shell, Signal::SIGKILL).unwrap();
    }
    holder.kill();
    assert!(holder.servers.iter().all(|pid| is_alive(*pid)), "the test has not made orphans");

    let mut postgres = Postgres::start(quick(&root.path().join("db"))).await.unwrap();
    let mut nats = Nats::start(NatsConfig::new(root.path().join("nats"))).await.unwrap();
    holder.servers_are_gone().await;
    postgres.ensure_database("shop").await.unwrap();
    postgres.stop().await.unwrap();
    nats.stop().await.unwrap();
}

fn children(pid: Pid) -> Vec<Pid> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    list.split_whitespace().map(|child| Pid::from_raw(child.parse().unwrap())).collect()
}
