//! What Kisi's log says (Kisi API reference, Event sets): asked for, and then looked at until Kisi has the answer.

use std::time::Duration;

use chrono::SecondsFormat;
use domain::{Timestamp, Window};
use vendor_http::http::Method;

use super::client::KisiAccount;
use super::error::Error;
use super::wire::{
    AttemptsFilter, Event, EventSet, EventSetStatus, LockId, NewEventSet, NewEventSetFields, UserId,
};

/// How often an event set is looked at until Kisi is done with it, and how long after the time before.
const EVENT_SET_TRIES: u32 = 5;
const EVENT_SET_WAIT: Duration = Duration::from_millis(200);
/// The same for the log of all doors, for which nobody waits.
const LOG_TRIES: u32 = 20;
const LOG_WAIT: Duration = Duration::from_secs(1);
/// Pages of the log that are read at once.
const LOG_PAGES_MAX: usize = 2_000;

impl KisiAccount {
    /// The user's attempts to unlock the lock in the window, each with whether it opened; `None` if Kisi is not done
    /// with looking them up, or if they are more than a page.
    pub async fn find_unlocks(
        &self,
        lock: LockId,
        user: UserId,
        window: Window,
    ) -> Result<Option<Vec<bool>>, Error> {
        let attempts = AttemptsFilter {
            event_object_type: "Lock",
            event_object_id: lock,
            event_actor_type: "User",
            event_actor_id: user,
        };
        let id = self.ask_log(window, "lock.unlock", Some(attempts)).await?;
        let set = self.first_of_log(&id, EVENT_SET_TRIES, EVENT_SET_WAIT).await?;
        Ok(set.filter(|set| set.cursor.is_none()).map(|set| set.events.iter().map(|it| it.success).collect()))
    }

    /// All events of these types in the window, or an error.
    pub(crate) async fn list_events(&self, types: &str, window: Window) -> Result<Vec<Event>, Error> {
        let id = self.ask_log(window, types, None).await?;
        let first = self.first_of_log(&id, LOG_TRIES, LOG_WAIT).await?.ok_or(Error::LogIncomplete)?;
        let (mut events, mut cursor) = (first.events, first.cursor);
        for _ in 0..LOG_PAGES_MAX {
            let Some(at) = cursor else { return Ok(events) };
            let page = self.page_of_log(&id, Some(&at)).await?;
            if page.status != EventSetStatus::Finished || page.cursor.as_ref() == Some(&at) {
                return Err(Error::LogIncomplete);
            }
            events.extend(page.events);
            cursor = page.cursor;
        }
        Err(Error::LogIncomplete)
    }

    /// Asks the log a question; the id of the answer. Asking twice does no harm.
    async fn ask_log(
        &self,
        window: Window,
        event_type: &str,
        attempts: Option<AttemptsFilter<'_>>,
    ) -> Result<String, Error> {
        let time = |time: Timestamp| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let interval = &format!("{}/{}", time(window.start()), time(window.end()));
        let question = NewEventSet { event_set: NewEventSetFields { interval, event_type, attempts } };
        let call = self.call(Method::POST, "/event_sets", &["event_sets"], &[]).json(&question).idempotent();
        let asked: EventSet = self.send(call).await?.json()?;
        Ok(asked.id.to_string())
    }

    /// The first page of an answer; `None` if Kisi is not done with it for so long.
    async fn first_of_log(&self, id: &str, tries: u32, wait: Duration) -> Result<Option<EventSet>, Error> {
        for _ in 0..tries {
            let set = self.page_of_log(id, None).await?;
            if set.status == EventSetStatus::Finished {
                return Ok(Some(set));
            }
            tokio::time::sleep(wait).await;
        }
        Ok(None)
    }

    async fn page_of_log(&self, id: &str, cursor: Option<&str>) -> Result<EventSet, Error> {
        let cursor = cursor.map(|cursor| ("cursor", cursor));
        let query: Vec<_> = [("limit", "50")].into_iter().chain(cursor).collect();
        let call = self.call(Method::GET, "/event_sets/{id}", &["event_sets", id], &query);
        Ok(self.send(call).await?.json()?)
    }
}
