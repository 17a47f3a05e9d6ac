//! The parts of the daemon, and what can be asked of them together.

mod doors;
mod pin;
mod report;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::bank::Bank;
use crate::board::Board;
use crate::channel::Channel;
use crate::clock::Clock;
use crate::disk::{Disk as _, Folder, replace};
use crate::key::{ApiKey, Gate, random_hex};
use crate::lines::{LineThread, Lines};
use crate::log::{Bounds, Kind, Log, Recorder, What};
use crate::offline::Pins;
use crate::request::ChannelNumber;
use crate::settings::{Found, Settings};
use crate::time::Time;

pub use doors::ChannelChange;
pub use pin::PinAnswer;
pub use report::{ChannelReport, ClockReport, Description, ListReport, Report};

const ID_FILE: &str = "controller";
const LOG_FOLDER: &str = "log";
/// How long the end waits for the disk.
const FLUSH_MOST: Duration = Duration::from_secs(5);

/// What a controller is made of.
pub struct Parts {
    /// Where its state is.
    pub state: Folder,
    /// The hardware, all relays off.
    pub board: Box<dyn Board>,
    /// The name of this kind of hardware.
    pub board_kind: &'static str,
    /// The machine's clocks.
    pub clock: Arc<dyn Clock>,
    /// Whether the machine's clock goes on without power.
    pub has_battery: bool,
}

/// A running controller.
pub struct Controller {
    id: String,
    board_kind: &'static str,
    channels: usize,
    time: Arc<Time>,
    lines: LineThread,
    /// Held while settings and lines are changed together.
    changing: tokio::sync::Mutex<()>,
    settings: Mutex<Settings>,
    log: Arc<Mutex<Log>>,
    recorder: Recorder,
    pins: Pins,
    refusals: Mutex<pin::Refusals>,
    gate: Gate,
    /// What was begun and is to be done whoever hangs up.
    pub(crate) tasks: TaskTracker,
}

impl Controller {
    /// Reads the state, and begins. The lines are minded from here on.
    pub fn start(parts: Parts) -> io::Result<Arc<Self>> {
        let Parts { state, board, board_kind, clock, has_battery } = parts;
        let channels = board.channels();
        let id = load_id(&state)?;
        let key = ApiKey::load(&state)?.map(Arc::new);
        let time = Arc::new(Time::load(state.clone(), clock.clone(), has_battery)?);
        let (settings, found) = Settings::load(state.clone(), channels)?;
        let log = Log::load(state.folder(LOG_FOLDER)?, Bounds::DEFAULT)?;
        let pins = Pins::load(state, &id, key.clone(), clock.clone(), channels)?;
        let (recorder, waiting) = Recorder::new(time.clone(), log.boot());
        let bank = Bank::new(
            (0..channels)
                .map(|index| settings.of(ChannelNumber::at(index)))
                .map(|settings| Channel::new(settings.default_pulse(), settings.locked_down))
                .collect(),
            log.requests(channels),
        );
        let log = Arc::new(Mutex::new(log));
        let of_writer = log.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || waiting.write(&of_writer))?;
        recorder.record(What::own(Kind::Started));
        if found == Found::Broken {
            recorder.record(What::own(Kind::SettingsLost));
        }
        let lines = LineThread::start(Lines::new(board, bank, time.clone(), recorder.clone()))?;
        Ok(Arc::new(Self {
            id,
            board_kind,
            channels,
            time,
            lines,
            changing: tokio::sync::Mutex::default(),
            settings: Mutex::new(settings),
            log,
            recorder,
            pins,
            refusals: Mutex::new(pin::Refusals::new(channels)),
            gate: Gate::new(key, clock),
            tasks: TaskTracker::new(),
        }))
    }

    /// The id of this installation.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The thread that owns the lines.
    pub fn lines(&self) -> &LineThread {
        &self.lines
    }

    /// Who is let in.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The channel of a number, if there is one.
    pub fn channel(&self, number: u16) -> Option<ChannelNumber> {
        ChannelNumber::of(number, self.channels)
    }

    /// All off, first of all; then what was begun is done, and what happened is written down.
    pub async fn stop(self: &Arc<Self>) {
        self.lines.stop();
        self.lines.ended().await;
        self.recorder.record(What::own(Kind::Stopped));
        self.tasks.close();
        // What hangs on a disk that does not answer is not waited for.
        let _ = tokio::time::timeout(FLUSH_MOST, self.tasks.wait()).await;
        self.blocking(|controller| controller.recorder.flush(FLUSH_MOST)).await;
    }

    /// Does what waits for the disk or takes long.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let controller = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&controller)).await;
        done.expect("a panic anywhere ends the process")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The id of this installation, made at its first start.
fn load_id(state: &Folder) -> io::Result<String> {
    if let Some(saved) = state.read(ID_FILE)? {
        return String::from_utf8(saved).map_err(io::Error::other);
    }
    let id = format!("rc_{}", &random_hex()[..32]);
    replace(state, ID_FILE, id.as_bytes())?;
    Ok(id)
}
