//! What happened at the doors, until somebody took it over: a log in files, bounded, with a cursor.
//!
//! Files of lines of JSON, each named by the number of its first entry. An entry is shown only when it is on the
//! disk, so a number is never used twice for those who read. When the files are too many the oldest goes, and
//! what was in it and not acknowledged is counted.

mod entry;
mod recall;
mod recorder;

use std::collections::VecDeque;
use std::io;

use serde::{Deserialize, Serialize};

use crate::disk::{Disk, replace};

pub use entry::{Entry, Kind, Outcome, Source, What};
pub use recorder::{Recorder, Waiting};

const STATE_FILE: &str = "state.json";
const PREFIX: &str = "log-";
const SUFFIX: &str = ".jsonl";

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of one file.
    pub file: usize,
    /// Files.
    pub files: usize,
}

impl Bounds {
    /// A megabyte, about 4,000 entries.
    pub const DEFAULT: Self = Self { file: 64 * 1024, files: 16 };
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Starts of the daemon.
    boot: u64,
    /// The newest entry that was taken over.
    acknowledged: u64,
    /// The newest entry that is not here any more.
    removed: u64,
    /// How many went before they were taken over.
    dropped: u64,
}

#[derive(Debug)]
struct File {
    name: String,
    bytes: usize,
    entries: usize,
}

/// The log.
pub struct Log {
    disk: Box<dyn Disk>,
    bounds: Bounds,
    state: State,
    /// Oldest first; the last one is written to, if any.
    files: VecDeque<File>,
    entries: VecDeque<Entry>,
    /// Whether the last file may end in the middle of a line.
    is_torn: bool,
}

/// A part of the log.
#[derive(Debug, Serialize)]
pub struct Page {
    /// In order.
    pub entries: Vec<Entry>,
    /// The number of the newest one that there is; 0 before the first.
    pub newest: u64,
    /// How many between the cursor and the first entry are not here any more.
    pub missing: u64,
    /// Whether there are more.
    pub more: bool,
}

