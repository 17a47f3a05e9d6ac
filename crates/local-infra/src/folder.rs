//! A server's data folder: made on first use, held by one run at a time, with its password.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::Error;

/// The system's source of random bytes.
const RANDOM: &str = "/dev/urandom";
/// In bytes; written as two hexadecimal digits each.
const PASSWORD_BYTES: usize = 24;

/// A data folder that this run holds until it is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    /// Locked while open; the lock goes with the process, even when it is killed.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there (for us alone) and takes hold of it.
    pub(crate) fn hold(dir: &Path) -> Result<Self, Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Error::io("create", dir))?;
        let path = fs::canonicalize(dir).map_err(Error::io("find", dir))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path)
            .map_err(Error::io("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { dir: path }),
            Err(TryLockError::Error(source)) => Err(Error::Io { action: "lock", path: lock_path, source }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the password is kept, readable by its owner only.
    pub(crate) fn password_file(&self) -> PathBuf {
        self.path.join("password")
    }

    /// The password of this folder's server; a random one the first time.
    pub(crate) fn password(&self) -> Result<String, Error> {
        let path = self.password_file();
        match fs::read_to_string(&path) {
            Ok(password) if password.len() == 2 * PASSWORD_BYTES => return Ok(password),
            // A write that was cut short: nothing can have been set up with it.
            Ok(_) => fs::remove_file(&path).map_err(Error::io("replace", &path))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Io { action: "read", path, source }),
        }
        let mut bytes = [0; PASSWORD_BYTES];
        File::open(RANDOM)
            .and_then(|mut source| source.read_exact(&mut bytes))
            .map_err(Error::io("read", Path::new(RANDOM)))?;
        let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&path, &password)?;
        Ok(password)
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), Error> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_holds_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        let held = Folder::hold(&dir).unwrap();
        assert!(matches!(Folder::hold(&dir), Err(Error::InUse { .. })));
        drop(held);
        Folder::hold(&dir).unwrap();
    }

    #[test]
    fn the_password_is_made_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::hold(root.path()).unwrap();
        let password = folder.password().unwrap();
        assert_eq!(password.len(), 2 * PASSWORD_BYTES);
        assert_eq!(folder.password().unwrap(), password);
        fs::write(folder.password_file(), "cut sho").unwrap();
        assert_ne!(folder.password().unwrap(), "cut sho");
    }
}
