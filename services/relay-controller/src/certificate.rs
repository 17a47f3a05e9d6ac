//! The controller's own certificate: made at first start, vouched for by nobody, pinned by its fingerprint.

use std::io;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::digest;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::disk::{Disk, replace};

/// Key and certificate in one file, so that no power cut parts them.
const FILE: &str = "tls.pem";
/// The name in it, which nobody need look at.
const NAME: &str = "relay-controller";

/// A certificate, and how to prove it.
pub struct Certificate {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Certificate {
    /// The one that was saved; makes it if there is none.
    pub fn ensure(disk: &dyn Disk) -> io::Result<Self> {
        let pem = match disk.read(FILE)? {
            Some(pem) => pem,
            None => {
                let pem = make().map_err(io::Error::other)?;
                replace(disk, FILE, pem.as_bytes())?;
                pem.into_bytes()
            }
        };
        let broken = |error| io::Error::other(format!("{FILE} in the state folder can't be read: {error:?}"));
        Ok(Self {
            certificate: CertificateDer::from_pem_slice(&pem).map_err(broken)?,
            key: PrivateKeyDer::from_pem_slice(&pem).map_err(broken)?,
        })
    }

    /// SHA-256 of the certificate's DER, 64 hex digits.
    pub fn fingerprint(&self) -> String {
        HEXLOWER.encode(digest::digest(&digest::SHA256, &self.certificate).as_ref())
    }

    /// The certificate's DER.
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// A server's side of TLS that shows it.
    pub fn tls(self) -> Result<ServerConfig, rustls::Error> {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate], self.key)?;
        Ok(config)
    }
}

fn make() -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new([NAME.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, NAME);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    Ok(key.serialize_pem() + &params.self_signed(&key)?.pem())
}
