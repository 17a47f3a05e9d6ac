//! `AuditService`.

use chassis::input::{Input, InvalidInput};
use chassis::paging::Page;
use chassis::rpc::{principal, refuse};
use domain::Timestamp;
use domain::names::WorkspaceName;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use proto::audit::v1 as pb;
use proto::audit::v1::audit_service_server::AuditService;
use tonic::{Request, Response, Status};

use super::{Methods, parent};
use crate::model::audit::AuditFilter;

#[tonic::async_trait]
impl AuditService for Methods {
    async fn list_audit_entries(
        &self,
        request: Request<pb::ListAuditEntriesRequest>,
    ) -> Result<Response<pb::ListAuditEntriesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let (start, end) = times(message.start_time, message.end_time).map_err(refuse)?;
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let filter = AuditFilter { start, end, actor: text(&message.actor), subject: text(&message.subject) };
        let [from, until] = [start, end].map(|time| time.map_or_else(String::new, |time| time.to_rfc3339()));
        let binding = ["ListAuditEntries", &message.parent, &from, &until, &message.actor, &message.subject];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_audit_entries(workspace, &filter, page).await.map(Response::new).map_err(refuse)
    }

    type ExportAuditEntriesStream = BoxStream<'static, Result<pb::ExportAuditEntriesResponse, Status>>;

    async fn export_audit_entries(
        &self,
        request: Request<pb::ExportAuditEntriesRequest>,
    ) -> Result<Response<Self::ExportAuditEntriesStream>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let (start, end) = times(message.start_time, message.end_time).map_err(refuse)?;
        let entries = self.app.clone().export_audit_entries(workspace, start, end);
        let answers = entries.map_ok(|entry| pb::ExportAuditEntriesResponse { audit_entry: Some(entry) });
        Ok(Response::new(answers.map_err(refuse).boxed()))
    }
}

/// A range of time, open where a side is not set; not empty.
fn times(
    start: Option<pbjson_types::Timestamp>,
    end: Option<pbjson_types::Timestamp>,
) -> Result<(Option<Timestamp>, Option<Timestamp>), InvalidInput> {
    let mut input = Input::new();
    let start = start.and_then(|time| input.time("start_time", Some(&time)));
    let end = end.and_then(|time| input.time("end_time", Some(&time)));
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        input.refuse("end_time", "must be after start_time");
    }
    input.finish_with(Some((start, end)))
}
