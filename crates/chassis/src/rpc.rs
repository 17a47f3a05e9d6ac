//! gRPC between the parts: the layer in front of every service, and channels to others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use domain::{Clock, ProviderName, Timestamp};
use futures::future::BoxFuture;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use proto::Requirements;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Extensions, Status};
use tracing::Instrument as _;

use crate::audit::Author;
use crate::auth::{AuthError, Principal, Signer, Verifier};
use crate::client_address;
use crate::error::{Classify, status};
use crate::identity::{self, Identity};

/// The one path that takes no token.
pub const HEALTH_PATH: &str = "/grpc.health.v1.Health/";

/// Requests are given up after this long.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest request that is taken.
pub const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The caller of a request that came through the [`Guard`].
pub fn principal<T>(request: &tonic::Request<T>) -> Result<Principal, Status> {
    of(request.extensions())
}

fn of(extensions: &Extensions) -> Result<Principal, Status> {
    extensions.get::<Principal>().cloned().ok_or_else(|| status(&AuthError::TokenMissing))
}

/// The caller as the author of what their method changes, for the audit log.
pub fn author<T>(request: &tonic::Request<T>) -> Result<Author, Status> {
    let path = request.extensions().get::<Path>().map_or("", |Path(path)| path);
    Ok(Author::of(&principal(request)?, path))
}

/// Which method is called: an extension of the request that the [`Guard`] let in.
#[derive(Debug, Clone)]
struct Path(String);

/// A service's error as its caller sees it.
pub fn refuse(error: impl Classify) -> Status {
    status(&error)
}

/// In front of every method: who calls and may they, in which trace, how long it took.
#[derive(Clone)]
pub struct Guard {
    verifier: Verifier,
    requirements: Arc<Requirements>,
    durations: Histogram<f64>,
}

impl Guard {
    /// A guard that knows people by `verifier`, and what methods require of callers.
    pub fn new(verifier: Verifier, requirements: Requirements) -> Self {
        let durations = opentelemetry::global::meter("latchkey")
            .f64_histogram("rpc.server.duration")
            .with_unit("s")
            .with_description("How long requests took")
            .build();
        Self { verifier, requirements: Arc::new(requirements), durations }
    }

    /// The caller, who may call this method. What is no method of the contracts (reflection; what is not
    /// there) is for all who are known.
    fn admit(&self, request: &Request<Body>) -> Result<Principal, AuthError> {
        let principal = Principal { address: client_address::of(request), ..self.caller(request)? };
        let path = request.uri().path();
        if let Some(requirement) = self.requirements.of(path) {
            principal.meets(requirement, path)?;
        }
        Ok(principal)
    }

    /// Whom the front of this service made sure of; else whom the token names; without one, whom the
    /// certificate of the connection does. A service that passes a person's call on shows both: the call is
    /// the person's.
    fn caller(&self, request: &Request<Body>) -> Result<Principal, AuthError> {
        if let Some(principal) = request.extensions().get::<Principal>() {
            return Ok(principal.clone());
        }
        if request.headers().contains_key(http::header::AUTHORIZATION) {
            return self.verifier.authenticate(request.headers());
        }
        identity::caller(request.extensions()).map(Principal::service).ok_or(AuthError::TokenMissing)
    }
}

impl<S> tower::Layer<S> for Guard {
    type Service = Guarded<S>;
    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, guard: self.clone() }
    }
}

/// A service behind a [`Guard`].
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S> tower::Service<Request<Body>> for Guarded<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        if !path.starts_with(HEALTH_PATH) {
            match self.guard.admit(&request) {
                Ok(principal) => {
                    request.extensions_mut().insert(principal);
                    request.extensions_mut().insert(Path(path.clone()))
                }
                Err(error) => return Box::pin(std::future::ready(Ok(status(&error).into_http()))),
            };
        }
        let span = tracing::info_span!(
            "rpc",
            otel.name = path.trim_start_matches('/'),
            otel.kind = "server",
            rpc.system = "grpc",
            rpc.grpc.status_code = tracing::field::Empty,
        );
        let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        events::trace::continue_from(&span, traceparent);
        // The clone takes the place of the service that `poll_ready` made ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let durations = self.guard.durations.clone();
        Box::pin(
            async move {
                let start = tokio::time::Instant::now();
                let response = inner.call(request).await;
                let code = response.as_ref().ok().and_then(|r| Status::from_header_map(r.headers()));
                let code = code.map_or(0, |status| status.code() as i64);
                tracing::Span::current().record("rpc.grpc.status_code", code);
                durations.record(
                    start.elapsed().as_secs_f64(),
                    &[KeyValue::new("rpc.method", path), KeyValue::new("rpc.grpc.status_code", code)],
                );
                response
            }
            .instrument(span),
        )
    }
}

