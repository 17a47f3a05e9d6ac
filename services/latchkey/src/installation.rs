//! What `latchkey up` leaves in its data folder for the other commands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use chassis::auth::Signer;
use domain::SystemClock;
use sealing::SealingConfig;
use serde::{Deserialize, Serialize};

use crate::up::UpConfig;

/// The files of a data folder.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The one that the configuration names.
    pub(crate) fn configured() -> anyhow::Result<Self> {
        let (_, config) = UpConfig::load(chassis::config::environment())?;
        Ok(Self::new(config.up.data_dir))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The keys that tokens are signed with.
    pub(crate) fn token_keys(&self) -> PathBuf {
        self.0.join("token-keys")
    }

    /// Certificates, a folder a service.
    pub(crate) fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.0.join("master-key")
    }

    /// What a door adapter seals links and PINs with.
    pub(crate) fn sealing_key(&self, service: &str) -> PathBuf {
        self.0.join("sealing-keys").join(service)
    }

    /// Makes that of each adapter that has none yet.
    pub(crate) fn ensure_sealing_keys(&self) -> anyhow::Result<()> {
        let folder = self.0.join("sealing-keys");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for definition in [&kisi_adapter::DEFINITION, &relay_adapter::DEFINITION, &unifi_adapter::DEFINITION]
        {
            SealingConfig::ensure_file(&self.sealing_key(definition.name))?;
        }
        Ok(())
    }

    pub(crate) fn traces(&self) -> PathBuf {
        self.0.join("traces.jsonl")
    }

    pub(crate) fn sandbox_state(&self) -> PathBuf {
        self.0.join("sandbox.json")
    }

    /// The files at the sandbox's S3.
    pub(crate) fn sandbox_files(&self) -> PathBuf {
        self.0.join("sandbox-s3")
    }

    /// Signs tokens of this installation.
    pub(crate) fn signer(&self) -> anyhow::Result<Signer> {
        Ok(Signer::load(&self.token_keys(), Arc::new(SystemClock))?)
    }

    /// Where a running platform is.
    pub(crate) fn running(&self) -> anyhow::Result<Running> {
        read(&self.0.join("running.json"))
            .context("no platform is running here; start one with `make run` (or `latchkey up`)")
    }

    pub(crate) fn set_running(&self, running: &Running) -> anyhow::Result<()> {
        write(&self.0.join("running.json"), running)
    }

    pub(crate) fn clear_running(&self) {
        // If it stays, commands find nobody at the address and say so.
        let _ = std::fs::remove_file(self.0.join("running.json"));
    }

    /// The demo workspace, once it is made.
    pub(crate) fn demo(&self) -> anyhow::Result<DemoWorkspace> {
        read(&self.0.join("demo.json")).context("the demo workspace is not made yet; run `make run` first")
    }

    pub(crate) fn set_demo(&self, demo: &DemoWorkspace) -> anyhow::Result<()> {
        write(&self.0.join("demo.json"), demo)
    }
}

/// Where a running platform is reached. Holds NATS's password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    /// `http://…`.
    pub gateway: String,
    /// Where the integrations service is, past the gateway: `http://…`.
    pub integrations: String,
    /// `http://…`.
    pub sandbox: String,
    /// `nats://…`.
    pub nats: String,
    /// Root of all subjects.
    pub nats_root: String,
    /// The sandbox's Kisi organization; `None` if a real Kisi account is connected.
    pub kisi_organization: Option<i64>,
}

/// The names of what the demo workspace has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DemoWorkspace {
    pub workspace: String,
    pub location: String,
    pub resource: String,
    pub person: String,
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", path.display()))
}

fn write(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = || format!("cannot write {}", path.display());
    let beside = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .with_context(failed)?;
    file.write_all(&serde_json::to_vec_pretty(value)?).with_context(failed)?;
    file.sync_all().with_context(failed)?;
    std::fs::rename(&beside, path).with_context(failed)
}
