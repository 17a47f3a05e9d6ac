//! Places and their locks, and locks that are operated.

use vendor_http::http::Method;

use super::client::{KisiAccount, PAGE};
use super::error::Error;
use super::wire::{Lock, LockId, Place, PlaceId};

impl KisiAccount {
    /// All places.
    pub async fn list_places(&self) -> Result<Vec<Place>, Error> {
        self.list("/places", "places", PAGE, &[("sort", "name")]).await
    }

    /// All locks, or those of one place.
    pub async fn list_locks(&self, place: Option<PlaceId>) -> Result<Vec<Lock>, Error> {
        let place = place.map(|place| place.to_string());
        let query: Vec<_> = place.iter().map(|place| ("place_id", place.as_str())).collect();
        self.list("/locks", "locks", PAGE, &query).await
    }

    /// The lock, unless deleted.
    pub async fn find_lock(&self, lock: LockId) -> Result<Option<Lock>, Error> {
        self.find(self.call(Method::GET, "/locks/{id}", &["locks", &lock.to_string()], &[])).await
    }

    /// The place, unless deleted.
    pub async fn find_place(&self, place: PlaceId) -> Result<Option<Place>, Error> {
        self.find(self.call(Method::GET, "/places/{id}", &["places", &place.to_string()], &[])).await
    }

    /// Opens the lock, as the key's owner, for as long as its hardware is set to. With an effect of
    /// `Unknown` the door may have opened.
    pub async fn unlock(&self, lock: LockId) -> Result<(), Error> {
        let id = lock.to_string();
        self.send_promptly(self.call(Method::POST, "/locks/{id}/unlock", &["locks", &id, "unlock"], &[]))
            .await
    }

    /// Has the lock open for nobody, or ends that. Twice is once.
    pub async fn set_lock_down(&self, lock: LockId, is_down: bool) -> Result<(), Error> {
        let (id, verb) = (lock.to_string(), lockdown(is_down));
        let template = if is_down { "/locks/{id}/lock_down" } else { "/locks/{id}/cancel_lockdown" };
        let call = self.call(Method::POST, template, &["locks", &id, verb], &[]);
        self.send_promptly(call.idempotent()).await
    }

    /// Has all locks of the place open for nobody, or ends that. Twice is once.
    pub async fn set_place_down(&self, place: PlaceId, is_down: bool) -> Result<(), Error> {
        let (id, verb) = (place.to_string(), lockdown(is_down));
        let template = if is_down { "/places/{id}/lock_down" } else { "/places/{id}/cancel_lockdown" };
        let call = self.call(Method::POST, template, &["places", &id, verb], &[]);
        self.send_promptly(call.idempotent()).await
    }
}

fn lockdown(is_down: bool) -> &'static str {
    if is_down { "lock_down" } else { "cancel_lockdown" }
}
