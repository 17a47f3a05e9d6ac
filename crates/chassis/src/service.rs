//! A service as its parts, and how they run.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use events::{Consumer, ConsumerConfig, Handler, Publisher, PublisherConfig};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use proto::{Requirements, Undeclared};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::server::HealthReporter;
use tower::util::BoxCloneService;
use tower::{Layer as _, ServiceExt as _};

use crate::auth::Verifier;
use crate::deps::{BasicDeps, Deps};
use crate::identity::Identity;
use crate::postgres::MigrationSet;
use crate::rpc::{Guard, Guarded, REQUEST_TIMEOUT};

/// How long parts may take to finish once they are told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What is constant of a service with data of its own.
#[derive(Debug)]
pub struct Definition {
    /// Its name, such as `access-control`.
    pub name: &'static str,
    /// Its Postgres schema, such as `access_control`.
    pub schema: &'static str,
    /// The sets of migrations that make up its schema, beside those of the outbox and the requests.
    pub migrations: &'static [MigrationSet],
    /// Its `config.default.toml`.
    pub config_defaults: &'static str,
}

type Task = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>;
type Front = Box<dyn FnOnce(Guarded<Routes>) -> Routes + Send>;

/// A built service: gRPC methods and tasks, not yet running.
pub struct Service {
    name: &'static str,
    listener: Arc<TcpListener>,
    verifier: Verifier,
    identity: Identity,
    routes: Routes,
    front: Option<Front>,
    health: HealthReporter,
    tasks: Vec<(String, Task)>,
}

/// Why a service stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The port is of no use.
    #[error("{service} cannot serve")]
    Serve {
        /// Which.
        service: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The contracts do not say who may call a method.
    #[error("{service} does not start")]
    Undeclared {
        /// Which.
        service: &'static str,
        /// Which method.
        #[source]
        source: Undeclared,
    },
    /// A task ended, or panicked, though nobody told it to.
    #[error("task {task} of {service} ended by itself")]
    TaskEnded {
        /// Whose.
        service: &'static str,
        /// Which.
        task: String,
    },
}

impl Service {
    /// A service without parts, but with health and reflection.
    pub fn new(name: &'static str, deps: &BasicDeps) -> Self {
        let (health, health_service) = tonic_health::server::health_reporter();
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .expect("the descriptor set is generated");
        Self {
            name,
            listener: deps.listener.clone(),
            verifier: deps.verifier.clone(),
            identity: deps.identity.clone(),
            routes: Routes::new(health_service).add_service(reflection),
            front: None,
            health,
            tasks: Vec::new(),
        }
    }

