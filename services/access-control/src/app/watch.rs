//! Grants as they are, and as they change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{GrantId, WorkspaceId};
use futures::stream::{self, Stream};
use proto::access::v1 as pb;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::App;
use crate::convert;
use crate::error::Error;
use crate::live::Watch;
use crate::model::{Grant, GrantFilter};
use crate::store::grant;

/// Grants that one watch covers at most.
const GRANTS_MAX: usize = 1_000;

/// A watch lives no longer than a token does: who may see no more, soon doesn't.
const LIFE: Duration = Duration::from_secs(600);

/// The least time between two reads. What changes meanwhile is sent together.
const GAP: Duration = Duration::from_millis(200);

/// Reads this often even if nobody called, in case a call was missed.
const POLL: Duration = Duration::from_secs(10);

/// A watch under way.
struct Watching {
    app: Arc<App>,
    workspace: WorkspaceId,
    filter: GrantFilter,
    watch: Watch,
    /// As they were last sent; `None` before the first time.
    sent: Option<HashMap<GrantId, pb::Grant>>,
    ends_at: Instant,
}

impl App {
    /// Grants as they are now, and again whenever they change.
    pub(crate) fn watch_grants(
        self: Arc<Self>,
        workspace: WorkspaceId,
        filter: GrantFilter,
    ) -> Result<impl Stream<Item = Result<pb::WatchGrantsResponse, Error>>, Error> {
        let watch = self.watches.begin(workspace)?;
        let ends_at = Instant::now() + LIFE;
        let watching = Watching { app: self, workspace, filter, watch, sent: None, ends_at };
        Ok(stream::try_unfold(watching, async |mut watching| {
            Ok(watching.next().await?.map(|answer| (answer, watching)))
        }))
    }

    /// All grants that a filter covers.
    async fn covered(&self, workspace: WorkspaceId, filter: &GrantFilter) -> Result<Vec<Grant>, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let limit = i64::try_from(GRANTS_MAX).unwrap_or(i64::MAX).saturating_add(1);
        let grants = grant::list(&mut tx, workspace, filter, uuid::Uuid::nil(), limit).await?;
        if grants.len() > GRANTS_MAX { Err(Error::WatchTooWide) } else { Ok(grants) }
    }
}

impl Watching {
    /// The next answer, once there is something to say; `None` at the end of its life.
    async fn next(&mut self) -> Result<Option<pb::WatchGrantsResponse>, Error> {
        loop {
            if self.sent.is_some() {
                tokio::select! {
                    () = sleep_until(self.ends_at) => return Ok(None),
                    woken = timeout(POLL, self.watch.changed()) => woken.unwrap_or(Ok(()))?,
                }
                sleep(GAP).await;
            }
            let is_first = self.sent.is_none();
            let grants = self.app.covered(self.workspace, &self.filter).await?;
            let answer = news(self.sent.get_or_insert_default(), &grants);
            if is_first || !answer.grants.is_empty() || !answer.gone.is_empty() {
                return Ok(Some(answer));
            }
        }
    }
}

/// What is to be sent of `grants`, after what was `sent`.
fn news(sent: &mut HashMap<GrantId, pb::Grant>, grants: &[Grant]) -> pb::WatchGrantsResponse {
    let mut before = std::mem::take(sent);
    let mut answer = pb::WatchGrantsResponse::default();
    for grant in grants {
        let now = convert::grant(grant);
        if before.remove(&grant.id).as_ref() != Some(&now) {
            answer.grants.push(now.clone());
        }
        sent.insert(grant.id, now);
    }
    answer.gone = before.into_values().map(|grant| grant.name).collect();
    answer.gone.sort_unstable();
    answer
}
