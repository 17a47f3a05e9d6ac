//! A server as a child process that never outlives us, even when we are killed.
//!
//! Nothing of ours runs when this process is killed with SIGKILL, so a small shell script watches:
//! it starts the server, and reads from a pipe whose other end only we hold. When the pipe ends,
//! we are gone, and the script stops the server.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::account::SEARCH_PATH;
use crate::log::Log;
use crate::{Error, Server};

/// `$1` is the signal that stops the server, `$2` a folder to delete when we are gone (or empty);
/// the rest is the server's command. Says the server's pid on standard output. The watcher is a
/// subshell that reads by itself, so that ending it ends the reading too. Waiting is done in a
/// loop because a trapped signal ends a `wait` early; INT, TERM and HUP are trapped (not ignored,
/// which the server would inherit) because a service manager may send them to all of us.
const WATCH: &str = r#"
signal=$1; doomed=$2; shift 2
exec 3<&0 </dev/null
"$@" 3<&- >&2 &
server=$!
echo "$server"
exec >&2
gone=
trap 'gone=yes; kill -s "$signal" "$server"' USR1
trap 'kill -s KILL "$server"' USR2
trap : INT TERM HUP
( trap - INT TERM HUP USR1 USR2; read -r _ <&3; kill -s USR1 $$; sleep 20; kill -s USR2 $$ ) &
watcher=$!
while :; do
    wait "$server"; status=$?
    [ "$status" -gt 128 ] && kill -0 "$server" 2>/dev/null || break
done
kill "$watcher" 2>/dev/null
if [ -n "$gone" ] && [ -n "$doomed" ]; then rm -rf -- "$doomed"; fi
exit "$status"
"#;

const POLL_INTERVAL: Duration = Duration::from_millis(10);
const READY_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How to start a server.
pub(crate) struct Launch<'a> {
    pub(crate) server: Server,
    /// The program and its arguments, with whatever changes the user in front.
    pub(crate) words: Vec<OsString>,
    pub(crate) working_dir: &'a Path,
    pub(crate) log: PathBuf,
    /// The signal that makes the server end in good order and soon.
    pub(crate) stop_signal: Signal,
    /// Deleted when the server ends because we are gone.
    pub(crate) delete_when_orphaned: Option<&'a Path>,
    pub(crate) port: u16,
}

/// A server that was started.
pub(crate) struct Process {
    server: Server,
    watch: Child,
    /// Open for as long as the server shall run.
    _pipe: Option<ChildStdin>,
    pid: Pid,
    stop_signal: Signal,
    log: Log,
    port: u16,
}

impl Process {
    /// Starts the server. It may not be ready yet, and may end soon: see [`Process::ready`].
    pub(crate) async fn start(launch: Launch<'_>) -> Result<Self, Error> {
        let shell = Path::new("/bin/sh");
        let (log, log_file) = Log::open(launch.log)?;
        let mut watch = Command::new(shell)
            .args(["-c", WATCH, "latchkey-watch", launch.stop_signal.as_str().trim_start_matches("SIG")])
            .arg(launch.delete_when_orphaned.unwrap_or(Path::new("")))
            .args(launch.words)
            .current_dir(launch.working_dir)
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("LC_ALL", "C")
            // A group of its own: Ctrl-C is for us, who stop the services before their servers.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .map_err(Error::io("run", shell))?;
        let mut said = String::new();
        if let Some(output) = watch.stdout.take() {
            BufReader::new(output).read_line(&mut said).await.map_err(Error::io("read from", shell))?;
        }
        let server = launch.server;
        match said.trim().parse() {
            Ok(pid) => Ok(Self {
                server,
                // Taken out: waiting for the child would close it.
                _pipe: watch.stdin.take(),
                watch,
                pid: Pid::from_raw(pid),
                stop_signal: launch.stop_signal,
                log,
                port: launch.port,
            }),
            Err(_) => Err(Error::Died { server, tail: log.tail(), log: log.path().to_owned() }),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Waits until `probe` says that the server answers, and answers as ours.
    pub(crate) async fn ready(&mut self, mut probe: impl AsyncFnMut() -> bool) -> Result<(), Error> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if self.has_ended() {
                let tail = self.log.tail();
                // Both servers say it in these words: it is the system's own text.
                return Err(if tail.to_ascii_lowercase().contains("address already in use") {
                    Error::PortTaken { server: self.server, port: self.port }
                } else {
                    Error::Died { server: self.server, log: self.log.path().to_owned(), tail }
                });
            }
            if matches!(timeout(READY_TIMEOUT, probe()).await, Ok(true)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::Silent {
                    server: self.server,
                    seconds: READY_TIMEOUT.as_secs(),
                    log: self.log.path().to_owned(),
                    tail: self.log.tail(),
                });
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Whether the server has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        // An error means that it was waited for before, so it has ended, too.
        !matches!(self.watch.try_wait(), Ok(None))
    }

    /// Waits until the server has ended. Can be dropped and called again.
    pub(crate) async fn ended(&mut self) {
        // An error means that it was waited for before, so it has ended, too.
        let _ = self.watch.wait().await;
    }

    /// Stops the server in good order, or by force if that takes too long.
    pub(crate) async fn stop(mut self) {
        self.signal(self.stop_signal);
        if timeout(STOP_TIMEOUT, self.ended()).await.is_err() {
            tracing::warn!(server = %self.server, "did not stop in time; killing it");
            self.kill().await;
        }
    }

    /// Kills the server as a crash of it would.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.ended().await;
    }

    fn signal(&mut self, signal: Signal) {
        // While the script lives, it has not waited for the server, so the pid is still the
        // server's. One that ended by itself needs no signal.
        if !self.has_ended() {
            let _ = kill(self.pid, signal);
        }
    }
}

/// Deletes a folder of a server that has stopped; nothing there is as good as deleted.
pub(crate) fn delete(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Io { action: "delete", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
