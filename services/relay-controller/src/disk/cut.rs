//! A disk whose power goes at a step that a test names.
//!
//! What survives: the content of files up to their last sync, and after it as much as the test says; names as of
//! the last sync of names, or as they are now, as the test says. No real file system does worse with a rename.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::Disk;

#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    /// By number, as inodes are.
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    steps_left: Option<usize>,
}

/// The disk. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct CutDisk(Arc<Mutex<State>>);

/// What a cut does with what was not synced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// How much of what was written since is there, in hundredths.
    pub(crate) written: usize,
    /// Whether names are the newest ones.
    pub(crate) names: bool,
}

impl CutDisk {
    /// Power goes after so many further steps.
    pub(crate) fn cut_after(&self, steps: usize) {
        self.0.lock().unwrap().steps_left = Some(steps);
    }

    /// Power is back.
    pub(crate) fn after(&self, cut: Cut) -> Self {
        let state = self.0.lock().unwrap();
        let names = if cut.names { &state.names } else { &state.synced_names };
        let mut contents = state.contents.clone();
        for content in &mut contents {
            let kept = content.synced.len().min(content.bytes.len());
            let more = (content.bytes.len() - kept) * cut.written / 100;
            let grew = content.bytes.starts_with(&content.synced);
            // What was truncated and not synced may be the old, or a part of the new.
            content.bytes = match grew {
                true => content.bytes[..kept + more].to_vec(),
                false if cut.written == 0 => content.synced.clone(),
                false => content.bytes[..content.bytes.len() * cut.written / 100].to_vec(),
            };
            content.synced = content.bytes.clone();
        }
        let names = names.clone();
        Self(Arc::new(Mutex::new(State { contents, synced_names: names.clone(), names, steps_left: None })))
    }

    fn step<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        match &mut state.steps_left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        act(&mut state)
    }
}

impl State {
    fn content(&mut self, name: &str) -> &mut Content {
        let contents = &mut self.contents;
        let index = *self.names.entry(name.to_owned()).or_insert_with(|| {
            contents.push(Content::default());
            contents.len() - 1
        });
        &mut self.contents[index]
    }
}

impl Disk for CutDisk {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let state = self.0.lock().unwrap();
        Ok(state.names.get(name).map(|index| state.contents[*index].bytes.clone()))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|state| {
            bytes.clone_into(&mut state.content(name).bytes);
            Ok(())
        })
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|state| {
            state.content(name).bytes.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.step(|state| {
            let content = state.content(name);
            content.synced = content.bytes.clone();
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step(|state| {
            let index = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), index);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.step(|state| state.names.remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into()))
    }

    fn sync_names(&self) -> io::Result<()> {
        self.step(|state| {
            state.synced_names = state.names.clone();
            Ok(())
        })
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().names.keys().cloned().collect())
    }
}

/// All ways in which a cut may leave a disk.
pub(crate) fn cuts() -> impl Iterator<Item = Cut> {
    [0, 1, 30, 50, 99, 100].into_iter().flat_map(|written| [false, true].map(|names| Cut { written, names }))
}
