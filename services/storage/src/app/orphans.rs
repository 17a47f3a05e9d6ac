//! Objects that nobody knows of: told, and removed once they are old.

use std::collections::{HashMap, HashSet};

use chrono::Duration;
use domain::Timestamp;

use super::App;
use crate::error::Error;
use crate::model::{Key, Place, State};
use crate::objects::Listed;
use crate::store::file as store;

/// What a comparison of the bucket found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Objects in all.
    pub objects: usize,
    /// Those that nobody knows of, and that may be on their way yet.
    pub young: usize,
    /// Those that nobody knew of, and that are removed.
    pub removed: usize,
}

impl App {
    /// Compares all that lies in the bucket with what is known.
    pub(crate) async fn compare(&self) -> Result<Compared, Error> {
        let mut compared = Compared::default();
        for place in Place::ALL {
            let mut after = None;
            loop {
                let listing = self.objects()?.list(place, after).await?;
                self.compare_some(listing.objects, &mut compared).await?;
                after = listing.next;
                if after.is_none() {
                    break;
                }
            }
        }
        if compared.removed > 0 {
            let Compared { objects, young, removed } = compared;
            tracing::warn!(
                objects,
                young,
                removed,
                "there were objects that nobody knew of; they are removed"
            );
        }
        Ok(compared)
    }

    async fn compare_some(&self, listed: Vec<Listed>, compared: &mut Compared) -> Result<(), Error> {
        let ours: Vec<(Key, Listed)> =
            listed.into_iter().filter_map(|object| Some((Key::parse(&object.key)?, object))).collect();
        let wanted: HashSet<_> = ours.iter().map(|(key, _)| (key.workspace, key.name.clone())).collect();
        let mut conn = self.platform.acquire().await?;
        let alive = store::alive(&mut conn, &wanted).await?;
        drop(conn);
        let alive: HashMap<_, _> =
            alive.into_iter().map(|(workspace, name, state)| ((workspace, name), state)).collect();
        compared.objects += ours.len();
        for (key, object) in ours {
            let state = alive.get(&(key.workspace, key.name.clone()));
            if is_needed(&key, state.copied()) {
                continue;
            }
            if !is_old(&object, self.clock.now(), self.sweep.orphan_hours) {
                compared.young += 1;
                continue;
            }
            self.objects()?.delete(&object.key).await?;
            tracing::info!(workspace.id = %key.workspace, key = object.key, "an object that nobody knew of is removed");
            compared.removed += 1;
        }
        Ok(())
    }
}

/// Whether the file that an object belongs to needs it: what was sent, no longer than until it is stored.
fn is_needed(key: &Key, state: Option<State>) -> bool {
    match state {
        Some(State::Uploading | State::Checking) => true,
        Some(State::Stored) => key.place != Place::Staging,
        Some(State::Refused | State::Removed) | None => false,
    }
}

fn is_old(object: &Listed, now: Timestamp, hours: u32) -> bool {
    object.modified_at.is_some_and(|at| now - at >= Duration::hours(hours.into()))
}
