//! Settings of the gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chassis::identity::Identity;
use chassis::rpc::{AddressError, forwarding_channel};
use secrecy::SecretString;
use serde::Deserialize;
use tonic::transport::Channel;

/// All of them.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Section `[connections]`.
    pub connections: ConnectionsConfig,
    /// Section `[cors]`.
    pub cors: CorsConfig,
    /// Section `[services]`: where each service is reached, such as `https://127.0.0.1:7411`. Names are
    /// written with `_`, so that they fit into variables: `access_control`.
    pub services: BTreeMap<String, String>,
    /// Section `[routes]`: by gRPC service, such as `latchkey.workspace.v1.BookingService`, the service
    /// that has it, such as `workspace`.
    pub routes: BTreeMap<String, String>,
    /// Section `[limits]`.
    pub limits: LimitsConfig,
    /// Section `[tokens]`.
    pub tokens: TokensConfig,
    /// Section `[sign_in]`.
    pub sign_in: SignInConfig,
}

/// What tokens are signed with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensConfig {
    /// The folder of keys; `latchkey up` makes it.
    pub keys_folder: PathBuf,
}

/// How people sign in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInConfig {
    /// Where browsers reach the gateway, such as `https://api.example.org`.
    pub public_url: String,
    /// Identity providers, by a name of ours.
    #[serde(default)]
    pub issuers: BTreeMap<String, IssuerConfig>,
    /// Clients that may have people sign in, by their `client_id`.
    #[serde(default)]
    pub clients: BTreeMap<String, ClientConfig>,
}

/// An identity provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Its issuer identifier, below which `/.well-known/openid-configuration` is.
    pub url: String,
    /// What we are called there.
    pub client_id: String,
    /// Our secret there, if it gave us one.
    pub client_secret: Option<SecretString>,
    /// What people call it; its name here if left out.
    pub display_name: Option<String>,
}

/// A client.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Where its answers may go, separated by commas.
    #[serde(default)]
    pub redirect_uris: String,
    /// Whether they may go anywhere on this machine. For development.
    #[serde(default)]
    pub is_local: bool,
}

/// Who connects.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionsConfig {
    /// Proxies that are believed when they say for whom they speak: networks, separated by commas.
    pub trusted_proxies: String,
}

/// Which pages may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins, such as `https://console.example.org`, separated by commas; `*`: any.
    pub allowed_origins: String,
}

/// How much is taken at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls that are under way at most, streams included; more are told to come again. At least 1.
    pub requests_max: usize,
    /// Seconds after which a stream is ended. At least 1.
    pub stream_seconds_max: u64,
    /// Wrong tokens that one network may send in a minute, and wrong secrets of one API key. At least 1.
    pub wrong_tokens_per_minute: u32,
}

impl Config {
    /// A channel to the service `key` of `[services]`.
    pub(crate) fn channel(&self, key: &str, identity: &Identity) -> Result<Channel, SettingError> {
        let address = self.services.get(key).ok_or_else(|| SettingError::Nowhere(key.to_owned()))?;
        forwarding_channel(address, &key.replace('_', "-"), identity)
            .map_err(|source| SettingError::Address { service: key.to_owned(), source })
    }
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
    /// Nobody knows where the service is.
    #[error("services.{0} must say where the service is, such as https://127.0.0.1:7411")]
    Nowhere(String),
    /// Where it goes is no address.
    #[error("services.{service}")]
    Address {
        /// Which.
        service: String,
        /// What is wrong.
        #[source]
        source: AddressError,
    },
    /// Not an origin.
    #[error("cors.allowed_origins has {0:?}, which is no origin such as https://console.example.org")]
    Origin(String),
    /// Not a network.
    #[error("connections.trusted_proxies has {0:?}, which is no network such as 10.0.0.0/8")]
    Network(String),
    /// Where answers would never arrive.
    #[error(
        "sign_in.clients.{client}.redirect_uris has {uri:?}, which is no address such as https://app.example/back"
    )]
    RedirectUri {
        /// Whose.
        client: String,
        /// Which.
        uri: String,
    },
    /// Not an identity provider's address.
    #[error("sign_in.issuers.{name}.url is {url:?}, which is no address such as https://id.example.org")]
    Issuer {
        /// Which.
        name: String,
        /// What is there.
        url: String,
    },
    /// Browsers could not come back.
    #[error("sign_in.public_url must be an address such as https://api.example.org; {0:?} is none")]
    PublicUrl(String),
    /// No HTTP client can be made.
    #[error("cannot call identity providers")]
    Http(#[source] reqwest::Error),
    /// Nothing could be done within it.
    #[error("limits.{0} must be at least 1")]
    Zero(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_change_one_service_and_leave_the_others() {
        let environment = BTreeMap::from([
            ("LATCHKEY_SERVICES__ACCESS_CONTROL".to_owned(), "https://access-control:7412".to_owned()),
            ("LATCHKEY_CORS__ALLOWED_ORIGINS".to_owned(), "https://console.example.org".to_owned()),
        ]);
        let (platform, own) = chassis::config::load::<Config>(crate::CONFIG_DEFAULTS, environment).unwrap();
        assert_eq!(own.services["access_control"], "https://access-control:7412");
        assert_eq!(own.services["workspace"], "https://127.0.0.1:7411");
        assert_eq!(own.cors.allowed_origins, "https://console.example.org");
        assert_eq!(platform.grpc.listen, "127.0.0.1:7410");
    }
}
