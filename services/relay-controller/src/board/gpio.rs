//! Lines of a GPIO chip of Linux.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gpiocdev::line::{Bias, Value};
use gpiocdev::{Request, chip};
use serde::Deserialize;

use super::{Board, DoorContact};

/// What the kernel shows as the user of the lines.
const CONSUMER: &str = "relay-controller";
/// A contact that bounces for less is not seen to.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// Which chip and which lines.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpioConfig {
    /// The chip by its label, which stays while numbers change: `pinctrl-bcm2711` on a Raspberry Pi 4.
    pub chip: String,
    /// One for each channel.
    pub lines: Vec<GpioLine>,
}

/// The lines of one channel, by their offsets in the chip.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpioLine {
    /// Of the relay.
    pub relay: u32,
    /// Whether the relay is on when the line is low. Default: no.
    #[serde(default)]
    pub active_low: bool,
    /// Of the door contact, if there is one: to ground while the door is shut.
    pub contact: Option<u32>,
}

/// Lines that are ours until the process ends.
pub struct GpioBoard {
    lines: Vec<(Request, Option<Request>)>,
}

impl GpioBoard {
    /// Takes the lines, all relays off. Fails if another process has one of them.
    pub fn open(config: &GpioConfig) -> io::Result<Self> {
        let chip = find_chip(&config.chip)?;
        let open = |line: &GpioLine| {
            let mut relay = Request::builder();
            relay.on_chip(&chip).with_consumer(CONSUMER).with_line(line.relay).as_output(Value::Inactive);
            if line.active_low {
                relay.as_active_low();
            }
            let relay = relay.request().map_err(|error| of_line(line.relay, &error))?;
            let contact = line.contact.map(|contact| {
                Request::builder()
                    .on_chip(&chip)
                    .with_consumer(CONSUMER)
                    .with_line(contact)
                    .as_input()
                    .as_active_low()
                    .with_bias(Bias::PullUp)
                    .with_debounce_period(DEBOUNCE)
                    .request()
                    .map_err(|error| of_line(contact, &error))
            });
            Ok((relay, contact.transpose()?))
        };
        Ok(Self { lines: config.lines.iter().map(open).collect::<io::Result<_>>()? })
    }
}

fn of_line(line: u32, error: &gpiocdev::Error) -> io::Error {
    io::Error::other(format!("GPIO line {line}: {error}"))
}

fn find_chip(label: &str) -> io::Result<PathBuf> {
    let mut seen = Vec::new();
    for path in chip::chips().map_err(io::Error::other)? {
        let info = chip::Chip::from_path(&path).and_then(|chip| chip.info()).map_err(io::Error::other)?;
        if info.label == label {
            return Ok(path);
        }
        seen.push(info.label);
    }
    Err(io::Error::other(format!(
        "no GPIO chip has the label {label}; there are: {}",
        if seen.is_empty() { "none".to_owned() } else { seen.join(", ") }
    )))
}

impl Board for GpioBoard {
    fn channels(&self) -> usize {
        self.lines.len()
    }

    fn set(&mut self, channel: usize, on: bool) -> io::Result<()> {
        let value = if on { Value::Active } else { Value::Inactive };
        self.lines[channel].0.set_lone_value(value).map_err(io::Error::other)
    }

    fn is_on(&mut self, channel: usize) -> io::Result<bool> {
        Ok(self.lines[channel].0.lone_value().map_err(io::Error::other)? == Value::Active)
    }

    fn contact(&mut self, channel: usize) -> io::Result<Option<DoorContact>> {
        let Some(line) = &self.lines[channel].1 else { return Ok(None) };
        let shut = line.lone_value().map_err(io::Error::other)? == Value::Active;
        Ok(Some(if shut { DoorContact::Closed } else { DoorContact::Open }))
    }
}
