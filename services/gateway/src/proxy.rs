//! Passes calls on, by the service in their path. Bodies and trailers stream through in both directions
//! as they are.

mod body;
mod headers;

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use chassis::identity::Identity;
use chassis::rpc::{REQUEST_BYTES_MAX, REQUEST_TIMEOUT};
use http::{Request, Response, Version};
use proto::Requirements;
use tokio::sync::Semaphore;
use tonic::TimeoutExpired;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt as _;

use self::body::{Answer, Upload};
use crate::config::{Config, SettingError};
use crate::refusal::Refusal;

/// An answer must begin within this time: a little before the server itself gives up, for what the server
/// says then is not what a browser can read.
const ANSWER_TIMEOUT: Duration = REQUEST_TIMEOUT.saturating_sub(Duration::from_secs(2));

/// Answers the calls that are not for the gateway's own methods.
#[derive(Clone)]
pub(crate) struct Proxy(Arc<Inner>);

struct Inner {
    routes: HashMap<String, Channel>,
    places: Arc<Semaphore>,
    stream_max: Duration,
}

impl Proxy {
    /// A proxy with the routes of the settings. Routes to the same service share a connection.
    pub(crate) fn new(config: &Config, identity: &Identity) -> Result<Self, SettingError> {
        let limits = &config.limits;
        if limits.requests_max == 0 {
            return Err(SettingError::Zero("requests_max"));
        }
        if limits.stream_seconds_max == 0 {
            return Err(SettingError::Zero("stream_seconds_max"));
        }
        let requirements = Requirements::of_contracts().map_err(SettingError::Undeclared)?;
        let mut channels: HashMap<&str, Channel> = HashMap::new();
        let mut by_service = HashMap::new();
        for (service, key) in &config.routes {
            // Must never come in from outside, whatever the settings say.
            if requirements.is_internal(service) {
                return Err(SettingError::Internal(service.clone()));
            }
            let channel = match channels.get(key.as_str()) {
                Some(channel) => channel.clone(),
                None => config.channel(key, identity)?,
            };
            channels.insert(key, channel.clone());
            by_service.insert(service.clone(), channel);
        }
        Ok(Self(Arc::new(Inner {
            routes: by_service,
            places: Arc::new(Semaphore::new(limits.requests_max.min(Semaphore::MAX_PERMITS))),
            stream_max: Duration::from_secs(limits.stream_seconds_max),
        })))
    }

    async fn pass(&self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let channel = service_of(request.uri().path())
            .and_then(|service| self.0.routes.get(service))
            .ok_or(Refusal::Unknown)?
            .clone();
        if headers::bytes(request.headers()) > headers::BYTES_MAX {
            return Err(Refusal::HeadersTooLarge);
        }
        if headers::content_length(request.headers()) > REQUEST_BYTES_MAX as u64 {
            return Err(Refusal::TooLarge);
        }
        // Held until the answer's last frame.
        let place = self.0.places.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let (mut parts, body) = request.into_parts();
        headers::prepare(&mut parts.headers, parts.extensions.get().copied());
        parts.version = Version::HTTP_2;
        let (upload, is_too_large) = Upload::new(body, REQUEST_BYTES_MAX);
        let request = Request::from_parts(parts, Body::new(upload));
        let end = tokio::time::Instant::now() + self.0.stream_max;
        match tokio::time::timeout(ANSWER_TIMEOUT, channel.oneshot(request)).await {
            Ok(Ok(response)) => Ok(response.map(|body| Body::new(Answer::new(body, place, end)))),
            // The upload broke the call off by itself.
            Ok(Err(_)) if is_too_large.get() => Err(Refusal::TooLarge),
            // The caller's own deadline, which the channel keeps.
            Ok(Err(error)) if has_cause::<TimeoutExpired>(&error) => Err(Refusal::TimedOut),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn Error, "the service behind can't be reached");
                Err(Refusal::Unreachable)
            }
            Err(_) => Err(Refusal::TimedOut),
        }
    }
}

impl tower::Service<Request<Body>> for Proxy {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = futures::future::BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let proxy = self.clone();
        Box::pin(async move {
            Ok(proxy.pass(request).await.unwrap_or_else(|refusal| refusal.status().into_http()))
        })
    }
}

/// The service in `/{service}/{method}`.
fn service_of(path: &str) -> Option<&str> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    (!method.is_empty() && !method.contains('/')).then_some(service)
}

fn has_cause<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| error.is::<E>())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::CONFIG_DEFAULTS;

    fn defaults() -> Config {
        chassis::config::load(CONFIG_DEFAULTS, BTreeMap::new()).unwrap().1
    }

    fn problem(change: impl FnOnce(&mut Config)) -> Option<String> {
        chassis::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let issued = local_infra::Certificates::ensure(folder.path()).unwrap().issue("gateway").unwrap();
        let identity = Identity::new(&issued.authority, issued.certificate, issued.key);
        let mut config = defaults();
        change(&mut config);
        Proxy::new(&config, &identity).err().map(|error| error.to_string())
    }

    #[test]
    fn a_path_names_a_service_and_a_method() {
        assert_eq!(service_of("/a.v1.B/C"), Some("a.v1.B"));
        for path in ["", "/", "/a.v1.B", "/a.v1.B/", "/a.v1.B/C/D", "a.v1.B/C"] {
            assert_eq!(service_of(path), None, "{path:?}");
        }
    }

    #[tokio::test]
    async fn what_is_internal_can_not_be_routed() {
        let service = "latchkey.integrations.v1.CredentialService";
        let route = |config: &mut Config| config.routes.insert(service.into(), "integrations".into());
        let refused = problem(|config| drop(route(config))).unwrap();
        assert!(refused.contains(service) && refused.contains("services alone"), "{refused}");
        assert_eq!(problem(|_| ()), None);
    }

    #[tokio::test]
    async fn a_service_must_be_somewhere_behind_tls() {
        for (address, problem_of) in [
            (None, "services.workspace must say where"),
            (Some("not an address"), "services.workspace"),
            (Some("http://127.0.0.1:1"), "services.workspace"),
        ] {
            let said = problem(|config| match address {
                None => drop(config.services.remove("workspace")),
                Some(address) => drop(config.services.insert("workspace".into(), address.into())),
            });
            assert!(said.as_ref().is_some_and(|text| text.starts_with(problem_of)), "{address:?}: {said:?}");
        }
    }

    /// Whoever adds a service to the contracts must say where it is, unless it is internal.
    #[test]
    fn every_service_of_the_contracts_is_routed_or_internal() {
        let set: prost_types::FileDescriptorSet = prost::Message::decode(proto::DESCRIPTORS).unwrap();
        let known: BTreeSet<String> = set
            .file
            .iter()
            .flat_map(|file| file.service.iter().map(|s| format!("{}.{}", file.package(), s.name())))
            .collect();
        let requirements = Requirements::of_contracts().unwrap();
        let open: BTreeSet<String> = known.into_iter().filter(|s| !requirements.is_internal(s)).collect();
        assert_eq!(open, defaults().routes.into_keys().collect());
    }
}