    /// Adds gRPC methods.
    #[must_use]
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self
    }

    /// Adds what answers the requests that are for none of the methods. It stands behind the [`Guard`],
    /// as they do.
    #[must_use]
    pub fn fallback<S>(mut self, service: S) -> Self
    where
        S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let service = service.map_request(|request: Request<axum::body::Body>| request.map(Body::new));
        self.routes = self.routes.into_axum_router().fallback_service(service).into();
        self
    }

    /// Puts something before the [`Guard`]: plain HTTP beside gRPC, other ways to call. The service faces
    /// the outside then: HTTP/1.1 is taken too, TLS is ended before it, and callers have no certificates.
    #[must_use]
    pub fn front(mut self, front: impl FnOnce(Guarded<Routes>) -> Routes + Send + 'static) -> Self {
        self.front = Some(Box::new(front));
        self
    }

    /// Adds a task, which must run until the token it is given is cancelled.
    #[must_use]
    pub fn task<F>(
        mut self,
        name: impl Into<String>,
        task: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push((name.into(), Box::new(move |shutdown| task(shutdown).boxed())));
        self
    }

    /// Adds the publisher of the service's outbox and the removal of old rows.
    #[must_use]
    pub fn outbox(self, deps: &Deps, definition: &Definition) -> Self {
        let publisher = Publisher::new(
            deps.platform.clone(),
            deps.bus.clone(),
            definition.schema,
            PublisherConfig::default(),
        );
        let pool = deps.platform.clone();
        self.task("publisher", move |shutdown| publisher.run(shutdown))
            .task("retention", move |shutdown| crate::retention::run(pool, shutdown))
            .readiness(deps)
    }

    /// Adds a consumer.
    #[must_use]
    pub fn consumer<H: Handler>(self, deps: &Deps, config: ConsumerConfig, handler: H) -> Self {
        let name = config.name.clone();
        let config = ConsumerConfig { ack_wait: deps.bus.ack_wait(), ..config };
        let consumer =
            Consumer::new(deps.platform.clone(), deps.bus.clone(), deps.basic.clock.clone(), config, handler);
        self.task(name, move |shutdown| consumer.run(shutdown))
    }

    /// Reports NOT_SERVING while Postgres or NATS is away.
    fn readiness(self, deps: &Deps) -> Self {
        let (health, pool, bus) = (self.health.clone(), deps.platform.clone(), deps.bus.clone());
        self.task("readiness", async move |shutdown| {
            let mut ticks = tokio::time::interval(Duration::from_secs(2));
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    _ = ticks.tick() => {}
                }
                let is_ready = bus.is_connected() && sqlx::query("select 1").execute(&pool).await.is_ok();
                let status = if is_ready {
                    tonic_health::ServingStatus::Serving
                } else {
                    tonic_health::ServingStatus::NotServing
                };
                health.set_service_status("", status).await;
            }
        })
    }

    /// Where the service is reached.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The same as a URL: plain for what faces the outside, with TLS for the others.
    pub fn url(&self) -> std::io::Result<String> {
        let scheme = if self.front.is_some() { "http" } else { "https" };
        Ok(format!("{scheme}://{}", self.address()?))
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Serves until `shutdown`, then finishes what is under way, within a deadline. A part that ends by
    /// itself ends the whole: half a service is worse than one that is started again.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServiceError> {
        let service = self.name;
        let stop = shutdown.child_token();
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| ServiceError::Serve { service, source };
        let listener = self
            .listener
            .local_addr()
            .and_then(|_| duplicate(&self.listener))
            .map_err(|e| failed(e.into()))?;
        let mut server = tonic::transport::Server::builder();
        if self.front.is_none() {
            server = server.tls_config(self.identity.server()).map_err(|e| failed(e.into()))?;
        }
        let server = server
            .timeout(REQUEST_TIMEOUT)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .max_concurrent_streams(1_000)
            .accept_http1(self.front.is_some());
        let requirements =
            Requirements::of_contracts().map_err(|source| ServiceError::Undeclared { service, source })?;
        let guarded = Guard::new(self.verifier, requirements).layer(self.routes.prepare());
        let methods = match self.front {
            None => BoxCloneService::new(guarded),
            Some(front) => BoxCloneService::new(front(guarded)),
        };
        // An answer goes out in several small writes: none may wait for the other end's acknowledgement.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = server.serve_with_incoming_shutdown(methods, incoming, stop.clone().cancelled_owned());

        let mut tasks = JoinSet::new();
        for (name, task) in self.tasks {
            let future = task(stop.clone());
            tasks.spawn(async move {
                let outcome = std::panic::AssertUnwindSafe(future).catch_unwind().await;
                (name, outcome.is_err())
            });
        }
        let mut server = std::pin::pin!(server);
        let mut is_served = false;
        let outcome = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            served = &mut server => {
                is_served = true;
                served.map_err(|error| failed(error.into()))
            }
            Some(Ok((task, _))) = tasks.join_next(), if !tasks.is_empty() => {
                if shutdown.is_cancelled() { Ok(()) } else { Err(ServiceError::TaskEnded { service, task }) }
            }
        };
        stop.cancel();
        let drained = tokio::time::timeout(DRAIN, async {
            if !is_served {
                let _ = server.await;
            }
            while tasks.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!(service, "not drained in time; stopping all the same");
        }
        outcome
    }
}

/// Another handle of the same socket, for a server that wants to own its listener.
pub fn duplicate(listener: &TcpListener) -> std::io::Result<TcpListener> {
    use std::os::fd::AsFd as _;
    let copy = std::net::TcpListener::from(listener.as_fd().try_clone_to_owned()?);
    copy.set_nonblocking(true)?;
    TcpListener::from_std(copy)
}
