//! Settings of this service.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// All of them.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Section `[vault]`.
    pub vault: VaultConfig,
    /// Section `[adapters]`: by provider, such as `kisi`, where its adapter is reached, such as
    /// `https://127.0.0.1:7421`.
    pub adapters: BTreeMap<String, String>,
}

/// How values are sealed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// The file with the master key: 32 random bytes in base64.
    pub master_key_file: PathBuf,
}
