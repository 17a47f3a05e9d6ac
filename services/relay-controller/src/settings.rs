//! What is remembered of channels across power cuts: names, default pulses, and what is locked down.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::disk::{Disk, replace};
use crate::request::ChannelNumber;
use crate::span::PulseLength;

const FILE: &str = "settings.json";
/// Where a file goes that can't be read.
const BROKEN_FILE: &str = "settings.json.broken";
const DEFAULT_PULSE_MS: u64 = 3_000;

/// The settings of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSettings {
    /// What people call the door.
    pub name: String,
    /// In milliseconds, within the limits of a pulse.
    pub default_pulse_ms: u64,
    /// Whether nothing opens it.
    pub locked_down: bool,
}

impl ChannelSettings {
    /// The default pulse. One that was saved was in its limits; another one, out of an edited file, is the default's default.
    pub fn default_pulse(&self) -> PulseLength {
        PulseLength::from_ms(self.default_pulse_ms)
            .or_else(|_| PulseLength::from_ms(DEFAULT_PULSE_MS))
            .expect("the default is in the limits")
    }
}

/// All settings, and the disk that has them.
pub struct Settings {
    disk: Box<dyn Disk>,
    channels: BTreeMap<u16, ChannelSettings>,
}

/// What was found at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The settings, or nothing: it is the first start.
    Fine,
    /// Something that can't be read. Everything is locked down: it may have been.
    Broken,
}

impl Settings {
    /// Reads the settings of so many channels.
    pub fn load(disk: impl Disk, count: usize) -> io::Result<(Self, Found)> {
        let saved = disk.read(FILE)?;
        let read = saved.as_deref().map(serde_json::from_slice::<BTreeMap<u16, ChannelSettings>>);
        let (mut channels, found) = match read {
            None => (BTreeMap::new(), Found::Fine),
            Some(Ok(channels)) => (channels, Found::Fine),
            Some(Err(_)) => (BTreeMap::new(), Found::Broken),
        };
        for index in 0..count {
            let number = ChannelNumber::at(index).get();
            channels.entry(number).or_insert_with(|| ChannelSettings {
                name: format!("Door {number}"),
                default_pulse_ms: DEFAULT_PULSE_MS,
                locked_down: found == Found::Broken,
            });
        }
        let settings = Self { disk: Box::new(disk), channels };
        if let (Found::Broken, Some(bytes)) = (found, &saved) {
            replace(&*settings.disk, BROKEN_FILE, bytes)?;
            settings.save(&settings.channels)?;
        }
        Ok((settings, found))
    }

    /// Those of one channel.
    pub fn of(&self, channel: ChannelNumber) -> &ChannelSettings {
        self.channels.get(&channel.get()).expect("all channels have settings from the start")
    }

    /// Changes some, and returns when the change is on the disk. If that fails nothing has changed.
    pub fn change(
        &mut self,
        which: impl IntoIterator<Item = ChannelNumber>,
        change: impl Fn(&mut ChannelSettings),
    ) -> io::Result<()> {
        let mut channels = self.channels.clone();
        for channel in which {
            channels.entry(channel.get()).and_modify(&change);
        }
        if channels != self.channels {
            self.save(&channels)?;
            self.channels = channels;
        }
        Ok(())
    }

    fn save(&self, channels: &BTreeMap<u16, ChannelSettings>) -> io::Result<()> {
        replace(&*self.disk, FILE, &serde_json::to_vec_pretty(channels)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::cut::{CutDisk, cuts};

    fn first() -> ChannelNumber {
        ChannelNumber::at(0)
    }

    fn load(disk: &CutDisk) -> Settings {
        Settings::load(disk.clone(), 2).unwrap().0
    }

    #[test]
    fn a_cut_at_any_point_leaves_the_old_or_the_new_and_never_less_than_was_answered() {
        for steps in 0..6 {
            for cut in cuts() {
                let disk = CutDisk::default();
                load(&disk).change([first()], |channel| channel.name = "Old".into()).unwrap();
                disk.cut_after(steps);
                let answered = load(&disk).change([first()], |channel| {
                    channel.name = "New".into();
                    channel.locked_down = true;
                });
                let disk = disk.after(cut);
                let (settings, found) = Settings::load(disk, 2).unwrap();
                let channel = settings.of(first());
                assert_eq!(found, Found::Fine, "{steps} steps, {cut:?}");
                let is_new = channel.name == "New";
                assert!(is_new || channel.name == "Old");
                assert_eq!(channel.locked_down, is_new);
                assert!(is_new || answered.is_err(), "an answered change was lost: {steps} steps, {cut:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_locks_everything_down_and_is_kept() {
        let disk = CutDisk::default();
        disk.write(FILE, b"{\"1\":{\"na").unwrap();
        let (settings, found) = Settings::load(disk.clone(), 2).unwrap();
        assert_eq!(found, Found::Broken);
        assert!(settings.of(first()).locked_down);
        assert_eq!(disk.read(BROKEN_FILE).unwrap().unwrap(), b"{\"1\":{\"na");
        assert!(load(&disk).of(first()).locked_down, "after another start, too");
    }

    #[test]
    fn a_change_that_is_not_saved_is_none() {
        let disk = CutDisk::default();
        let mut settings = load(&disk);
        disk.cut_after(1);
        settings.change([first()], |channel| channel.name = "New".into()).unwrap_err();
        assert_eq!(settings.of(first()).name, "Door 1");
    }

    #[test]
    fn settings_of_a_channel_that_is_not_there_for_a_while_are_kept() {
        let disk = CutDisk::default();
        load(&disk).change([ChannelNumber::at(1)], |channel| channel.name = "Gate".into()).unwrap();
        Settings::load(disk.clone(), 1).unwrap().0.change([first()], |c| c.locked_down = true).unwrap();
        assert_eq!(load(&disk).of(ChannelNumber::at(1)).name, "Gate");
    }
}
