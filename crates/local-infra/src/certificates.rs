//! A certificate authority for the services of one machine, made at first start.
//!
//! Its folder has the authority's key and certificate, and a folder for each service with what that
//! service needs and nothing more: `ca.crt`, `tls.crt`, `tls.key`. Certificates name their service twice:
//! as URI, by which it is known as a caller, and as DNS name, by which it is known as a server. They do
//! not expire: whoever can read the keys can read everything else on this machine too.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::Error;

/// What a service's name stands behind in its certificate.
const URI_PREFIX: &str = "spiffe://latchkey/";

/// Issues the certificates of services.
pub struct Certificates {
    folder: PathBuf,
    authority: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, and the authority's certificate, in PEM.
pub struct Issued {
    /// Who issued it.
    pub authority: String,
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Certificates {
    /// The authority in `folder`; makes it unless it is there.
    pub fn ensure(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        make_dir(&folder)?;
        let key_path = folder.join("ca.key");
        let key = if key_path.exists() {
            let pem = fs::read_to_string(&key_path).map_err(Error::io("read", &key_path))?;
            KeyPair::from_pem(&pem).map_err(|source| Error::Certificate { source })?
        } else {
            let key = KeyPair::generate().map_err(|source| Error::Certificate { source })?;
            write(&key_path, &key.serialize_pem(), 0o600)?;
            key
        };
        let params = authority();
        let certificate = params.self_signed(&key).map_err(|source| Error::Certificate { source })?.pem();
        Ok(Self { folder, authority: certificate, issuer: Issuer::new(params, key) })
    }

    /// A new certificate of the service `name`.
    pub fn issue(&self, name: &str) -> Result<Issued, Error> {
        let certificate = || {
            let key = KeyPair::generate()?;
            let certificate = service(name)?.signed_by(&key, &self.issuer)?;
            Ok(Issued {
                authority: self.authority.clone(),
                certificate: certificate.pem(),
                key: key.serialize_pem(),
            })
        };
        certificate().map_err(|source| Error::Certificate { source })
    }

    /// Writes a new certificate of the service `name` into its folder, which it gives.
    pub fn write(&self, name: &str) -> Result<PathBuf, Error> {
        let issued = self.issue(name)?;
        let folder = self.folder.join(name);
        make_dir(&folder)?;
        write(&folder.join("ca.crt"), &issued.authority, 0o644)?;
        write(&folder.join("tls.crt"), &issued.certificate, 0o644)?;
        write(&folder.join("tls.key"), &issued.key, 0o600)?;
        Ok(folder)
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Latchkey services");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn service(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.subject_alt_names.push(SanType::URI(format!("{URI_PREFIX}{name}").try_into()?));
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn make_dir(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io("create", path))
}

fn write(path: &Path, content: &str, mode: u32) -> Result<(), Error> {
    let beside = path.with_extension("new");
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_authority_stays_and_keys_are_their_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("tls");
        Certificates::ensure(&folder).unwrap().write("gateway").unwrap();
        let key = fs::read(folder.join("ca.key")).unwrap();
        let own = Certificates::ensure(&folder).unwrap().write("gateway").unwrap();
        assert_eq!(fs::read(folder.join("ca.key")).unwrap(), key);
        for private in [folder.join("ca.key"), own.join("tls.key")] {
            assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let mut names: Vec<_> = fs::read_dir(own).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["ca.crt", "tls.crt", "tls.key"]);
    }

    #[test]
    fn a_name_that_is_no_dns_name_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Certificates::ensure(dir.path()).unwrap();
        assert!(authority.issue("gätway").is_err());
    }
}
