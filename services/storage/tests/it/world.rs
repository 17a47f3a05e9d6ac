//! The service, S3's twin, and people who send files.

use std::time::Duration;

use chassis::auth::{Principal, Role};
use domain::names::{PersonName, WorkspaceName};
use domain::{PersonId, WorkspaceId};
use proto::storage::v1 as pb;
use proto::storage::v1::file_service_client::FileServiceClient;
use reqwest::{Method, StatusCode};
use sandbox::Sandbox;
use sandbox::s3::Key;
use storage::{ClamavConfig, Config, FilesConfig, S3Config, SweepConfig};
use testkit::{Bearer, Harness};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

pub(crate) const BUCKET: &str = "files";
const ACCESS_KEY: &str = "AKIATEST";
const SECRET_KEY: &str = "secret-of-the-test";

pub(crate) type Client = FileServiceClient<InterceptedService<Channel, Bearer>>;

pub(crate) struct World {
    pub harness: Harness,
    pub sandbox: Sandbox,
    pub workspace: WorkspaceId,
    pub address: String,
    /// What the service was given.
    pub deps: chassis::Deps,
    _shutdown: DropGuard,
    _serving: JoinSet<()>,
}

/// Somebody, and what they call by.
#[derive(Clone)]
pub(crate) struct Person {
    pub name: String,
    pub parent: String,
    pub client: Client,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(amend: impl FnOnce(&mut Config)) -> Self {
        let mut harness = Harness::new().await;
        let mut world = sandbox::Config::default();
        world.s3.listen = Some(([127, 0, 0, 1], 0).into());
        world.s3.buckets = vec![BUCKET.to_owned()];
        let key = Key { secret: SECRET_KEY.to_owned(), ..Key::default() };
        world.s3.keys = [(ACCESS_KEY.to_owned(), key)].into();
        let sandbox = Sandbox::new(world, harness.clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shutdown = CancellationToken::new();
        let (twins, stop) = (sandbox.clone(), shutdown.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { twins.serve(listener, stop).await.unwrap() });
        let opened = testkit::eventually("S3's twin is open", Duration::from_secs(10), async || {
            sandbox.s3().address().ok_or("not yet")
        });
        let mut config = config(format!("http://{}", opened.await));
        amend(&mut config);
        let deps = harness.deps(&storage::DEFINITION).await;
        let service = storage::build(config, deps.clone()).await.unwrap();
        let address = harness.run(service);
        let workspace = WorkspaceId::new();
        Self {
            harness,
            sandbox,
            workspace,
            address,
            deps,
            _shutdown: shutdown.drop_guard(),
            _serving: serving,
        }
    }

    /// Somebody of the workspace.
    pub(crate) fn person(&self, role: Role) -> Person {
        self.person_of(self.workspace, role)
    }

    /// Somebody of that workspace.
    pub(crate) fn person_of(&self, workspace: WorkspaceId, role: Role) -> Person {
        let id = PersonId::new();
        let channel =
            self.harness.channel_with(&self.address, &Principal::person(id.to_string(), workspace, role));
        Person {
            name: PersonName { workspace, id }.to_string(),
            parent: WorkspaceName(workspace).to_string(),
            client: FileServiceClient::new(channel),
        }
    }

    /// The keys of all objects, in order.
    pub(crate) fn objects(&self) -> Vec<String> {
        let root = self.sandbox.s3().bucket(BUCKET);
        let (mut folders, mut found) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => found.push(path.strip_prefix(&root).unwrap().to_string_lossy().into_owned()),
                }
            }
        }
        found.sort();
        found
    }

    /// Waits until that many objects are there. Which.
    pub(crate) async fn objects_are(&self, count: usize) -> Vec<String> {
        testkit::eventually("so many objects are there", Duration::from_secs(20), async || {
            let objects = self.objects();
            if objects.len() == count { Ok(objects) } else { Err(format!("{objects:?}")) }
        })
        .await
    }

    /// An answer of the service to the operator.
    pub(crate) async fn usage(&self) -> (i64, i64) {
        let admin = self.person(Role::Admin);
        let request = pb::GetStorageUsageRequest { parent: admin.parent };
        let usage = admin.client.clone().get_storage_usage(request).await.unwrap().into_inner();
        (usage.used_bytes, usage.files)
    }
}

fn config(endpoint: String) -> Config {
    Config {
        s3: S3Config {
            endpoint,
            public_endpoint: String::new(),
            region: "us-east-1".to_owned(),
            bucket: BUCKET.to_owned(),
            access_key_id: ACCESS_KEY.to_owned(),
            secret_access_key: SECRET_KEY.into(),
            path_style: true,
            encryption: "AES256".to_owned(),
            checksums: true,
            public_base_url: String::new(),
            attempt_timeout_ms: 10_000,
            call_timeout_ms: 20_000,
        },
        files: FilesConfig {
            quota_bytes: 2_000_000_000,
            upload_seconds: 600,
            link_seconds: 60,
            pictures_at_once: 1,
        },
        sweep: SweepConfig { poll_ms: 50, compare_seconds: 1, orphan_hours: 24 },
        clamav: ClamavConfig { address: String::new(), timeout_seconds: 10 },
    }
}

