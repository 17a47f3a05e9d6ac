//! Configuration: defaults that are part of the program, then a file, then the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use events::subject::Root;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Environment variables begin with this; `__` stands between section and key:
/// `LATCHKEY_DATABASE__URL` is `url` in `[database]`.
pub const ENV_PREFIX: &str = "LATCHKEY_";

/// The variable that names a configuration file (TOML).
pub const ENV_FILE: &str = "LATCHKEY_CONFIG";

/// The settings that all services share. Their defaults stand in `config.default.toml` of this crate.
#[derive(Debug, Clone, Deserialize)]
pub struct PlatformConfig {
    /// Section `[grpc]`.
    pub grpc: GrpcConfig,
    /// Section `[database]`.
    pub database: DatabaseConfig,
    /// Section `[nats]`.
    pub nats: NatsConfig,
    /// Section `[auth]`.
    pub auth: AuthConfig,
    /// Section `[tls]`.
    pub tls: TlsConfig,
    /// Section `[telemetry]`.
    pub telemetry: TelemetryConfig,
}

/// Where the service listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
}

/// Where Postgres is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host:port/database`.
    pub url: SecretString,
    /// Connections that one process holds at most: half for calls, half for what works across workspaces.
    pub connections_max: u32,
}

/// Where NATS is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsConfig {
    /// `nats://user:password@host:port`, several separated by commas; user and password may be left out.
    pub url: SecretString,
    /// Root of all subjects and stream names.
    pub root: String,
    /// Copies of each stream: 1, or 3 on a cluster.
    pub replicas: usize,
    /// Seconds without a sign of life after which a message is given to another consumer.
    pub ack_wait_seconds: u64,
}

/// How people are known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// The published keys that verify tokens, a JWK set. Read again when a token names an unknown one.
    pub keys_file: PathBuf,
}

/// How services know each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The folder with `ca.crt`, `tls.crt` and `tls.key` of this service; empty: `.latchkey/tls/<service>`.
    pub folder: PathBuf,
}

impl TlsConfig {
    /// The folder of the service `name`.
    pub fn folder_of(&self, name: &str) -> PathBuf {
        if self.folder.as_os_str().is_empty() {
            PathBuf::from(".latchkey/tls").join(name)
        } else {
            self.folder.clone()
        }
    }
}

/// What the service tells about itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// `pretty` or `json`.
    pub log_format: LogFormat,
    /// Which log lines: directives of tracing-subscriber, such as `info,sqlx=warn`.
    pub log_filter: String,
    /// OTLP endpoint (gRPC) for traces and metrics, such as `http://127.0.0.1:4317`; empty: none.
    pub otlp_endpoint: String,
    /// A file that spans are appended to, a line of JSON each; empty: none.
    pub trace_file: PathBuf,
    /// Share of traces that are recorded, 0 to 1, unless the caller has decided.
    pub trace_ratio: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines: one JSON object a line.
    Json,
}

/// Why a configuration is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or a value can't be read.
    #[error("configuration: {0}")]
    Invalid(#[from] ::config::ConfigError),
    /// A value makes no sense.
    #[error("configuration: {key} {problem}")]
    Value {
        /// Which.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl PlatformConfig {
    /// Where the bus is.
    pub fn bus(&self) -> Result<events::Connection, ConfigError> {
        let root = Root::new(self.nats.root.clone())
            .map_err(|error| ConfigError::Value { key: "nats.root", problem: error.to_string() })?;
        Ok(events::Connection {
            url: self.nats.url.clone(),
            root,
            replicas: self.nats.replicas,
            ack_wait: Duration::from_secs(self.nats.ack_wait_seconds.max(1)),
        })
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let wrong = |key, problem: &str| Err(ConfigError::Value { key, problem: problem.to_owned() });
        if !(0.0..=1.0).contains(&self.telemetry.trace_ratio) {
            return wrong("telemetry.trace_ratio", "must be between 0 and 1");
        }
        if self.database.connections_max < 4 {
            return wrong("database.connections_max", "must be at least 4");
        }
        if !self.database.url.expose_secret().starts_with("postgres") {
            return wrong("database.url", "must look like postgres://user:password@host:port/database");
        }
        self.bus()?;
        Ok(())
    }
}

/// Reads a service's configuration. `defaults` is its `config.default.toml`; `environment` holds the
/// process's variables. A key that nobody knows is an error.
pub fn load<C: DeserializeOwned>(
    defaults: &str,
    environment: BTreeMap<String, String>,
) -> Result<(PlatformConfig, C), ConfigError> {
    let text = |source| ::config::File::from_str(source, ::config::FileFormat::Toml);
    let mut builder = ::config::Config::builder()
        .add_source(text(include_str!("../config.default.toml")))
        .add_source(text(defaults));
    if let Some(path) = environment.get(ENV_FILE) {
        builder = builder.add_source(::config::File::new(path, ::config::FileFormat::Toml));
    }
    for (name, value) in &environment {
        if let Some(key) = name.strip_prefix(ENV_PREFIX).filter(|key| key.contains("__")) {
            builder = builder.set_override(key.to_lowercase().replace("__", "."), value.as_str())?;
        }
    }
    let merged = builder.build()?;
    let platform: PlatformConfig = merged.clone().try_deserialize()?;
    platform.validate()?;
    Ok((platform, merged.try_deserialize()?))
}

/// The process's environment. The one place that reads it.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Own {
        doors: Doors,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Doors {
        lead_minutes: u32,
    }

    fn load_with(variables: &[(&str, &str)]) -> Result<(PlatformConfig, Own), ConfigError> {
        let environment = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        load("[doors]\nlead_minutes = 15\n", environment)
    }

    #[test]
    fn the_environment_wins_over_defaults() {
        let (platform, own) =
            load_with(&[("LATCHKEY_NATS__URL", "nats://n:1"), ("LATCHKEY_DOORS__LEAD_MINUTES", "5")])
                .unwrap();
        assert_eq!(platform.nats.url.expose_secret(), "nats://n:1");
        assert_eq!(own.doors.lead_minutes, 5);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (name, value, expected) in [
            ("LATCHKEY_TELEMETRY__TRACE_RATIO", "2", "telemetry.trace_ratio"),
            ("LATCHKEY_NATS__ROOT", "a.b", "nats.root"),
            ("LATCHKEY_DATABASE__URL", "mysql://x", "database.url"),
            ("LATCHKEY_DOORS__LEAD_MINUTES", "soon", "lead_minutes"),
            ("LATCHKEY_NATS__ULR", "nats://n:1", "ulr"),
        ] {
            let message = load_with(&[(name, value)]).unwrap_err().to_string();
            assert!(message.contains(expected), "{name}: {message}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let (platform, _) = load_with(&[
            ("LATCHKEY_DATABASE__URL", "postgres://a:hunter2@h/d"),
            ("LATCHKEY_NATS__URL", "nats://a:hunter2@h"),
        ])
        .unwrap();
        assert!(!format!("{platform:?}").contains("hunter2"));
    }
}
