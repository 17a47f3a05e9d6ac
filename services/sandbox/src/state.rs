//! The state file: all twins' state and the clock's offset, as one JSON document.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::Duration;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::Sandbox;

/// How often changes are saved.
const SAVE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// Why the state was not loaded or saved.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file system refused.
    #[error("cannot {verb} the sandbox's state file {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It is not a state file of this version of the sandbox.
    #[error("{} is no state file that this sandbox can read: move it away to start afresh", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A twin's state could not be written as JSON.
    #[error("cannot write the state of {vendor} as JSON")]
    Unwritable {
        /// Whose state.
        vendor: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct Saved {
    clock_offset_us: i64,
    twins: BTreeMap<String, serde_json::Value>,
}

impl Sandbox {
    /// Replaces the state by that of the state file, if one is configured and there.
    pub fn load_state(&self) -> Result<(), StateError> {
        let Some(path) = &self.inner.config.state_file else { return Ok(()) };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(StateError::Io { verb: "read", path: path.clone(), source }),
        };
        let unreadable = |source| StateError::Unreadable { path: path.clone(), source };
        let mut saved: Saved = serde_json::from_slice(&bytes).map_err(unreadable)?;
        for twin in self.twins() {
            // A twin that the file does not know keeps what the configuration seeds.
            if let Some(state) = saved.twins.remove(twin.vendor().name()) {
                twin.restore(state).map_err(unreadable)?;
            }
        }
        self.clock().set_offset(Duration::microseconds(saved.clock_offset_us));
        Ok(())
    }

    /// Writes the state file, if one is configured: a new file that then takes the old one's place, so
    /// that there is always a whole one.
    pub fn save_state(&self) -> Result<(), StateError> {
        let Some(path) = &self.inner.config.state_file else { return Ok(()) };
        write_state(path, &self.encode_state()?)
    }

    /// Saves what has changed, again and again until shutdown: a vendor forgets nothing when we are killed.
    pub(crate) async fn keep_saved(&self, shutdown: CancellationToken) {
        let Some(path) = &self.inner.config.state_file else { return };
        let saving = async {
            let mut written = Vec::new();
            loop {
                tokio::time::sleep(SAVE_INTERVAL).await;
                let outcome = self.encode_state().and_then(|state| {
                    if state != written {
                        write_state(path, &state)?;
                        written = state;
                    }
                    Ok(())
                });
                if let Err(error) = outcome {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the state is not saved");
                }
            }
        };
        shutdown.run_until_cancelled(saving).await;
    }

    fn encode_state(&self) -> Result<Vec<u8>, StateError> {
        let mut twins = BTreeMap::new();
        for twin in self.twins() {
            let vendor = twin.vendor().name();
            let state = twin.save().map_err(|source| StateError::Unwritable { vendor, source })?;
            twins.insert(vendor.to_owned(), state);
        }
        let clock_offset_us = self.clock().offset().num_microseconds().unwrap_or(0);
        serde_json::to_vec(&Saved { clock_offset_us, twins })
            .map_err(|source| StateError::Unwritable { vendor: "the sandbox", source })
    }
}

fn write_state(path: &Path, state: &[u8]) -> Result<(), StateError> {
    write_atomically(path, state).map_err(|source| StateError::Io {
        verb: "write",
        path: path.to_owned(),
        source,
    })
}

fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&temporary, bytes)?;
    std::fs::File::open(&temporary)?.sync_all()?;
    std::fs::rename(&temporary, path)
}
