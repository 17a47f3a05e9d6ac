//! Certificates of hosts that no authority vouches for: pinned on first use.

use std::error::Error as StdError;
use std::sync::Arc;

use domain::{Fingerprint, Timestamp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, OtherError, SignatureScheme};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use x509_parser::time::ASN1Time;

/// Which certificate a host must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Any one: nobody has seen this host yet. What it shows is told with the answer.
    FirstUse,
    /// This one, whatever it says of names and times.
    Pinned(Fingerprint),
}

/// A certificate that a host showed. What it says of itself nobody vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is known by.
    pub fingerprint: Fingerprint,
    /// Whose it says it is, such as `CN=console, O=Acme`; empty if it can't be read.
    pub subject: String,
    /// From when it says it holds.
    pub not_before: Option<Timestamp>,
    /// Until when.
    pub not_after: Option<Timestamp>,
}

impl Certificate {
    pub(crate) fn of(der: &[u8]) -> Self {
        let fingerprint = Fingerprint::new(Sha256::digest(der).into());
        let Ok((_, read)) = x509_parser::parse_x509_certificate(der) else {
            return Self { fingerprint, subject: String::new(), not_before: None, not_after: None };
        };
        let time = |time: ASN1Time| Timestamp::from_timestamp(time.timestamp(), 0);
        Self {
            fingerprint,
            subject: read.subject().to_string(),
            not_before: time(read.validity().not_before),
            not_after: time(read.validity().not_after),
        }
    }
}

/// A host shows another certificate than it must.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the certificate {} was shown in place of {pinned}", .shown.fingerprint)]
pub(crate) struct CertificateChanged {
    pub(crate) pinned: Fingerprint,
    pub(crate) shown: Certificate,
}

impl CertificateChanged {
    /// The one among the causes of an error, if there is one.
    pub(crate) fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|cause| match cause.downcast_ref::<rustls::Error>()? {
            rustls::Error::Other(OtherError(other)) => other.downcast_ref(),
            _ => None,
        })
    }
}

/// An error and what caused it, IO errors opened: they hide what they hold.
pub(crate) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        held.map(|held| held as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

/// Looks at the certificate, and at the proof that whoever shows it has its key. Nothing of a request leaves
/// before both are as they must be.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    crypto: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Trust::Pinned(pinned) = self.trust else { return Ok(ServerCertVerified::assertion()) };
        let shown: [u8; Fingerprint::BYTES] = Sha256::digest(end_entity).into();
        if shown.ct_eq(pinned.as_bytes()).into() {
            return Ok(ServerCertVerified::assertion());
        }
        let changed = CertificateChanged { pinned, shown: Certificate::of(end_entity) };
        Err(rustls::Error::Other(OtherError(Arc::new(changed))))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.crypto.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.crypto.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS that trusts so. Each connection shows its certificate: none takes up an earlier one's session.
pub(crate) fn tls(trust: Trust, crypto: Arc<CryptoProvider>) -> Result<rustls::ClientConfig, rustls::Error> {
    let verifier = Verifier { trust, crypto: crypto.clone() };
    let mut config = rustls::ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read_for_showing() {
        let mut params = rcgen::CertificateParams::new(["console.lan".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "console");
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2036, 1, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        let certificate = Certificate::of(&der);
        assert_eq!(certificate.subject, "CN=console");
        assert_eq!(certificate.not_before.unwrap().to_rfc3339(), "2026-01-02T00:00:00+00:00");
        assert_eq!(certificate.not_after.unwrap().to_rfc3339(), "2036-01-02T00:00:00+00:00");
        assert_eq!(certificate.fingerprint.as_bytes()[..], Sha256::digest(&der)[..]);
    }

    #[test]
    fn what_is_no_certificate_is_known_by_its_fingerprint_all_the_same() {
        let certificate = Certificate::of(b"nonsense");
        assert_eq!((certificate.subject.as_str(), certificate.not_after), ("", None));
    }
}
