//! Who calls, by a token or an API key. It stands before the guard, so that what is wrong is counted, and
//! refused unseen once there was too much of it; what is known as good still passes.
//!
//! The guard takes the caller from here, and the services behind get tokens alone, whatever came.

mod keys;

use std::convert::Infallible;
use std::mem::replace;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use chassis::auth::{ApiKeyText, AuthError, Principal, Signer, TOKEN_BYTES_MAX, Verifier, bearer};
use chassis::rpc::{HEALTH_PATH, refuse};
use domain::{Clock, Timestamp};
use futures::future::BoxFuture;
use http::{Request, Response, header};
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};
use tonic::Status;
use tonic::body::Body;

use self::keys::Keys;
use crate::config::{Config, SettingError};
use crate::wrong_tokens::{WrongTokens, network};

/// Tokens that are known as good at most. Who has more people shows some of them anew.
const TOKENS_MAX: usize = 10_000;

/// Tells who calls.
#[derive(Clone)]
pub(crate) struct Callers(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    keys: Keys,
    wrong: WrongTokens,
    clock: Arc<dyn Clock>,
    /// Whom good tokens name, and until when, by their SHA-256.
    known: Cache<[u8; 32], Arc<(Principal, Timestamp)>>,
}

impl Callers {
    pub(crate) fn new(
        config: &Config,
        deps: &chassis::BasicDeps,
        signer: Signer,
        wrong: WrongTokens,
    ) -> Result<Self, SettingError> {
        Ok(Self(Arc::new(Inner {
            verifier: deps.verifier.clone(),
            keys: Keys::new(config, deps, signer, wrong.clone())?,
            wrong,
            clock: deps.clock.clone(),
            known: Cache::new(TOKENS_MAX),
        })))
    }

    /// The request with its caller, and with a token in place of an API key.
    async fn identify(&self, request: Request<Body>) -> Result<Request<Body>, Status> {
        let (mut parts, body) = request.into_parts();
        let is_nobodys = !parts.headers.contains_key(header::AUTHORIZATION);
        if is_nobodys || parts.uri.path().starts_with(HEALTH_PATH) {
            // The guard knows what to say to it.
            return Ok(Request::from_parts(parts, body));
        }
        let from = network(&parts.extensions);
        let text = bearer(&parts.headers).map_err(refuse)?;
        let principal = if ApiKeyText::is_meant(text) {
            let caller = self.0.keys.exchange(text, from).await.map_err(|refusal| refusal.status())?;
            parts.headers.insert(header::AUTHORIZATION, caller.bearer.clone());
            caller.principal.clone()
        } else {
            self.0.verify(text, from)?
        };
        parts.extensions.insert(principal);
        Ok(Request::from_parts(parts, body))
    }
}

impl Inner {
    fn verify(&self, token: &str, from: IpAddr) -> Result<Principal, Status> {
        // Of one that is too long no more than that is looked at; the verifier takes none.
        let hash: [u8; 32] = Sha256::digest(&token.as_bytes()[..token.len().min(TOKEN_BYTES_MAX + 1)]).into();
        if let Some(known) = self.known.get(&hash)
            && self.clock.now() < known.1
        {
            return Ok(known.0.clone());
        }
        let tried = self.wrong.begin(from).map_err(|refusal| refusal.status())?;
        match self.verifier.verify_for_later(token) {
            Ok(good) => {
                tried.forgive();
                self.known.insert(hash, Arc::new(good.clone()));
                Ok(good.0)
            }
            Err(error) => {
                // Ours, once.
                if error == AuthError::TokenExpired {
                    tried.forgive();
                }
                Err(refuse(error))
            }
        }
    }
}

impl<S> tower::Layer<S> for Callers {
    type Service = Identified<S>;
    fn layer(&self, inner: S) -> Identified<S> {
        Identified { inner, callers: self.clone() }
    }
}

/// A service whose callers are told.
#[derive(Clone)]
pub(crate) struct Identified<S> {
    inner: S,
    callers: Callers,
}

impl<S> tower::Service<Request<Body>> for Identified<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone takes the place of the service that `poll_ready` made ready.
        let clone = self.inner.clone();
        let mut inner = replace(&mut self.inner, clone);
        let callers = self.callers.clone();
        Box::pin(async move {
            match callers.identify(request).await {
                Ok(request) => inner.call(request).await,
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}
