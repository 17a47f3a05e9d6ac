//! Whose signature it is, and whether they may.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use super::Key;

/// Secrets, by access key.
pub(super) struct Keys(pub Arc<Mutex<BTreeMap<String, Key>>>);

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(access_key)
            .map(|key| SecretKey::from(key.secret.as_str()))
            .ok_or_else(|| s3_error!(InvalidAccessKeyId))
    }
}

/// What keys have a right to. Nobody has one without a signature.
pub(super) struct Rights {
    pub keys: Arc<Mutex<BTreeMap<String, Key>>>,
    pub region: String,
}

#[async_trait::async_trait]
impl S3Access for Rights {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(caller) = context.credentials() else { return Err(s3_error!(AccessDenied)) };
        if signed_for(context).is_none_or(|region| region != self.region) {
            let region = &self.region;
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; the region is wrong; expecting '{region}'"
            ));
        }
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let operation = context.s3_op().name();
        match keys.get(&caller.access_key) {
            Some(key) if !key.denied.contains(operation) => Ok(()),
            _ => Err(s3_error!(AccessDenied, "not authorized to perform: s3:{operation}")),
        }
    }
}

/// The region of a signature's scope, `key/date/region/s3/aws4_request`.
fn signed_for(context: &S3AccessContext<'_>) -> Option<String> {
    let in_header = context.headers().get("authorization").and_then(|value| value.to_str().ok());
    let text = in_header.or_else(|| context.uri().query())?;
    let (_, scope) = text.split_once("Credential=")?;
    let scope = scope.split(['&', ',']).next()?.replace("%2F", "/");
    scope.split('/').nth(2).map(str::to_owned)
}