/// A channel to another service.
pub type ServiceChannel = InterceptedService<Channel, Traced>;

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Not an address.
    #[error("{0:?} is not an address such as https://127.0.0.1:7411")]
    Malformed(String),
    /// Services talk to each other over TLS alone.
    #[error("{0:?} must begin with https://")]
    Plain(String),
    /// The certificates are of no use.
    #[error("cannot use this service's certificate")]
    Identity(#[source] tonic::transport::Error),
}

/// A channel to the service `peer` at `address`, opened with the first call. Calls are made as whom
/// `identity` names, within the current trace.
pub fn channel(address: &str, peer: &str, identity: &Identity) -> Result<ServiceChannel, AddressError> {
    Ok(InterceptedService::new(forwarding_channel(address, peer, identity)?, Traced))
}

/// Why adapters can't be called.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// Not a name.
    #[error("adapters.{0} is no provider's name")]
    Name(String),
    /// Not an address.
    #[error("adapters.{provider}")]
    Address {
        /// Whose.
        provider: String,
        /// What is wrong.
        #[source]
        source: AddressError,
    },
}

/// Channels to the adapters of providers, of which section `[adapters]` says where they are.
pub fn adapter_channels(
    addresses: &BTreeMap<String, String>,
    identity: &Identity,
) -> Result<BTreeMap<String, ServiceChannel>, AdapterError> {
    let open = |(name, address): (&String, &String)| {
        let provider: ProviderName = name.parse().map_err(|_| AdapterError::Name(name.clone()))?;
        let channel = channel(address, &format!("{provider}-adapter"), identity)
            .map_err(|source| AdapterError::Address { provider: name.clone(), source })?;
        Ok((name.clone(), channel))
    };
    addresses.iter().map(open).collect()
}

/// A channel to the service `peer` at `address` that adds nothing to its calls.
pub fn forwarding_channel(address: &str, peer: &str, identity: &Identity) -> Result<Channel, AddressError> {
    let endpoint = endpoint(address)?;
    // Without it the connection would be a plain one, whatever its settings say.
    if endpoint.uri().scheme_str() != Some("https") {
        return Err(AddressError::Plain(address.to_owned()));
    }
    let endpoint = endpoint.tls_config(identity.client(peer)).map_err(AddressError::Identity)?;
    Ok(endpoint.connect_lazy())
}

/// A channel to the gateway, which takes plain connections, from outside.
pub fn outside_channel(address: &str) -> Result<Channel, AddressError> {
    Ok(endpoint(address)?.connect_lazy())
}

fn endpoint(address: &str) -> Result<Endpoint, AddressError> {
    let endpoint = Endpoint::from_shared(address.to_owned());
    Ok(endpoint
        .map_err(|_| AddressError::Malformed(address.to_owned()))?
        .connect_timeout(Duration::from_secs(5))
        .timeout(REQUEST_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_while_idle(true))
}

/// Adds the current trace to each call.
#[derive(Debug, Clone, Copy)]
pub struct Traced;

impl Interceptor for Traced {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(traceparent) = events::trace::current().and_then(|text| text.parse().ok()) {
            request.metadata_mut().insert("traceparent", traceparent);
        }
        Ok(request)
    }
}

/// A channel that calls as the operator of the platform.
pub type OperatorChannel = InterceptedService<Channel, Operator>;

/// A channel to the gateway that calls as the operator of the platform, with tokens by `signer`.
pub fn operator_channel(
    gateway: &str,
    signer: Signer,
    clock: Arc<dyn Clock>,
) -> Result<OperatorChannel, AddressError> {
    let operator = Operator { signer, clock, token: Arc::default() };
    Ok(InterceptedService::new(outside_channel(gateway)?, operator))
}

/// A token, and when to make the next one.
type CachedToken = (MetadataValue<tonic::metadata::Ascii>, Timestamp);

/// Adds the operator's token to each call.
#[derive(Clone)]
pub struct Operator {
    signer: Signer,
    clock: Arc<dyn Clock>,
    token: Arc<Mutex<Option<CachedToken>>>,
}

impl Operator {
    fn token(&self) -> MetadataValue<tonic::metadata::Ascii> {
        let now = self.clock.now();
        let mut cached = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some((token, renew_at)) if now < *renew_at => token.clone(),
            _ => {
                let token = self.signer.issue(&Principal::operator(), chrono::Duration::minutes(10));
                let token: MetadataValue<_> =
                    format!("Bearer {token}").parse().expect("a token is printable ASCII");
                *cached = Some((token.clone(), now + chrono::Duration::minutes(5)));
                token
            }
        }
    }
}

impl Interceptor for Operator {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.token());
        Traced.call(request)
    }
}
