//! Tokens: JWTs signed with EdDSA, that name a principal for a short time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Duration;
use domain::{Clock, LocationId, Timestamp, WorkspaceId};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::keys::{self, Key, KeyError};
use super::principal::{AuthError, Principal, Role};

/// Who signs, and for whom.
const NAME: &str = "latchkey";

/// How much clocks may differ.
const LEEWAY_SECONDS: i64 = 30;

/// How often the folder of keys is looked at for a new one.
const RELOAD: Duration = Duration::seconds(10);

/// How often the published keys are read again at most, whatever tokens come.
const REREAD: std::time::Duration = std::time::Duration::from_secs(1);

/// Longer tokens are not looked at. A manager of 100 locations has one of 6 KiB.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<WorkspaceId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    locations: Vec<LocationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    methods: Option<Vec<String>>,
}

/// What every token of ours says, whatever else it is about.
#[derive(Serialize, Deserialize)]
struct Envelope<C> {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    claims: C,
}

/// Signs tokens with the newest key of a folder. Looks for newer ones by itself.
#[derive(Clone)]
pub struct Signer {
    ring: Arc<Mutex<Ring>>,
    clock: Arc<dyn Clock>,
}

struct Ring {
    /// `None`: the keys never change.
    folder: Option<PathBuf>,
    keys: Vec<Key>,
    loaded: Timestamp,
}

impl Signer {
    /// Signs with the keys in `folder`.
    pub fn load(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let keys = keys::load_all(folder)?;
        if keys.is_empty() {
            return Err(KeyError::None { path: folder.to_owned() });
        }
        let ring = Ring { folder: Some(folder.to_owned()), keys, loaded: clock.now() };
        Ok(Self { ring: Arc::new(Mutex::new(ring)), clock })
    }

    /// A token that names `principal` for `lifetime`.
    pub fn issue(&self, principal: &Principal, lifetime: Duration) -> String {
        let claims = Claims {
            sub: principal.id.clone(),
            role: principal.role,
            workspace: principal.workspace,
            locations: principal.locations.clone(),
            methods: principal.methods.clone(),
        };
        self.sign(NAME, NAME, lifetime, claims)
    }

    /// A token that says `claims`, by `issuer`, to `audience`, for `lifetime`.
    pub fn sign(&self, issuer: &str, audience: &str, lifetime: Duration, claims: impl Serialize) -> String {
        let now = self.clock.now();
        let key = self.key(now);
        let envelope = Envelope {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            iat: now.timestamp(),
            exp: (now + lifetime).timestamp(),
            claims,
        };
        let header = Header { kid: Some(key.kid.to_string()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &envelope, &key.encoding)
            .expect("claims of strings and numbers can be signed")
    }

    /// The public halves of all keys that tokens may be signed with.
    pub fn published(&self) -> JwkSet {
        let _ = self.key(self.clock.now());
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        JwkSet { keys: ring.keys.iter().map(Key::public).collect() }
    }

    fn key(&self, now: Timestamp) -> Key {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = ring.folder.clone()
            && ring.loaded + RELOAD <= now
        {
            ring.loaded = now;
            match keys::load_all(&folder) {
                Ok(keys) if !keys.is_empty() => ring.keys = keys,
                Ok(_) => tracing::warn!("the folder of token keys is empty; signing with those it had"),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "signing with the keys it had");
                }
            }
        }
        keys::active(&ring.keys, now).expect("a ring has a key").clone()
    }
}

/// Knows tokens by the published keys. Reads them again when a token names a key that it does not know.
#[derive(Clone)]
pub struct Verifier {
    known: Arc<Mutex<Known>>,
    clock: Arc<dyn Clock>,
}

struct Known {
    /// `None`: the keys never change.
    file: Option<PathBuf>,
    keys: HashMap<String, DecodingKey>,
    read: tokio::time::Instant,
}

impl Verifier {
    /// Knows the keys that are published in `file`, a JWK set.
    pub fn load(file: &Path, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let keys = read(file)?;
        let known = Known { file: Some(file.to_owned()), keys, read: tokio::time::Instant::now() };
        Ok(Self { known: Arc::new(Mutex::new(known)), clock })
    }

