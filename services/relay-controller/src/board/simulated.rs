//! A board that is none: it keeps its levels in a file, and tells what happened to them.
//!
//! The file outlives the process as a pin does: killed with a relay on, the level stays or reverts, as kernels
//! do one or the other ([`Killed`]). Whether the process lives is seen by the lock that it has on the file.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::{Board, DoorContact};
use crate::clock::Clock;

/// How many changes are kept.
const CHANGES_MAX: usize = 10_000;

/// What to simulate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatedConfig {
    /// How many channels.
    pub channels: usize,
    /// Where the levels are: one character a channel, `0` or `1`. None: in memory alone.
    pub levels: Option<PathBuf>,
}

/// What becomes of the levels when the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killed {
    /// They stay, as Raspberry Pi OS does it by default.
    Keep,
    /// They go off, as with `strict_gpiod`.
    Revert,
}

/// A line got another level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// When, by the monotonic clock.
    pub at: Duration,
    /// Of which channel, from 0.
    pub channel: usize,
    /// Which.
    pub on: bool,
}

#[derive(Debug, Default)]
struct State {
    levels: Vec<bool>,
    welded: Vec<bool>,
    failing: Vec<bool>,
    contacts: Vec<Option<DoorContact>>,
    changes: VecDeque<Change>,
    panics: bool,
}

/// Tests' side of a simulated board: what happened, and what goes wrong. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Simulation(Arc<Mutex<State>>);

impl Simulation {
    /// What happened, oldest first.
    pub fn changes(&self) -> Vec<Change> {
        self.lock().changes.iter().copied().collect()
    }

    /// The levels now.
    pub fn levels(&self) -> Vec<bool> {
        self.lock().levels.clone()
    }

    /// From now on the relay of this channel stays as it is, whatever it is set to.
    pub fn weld(&self, channel: usize) {
        self.lock().welded[channel] = true;
    }

    /// From now on the line of this channel can't be set, or can again.
    pub fn fail(&self, channel: usize, fails: bool) {
        self.lock().failing[channel] = fails;
    }

    /// The door is opened or shut.
    pub fn set_contact(&self, channel: usize, contact: DoorContact) {
        self.lock().contacts[channel] = Some(contact);
    }

    /// The next reading of a line panics: a fault in the program.
    pub fn panic_at_reading(&self) {
        self.lock().panics = true;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The board.
pub struct SimulatedBoard {
    simulation: Simulation,
    clock: Arc<dyn Clock>,
    file: Option<File>,
}

impl SimulatedBoard {
    /// All relays off. Fails if another process has the file.
    pub fn open(config: &SimulatedConfig, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let file = config.levels.as_deref().map(take).transpose()?;
        let state = State {
            levels: vec![false; config.channels],
            welded: vec![false; config.channels],
            failing: vec![false; config.channels],
            contacts: vec![None; config.channels],
            ..State::default()
        };
        let mut board = Self { simulation: Simulation(Arc::new(Mutex::new(state))), clock, file };
        board.write()?;
        Ok(board)
    }

    /// What tests need of it.
    pub fn simulation(&self) -> Simulation {
        self.simulation.clone()
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let text: String =
            self.simulation.lock().levels.iter().map(|on| if *on { '1' } else { '0' }).collect();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }
}

fn take(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::from(io::ErrorKind::ResourceBusy),
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

/// The levels in a board's file, as they are at the pins: after a kill, by what that does.
pub fn levels(path: &Path, killed: Killed) -> io::Result<Vec<bool>> {
    let mut file = File::open(path)?;
    let lives = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text.chars().map(|level| level == '1' && (lives || killed == Killed::Keep)).collect())
}

impl Board for SimulatedBoard {
    fn channels(&self) -> usize {
        self.simulation.lock().levels.len()
    }

    fn set(&mut self, channel: usize, on: bool) -> io::Result<()> {
        let at = self.clock.since_boot();
        {
            let mut state = self.simulation.lock();
            if state.failing[channel] {
                return Err(io::Error::other("told to fail"));
            }
            if state.welded[channel] || state.levels[channel] == on {
                return Ok(());
            }
            state.levels[channel] = on;
            if state.changes.len() == CHANGES_MAX {
                state.changes.pop_front();
            }
            state.changes.push_back(Change { at, channel, on });
        }
        self.write()
    }

    fn is_on(&mut self, channel: usize) -> io::Result<bool> {
        let mut state = self.simulation.lock();
        assert!(!std::mem::take(&mut state.panics), "told to panic");
        Ok(state.levels[channel])
    }

    fn contact(&mut self, channel: usize) -> io::Result<Option<DoorContact>> {
        Ok(self.simulation.lock().contacts[channel])
    }
}
