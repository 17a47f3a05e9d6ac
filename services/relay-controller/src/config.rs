//! The configuration: one file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde::Deserialize;

use crate::board::{Board, GpioBoard, GpioConfig, SimulatedBoard, SimulatedConfig};
use crate::clock::Clock;

/// Channels that one controller may have.
const CHANNELS_MAX: usize = 64;

/// All of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API is.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// The folder of what is remembered.
    #[serde(default = "state")]
    pub state: PathBuf,
    /// Where a keypad of this machine asks, in plain HTTP and without a key; none: nowhere.
    pub keypad: Option<SocketAddr>,
    /// The hardware.
    pub board: BoardConfig,
    /// What is to be thought of the machine's clock.
    #[serde(default)]
    pub clock: ClockConfig,
}

/// Which hardware.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BoardConfig {
    /// Lines of a GPIO chip.
    Gpio(GpioConfig),
    /// None.
    Simulated(SimulatedConfig),
}

/// What is to be thought of the machine's clock.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// Whether it goes on without power.
    pub battery: bool,
    /// The file that is there once the network has set it.
    pub synchronized_file: PathBuf,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self { battery: false, synchronized_file: "/run/systemd/timesync/synchronized".into() }
    }
}

fn listen() -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], 7443))
}

fn state() -> PathBuf {
    "/var/lib/relay-controller".into()
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read {path}; docs/relay-controller.md says what stands in it")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is in it can't.
    #[error("{path} can't be understood")]
    Form {
        /// Which.
        path: PathBuf,
        /// Where, and why.
        source: Box<toml::de::Error>,
    },
    /// A value is not possible.
    #[error("{field} {problem}")]
    Value {
        /// Which.
        field: &'static str,
        /// Why.
        problem: &'static str,
    },
}

impl Config {
    /// Reads a file, and checks it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Form { path: path.to_owned(), source: Box::new(source) })?;
        let value = |field, problem| Err(ConfigError::Value { field, problem });
        if !(1..=CHANNELS_MAX).contains(&config.board.channels()) {
            return value("board", "has no channels, or more than 64");
        }
        if config.board.has_a_line_twice() {
            return value("board.lines", "names a line twice");
        }
        if config.keypad.is_some_and(|keypad| !keypad.ip().is_loopback()) {
            return value("keypad", "is not an address of this machine alone, such as 127.0.0.1:7444");
        }
        Ok(config)
    }
}

impl BoardConfig {
    fn channels(&self) -> usize {
        match self {
            Self::Gpio(gpio) => gpio.lines.len(),
            Self::Simulated(simulated) => simulated.channels,
        }
    }

    fn has_a_line_twice(&self) -> bool {
        let Self::Gpio(gpio) = self else { return false };
        let mut lines: Vec<_> =
            gpio.lines.iter().flat_map(|line| [Some(line.relay), line.contact]).flatten().collect();
        let count = lines.len();
        lines.sort_unstable();
        lines.dedup();
        lines.len() < count
    }

    /// Its name in the API.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Gpio(_) => "gpio",
            Self::Simulated(_) => "simulated",
        }
    }

    /// Takes the hardware, and switches all relays off.
    pub fn open(&self, clock: &Arc<dyn Clock>) -> io::Result<Box<dyn Board>> {
        Ok(match self {
            Self::Gpio(gpio) => Box::new(GpioBoard::open(gpio)?),
            Self::Simulated(simulated) => Box::new(SimulatedBoard::open(simulated, clock.clone())?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        Config::load(&path).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error}: {source}")
        })
    }

    #[test]
    fn the_file_that_is_installed_is_understood() {
        let config = load(include_str!("../../../deploy/relay-controller/relay-controller.toml")).unwrap();
        assert_eq!(config.board.kind(), "gpio");
        assert_eq!((config.listen, config.state), (listen(), state()));
    }

    #[test]
    fn what_cannot_be_is_said_with_its_name() {
        for (text, said) in [
            ("", "board"),
            ("listn = 1\n[board]\nkind = \"simulated\"\nchannels = 1", "listn"),
            ("[board]\nkind = \"simulated\"\nchannels = 0", "board has no channels"),
            ("[board]\nkind = \"simulated\"\nchannels = 65", "more than 64"),
            ("keypad = \"0.0.0.0:7444\"\n[board]\nkind = \"simulated\"\nchannels = 1", "keypad is not"),
            ("[board]\nkind = \"gpio\"\nchip = \"x\"\nlines = [{ relay = 1 }, { relay = 1 }]", "twice"),
            ("[board]\nkind = \"gpio\"\nchip = \"x\"\nlines = [{ relay = 1, contct = 2 }]", "contct"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