    /// The caller that a token names, if it is ours and its time is not over.
    pub fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        self.verify_for_later(token).map(|(principal, _)| principal)
    }

    /// Like [`Verifier::verify`]; says until when the same token will be taken, too.
    pub fn verify_for_later(&self, token: &str) -> Result<(Principal, Timestamp), AuthError> {
        let Envelope { claims, exp, .. }: Envelope<Claims> = self.envelope(NAME, NAME, token)?;
        let principal = Principal {
            id: claims.sub,
            workspace: claims.workspace,
            role: claims.role,
            locations: claims.locations,
            methods: claims.methods,
            address: None,
        };
        // A token can name the operator and people; a service is known by its certificate.
        let is_fit = if principal.role == Role::Service {
            principal.is_operator() && principal.workspace.is_none()
        } else {
            principal.workspace.is_some()
        };
        let end = Timestamp::from_timestamp(exp.saturating_add(LEEWAY_SECONDS), 0);
        end.filter(|_| is_fit).map(|end| (principal, end)).ok_or(AuthError::TokenInvalid)
    }

    /// What a token says that `issuer` signed for `audience`, if its time is not over.
    pub fn open<C: DeserializeOwned>(
        &self,
        issuer: &str,
        audience: &str,
        token: &str,
    ) -> Result<C, AuthError> {
        self.envelope(issuer, audience, token).map(|envelope| envelope.claims)
    }

    fn envelope<C: DeserializeOwned>(
        &self,
        issuer: &str,
        audience: &str,
        token: &str,
    ) -> Result<Envelope<C>, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::TokenInvalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::TokenInvalid)?;
        let key = header.kid.and_then(|kid| self.key(&kid)).ok_or(AuthError::TokenInvalid)?;
        // One algorithm, whatever the token says.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        // Time is checked below, by the clock that we were given.
        validation.validate_exp = false;
        let envelope = jsonwebtoken::decode::<Envelope<C>>(token, &key, &validation)
            .map_err(|_| AuthError::TokenInvalid)?
            .claims;
        let now = self.clock.now().timestamp();
        if envelope.exp.saturating_add(LEEWAY_SECONDS) <= now {
            return Err(AuthError::TokenExpired);
        }
        if envelope.iat > now + LEEWAY_SECONDS {
            return Err(AuthError::TokenInvalid);
        }
        Ok(envelope)
    }

    /// The caller that the header `authorization` names.
    pub fn authenticate(&self, headers: &http::HeaderMap) -> Result<Principal, AuthError> {
        self.verify(bearer(headers)?)
    }

    fn key(&self, kid: &str) -> Option<DecodingKey> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.keys.get(kid) {
            return Some(key.clone());
        }
        if let Some(file) = known.file.clone()
            && known.read.elapsed() >= REREAD
        {
            known.read = tokio::time::Instant::now();
            match read(&file) {
                Ok(keys) => known.keys = keys,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "knowing tokens by the keys that were published before");
                }
            }
        }
        known.keys.get(kid).cloned()
    }
}

/// The token in the header `authorization`.
pub fn bearer(headers: &http::HeaderMap) -> Result<&str, AuthError> {
    let value = headers.get(http::header::AUTHORIZATION).ok_or(AuthError::TokenMissing)?;
    let text = value.to_str().map_err(|_| AuthError::TokenInvalid)?;
    let (scheme, token) = text.split_once(' ').ok_or(AuthError::TokenMissing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(AuthError::TokenMissing) }
}

fn read(path: &Path) -> Result<HashMap<String, DecodingKey>, KeyError> {
    let json = std::fs::read(path).map_err(|source| keys::file(path, source))?;
    let unfit = || KeyError::Published { path: path.to_owned() };
    let set: JwkSet = serde_json::from_slice(&json).map_err(|_| unfit())?;
    decoding(&set).ok_or_else(unfit)
}

fn decoding(set: &JwkSet) -> Option<HashMap<String, DecodingKey>> {
    set.keys
        .iter()
        .map(|jwk| {
            let is_ed25519 = matches!(&jwk.algorithm,
                AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519);
            let key = DecodingKey::from_jwk(jwk).ok().filter(|_| is_ed25519)?;
            Some((jwk.common.key_id.clone()?, key))
        })
        .collect()
}

/// A signer with a key of its own, and who knows its tokens; for tests.
pub fn new_pair(clock: Arc<dyn Clock>) -> (Signer, Verifier) {
    let now = clock.now();
    let (key, _) = Key::generate(now);
    let keys = decoding(&JwkSet { keys: vec![key.public()] }).expect("a generated key can be read");
    let known = Known { file: None, keys, read: tokio::time::Instant::now() };
    let ring = Ring { folder: None, keys: vec![key], loaded: now };
    (
        Signer { ring: Arc::new(Mutex::new(ring)), clock: clock.clone() },
        Verifier { known: Arc::new(Mutex::new(known)), clock },
    )
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(…)")
    }
}

#[cfg(test)]
mod tests {
    use domain::SettableClock;
    use jsonwebtoken::EncodingKey;

    use super::*;

    fn clock() -> Arc<SettableClock> {
        Arc::new(SettableClock::at(Timestamp::from_timestamp(1_790_000_000, 0).unwrap()))
    }

    fn admin() -> Principal {
        Principal::person("ada", WorkspaceId::new(), Role::Admin)
    }

