//! Log files of the servers: kept from growing for ever, and read back when a start fails.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::Error;

/// A log beyond this size is put aside at the next start; the one put aside before goes.
const SIZE_MAX_BYTES: u64 = 10 * 1024 * 1024;
const TAIL_MAX_BYTES: u64 = 4 * 1024;
const TAIL_MAX_LINES: usize = 20;

/// A log file, and where this start's part of it begins.
pub(crate) struct Log {
    path: PathBuf,
    begin: u64,
}

impl Log {
    /// Opens the log for appending.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, File), Error> {
        if fs::metadata(&path).is_ok_and(|meta| meta.len() > SIZE_MAX_BYTES) {
            fs::rename(&path, path.with_extension("log.old")).map_err(Error::io("put aside", &path))?;
        }
        let file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(Error::io("open", &path))?;
        let begin = file.metadata().map_err(Error::io("read", &path))?.len();
        Ok((Self { path, begin }, file))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines that were written since this start.
    pub(crate) fn tail(&self) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(self.begin.max(end.saturating_sub(TAIL_MAX_BYTES))))?;
            let mut bytes = Vec::new();
            file.take(TAIL_MAX_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map(|bytes| last_lines(&bytes)).unwrap_or_default()
    }
}

/// The last lines of a program's output.
pub(crate) fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL_MAX_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_tail_shows_this_start_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        fs::write(&path, "of a former start\n").unwrap();
        let (log, mut file) = Log::open(path).unwrap();
        assert_eq!(log.tail(), "");
        for number in 1..=30 {
            writeln!(file, "line {number}").unwrap();
        }
        let tail = log.tail();
        assert!(tail.starts_with("line 11\n") && tail.ends_with("line 30"), "{tail}");
    }

    #[test]
    fn a_large_log_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        File::create(&path).unwrap().set_len(SIZE_MAX_BYTES + 1).unwrap();
        let (log, _file) = Log::open(path.clone()).unwrap();
        assert_eq!(fs::metadata(log.path()).unwrap().len(), 0);
        assert!(path.with_extension("log.old").exists());
    }
}
