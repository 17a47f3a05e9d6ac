//! The access log as it is, and as it grows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::WorkspaceId;
use domain::names::PersonName;
use futures::stream::{self, Stream};
use proto::access::v1 as pb;
use sqlx::PgConnection;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use super::App;
use crate::audit;
use crate::convert;
use crate::error::Error;
use crate::facts::SOURCE;
use crate::live::Watch;
use crate::model::{LogFilter, Person, PresenceSearch, RETENTION_DAYS_DEFAULT};
use crate::sheet;
use crate::store::{access_log, person, retention};

/// A watch lives no longer than a token does: who may see no more, soon doesn't.
const LIFE: Duration = Duration::from_secs(600);
/// Reads this often even if nobody called, in case a call was missed.
const POLL: Duration = Duration::from_secs(10);
/// Entries that are sent at once.
const BATCH: i64 = 500;

/// Who was seen within this long may be inside, unless it is said otherwise; and at the most.
const SEEN_WITHIN: chrono::Duration = chrono::Duration::hours(12);
const SEEN_WITHIN_MAX: chrono::Duration = chrono::Duration::days(7);
/// People of one list.
const PRESENT_MAX: i64 = 1_000;

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
        let anchor = retention::anchor(&mut tx, workspace).await?;
        let anchor = anchor.map(|(sequence, hash)| pb::AccessLogAnchor { sequence, hash });
        let next_page_token = page.finish(&mut entries, |entry| key_of(entry.sequence));
        Ok(pb::ListAccessLogResponse { entries, next_page_token, anchor })
    }

    pub(crate) async fn get_log_settings(
        &self,
        workspace: WorkspaceId,
    ) -> Result<pb::AccessLogSettings, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let days = retention::find(&mut tx, workspace).await?;
        Ok(pb::AccessLogSettings { retention_days: days.unwrap_or(RETENTION_DAYS_DEFAULT) })
    }

    /// Has entries kept so many days.
    pub(crate) async fn update_log_settings(
        &self,
        workspace: WorkspaceId,
        days: i32,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::UpdateAccessLogSettingsResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let before = retention::find_for_update(change.conn(), workspace).await?;
        retention::set(change.conn(), workspace, days, now).await?;
        let before = before.unwrap_or(RETENTION_DAYS_DEFAULT);
        audit::log_retention(author, workspace, before, days, now).record(SOURCE, change.conn()).await?;
        let settings = Some(pb::AccessLogSettings { retention_days: days });
        Ok(change.commit(pb::UpdateAccessLogSettingsResponse { access_log_settings: settings }).await?)
    }

    /// Takes some entries away whose time is over. `false`: there are none.
    pub(crate) async fn prune_access_log(&self) -> Result<bool, Error> {
        let mut tx = self.platform.begin().await?;
        let has_found = retention::prune(&mut tx, RETENTION_DAYS_DEFAULT, self.clock.now()).await?;
        tx.commit().await?;
        Ok(has_found)
    }

    /// Entries as a table, oldest first. Each piece is read when the reader has taken the one before, in a transaction of
    /// its own: a slow reader holds nothing but a piece.
    pub(crate) fn export_access_log(
        self: Arc<Self>,
        workspace: WorkspaceId,
        filter: LogFilter,
        after: i64,
    ) -> impl Stream<Item = Result<Vec<u8>, Error>> {
        let begin = (self, filter, Some(after), true);
        stream::try_unfold(begin, move |(app, filter, after, is_first)| async move {
            let Some(after) = after else { return Ok(None) };
            let mut tx = app.pool.begin(workspace).await?;
            let entries = access_log::after(&mut tx, workspace, &filter, after, BATCH).await?;
            let names = names(&mut tx, &entries).await?;
            drop(tx);
            let is_full = i64::try_from(entries.len()) == Ok(BATCH);
            let next = entries.last().filter(|_| is_full).map(|entry| entry.sequence);
            Ok(Some((sheet::piece(&entries, &names, is_first), (app, filter, next, false))))
        })
    }

    /// Who may be inside.
    pub(crate) async fn list_present(
        &self,
        search: &PresenceSearch,
    ) -> Result<pb::ListPresentResponse, Error> {
        let PresenceSearch { workspace, location, since } = *search;
        let now = self.clock.now();
        let since = since.unwrap_or(now - SEEN_WITHIN).max(now - SEEN_WITHIN_MAX);
        let mut tx = self.pool.begin(workspace).await?;
        let mut seen = access_log::last_seen(&mut tx, workspace, location, since, PRESENT_MAX + 1).await?;
        let names = names(&mut tx, &seen).await?;
        let is_cut_short = i64::try_from(seen.len()).is_ok_and(|count| count > PRESENT_MAX);
        if is_cut_short {
            seen.pop();
        }
        let present = seen.into_iter().map(|entry| convert::presence(entry, &names)).collect();
        Ok(pb::ListPresentResponse { present, is_cut_short })
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

/// What the actors of entries are called, as far as they are people who are known.
async fn names(
    conn: &mut PgConnection,
    entries: &[pb::AccessLogEntry],
) -> Result<HashMap<String, String>, Error> {
    let actors: HashSet<PersonName> = entries.iter().filter_map(|entry| entry.actor.parse().ok()).collect();
    let keys: Vec<_> = actors.into_iter().map(|actor| (actor.workspace, actor.id)).collect();
    let people = person::find_many(conn, &keys).await?;
    let name = |it: Person| (PersonName { workspace: it.workspace, id: it.id }.to_string(), it.display_name);
    Ok(people.into_iter().map(name).collect())
}

/// A page's key, of a sequence.
fn key_of(sequence: i64) -> Uuid {
    Uuid::from_u128(sequence.unsigned_abs().into())
}

fn sequence_of(key: Uuid) -> i64 {
    i64::try_from(key.as_u128()).unwrap_or(i64::MAX)
}
