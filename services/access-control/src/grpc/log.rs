//! `AccessLogService`.

use std::sync::Arc;

use chassis::auth::{Principal, Reach};
use chassis::idempotency::Intent;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{REQUEST_BYTES_MAX, author, principal, refuse};
use domain::WorkspaceId;
use domain::names::WorkspaceName;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use proto::access::v1 as pb;
use proto::access::v1::access_log_service_server::{AccessLogService, AccessLogServiceServer};
use tonic::{Request, Response, Status};

use super::Methods;
use crate::app::App;
use crate::convert;
use crate::model::LogFilter;

pub(crate) fn access_log_service(app: Arc<App>) -> AccessLogServiceServer<Methods> {
    AccessLogServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// The workspace of a request, and what of it is the caller's.
fn parent(text: &str, caller: &Principal) -> Result<(WorkspaceId, Reach), Status> {
    let mut input = Input::new();
    let parsed = input.parse("parent", text);
    let WorkspaceName(workspace) = input.finish_with(parsed).map_err(refuse)?;
    Ok((workspace, caller.reach(workspace).map_err(refuse)?))
}

#[tonic::async_trait]
impl AccessLogService for Methods {
    async fn list_access_log(
        &self,
        request: Request<pb::ListAccessLogRequest>,
    ) -> Result<Response<pb::ListAccessLogResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, reach) = parent(&message.parent, &caller)?;
        let filter = convert::log_filter(workspace, &message).map_err(refuse)?.within(&reach);
        let whole = format!(
            "{:?}",
            pb::ListAccessLogRequest { page_token: String::new(), page_size: 0, ..message.clone() }
        );
        let page = Page::read(message.page_size, &message.page_token, &["ListAccessLog", &whole]);
        let page = page.map_err(refuse)?;
        self.app.list_access_log(workspace, &filter, page).await.map(Response::new).map_err(refuse)
    }

    async fn get_access_log_settings(
        &self,
        request: Request<pb::GetAccessLogSettingsRequest>,
    ) -> Result<Response<pb::GetAccessLogSettingsResponse>, Status> {
        let caller = principal(&request)?;
        let (workspace, _) = parent(&request.get_ref().parent, &caller)?;
        let settings = self.app.get_log_settings(workspace).await.map_err(refuse)?;
        Ok(Response::new(pb::GetAccessLogSettingsResponse { access_log_settings: Some(settings) }))
    }

    async fn update_access_log_settings(
        &self,
        request: Request<pb::UpdateAccessLogSettingsRequest>,
    ) -> Result<Response<pb::UpdateAccessLogSettingsResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (workspace, _) = parent(&message.parent, &caller)?;
        let days = convert::new_retention(message.access_log_settings.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "UpdateAccessLogSettings", &message.request_id, &message)
            .map_err(refuse)?;
        let updated = self.app.update_log_settings(workspace, days, &author, intent).await;
        updated.map(Response::new).map_err(refuse)
    }

    async fn list_present(
        &self,
        request: Request<pb::ListPresentRequest>,
    ) -> Result<Response<pb::ListPresentResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, reach) = parent(&message.parent, &caller)?;
        let search = convert::presence_search(workspace, &message).map_err(refuse)?;
        // Of another's location nobody is there to see.
        let asked = LogFilter { locations: Some(vec![search.location]), ..LogFilter::default() };
        if asked.within(&reach).locations.is_none_or(|theirs| theirs.is_empty()) {
            return Ok(Response::new(pb::ListPresentResponse::default()));
        }
        self.app.list_present(&search).await.map(Response::new).map_err(refuse)
    }

    type ExportAccessLogStream = BoxStream<'static, Result<pb::ExportAccessLogResponse, Status>>;

    async fn export_access_log(
        &self,
        request: Request<pb::ExportAccessLogRequest>,
    ) -> Result<Response<Self::ExportAccessLogStream>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, reach) = parent(&message.parent, &caller)?;
        let after = message.after_sequence;
        let filter = convert::log_filter(workspace, &convert::as_listed(message)).map_err(refuse)?;
        let pieces = self.app.clone().export_access_log(workspace, filter.within(&reach), after);
        let answers = pieces.map_ok(|csv| pb::ExportAccessLogResponse { csv });
        Ok(Response::new(answers.map_err(refuse).boxed()))
    }

    type WatchAccessLogStream = BoxStream<'static, Result<pb::WatchAccessLogResponse, Status>>;

    async fn watch_access_log(
        &self,
        request: Request<pb::WatchAccessLogRequest>,
    ) -> Result<Response<Self::WatchAccessLogStream>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (workspace, reach) = parent(&message.parent, &caller)?;
        let location = convert::at(workspace, &message.location).map_err(refuse)?;
        let locations = location.map(|location| vec![location]);
        let filter = LogFilter { locations, ..LogFilter::default() }.within(&reach);
        let entries = self.app.clone().watch_access_log(workspace, filter, message.after_sequence);
        Ok(Response::new(entries.map_err(refuse)?.map_err(refuse).boxed()))
    }
}
