//! The keys that tokens are signed with.
//!
//! A folder holds them: `<kid>.pem` is a private key, its `kid` a UUIDv7 that says when it was made, and
//! `public.json` has the public halves (a JWK set, RFC 7517). Who signs needs the folder; who verifies
//! needs `public.json` alone. A key that is added is published at once, and signs when all have had time
//! to see it, so a rotation is an outage for nobody.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use domain::Timestamp;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, OctetKeyPairParameters,
    OctetKeyPairType, PublicKeyUse,
};
use uuid::Uuid;

/// The public halves, in the folder of the keys.
pub(super) const PUBLIC: &str = "public.json";

/// A key signs when it has been published for so long.
const SETTLE: Duration = Duration::minutes(2);

/// A key is dropped when the next one has been there for so long: longer than any token of a person lives.
const RETIRE: Duration = Duration::hours(24);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Can't read or write the file or folder.
    #[error("cannot use the token keys at {path}; `latchkey up` makes them")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not an Ed25519 key, or not named by a UUIDv7.
    #[error("{path} holds no Ed25519 key in PKCS#8 PEM, or is not named <UUIDv7>.pem")]
    Content {
        /// Which.
        path: PathBuf,
    },
    /// Not a JWK set.
    #[error("{path} holds no JWK set of Ed25519 keys")]
    Published {
        /// Which.
        path: PathBuf,
    },
    /// Nothing to sign with.
    #[error("there is no key <kid>.pem in {path}; `latchkey up` makes one")]
    None {
        /// Where.
        path: PathBuf,
    },
}

/// A key, and when it was made.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: Uuid,
    created: Timestamp,
    pub(super) encoding: EncodingKey,
    public: [u8; ed25519_dalek::PUBLIC_KEY_LENGTH],
}

impl Key {
    pub(super) fn generate(now: Timestamp) -> (Self, SigningKey) {
        let seconds = now.timestamp().unsigned_abs();
        let kid =
            Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos()));
        let signing = SigningKey::generate(&mut rand_core::OsRng);
        (Self::new(kid, now, &signing), signing)
    }

    fn new(kid: Uuid, created: Timestamp, signing: &SigningKey) -> Self {
        let der = signing.to_pkcs8_der().expect("a key can be encoded");
        let public = signing.verifying_key().to_bytes();
        Self { kid, created, encoding: EncodingKey::from_ed_der(der.as_bytes()), public }
    }

    fn load(path: &Path) -> Result<Self, KeyError> {
        let unfit = || KeyError::Content { path: path.to_owned() };
        let pem = fs::read_to_string(path).map_err(|source| file(path, source))?;
        let signing = SigningKey::from_pkcs8_pem(&pem).map_err(|_| unfit())?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).ok_or_else(unfit)?;
        let kid: Uuid = stem.parse().map_err(|_| unfit())?;
        let (seconds, nanos) = kid.get_timestamp().ok_or_else(unfit)?.to_unix();
        let created = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_timestamp(s, nanos));
        Ok(Self::new(kid, created.ok_or_else(unfit)?, &signing))
    }

    /// The public half.
    pub(super) fn public(&self) -> Jwk {
        Jwk {
            common: CommonParameters {
                key_id: Some(self.kid.to_string()),
                key_algorithm: Some(KeyAlgorithm::EdDSA),
                public_key_use: Some(PublicKeyUse::Signature),
                ..Default::default()
            },
            algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve: EllipticCurve::Ed25519,
                x: URL_SAFE_NO_PAD.encode(self.public),
            }),
        }
    }
}

/// The key that signs now: the newest that all have seen; else the first there ever was.
pub(super) fn active(keys: &[Key], now: Timestamp) -> Option<&Key> {
    keys.iter().rev().find(|key| key.created + SETTLE <= now).or(keys.first())
}

/// All keys of a folder, oldest first.
pub(super) fn load_all(folder: &Path) -> Result<Vec<Key>, KeyError> {
    let entries = fs::read_dir(folder).map_err(|source| file(folder, source))?;
    let mut keys = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| file(folder, source))?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            keys.push(Key::load(&path)?);
        }
    }
    keys.sort_unstable_by_key(|key| key.kid);
    Ok(keys)
}

/// Makes the folder, with a first key, unless there is one.
pub fn ensure_keys(folder: &Path, now: Timestamp) -> Result<(), KeyError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| file(folder, source))?;
    let keys = load_all(folder)?;
    if keys.is_empty() {
        add_key(folder, now)?;
    } else if !folder.join(PUBLIC).exists() {
        publish(folder, &keys)?;
    }
    Ok(())
}