impl Log {
    /// Reads what is there. This is another start of the daemon.
    pub fn load(disk: impl Disk, bounds: Bounds) -> io::Result<Self> {
        let state = disk.read(STATE_FILE)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut log = Self {
            disk: Box::new(disk),
            bounds,
            state: state.unwrap_or_default(),
            files: VecDeque::new(),
            entries: VecDeque::new(),
            is_torn: false,
        };
        let mut names: Vec<_> = log.disk.names()?;
        names.retain(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        names.sort();
        for name in names {
            log.load_file(name)?;
        }
        log.state.removed = log.state.removed.max(log.first() - 1);
        log.state.boot += 1;
        log.save_state()?;
        Ok(log)
    }

    fn load_file(&mut self, name: String) -> io::Result<()> {
        let bytes = self.disk.read(&name)?.unwrap_or_default();
        let mut file = File { name, bytes: 0, entries: 0 };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            // What can't be read was cut off as it was written, and shown to nobody.
            let whole = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice::<Entry>(line).ok());
            let Some(entry) = whole else { break };
            // Nor was what is in a later file once more: after it had failed here it was written there.
            while self.entries.back().is_some_and(|last| entry.seq <= last.seq)
                && self.forget_newest(&mut file)
            {}
            self.entries.push_back(entry);
            file.bytes += line.len();
            file.entries += 1;
        }
        if file.bytes < bytes.len() {
            replace(&*self.disk, &file.name, &bytes[..file.bytes])?;
        }
        self.files.push_back(file);
        Ok(())
    }

    /// Forgets the newest entry, of this file or of those before it.
    fn forget_newest(&mut self, newest: &mut File) -> bool {
        let files = std::iter::once(newest).chain(self.files.iter_mut().rev());
        if let Some(file) = files.into_iter().find(|file| file.entries > 0) {
            file.entries -= 1;
        }
        self.entries.pop_back().is_some()
    }

    /// The number of this start.
    pub fn boot(&self) -> u64 {
        self.state.boot
    }

    /// The number of the newest entry; 0 if there was never one.
    pub fn newest(&self) -> u64 {
        let gone = self.state.acknowledged.max(self.state.removed);
        self.entries.back().map_or(gone, |entry| entry.seq.max(gone))
    }

    /// The number of the oldest entry that is here, or that will be.
    fn first(&self) -> u64 {
        self.entries.front().map_or_else(|| self.newest() + 1, |entry| entry.seq)
    }

    /// The newest entry that was taken over.
    pub fn acknowledged(&self) -> u64 {
        self.state.acknowledged
    }

    /// How many entries were lost before they were taken over.
    pub fn dropped(&self) -> u64 {
        self.state.dropped
    }

    /// All that is here, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Adds entries with the next numbers, and returns when they are on the disk. If that fails none was added.
    pub fn append(&mut self, new: &[Entry]) -> io::Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let next = self.newest() + 1;
        let numbered: Vec<_> = (next..).zip(new).map(|(seq, entry)| Entry { seq, ..entry.clone() }).collect();
        let mut lines = Vec::new();
        for entry in &numbered {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        let is_full = self.files.back().is_none_or(|file| file.bytes >= self.bounds.file);
        if self.is_torn || is_full {
            let name = format!("{PREFIX}{next:016}{SUFFIX}");
            self.disk.write(&name, b"")?;
            self.disk.sync_names()?;
            // The same name, if nothing that was written there before was shown.
            self.files.retain(|file| file.name != name);
            self.files.push_back(File { name, bytes: 0, entries: 0 });
            self.is_torn = false;
        }
        let file = self.files.back_mut().expect("there is one by now");
        self.is_torn = true;
        self.disk.append(&file.name, &lines)?;
        self.disk.sync(&file.name)?;
        self.is_torn = false;
        file.bytes += lines.len();
        file.entries += numbered.len();
        self.entries.extend(numbered);
        self.shrink()
    }

    /// The oldest files go while there are too many.
    fn shrink(&mut self) -> io::Result<()> {
        while self.files.len() > self.bounds.files {
            self.remove_oldest()?;
        }
        Ok(())
    }

    fn remove_oldest(&mut self) -> io::Result<()> {
        let Some(file) = self.files.front() else { return Ok(()) };
        let last = file.entries.checked_sub(1).and_then(|last| self.entries.get(last)).map(|entry| entry.seq);
        if let Some(last) = last.filter(|last| *last > self.state.removed) {
            // Counted before it is gone: a cut in between counts nothing twice, for `removed` says what was counted.
            let taken = self.state.acknowledged.max(self.state.removed);
            self.state.dropped += last.saturating_sub(taken);
            self.state.removed = last;
            self.save_state()?;
        }
        self.disk.remove(&file.name)?;
        self.entries.drain(..file.entries);
        self.files.pop_front();
        Ok(())
    }

    /// Entries after a cursor.
    pub fn after(&self, cursor: u64, limit: usize) -> Page {
        let from = self.entries.partition_point(|entry| entry.seq <= cursor);
        let entries: Vec<_> = self.entries.iter().skip(from).take(limit).cloned().collect();
        let more = from + entries.len() < self.entries.len();
        let missing = self.first().saturating_sub(cursor + 1);
        Page { newest: self.newest(), missing, more, entries }
    }

    /// Entries up to this one were taken over and may go. Returns the newest that was.
    pub fn acknowledge(&mut self, through: u64) -> io::Result<u64> {
        let through = through.min(self.newest());
        if through > self.state.acknowledged {
            let before = self.state.acknowledged;
            self.state.acknowledged = through;
            self.save_state().inspect_err(|_| self.state.acknowledged = before)?;
            // The newest file stays, for the ids in it.
            while self.files.len() > 1 && self.oldest_is_taken() {
                self.remove_oldest()?;
            }
        }
        Ok(self.state.acknowledged)
    }

    fn oldest_is_taken(&self) -> bool {
        let entries = self.files.front().map_or(0, |file| file.entries);
        let last = entries.checked_sub(1).and_then(|last| self.entries.get(last));
        last.is_none_or(|last| last.seq <= self.state.acknowledged)
    }

    fn save_state(&self) -> io::Result<()> {
        replace(&*self.disk, STATE_FILE, &serde_json::to_vec(&self.state)?)
    }
}

#[cfg(test)]
mod tests;