    #[test]
    fn a_token_names_its_principal_until_it_expires() {
        let clock = clock();
        let (signer, verifier) = new_pair(clock.clone());
        let principal =
            Principal { methods: Some(vec!["a.v1.B/*".into()]), ..admin() }.at([LocationId::new()]);
        let token = signer.issue(&principal, Duration::minutes(10));
        let (named, end) = verifier.verify_for_later(&token).unwrap();
        assert_eq!(named, principal);
        clock.set(end - Duration::seconds(1));
        assert_eq!(verifier.verify(&token), Ok(principal));
        clock.set(end);
        assert_eq!(verifier.verify(&token), Err(AuthError::TokenExpired));
    }

    #[test]
    fn tokens_of_others_and_garbled_ones_are_refused() {
        let clock = clock();
        let (signer, verifier) = new_pair(clock.clone());
        let other = new_pair(clock.clone()).0.issue(&admin(), Duration::minutes(10));
        let good = signer.issue(&admin(), Duration::minutes(10));
        let (header, rest) = good.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        let kid = jsonwebtoken::decode_header(&good).unwrap().kid;
        let symmetric = jsonwebtoken::encode(
            &Header { kid, ..Header::new(Algorithm::HS256) },
            &serde_json::json!({"iss": NAME, "aud": NAME, "sub": "ada", "role": "owner", "iat": 0, "exp": i64::MAX}),
            &EncodingKey::from_secret(b"public"),
        )
        .unwrap();
        for token in [
            other.as_str(),
            "",
            "a.b.c",
            // {"alg":"none"}
            &format!("eyJhbGciOiJub25lIn0.{body}."),
            &symmetric,
            &format!("{header}.{body}."),
            &format!("{header}.{body}x.{signature}"),
            &format!("{good}{}", "x".repeat(TOKEN_BYTES_MAX)),
            &signer.sign(
                NAME,
                "someone-else",
                Duration::minutes(1),
                serde_json::json!({"sub": "a", "role": "owner"}),
            ),
            &signer.sign(
                "someone-else",
                NAME,
                Duration::minutes(1),
                serde_json::json!({"sub": "a", "role": "owner"}),
            ),
        ] {
            assert_eq!(verifier.verify(token), Err(AuthError::TokenInvalid), "{token:?}");
        }
        assert!(verifier.verify(&good).is_ok());
    }

    #[test]
    fn a_token_names_no_service_but_the_operator() {
        let (signer, verifier) = new_pair(clock());
        let verify = |principal: &Principal| verifier.verify(&signer.issue(principal, Duration::minutes(1)));
        assert!(verify(&Principal::operator()).is_ok());
        assert_eq!(verify(&Principal::service("kisi-adapter")), Err(AuthError::TokenInvalid));
        assert_eq!(verify(&Principal { workspace: None, ..admin() }), Err(AuthError::TokenInvalid));
        let operator_of_one = Principal { workspace: admin().workspace, ..Principal::operator() };
        assert_eq!(verify(&operator_of_one), Err(AuthError::TokenInvalid));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotation_is_no_outage() {
        let dir = tempfile::tempdir().unwrap();
        let clock = clock();
        keys::ensure_keys(dir.path(), clock.now()).unwrap();
        let signer = Signer::load(dir.path(), clock.clone()).unwrap();
        let verifier = Verifier::load(&dir.path().join(keys::PUBLIC), clock.clone()).unwrap();
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let before = signer.issue(&admin(), Duration::minutes(10));
        clock.advance(Duration::seconds(1));
        let next = keys::add_key(dir.path(), clock.now()).unwrap();
        let mut used = std::collections::BTreeSet::new();
        for _ in 0..60 {
            clock.advance(Duration::seconds(5));
            tokio::time::advance(std::time::Duration::from_secs(5)).await;
            let token = signer.issue(&admin(), Duration::minutes(10));
            used.insert(kid(&token));
            assert!(verifier.verify(&token).is_ok());
            assert!(verifier.verify(&before).is_ok());
        }
        assert_eq!(used.len(), 2, "the new key took over");
        assert_eq!(kid(&signer.issue(&admin(), Duration::minutes(1))), next);
        assert_eq!(signer.published().keys.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_keys_make_nobody_read_files_all_the_time() {
        let dir = tempfile::tempdir().unwrap();
        let clock = clock();
        keys::ensure_keys(dir.path(), clock.now()).unwrap();
        let verifier = Verifier::load(&dir.path().join(keys::PUBLIC), clock.clone()).unwrap();
        let next = keys::add_key(dir.path(), clock.now()).unwrap();
        assert!(verifier.key(&next).is_none(), "it was read a moment ago");
        tokio::time::advance(REREAD).await;
        assert!(verifier.key(&next).is_some());
    }
}
