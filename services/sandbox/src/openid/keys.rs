//! The keys that sign ID tokens, and the set that is published of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use domain::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{EncodingKey, Header};
use p256::pkcs8::EncodePrivateKey as _;
use rand_core::OsRng;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const RSA_BITS: usize = 2048;

/// By which ID tokens are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256. The default, because its keys are made in no time.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSA with 2048 bits: what most providers use.
    #[serde(rename = "RS256")]
    Rs256,
}

/// A key that is published, as the control API shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ShownKey {
    /// Its id.
    pub kid: String,
    /// What it signs by.
    pub algorithm: Algorithm,
    /// When it is published no longer; none for the one that signs.
    pub leaves_at: Option<Timestamp>,
}

/// A private key. As text: its DER form in Base64.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Key {
    kid: String,
    algorithm: Algorithm,
    der: Der,
}

#[derive(Clone)]
struct Der(Vec<u8>);

/// The key that signs, and those that signed before.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Keyring {
    current: Key,
    former: Vec<Former>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Former {
    key: Key,
    leaves_at: Timestamp,
}

impl Algorithm {
    fn of_jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

impl Key {
    pub(super) fn generate(algorithm: Algorithm) -> Self {
        let der = match algorithm {
            Algorithm::Es256 => {
                p256::SecretKey::random(&mut OsRng).to_pkcs8_der().expect("a P-256 key has a DER form")
            }
            Algorithm::Rs256 => RsaPrivateKey::new(&mut OsRng, RSA_BITS)
                .expect("there are primes of this size")
                .to_pkcs1_der()
                .expect("an RSA key has a DER form"),
        };
        let mut key = Self { kid: String::new(), algorithm, der: Der(der.as_bytes().to_vec()) };
        key.kid = key.jwk().thumbprint(ThumbprintHash::SHA256).expect("such keys have a thumbprint");
        key
    }

    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// A token of these claims, whose header names the key `kid`.
    pub(super) fn sign(&self, claims: &impl Serialize, kid: &str) -> String {
        let mut header = Header::new(self.algorithm.of_jwt());
        header.kid = Some(kid.to_owned());
        jsonwebtoken::encode(&header, claims, &self.encoding_key()).expect("the key fits its algorithm")
    }

    fn jwk(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.encoding_key(), self.algorithm.of_jwt())
            .expect("the key fits its algorithm");
        jwk.common.key_id = Some(self.kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk
    }

    fn encoding_key(&self) -> EncodingKey {
        match self.algorithm {
            Algorithm::Es256 => EncodingKey::from_ec_der(&self.der.0),
            Algorithm::Rs256 => EncodingKey::from_rsa_der(&self.der.0),
        }
    }
}

impl Keyring {
    /// The key that signs.
    pub(super) fn current(&self) -> &Key {
        &self.current
    }

    /// `key` signs from now on; the one before stays published for as long as `stays`.
    pub(super) fn rotate(&mut self, key: Key, now: Timestamp, stays: Duration) {
        let key = std::mem::replace(&mut self.current, key);
        self.former.retain(|former| former.leaves_at > now);
        self.former.push(Former { key, leaves_at: now + stays });
    }

    /// What everyone may know of the keys.
    pub(super) fn published(&self, now: Timestamp) -> JwkSet {
        let former = self.former(now).map(|former| &former.key);
        JwkSet { keys: [&self.current].into_iter().chain(former).map(Key::jwk).collect() }
    }

    pub(super) fn shown(&self, now: Timestamp) -> Vec<ShownKey> {
        let shown =
            |key: &Key, leaves_at| ShownKey { kid: key.kid.clone(), algorithm: key.algorithm, leaves_at };
        let former = self.former(now).map(|former| shown(&former.key, Some(former.leaves_at)));
        [shown(&self.current, None)].into_iter().chain(former).collect()
    }

    /// Those that are still published.
    fn former(&self, now: Timestamp) -> impl Iterator<Item = &Former> {
        self.former.iter().filter(move |former| former.leaves_at > now)
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self { current: Key::generate(Algorithm::default()), former: Vec::new() }
    }
}

impl Serialize for Der {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Der {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}
