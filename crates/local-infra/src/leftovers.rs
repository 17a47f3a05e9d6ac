//! Processes of a server that outlived it, or the run that started it.
//!
//! Both servers run with their data folder as working directory, so a process of that name which
//! works there is ours, whatever its pid file says. Only asked while holding the folder's lock:
//! no live run can own it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Ends every process named `name` that works in `dir`: with `signal`, and by force if that takes
/// too long. Says whether none is left for sure; where there is no `/proc` to look at, it can't,
/// and the server's own checks have to do.
pub(crate) async fn end(dir: &Path, name: &str, signal: Signal) -> bool {
    let found = working_in(dir, name);
    if found.is_empty() {
        return Path::new("/proc/self").exists();
    }
    tracing::debug!(server = name, processes = found.len(), "ending what a server left behind");
    send(&found, signal);
    let deadline = Instant::now() + STOP_TIMEOUT;
    while !working_in(dir, name).is_empty() {
        if Instant::now() > deadline {
            send(&working_in(dir, name), Signal::SIGKILL);
        }
        sleep(POLL_INTERVAL).await;
        if Instant::now() > deadline + STOP_TIMEOUT {
            // Stuck in the kernel.
            return false;
        }
    }
    true
}

fn send(pids: &[Pid], signal: Signal) {
    for &pid in pids {
        // One that is gone by now is as good as stopped.
        let _ = kill(pid, signal);
    }
}

fn working_in(dir: &Path, name: &str) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let works_here = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == dir);
            let is_named =
                fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name);
            (works_here && is_named).then(|| Pid::from_raw(pid))
        })
        .collect()
}
