//! The contract's methods: check, call, convert back; nothing else.

use std::str::FromStr;
use std::sync::Arc;

use chassis::idempotency::Intent;
use chassis::input::{Input, timestamp};
use chassis::paging::Page;
use chassis::rpc::{principal, refuse};
use domain::WorkspaceId;
use domain::names::{FileName, NameError, WorkspaceName};
use proto::storage::v1 as pb;
use proto::storage::v1::file_service_server::{FileService, FileServiceServer};
use secrecy::ExposeSecret as _;
use tonic::{Request, Response, Status};

use crate::app::{App, Begun};
use crate::convert;
use crate::error::Error;
use crate::model::{Caller, NewFile};

/// Bytes of a file that comes with its request.
const CONTENT_BYTES_MAX: usize = 3 * 1024 * 1024;

pub(crate) struct Files {
    app: Arc<App>,
}

pub(crate) fn file_service(app: Arc<App>) -> FileServiceServer<Files> {
    FileServiceServer::new(Files { app })
}

#[tonic::async_trait]
impl FileService for Files {
    async fn start_upload(
        &self,
        request: Request<pb::StartUploadRequest>,
    ) -> Result<Response<pb::StartUploadResponse>, Status> {
        let principal = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        let caller = Caller::of(&principal, workspace).map_err(refuse)?;
        let new = new_file(workspace, caller, message.file.as_ref(), ("size_bytes", message.size_bytes))?;
        let intent = Intent::of(&principal, workspace, "StartUpload", &message.request_id, &message);
        let intent = intent.map_err(refuse)?;
        let begun = self.app.start_upload(workspace, caller, new, message.size_bytes, intent).await;
        let Begun { file, upload } = begun.map_err(refuse)?;
        let (file, upload) = (Some(convert::file(&file)), Some(convert::signed(upload)));
        Ok(Response::new(pb::StartUploadResponse { file, upload }))
    }

    async fn complete_upload(
        &self,
        request: Request<pb::CompleteUploadRequest>,
    ) -> Result<Response<pb::CompleteUploadResponse>, Status> {
        let principal = principal(&request)?;
        let FileName { workspace, id } = name("name", &request.get_ref().name)?;
        let caller = Caller::of(&principal, workspace).map_err(refuse)?;
        let file = self.app.complete_upload(workspace, caller, id).await.map_err(refuse)?;
        Ok(Response::new(pb::CompleteUploadResponse { file: Some(convert::file(&file)) }))
    }

    async fn put_file(
        &self,
        request: Request<pb::PutFileRequest>,
    ) -> Result<Response<pb::PutFileResponse>, Status> {
        let principal = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        let caller = Caller::of(&principal, workspace).map_err(refuse)?;
        let length = message.content.len();
        let size = i64::try_from(length).unwrap_or(i64::MAX);
        let new = new_file(workspace, caller, message.file.as_ref(), ("content", size))?;
        if length > CONTENT_BYTES_MAX {
            let mut input = Input::new();
            let most = format!("must be at most {CONTENT_BYTES_MAX} bytes; send larger files by StartUpload");
            input.refuse("content", most);
            input.finish().map_err(refuse)?;
        }
        let intent = Intent::of(&principal, workspace, "PutFile", &message.request_id, &message);
        let intent = intent.map_err(refuse)?;
        let file = self.app.put_file(workspace, caller, new, message.content.into(), intent).await;
        let file = Some(convert::file(&file.map_err(refuse)?));
        Ok(Response::new(pb::PutFileResponse { file }))
    }

