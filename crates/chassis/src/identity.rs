//! Who a service is to the others: a certificate of the platform's own authority, shown both ways.
//!
//! A certificate names its service as `spiffe://latchkey/<service>` and, for whoever calls it, as the DNS
//! name `<service>`. Addresses mean nothing: a caller says which service it wants, and the certificate
//! must be that one's.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::transport::{Certificate, ClientTlsConfig, ServerTlsConfig};

/// What the name in a certificate begins with.
pub const URI_PREFIX: &str = "spiffe://latchkey/";

/// The authority's certificate, in the folder of an identity.
pub const AUTHORITY_FILE: &str = "ca.crt";

/// The service's certificate.
pub const CERTIFICATE_FILE: &str = "tls.crt";

/// Its private key.
pub const KEY_FILE: &str = "tls.key";

/// A service's certificate and key, and whom it trusts.
#[derive(Clone)]
pub struct Identity {
    authority: Certificate,
    certificate: String,
    key: SecretString,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the certificate of this service from {path}; tls.folder says where it is")]
pub struct IdentityError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl Identity {
    /// An identity from PEM texts.
    pub fn new(authority: &str, certificate: impl Into<String>, key: impl Into<SecretString>) -> Self {
        Self { authority: Certificate::from_pem(authority), certificate: certificate.into(), key: key.into() }
    }

    /// The identity in a folder: `ca.crt`, `tls.crt` and `tls.key`, as cert-manager writes them.
    pub fn load(folder: &Path) -> Result<Self, IdentityError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| IdentityError { path, source })
        };
        Ok(Self::new(&read(AUTHORITY_FILE)?, read(CERTIFICATE_FILE)?, read(KEY_FILE)?))
    }

    fn shown(&self) -> tonic::transport::Identity {
        tonic::transport::Identity::from_pem(&self.certificate, self.key.expose_secret())
    }

    /// Takes only callers with a certificate of the same authority.
    pub(crate) fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new().identity(self.shown()).client_ca_root(self.authority.clone())
    }

    /// Talks only to the service `peer`.
    pub(crate) fn client(&self, peer: &str) -> ClientTlsConfig {
        ClientTlsConfig::new().identity(self.shown()).ca_certificate(self.authority.clone()).domain_name(peer)
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// The service that called, by the certificate of the connection. `None` on a connection without.
pub(crate) fn caller(extensions: &http::Extensions) -> Option<String> {
    let certificates = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?.peer_certs()?;
    name_of(certificates.first()?)
}

fn name_of(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    certificate.valid_uri_names().find_map(|uri| uri.strip_prefix(URI_PREFIX)).map(ToOwned::to_owned)
}
