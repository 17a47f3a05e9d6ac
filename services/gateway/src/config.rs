//! Settings of the gateway.

use std::collections::BTreeMap;

use chassis::rpc::AddressError;
use serde::Deserialize;

/// All of them.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Section `[cors]`.
    pub cors: CorsConfig,
    /// Section `[routes]`: by gRPC service, such as `latchkey.workspace.v1.BookingService`, where it is
    /// reached, such as `http://127.0.0.1:7411`.
    pub routes: BTreeMap<String, String>,
    /// Section `[webhooks]`.
    pub webhooks: WebhooksConfig,
    /// Section `[limits]`.
    pub limits: LimitsConfig,
}

/// Which pages may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins, such as `https://console.example.org`, separated by commas; `*`: any.
    pub allowed_origins: String,
}

/// Who takes what vendors report.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Where the notification service is reached.
    pub notification: String,
}

/// How much is taken at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls that are under way at most, streams included; more are told to come again. At least 1.
    pub requests_max: usize,
    /// Seconds after which a stream is ended. At least 1.
    pub stream_seconds_max: u64,
}

/// A setting that makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingError {
    /// What must not come in from outside.
    #[error("routes.{0:?} must not be routed: it is for services alone")]
    Internal(String),
    /// The contracts do not say who may call a method.
    #[error(transparent)]
    Undeclared(proto::Undeclared),
    /// Where it goes is no address.
    #[error("{setting}")]
    Address {
        /// Which.
        setting: String,
        /// What is wrong.
        #[source]
        source: AddressError,
    },
    /// Not an origin.
    #[error("cors.allowed_origins has {0:?}, which is no origin such as https://console.example.org")]
    Origin(String),
    /// Nothing could be done within it.
    #[error("limits.{0} must be at least 1")]
    Zero(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changes_one_route_and_leaves_the_others() {
        let file = std::env::temp_dir().join(format!("gateway-{}.toml", std::process::id()));
        let service = "latchkey.workspace.v1.BookingService";
        std::fs::write(&file, format!("[routes]\n{service:?} = \"http://workspace:7411\"\n")).unwrap();
        let environment = BTreeMap::from([
            ("LATCHKEY_CONFIG".to_owned(), file.to_str().unwrap().to_owned()),
            ("LATCHKEY_CORS__ALLOWED_ORIGINS".to_owned(), "https://console.example.org".to_owned()),
        ]);
        let loaded = chassis::config::load::<Config>(crate::CONFIG_DEFAULTS, environment);
        std::fs::remove_file(&file).unwrap();
        let (platform, own) = loaded.unwrap();
        assert_eq!(own.routes[service], "http://workspace:7411");
        assert_eq!(own.routes["latchkey.workspace.v1.PersonService"], "http://127.0.0.1:7411");
        assert_eq!(own.cors.allowed_origins, "https://console.example.org");
        assert_eq!(platform.grpc.listen, "127.0.0.1:7410");
    }
}
