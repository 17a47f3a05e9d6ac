//! Files that power may be cut from at any moment.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) mod cut;

const LOCK_FILE: &str = "lock";

/// One folder's files, in the small steps between which power can go.
pub trait Disk: Send + 'static {
    /// All of a file; none if there is no such.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// A new file, or the same one with nothing else in it. Not on the disk yet.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// More at the end of a file, which may be new. Not on the disk yet.
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Returns when what is in the file is on the disk.
    fn sync(&self, name: &str) -> io::Result<()>;
    /// Another name for a file, in place of what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Returns when the names of all files are on the disk.
    fn sync_names(&self) -> io::Result<()>;
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
}

/// Puts a file in the place of another, such that after a cut at any point either the old or the new one is there,
/// and the new one once this has returned.
pub fn replace(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = format!("{name}.new");
    disk.write(&new, bytes)?;
    disk.sync(&new)?;
    disk.rename(&new, name)?;
    disk.sync_names()
}

/// A folder, closed to other users.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at this path, made if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Self(path.to_owned()))
    }

    /// A folder in it.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        Self::open(&self.0.join(name))
    }

    /// Until this process ends no other one may. Fails if another one has.
    pub fn keep_others_out(&self) -> io::Result<()> {
        let file = self.options().write(true).open(self.0.join(LOCK_FILE))?;
        file.try_lock()?;
        // Open as long as the process is, and locked as long as it is open.
        std::mem::forget(file);
        Ok(())
    }

    fn options(&self) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.create(true).mode(0o600);
        options
    }
}

impl Disk for Folder {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.options().write(true).truncate(true).open(self.0.join(name))?.write_all(bytes)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.options().append(true).open(self.0.join(name))?.write_all(bytes)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.0.join(name))?.sync_data()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}