/// Adds a key, and drops those whose time is over. Gives its `kid`. It signs two minutes later; whoever
/// only has a copy of `public.json` must have the new one by then.
pub fn add_key(folder: &Path, now: Timestamp) -> Result<String, KeyError> {
    let mut keys = load_all(folder)?;
    let (key, signing) = Key::generate(now);
    let kid = key.kid.to_string();
    keys.push(key);
    // A key is needed for as long as the tokens that it signed until the next one did.
    let mut retired = Vec::new();
    while keys.len() > 1 && keys[1].created + RETIRE <= now {
        retired.push(keys.remove(0));
    }
    // Published first: a key that signs must be known.
    publish(folder, &keys)?;
    let path = folder.join(format!("{kid}.pem"));
    let pem = signing.to_pkcs8_pem(LineEnding::LF).expect("a generated key can be encoded");
    write(&path, pem.as_bytes(), 0o600)?;
    for key in retired {
        let path = folder.join(format!("{}.pem", key.kid));
        fs::remove_file(&path).map_err(|source| file(&path, source))?;
    }
    Ok(kid)
}

fn publish(folder: &Path, keys: &[Key]) -> Result<(), KeyError> {
    let set = JwkSet { keys: keys.iter().map(Key::public).collect() };
    let json = serde_json::to_vec_pretty(&set).expect("keys are plain texts");
    write(&folder.join(PUBLIC), &json, 0o644)
}

/// Whole or not at all.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), KeyError> {
    let beside = path.with_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut new| new.write_all(content).and_then(|()| new.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|source| file(path, source))
}

pub(super) fn file(path: &Path, source: std::io::Error) -> KeyError {
    KeyError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_timestamp(1_790_000_000, 0).unwrap() + Duration::minutes(minutes)
    }

    fn kids(folder: &Path) -> Vec<String> {
        load_all(folder).unwrap().iter().map(|key| key.kid.to_string()).collect()
    }

    fn published(folder: &Path) -> Vec<String> {
        let json = fs::read(folder.join(PUBLIC)).unwrap();
        let set: JwkSet = serde_json::from_slice(&json).unwrap();
        set.keys.into_iter().map(|key| key.common.key_id.unwrap()).collect()
    }

    #[test]
    fn the_first_key_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("keys");
        ensure_keys(&folder, at(0)).unwrap();
        let first = kids(&folder);
        ensure_keys(&folder, at(9)).unwrap();
        assert_eq!((first.len(), kids(&folder)), (1, first.clone()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(format!("{}.pem", first[0]))), 0o600);
        let json = fs::read_to_string(folder.join(PUBLIC)).unwrap();
        assert!(!json.contains("\"d\""), "the private half is published: {json}");
    }

    #[test]
    fn a_new_key_is_published_at_once_and_signs_when_all_have_seen_it() {
        let dir = tempfile::tempdir().unwrap();
        ensure_keys(dir.path(), at(0)).unwrap();
        let second = add_key(dir.path(), at(60)).unwrap();
        let keys = load_all(dir.path()).unwrap();
        assert_eq!(published(dir.path()), kids(dir.path()));
        let signs = |now| active(&keys, now).unwrap().kid.to_string();
        assert_ne!(signs(at(61)), second);
        assert_eq!(signs(at(62)), second);
        // The very first signs at once: there is no other.
        assert_ne!(signs(at(0)), second);
    }

    #[test]
    fn a_key_goes_a_day_after_the_next_one_came() {
        let dir = tempfile::tempdir().unwrap();
        ensure_keys(dir.path(), at(0)).unwrap();
        let second = add_key(dir.path(), at(60)).unwrap();
        let third = add_key(dir.path(), at(120)).unwrap();
        assert_eq!(kids(dir.path()).len(), 3);
        let fourth = add_key(dir.path(), at(60 + 24 * 60)).unwrap();
        assert_eq!(kids(dir.path()), [second, third, fourth]);
        assert_eq!(published(dir.path()), kids(dir.path()));
    }

    #[test]
    fn what_is_no_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.pem");
        fs::write(&path, "-----BEGIN NOTHING-----").unwrap();
        let error = add_key(dir.path(), at(0)).unwrap_err();
        assert!(error.to_string().contains("mine.pem"), "{error}");
    }
}
