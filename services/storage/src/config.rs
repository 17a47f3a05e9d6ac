//! Settings of this service. `config.default.toml` says what each one does.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// All settings.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Section `[s3]`.
    pub s3: S3Config,
    /// Section `[files]`.
    pub files: FilesConfig,
    /// Section `[sweep]`.
    pub sweep: SweepConfig,
    /// Section `[clamav]`.
    pub clamav: ClamavConfig,
}

/// Where files lie, and by which key they are reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// Such as `https://minio.example.org`. Empty: AWS's own.
    pub endpoint: String,
    /// As browsers reach it. Empty: the same.
    pub public_endpoint: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// Empty: there are no files.
    pub bucket: String,
    /// Empty: from where AWS's programs look for keys.
    pub access_key_id: String,
    /// What it signs with.
    pub secret_access_key: SecretString,
    /// Whether the bucket stands in the path.
    pub path_style: bool,
    /// `AES256`, `aws:kms`, or empty.
    pub encryption: String,
    /// Whether a checksum goes along.
    pub checksums: bool,
    /// Where public files are reached without a signature. Empty: nowhere.
    pub public_base_url: String,
    /// How long one attempt may take, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// How long a call may take in all, in milliseconds.
    pub call_timeout_ms: u64,
}

/// How files are taken and given.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesConfig {
    /// Bytes that one workspace may have.
    pub quota_bytes: i64,
    /// Seconds for which an upload may be begun.
    pub upload_seconds: u32,
    /// Seconds for which a link is good.
    pub link_seconds: u32,
    /// Pictures that are decoded at once.
    pub pictures_at_once: usize,
}

/// What is done by time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepConfig {
    /// How often it is looked whether anything is due, in milliseconds.
    pub poll_ms: u64,
    /// How often the bucket is compared, in seconds.
    pub compare_seconds: u64,
    /// Hours after which an object that nobody knows of is removed.
    pub orphan_hours: u32,
}

/// The virus scanner.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClamavConfig {
    /// Host and port. Empty: nothing is scanned.
    pub address: String,
    /// Seconds that a scan may take.
    pub timeout_seconds: u64,
}

/// A setting that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {key} {problem}")]
pub struct SettingError {
    /// Which.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Signatures are good for so long at the most (Amazon S3 User Guide, "Download and upload objects with presigned
/// URLs").
pub(crate) const SIGNED_SECONDS_MAX: u32 = 7 * 24 * 60 * 60;

impl Config {
    /// Checks what the types don't say.
    pub(crate) fn validate(&self) -> Result<(), SettingError> {
        let wrong = |key, problem| Err(SettingError { key, problem });
        let within_a_week = |seconds| (1..=SIGNED_SECONDS_MAX).contains(&seconds);
        let is_url =
            |text: &str| text.is_empty() || text.starts_with("https://") || text.starts_with("http://");
        let s3 = &self.s3;
        if s3.access_key_id.is_empty() != s3.secret_access_key.expose_secret().is_empty() {
            return wrong("s3.secret_access_key", "and s3.access_key_id must both be set, or neither");
        }
        for (key, url) in [
            ("s3.endpoint", &s3.endpoint),
            ("s3.public_endpoint", &s3.public_endpoint),
            ("s3.public_base_url", &s3.public_base_url),
        ] {
            if !is_url(url) {
                return wrong(key, "must be empty, or begin with https:// (http:// on this machine)");
            }
        }
        if !["", "AES256", "aws:kms"].contains(&s3.encryption.as_str()) {
            return wrong("s3.encryption", "must be AES256, aws:kms or empty");
        }
        if s3.region.is_empty() {
            return wrong("s3.region", "must be set; stores that know no regions take us-east-1");
        }
        if !within_a_week(self.files.link_seconds) {
            return wrong("files.link_seconds", "must be between 1 and 604800");
        }
        if !within_a_week(self.files.upload_seconds) {
            return wrong("files.upload_seconds", "must be between 1 and 604800");
        }
        if self.files.pictures_at_once == 0 {
            return wrong("files.pictures_at_once", "must be at least 1");
        }
        if self.files.quota_bytes <= 0 {
            return wrong("files.quota_bytes", "must be more than 0");
        }
        if self.sweep.orphan_hours == 0 {
            return wrong("sweep.orphan_hours", "must be at least 1: a file may be on its way for that long");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn load(variables: &[(&str, &str)]) -> Config {
        let environment: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        chassis::config::load(include_str!("../config.default.toml"), environment).unwrap().1
    }

    #[test]
    fn the_defaults_are_valid_and_store_nothing() {
        let config = load(&[]);
        config.validate().unwrap();
        assert!(config.s3.bucket.is_empty() && config.clamav.address.is_empty());
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_named() {
        for (variable, value, key) in [
            ("LATCHKEY_S3__ACCESS_KEY_ID", "AKIA", "s3.secret_access_key"),
            ("LATCHKEY_S3__ENDPOINT", "minio:9000", "s3.endpoint"),
            ("LATCHKEY_S3__ENCRYPTION", "ROT13", "s3.encryption"),
            ("LATCHKEY_S3__REGION", "", "s3.region"),
            ("LATCHKEY_FILES__LINK_SECONDS", "604801", "files.link_seconds"),
            ("LATCHKEY_FILES__UPLOAD_SECONDS", "0", "files.upload_seconds"),
            ("LATCHKEY_FILES__PICTURES_AT_ONCE", "0", "files.pictures_at_once"),
            ("LATCHKEY_FILES__QUOTA_BYTES", "0", "files.quota_bytes"),
            ("LATCHKEY_SWEEP__ORPHAN_HOURS", "0", "sweep.orphan_hours"),
        ] {
            assert_eq!(load(&[(variable, value)]).validate().unwrap_err().key, key);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = load(&[("LATCHKEY_S3__SECRET_ACCESS_KEY", "hunter2")]);
        assert!(!format!("{config:?}").contains("hunter"));
    }
}