    async fn get_file(
        &self,
        request: Request<pb::GetFileRequest>,
    ) -> Result<Response<pb::GetFileResponse>, Status> {
        let principal = principal(&request)?;
        let FileName { workspace, id } = name("name", &request.get_ref().name)?;
        let caller = Caller::of(&principal, workspace).map_err(refuse)?;
        let file = self.app.get_file(workspace, caller, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetFileResponse { file: Some(convert::file(&file)) }))
    }

    async fn list_files(
        &self,
        request: Request<pb::ListFilesRequest>,
    ) -> Result<Response<pb::ListFilesResponse>, Status> {
        let principal = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        let caller = Caller::of(&principal, workspace).map_err(refuse)?;
        let mut person = convert::person("person", workspace, &message.person).map_err(refuse)?;
        let kind = convert::kind(message.kind());
        // Whoever may not read all of a kind lists their own.
        if !kind.is_some_and(|kind| caller.is(kind.rules().read, None)) {
            match person {
                Some(other) if !caller.speaks_for(person) => {
                    return Err(refuse(Error::PersonNotFound(other)));
                }
                _ => person = person.or(caller.own()),
            }
        }
        let mut input = Input::new();
        let kind = input.required("kind", kind);
        let subject = convert::subject(&mut input, "subject", workspace, &message.subject);
        let (kind, subject) = input.finish_with(kind.zip(subject)).map_err(refuse)?;
        if person.is_none() && !caller.is(kind.rules().read, None) {
            return Err(refuse(Error::KindNotYours(kind, "list")));
        }
        let number = message.kind.to_string();
        let binding = ["ListFiles", &message.parent, &number, &message.person, &message.subject];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        let answer = self.app.list_files(workspace, kind, person, &subject, page).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn create_download_link(
        &self,
        request: Request<pb::CreateDownloadLinkRequest>,
    ) -> Result<Response<pb::CreateDownloadLinkResponse>, Status> {
        let principal = principal(&request)?;
        let message = request.into_inner();
        let FileName { workspace, id } = name("name", &message.name)?;
        let caller = Caller::of(&principal, workspace).map_err(refuse)?;
        let side = message.thumbnail_side;
        let link = self.app.link(workspace, caller, id, side, message.is_shown).await.map_err(refuse)?;
        Ok(Response::new(pb::CreateDownloadLinkResponse {
            url: link.url.expose_secret().to_owned(),
            expire_time: link.ends_at.map(timestamp),
        }))
    }

    async fn delete_file(
        &self,
        request: Request<pb::DeleteFileRequest>,
    ) -> Result<Response<pb::DeleteFileResponse>, Status> {
        let principal = principal(&request)?;
        let FileName { workspace, id } = name("name", &request.get_ref().name)?;
        let caller = Caller::of(&principal, workspace).map_err(refuse)?;
        let file = self.app.delete_file(workspace, caller, id).await.map_err(refuse)?;
        Ok(Response::new(pb::DeleteFileResponse { file: Some(convert::file(&file)) }))
    }

    async fn get_storage_usage(
        &self,
        request: Request<pb::GetStorageUsageRequest>,
    ) -> Result<Response<pb::GetStorageUsageResponse>, Status> {
        let principal = principal(&request)?;
        let WorkspaceName(workspace) = name("parent", &request.get_ref().parent)?;
        principal.manages(workspace).map_err(refuse)?;
        let usage = self.app.usage(workspace).await.map_err(refuse)?;
        Ok(Response::new(pb::GetStorageUsageResponse {
            used_bytes: usage.used_bytes,
            files: usage.files,
            quota_bytes: self.app.files.quota_bytes,
        }))
    }
}

/// A name in a field of a request.
fn name<T: FromStr<Err = NameError>>(field: &str, text: &str) -> Result<T, Status> {
    let mut input = Input::new();
    let parsed = input.parse(field, text);
    input.finish_with(parsed).map_err(refuse)
}

/// What somebody wants to put there. Whose it is comes first: what more is wrong is told to nobody whose business it
/// isn't.
fn new_file(
    workspace: WorkspaceId,
    caller: Caller,
    file: Option<&pb::NewFile>,
    size: (&str, i64),
) -> Result<NewFile, Status> {
    let mut input = Input::new();
    let file = input.required("file", file);
    let file = input.finish_with(file).map_err(refuse)?;
    let person = convert::person("file.person", workspace, &file.person).map_err(refuse)?;
    if let Some(other) = person.filter(|_| !caller.speaks_for(person)) {
        return Err(refuse(Error::PersonNotFound(other)));
    }
    convert::new_file(workspace, person.or(caller.own()), file, size).map_err(refuse)
}
