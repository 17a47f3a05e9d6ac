//! Rounds among an account's controllers: each is told the time and, when it is due, who may open what by a PIN; and what
//! it has written down is taken over.
//!
//! A controller keeps its log until that is acknowledged, and it is acknowledged once it is told for good: so how far it
//! was read stands at the controller alone, and nothing is left out, however long nobody could reach it.

use std::collections::{HashMap, VecDeque};

use domain::{ListedBoard, PersonId};
use door_adapter::{Account, ApplyError, DoorEvent, ProviderError};
use futures::future::join_all;
use futures::{Stream, TryStreamExt as _, stream};

use crate::boards::{ListedController, named};
use crate::driver::controller::Controller;
use crate::ledger::NotedList;
use crate::log::door_event;
use crate::offline::{Content, HORIZON, Head, Pin, PinHash, PinOwner, is_due, next_look};
use crate::provider::RelayProvider;

/// Logs that are still to be read, one after the other.
struct Reading {
    controllers: VecDeque<ListedController>,
    /// If the first one's is being read: what the controller calls itself, and up to which entry it was handed over.
    progress: Option<(String, u64)>,
    /// Why the first that could not be read could not.
    failed: Option<ProviderError>,
}

impl RelayProvider {
    /// Tells each controller what it has to know. One that can't be told hinders no other.
    pub(crate) async fn tell_controllers(&self, account: &Account) -> Result<(), ApplyError> {
        let controllers = self.boards.controllers(account)?;
        let told = controllers.iter().map(|(listed, controller)| async move {
            let told = async {
                self.tell_controller(account, listed, controller.as_ref().map_err(Clone::clone)?).await
            };
            told.await.map_err(|error| match error {
                ApplyError::Provider(error) => named(&listed.name, error).into(),
                error @ ApplyError::Ledger(_) => error,
            })
        });
        join_all(told).await.into_iter().collect()
    }

    async fn tell_controller(
        &self,
        account: &Account,
        listed: &ListedBoard,
        controller: &Controller,
    ) -> Result<(), ApplyError> {
        let now = self.clock.now();
        controller.tell_time(now).await?;
        let state = controller.state().await?;
        let noted = self.ledger.list(account.integration, &listed.name).await?;
        if !is_due(&noted, &state.controller, state.list.as_ref(), now) {
            return Ok(());
        }
        let rights = self.ledger.rights(account.integration).await?;
        let content = Content::of(&listed.name, &rights, &self.hashes(account).await?, now);
        let has = state.list.as_ref();
        let mut version = has.map(|has| has.version);
        // Who has no list, and needs none, is not sent one.
        if !content.is_empty() || has.is_some_and(|has| has.pins > 0) {
            let at = u64::try_from(now.timestamp_millis()).unwrap_or_default();
            let next = version.map_or(at, |version| at.max(version + 1));
            let head = Head {
                controller: state.controller.clone(),
                version: next,
                issued_at: now,
                valid_until: now + HORIZON,
            };
            controller.put_list(&content.sign(&head, account.integration, controller.key())).await?;
            version = Some(next);
        }
        let noted = NotedList {
            controller: Some(state.controller),
            version,
            due_at: next_look(&listed.name, &rights, now),
            change: noted.change,
        };
        Ok(self.ledger.note_list(account.integration, &listed.name, &noted).await?)
    }

    /// Everybody's PIN, as controllers have them.
    async fn hashes(&self, account: &Account) -> Result<HashMap<PersonId, PinHash>, ApplyError> {
        let sealed = self.ledger.pins(account.integration).await?;
        let hash = |(person, sealed): (PersonId, Vec<u8>)| {
            let owner = PinOwner { account: account.integration, person };
            let pin = Pin::open(&self.keys, owner, &sealed).map_err(|error| {
                tracing::error!(person.id = %person, %error, "a PIN can't be opened: it is in no list");
            });
            Some((person, pin.ok()?.hash()))
        };
        Ok(sealed.into_iter().filter_map(hash).collect())
    }

    /// What controllers have written down and nobody has taken over.
    pub(crate) fn read_controllers<'a>(
        &'a self,
        account: &'a Account,
    ) -> impl Stream<Item = Result<Vec<DoorEvent>, ApplyError>> + Send + 'a {
        let reading = async move {
            let controllers = self.boards.controllers(account)?.into();
            let start = Reading { controllers, progress: None, failed: None };
            Ok::<_, ApplyError>(stream::try_unfold(start, move |reading| read_on(account, reading)))
        };
        stream::once(reading).try_flatten()
    }
}

/// The next page. What was on the one before is told for good by now.
async fn read_on(
    account: &Account,
    mut reading: Reading,
) -> Result<Option<(Vec<DoorEvent>, Reading)>, ApplyError> {
    while let Some((listed, controller)) = reading.controllers.front() {
        match next_page(account, listed, controller, &mut reading.progress).await {
            Ok(Some(events)) => return Ok(Some((events, reading))),
            Ok(None) => {}
            Err(error) => {
                let error = named(&listed.name, error);
                reading.failed.get_or_insert(error);
            }
        }
        reading.progress = None;
        reading.controllers.pop_front();
    }
    reading.failed.map_or(Ok(None), |error| Err(error.into()))
}

async fn next_page(
    account: &Account,
    listed: &ListedBoard,
    controller: &Result<Controller, ProviderError>,
    progress: &mut Option<(String, u64)>,
) -> Result<Option<Vec<DoorEvent>>, ProviderError> {
    let controller = controller.as_ref().map_err(Clone::clone)?;
    let (name, told) = match progress {
        None => {
            let state = controller.state().await?;
            progress.insert((state.controller, state.log.acknowledged))
        }
        Some(progress) => {
            controller.acknowledge(progress.1).await?;
            progress
        }
    };
    let page = controller.log_after(*told).await?;
    if page.missing > 0 {
        tracing::error!(
            board = %listed.name, integration.id = %account.integration.id, missing = page.missing,
            "a controller's log was full: its oldest entries are lost"
        );
    }
    let Some(last) = page.entries.last() else { return Ok(None) };
    *told = last.seq;
    Ok(Some(page.entries.iter().filter_map(|entry| door_event(listed, name, entry)).collect()))
}