/// What somebody would like to put there.
pub(crate) fn new_file(kind: pb::FileKind, file_name: &str, content_type: &str) -> pb::NewFile {
    pb::NewFile {
        kind: kind.into(),
        file_name: file_name.to_owned(),
        content_type: content_type.to_owned(),
        ..Default::default()
    }
}

impl Person {
    pub(crate) async fn start(
        &self,
        file: pb::NewFile,
        bytes: usize,
    ) -> Result<pb::StartUploadResponse, Status> {
        let request = pb::StartUploadRequest {
            parent: self.parent.clone(),
            file: Some(file),
            size_bytes: i64::try_from(bytes).unwrap(),
            request_id: String::new(),
        };
        self.client.clone().start_upload(request).await.map(Response::into_inner)
    }

    pub(crate) async fn complete(&self, name: &str) -> Result<pb::File, Status> {
        let request = pb::CompleteUploadRequest { name: name.to_owned() };
        self.client.clone().complete_upload(request).await.map(|answer| answer.into_inner().file.unwrap())
    }

    /// Begins, sends as a browser does, and completes.
    pub(crate) async fn upload(&self, file: pb::NewFile, content: Vec<u8>) -> Result<pb::File, Status> {
        let begun = self.start(file, content.len()).await?;
        let sent = send(&begun.upload.unwrap(), content).await;
        assert_eq!(sent, StatusCode::OK);
        self.complete(&begun.file.unwrap().name).await
    }

    pub(crate) async fn put(&self, file: pb::NewFile, content: &[u8]) -> Result<pb::File, Status> {
        let request = pb::PutFileRequest {
            parent: self.parent.clone(),
            file: Some(file),
            content: content.to_vec(),
            request_id: String::new(),
        };
        self.client.clone().put_file(request).await.map(|answer| answer.into_inner().file.unwrap())
    }

    pub(crate) async fn get(&self, name: &str) -> Result<pb::File, Status> {
        let request = pb::GetFileRequest { name: name.to_owned() };
        self.client.clone().get_file(request).await.map(|answer| answer.into_inner().file.unwrap())
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<pb::File, Status> {
        let request = pb::DeleteFileRequest { name: name.to_owned() };
        self.client.clone().delete_file(request).await.map(|answer| answer.into_inner().file.unwrap())
    }

    pub(crate) async fn link_to(
        &self,
        request: pb::CreateDownloadLinkRequest,
    ) -> Result<pb::CreateDownloadLinkResponse, Status> {
        self.client.clone().create_download_link(request).await.map(Response::into_inner)
    }

    pub(crate) async fn link(&self, name: &str) -> Result<String, Status> {
        let request = pb::CreateDownloadLinkRequest { name: name.to_owned(), ..Default::default() };
        self.link_to(request).await.map(|answer| answer.url)
    }

    pub(crate) async fn list(
        &self,
        kind: pb::FileKind,
        person: &str,
        subject: &str,
    ) -> Result<Vec<String>, Status> {
        let request = pb::ListFilesRequest {
            parent: self.parent.clone(),
            kind: kind.into(),
            person: person.to_owned(),
            subject: subject.to_owned(),
            ..Default::default()
        };
        let answer = self.client.clone().list_files(request).await?.into_inner();
        Ok(answer.files.into_iter().map(|file| file.name).collect())
    }
}

/// A browser.
pub(crate) fn browser() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap()
}

/// Sends a file by a signed request.
pub(crate) async fn send(upload: &pb::SignedRequest, content: impl Into<reqwest::Body>) -> StatusCode {
    let method = Method::from_bytes(upload.method.as_bytes()).unwrap();
    let mut request = browser().request(method, &upload.url).body(content);
    for (name, value) in &upload.headers {
        request = request.header(name, value);
    }
    request.send().await.unwrap().status()
}

/// What a link leads to.
pub(crate) async fn fetch(url: &str) -> (StatusCode, reqwest::header::HeaderMap, Vec<u8>) {
    let answer = browser().get(url).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

/// The code and the reason of a refusal.
pub(crate) fn why<T: std::fmt::Debug>(refused: Result<T, Status>) -> (Code, String) {
    let status = refused.unwrap_err();
    let reason = status.get_error_details().error_info().map_or_else(String::new, |info| info.reason.clone());
    (status.code(), reason)
}

/// A PNG of so many pixels each way, in one colour; a small file.
pub(crate) fn png(side: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(side, side).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A PDF of so many bytes, as far as its beginning says.
pub(crate) fn pdf(bytes: usize) -> Vec<u8> {
    let mut content = b"%PDF-1.7\n".to_vec();
    content.resize(bytes, b'.');
    content
}
