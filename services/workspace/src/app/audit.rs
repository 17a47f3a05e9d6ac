//! The audit log, to read.

use std::sync::Arc;

use chassis::paging::Page;
use domain::{Timestamp, WorkspaceId};
use futures::{Stream, TryStreamExt as _, stream};
use proto::audit::v1 as pb;
use uuid::Uuid;

use super::App;
use crate::error::Error;
use crate::model::audit::AuditFilter;
use crate::store::audit as store;

/// Entries that an export holds in memory at most.
const EXPORT_PAGE: usize = 500;

impl App {
    pub(crate) async fn list_audit_entries(
        &self,
        workspace: WorkspaceId,
        filter: &AuditFilter,
        page: Page,
    ) -> Result<pb::ListAuditEntriesResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, filter, &page).await?;
        let next_page_token = page.finish(&mut rows, |entry| entry.id.uuid());
        let audit_entries = rows.into_iter().map(|entry| entry.told).collect();
        Ok(pb::ListAuditEntriesResponse { audit_entries, next_page_token })
    }

    /// All entries of a time, oldest first. Each page is read when the reader has taken the one before, in
    /// a transaction of its own: a slow reader holds nothing but a page.
    pub(crate) fn export_audit_entries(
        self: Arc<Self>,
        workspace: WorkspaceId,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> impl Stream<Item = Result<pb::AuditEntry, Error>> {
        let pages = stream::try_unfold(Some((start, Uuid::nil())), move |after| {
            let app = self.clone();
            async move {
                let Some(after) = after else { return Ok::<_, Error>(None) };
                let mut tx = app.pool.begin(workspace).await?;
                let rows = store::list_from(&mut tx, workspace, after, end, EXPORT_PAGE as i64).await?;
                let is_full = rows.len() == EXPORT_PAGE;
                let next = rows.last().filter(|_| is_full).map(|last| (Some(last.time), last.id.uuid()));
                Ok(Some((stream::iter(rows.into_iter().map(|row| Ok(row.told))), next)))
            }
        });
        pages.try_flatten()
    }
}
