//! `AccessLogService`.

use std::sync::Arc;

use chassis::auth::{Principal, Reach};
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{REQUEST_BYTES_MAX, principal, refuse};
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
