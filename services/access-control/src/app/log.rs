//! The access log as it is, and as it grows.

use std::sync::Arc;
use std::time::Duration;

use chassis::paging::Page;
use domain::WorkspaceId;
use futures::stream::{self, Stream};
use proto::access::v1 as pb;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use super::App;
use crate::error::Error;
use crate::live::Watch;
use crate::model::LogFilter;
use crate::store::access_log;

/// A watch lives no longer than a token does: who may see no more, soon doesn't.
const LIFE: Duration = Duration::from_secs(600);
/// Reads this often even if nobody called, in case a call was missed.
const POLL: Duration = Duration::from_secs(10);
/// Entries that are sent at once.
const BATCH: i64 = 500;

/// A watch under way.
struct Watching {
    app: Arc<App>,
    workspace: WorkspaceId,
    filter: LogFilter,
    watch: Watch,
    /// The last entry that was looked at; `None`: it begins with the next one.
    after: Option<i64>,
    ends_at: Instant,
}

impl App {
    /// Entries, newest first.
    pub(crate) async fn list_access_log(
        &self,
        workspace: WorkspaceId,
        filter: &LogFilter,
        page: Page,
    ) -> Result<pb::ListAccessLogResponse, Error> {
        let before = if page.after.is_nil() { i64::MAX } else { sequence_of(page.after) };
        let mut tx = self.pool.begin(workspace).await?;
        let mut entries = access_log::before(&mut tx, workspace, filter, before, page.limit).await?;
        let next_page_token = page.finish(&mut entries, |entry| key_of(entry.sequence));
        Ok(pb::ListAccessLogResponse { entries, next_page_token })
    }

    /// Entries as they are added, after one that is named, or from now on.
    pub(crate) fn watch_access_log(
        self: Arc<Self>,
        workspace: WorkspaceId,
        filter: LogFilter,
        after: Option<i64>,
    ) -> Result<impl Stream<Item = Result<pb::WatchAccessLogResponse, Error>>, Error> {
        let watch = self.additions.begin(workspace)?;
        let ends_at = Instant::now() + LIFE;
        let watching = Watching { app: self, workspace, filter, watch, after, ends_at };
        Ok(stream::try_unfold(watching, async |mut watching| {
            Ok(watching.next().await?.map(|answer| (answer, watching)))
        }))
    }
}

impl Watching {
    /// The next answer, once there is something to say; `None` at the end of its life. The first one comes at once, be
    /// it empty: then the watch has begun.
    async fn next(&mut self) -> Result<Option<pb::WatchAccessLogResponse>, Error> {
        let mut is_first = false;
        loop {
            let mut tx = self.app.pool.begin(self.workspace).await?;
            let after = match self.after {
                Some(after) => after,
                None => {
                    is_first = true;
                    access_log::last(&mut tx, self.workspace).await?
                }
            };
            let entries = access_log::after(&mut tx, self.workspace, &self.filter, after, BATCH).await?;
            drop(tx);
            self.after = Some(entries.last().map_or(after, |entry| entry.sequence));
            if is_first || !entries.is_empty() {
                return Ok(Some(pb::WatchAccessLogResponse { entries }));
            }
            tokio::select! {
                () = sleep_until(self.ends_at) => return Ok(None),
                woken = timeout(POLL, self.watch.changed()) => woken.unwrap_or(Ok(()))?,
            }
        }
    }
}

/// A page's key, of a sequence.
fn key_of(sequence: i64) -> Uuid {
    Uuid::from_u128(sequence.unsigned_abs().into())
}

fn sequence_of(key: Uuid) -> i64 {
    i64::try_from(key.as_u128()).unwrap_or(i64::MAX)
}
