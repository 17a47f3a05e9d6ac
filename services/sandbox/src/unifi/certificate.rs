//! The console's own certificate: self-signed, and with a name that is no address.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Unifi;

/// A certificate with its key.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    /// PKCS #8.
    key: Vec<u8>,
}

impl Identity {
    pub(super) fn generate() -> Self {
        let mut params = CertificateParams::new(["unifi.local".to_owned()])
            .expect("the name is one that certificates take");
        params.distinguished_name.push(DnType::CommonName, "UniFi Access (sandbox)");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("the algorithm is known");
        let certificate = params.self_signed(&key).expect("the key is whole").der().clone();
        Self { certificate, key: key.serialize_der() }
    }

    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    fn certified(&self) -> Option<CertifiedKey> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key).ok()?;
        Some(CertifiedKey::new(vec![self.certificate.clone()], key))
    }
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (BASE64.encode(&self.certificate), BASE64.encode(&self.key)).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (certificate, key) = <(String, String)>::deserialize(from)?;
        let read = |text: String| BASE64.decode(text).map_err(serde::de::Error::custom);
        Ok(Self { certificate: CertificateDer::from(read(certificate)?), key: read(key)? })
    }
}

/// Shows each connection the certificate of the moment: none goes on with what an earlier one agreed on.
pub(super) fn shown_by(unifi: &Arc<Unifi>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the ciphers of the default versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver(unifi.clone())));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

struct Resolver(Arc<Unifi>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.identity().certified().map(Arc::new)
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver(…)")
    }
}
