//! Settings of this service.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

/// All of them.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Section `[vault]`.
    pub vault: VaultConfig,
    /// Section `[adapters]`: by provider, such as `kisi`, where its adapter is reached, such as
    /// `https://127.0.0.1:7421`. Values of a provider without one are kept, and nobody checks them.
    pub adapters: BTreeMap<String, String>,
}

/// How values are sealed. Of the keys that are set, the first one below wraps, and all open what they have
/// wrapped before.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// A symmetric key of AWS KMS: its id, ARN or alias. Empty: none.
    pub aws_kms_key: String,
    /// Master keys, apart by blanks, the newest first: 32 random bytes each, in base64 or hex. Empty: none.
    pub master_key: SecretString,
    /// A file with the same. It may be missing if one of the others is set.
    pub master_key_file: PathBuf,
}
