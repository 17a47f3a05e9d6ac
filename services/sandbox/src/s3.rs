//! The S3 twin: buckets in a folder, served by the `s3s` crates, which check real signatures: of headers and of
//! presigned links, with their ends and with what they bind (method, key, length, type).
//!
//! Listens at a port of its own, for the path is part of what is signed, so there can be no prefix before it. Signatures
//! go by the machine's clock, not by the sandbox's: clients sign with theirs. Deliberately absent: lifecycle rules,
//! versions, bucket policies (rights belong to keys), virtual-hosted addresses.

mod access;
mod control;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, header};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::cors::CorsLayer;

use crate::guard::Guard;
use crate::server::accept;
use crate::{Twin, Vendor};

/// Connections that it serves at once; further ones wait.
const CONNECTIONS_MAX: usize = 256;

/// What the S3 twin takes as configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it is reached. None: nowhere, until it is [opened](S3::open).
    pub listen: Option<SocketAddr>,
    /// Where buckets and what is in them lie. None: in a folder that goes with the process.
    pub folder: Option<PathBuf>,
    /// Where the buckets are said to be. Default: `us-east-1`.
    pub region: String,
    /// Those that are there from the start.
    pub buckets: Vec<String>,
    /// Access keys, by themselves.
    pub keys: BTreeMap<String, Key>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            folder: None,
            region: "us-east-1".to_owned(),
            buckets: Vec::new(),
            keys: BTreeMap::new(),
        }
    }
}

/// An access key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    /// What it signs with.
    pub secret: String,
    /// Operations that it has no right to, by S3's names, such as `PutObject`.
    pub denied: BTreeSet<String>,
}

/// The S3 twin.
pub struct S3 {
    config: Config,
    folder: Folder,
    guard: Guard,
    keys: Arc<Mutex<BTreeMap<String, Key>>>,
    address: Mutex<Option<SocketAddr>>,
    tracker: TaskTracker,
    shutdown: CancellationToken,
}

/// Where everything lies.
enum Folder {
    Kept(PathBuf),
    Passing(TempDir),
}

impl S3 {
    pub(crate) fn new(config: Config, guard: Guard) -> std::io::Result<Self> {
        let folder = match &config.folder {
            Some(path) => Folder::Kept(path.clone()),
            None => Folder::Passing(TempDir::with_prefix("latchkey-s3-")?),
        };
        let this = Self {
            keys: Arc::new(Mutex::new(config.keys.clone())),
            folder,
            guard,
            address: Mutex::default(),
            tracker: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            config,
        };
        this.make_buckets()?;
        Ok(this)
    }

    /// Has it served there. The address, with the port that it got.
    pub async fn open(self: &Arc<Self>, listen: SocketAddr) -> std::io::Result<SocketAddr> {
        let service = self.service().map_err(|error| std::io::Error::other(format!("{error:?}")))?;
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let store = Router::new().fallback(move |request: Request| serve(service.clone(), request));
        // As a bucket whose CORS rules let every page in.
        let router = self.guard.before(self.clone(), store).layer(CorsLayer::permissive());
        self.tracker.spawn(accept(listener, None, router, CONNECTIONS_MAX, self.shutdown.clone()));
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        Ok(address)
    }

    /// Where it is served, if it is.
    pub fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens it where the configuration says.
    pub(crate) async fn open_configured(self: &Arc<Self>) -> std::io::Result<()> {
        match self.config.listen {
            Some(listen) => self.open(listen).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Serves it no longer.
    pub(crate) async fn close(&self) {
        self.shutdown.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Adds an access key, or replaces it.
    pub fn put_key(&self, id: impl Into<String>, key: Key) {
        self.lock().insert(id.into(), key);
    }

    /// Takes an access key back; whether it was there.
    pub fn revoke_key(&self, id: &str) -> bool {
        self.lock().remove(id).is_some()
    }

    /// The folder of a bucket: a file for each object, by its key.
    pub fn bucket(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn root(&self) -> &std::path::Path {
        match &self.folder {
            Folder::Kept(path) => path,
            Folder::Passing(folder) => folder.path(),
        }
    }

    fn make_buckets(&self) -> std::io::Result<()> {
        std::fs::create_dir_all(self.root())?;
        self.config.buckets.iter().try_for_each(|name| std::fs::create_dir_all(self.bucket(name)))
    }

    fn service(&self) -> Result<S3Service, s3s_fs::Error> {
        let mut service = S3ServiceBuilder::new(FileSystem::new(self.root())?);
        service.set_auth(access::Keys(self.keys.clone()));
        service.set_access(access::Rights { keys: self.keys.clone(), region: self.config.region.clone() });
        Ok(service.build())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(service: S3Service, request: Request) -> Response {
    match service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::warn!(error = ?error, "S3's twin can't answer");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Twin for S3 {
    fn vendor(&self) -> Vendor {
        Vendor::S3
    }

    /// Below the sandbox's prefix there is nothing but the word where it is.
    fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(move || {
            let place = self.address().map_or("nowhere".to_owned(), |address| format!("http://{address}"));
            async move { (StatusCode::MISDIRECTED_REQUEST, format!("S3 is served at {place}\n")) }
        })
    }

    fn control(self: Arc<Self>) -> Router {
        control::router(self)
    }

    /// The access key.
    fn account(&self, request: &Parts) -> Option<String> {
        let id = credential(request)?;
        self.lock().contains_key(&id).then_some(id)
    }

    fn error_body(&self, status: StatusCode) -> Value {
        // Faults whose bodies matter name them: S3 answers XML.
        json!({ "Code": status.canonical_reason().unwrap_or("Error") })
    }

    fn save(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&*self.lock())
    }

    fn restore(&self, saved: Value) -> Result<(), serde_json::Error> {
        *self.lock() = serde_json::from_value(saved)?;
        Ok(())
    }

    fn reset(&self) {
        *self.lock() = self.config.keys.clone();
        let emptied = std::fs::read_dir(self.root()).and_then(|entries| {
            entries.flatten().try_for_each(|entry| match entry.path() {
                path if path.is_dir() => std::fs::remove_dir_all(path),
                path => std::fs::remove_file(path),
            })
        });
        if let Err(error) = emptied.and_then(|()| self.make_buckets()) {
            tracing::warn!(%error, "S3's twin was not emptied");
        }
    }
}

/// The access key that a request names, in its header or its query.
fn credential(request: &Parts) -> Option<String> {
    let in_header = request
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once("Credential="))
        .map(|(_, rest)| rest);
    let in_query = || request.uri.query()?.split_once("X-Amz-Credential=").map(|(_, rest)| rest);
    let scope = in_header.or_else(in_query)?;
    scope.split(['/', '%']).next().filter(|id| !id.is_empty()).map(str::to_owned)
}
