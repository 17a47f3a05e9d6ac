//! How the store is reached.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
};
use aws_sdk_s3::types::ServerSideEncryption;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use secrecy::ExposeSecret as _;

use super::Objects;
use crate::config::S3Config;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Attempts of a call.
const ATTEMPTS_MAX: u32 = 3;

impl Objects {
    /// The bucket that the settings name; `None`: they name none. Opens no connection. Signatures are made by the
    /// machine's own clock: the store compares them with its own (Amazon S3 API Reference, `RequestTimeTooSkewed`).
    pub(crate) async fn by(config: &S3Config) -> Option<Self> {
        if config.bucket.is_empty() {
            return None;
        }
        let base = if config.access_key_id.is_empty() {
            let found =
                aws_config::defaults(BehaviorVersion::latest()).http_client(http_client()).load().await;
            Builder::from(&found)
        } else {
            let secret = config.secret_access_key.expose_secret();
            let given = Credentials::new(&config.access_key_id, secret, None, None, "latchkey");
            Builder::new()
                .behavior_version(BehaviorVersion::latest())
                .http_client(http_client())
                .credentials_provider(given)
        };
        let public =
            if config.public_endpoint.is_empty() { &config.endpoint } else { &config.public_endpoint };
        let encryption = config.encryption.as_str();
        Some(Self {
            client: client(base.clone(), config, &config.endpoint),
            public: client(base, config, public),
            bucket: config.bucket.clone(),
            encryption: (!encryption.is_empty()).then(|| ServerSideEncryption::from(encryption)),
            public_base_url: config.public_base_url.trim_end_matches('/').to_owned(),
            call_timeout: Duration::from_millis(config.call_timeout_ms),
        })
    }
}

fn client(base: Builder, config: &S3Config, endpoint: &str) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(Duration::from_millis(config.attempt_timeout_ms))
        .operation_timeout(Duration::from_millis(config.call_timeout_ms))
        .build();
    // Stores that came before the checksums refuse them, or keep them within the object.
    let (asked, checked) = if config.checksums {
        (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported)
    } else {
        (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired)
    };
    let mut builder = base
        .region(Region::new(config.region.clone()))
        .force_path_style(config.path_style)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
        .timeout_config(timeouts)
        .request_checksum_calculation(asked)
        .response_checksum_validation(checked);
    if !endpoint.is_empty() {
        builder = builder.endpoint_url(endpoint);
    }
    Client::from_conf(builder.build())
}

fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
