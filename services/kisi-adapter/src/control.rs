//! Kisi's doors, operated on demand: they open for a moment, and are locked down. Kisi's API holds no door open, and
//! locks none (Kisi API reference, Locks).

use std::collections::HashMap;

use chrono::Duration;
use domain::{Timestamp, Window};
use door_adapter::{
    Abilities, AccessReason, Account, Action, Door, DoorControl, DoorProvider as _, DoorState, ErrorKind,
    Fate, Operated, Operation, ProviderError, PulseLength, Spot, cannot,
};

use crate::provider::{KisiProvider, failure};
use crate::vendor::wire::{GroupId, Lock, LockId, Place, PlaceId};
use crate::vendor::{Error, Line, Reason};

/// An unlock stands in Kisi's log around the time at which it was sent: clocks differ a little, and a call that was sent
/// is over by then.
const LOGGED_BEFORE: Duration = Duration::seconds(2);
const LOGGED_AFTER: Duration = Duration::seconds(10);
/// After this long Kisi's log has what it will have (Kisi API reference, Gotchas: the last minutes may be missing).
const LOG_SETTLES: Duration = Duration::minutes(10);

impl DoorControl for KisiProvider {
    async fn list_doors(&self, account: &Account) -> Result<Vec<Door>, ProviderError> {
        let kisi = self.open_promptly(account, Line::Doors)?;
        let places = kisi.list_places().await.map_err(failure)?;
        let places: HashMap<PlaceId, Place> = places.into_iter().map(|place| (place.id, place)).collect();
        let locks = kisi.list_locks(None).await.map_err(failure)?;
        let place = |lock: &Lock| lock.place_id.and_then(|id| places.get(&id));
        let mut doors: Vec<Door> = locks.iter().map(|lock| door(lock, place(lock))).collect();
        doors.sort_by(|a, b| (&a.display_name, &a.provider_ref).cmp(&(&b.display_name, &b.provider_ref)));
        Ok(doors)
    }

    async fn doors_of_group(&self, account: &Account, group_ref: &str) -> Result<Vec<String>, ProviderError> {
        let kisi = self.open_promptly(account, Line::Doors)?;
        let locks = kisi.list_locks_of_group(GroupId(id(group_ref)?)).await.map_err(failure)?;
        Ok(locks.iter().map(ToString::to_string).collect())
    }

    async fn read_door(&self, account: &Account, door_ref: &str) -> Result<Door, ProviderError> {
        let kisi = self.open_promptly(account, Line::Doors)?;
        let lock = kisi.find_lock(LockId(id(door_ref)?)).await.map_err(failure)?.ok_or_else(no_door)?;
        let place = match lock.place_id {
            Some(place) => kisi.find_place(place).await.map_err(failure)?,
            None => None,
        };
        Ok(door(&lock, place.as_ref()))
    }

    async fn operate(&self, account: &Account, operation: &Operation) -> Result<Operated, ProviderError> {
        let line = if operation.action.is_emergency() { Line::Emergency } else { Line::Doors };
        let kisi = self.open_promptly(account, line)?;
        let result = match (&operation.spot, operation.action) {
            // How long is the hardware's business.
            (Spot::Door(lock), Action::Pulse(None)) => kisi.unlock(LockId(id(lock)?)).await,
            (Spot::Door(lock), Action::LockDown) => kisi.set_lock_down(LockId(id(lock)?), true).await,
            (Spot::Door(lock), Action::LiftLockdown) => kisi.set_lock_down(LockId(id(lock)?), false).await,
            (Spot::Place(place), Action::LockDown) => kisi.set_place_down(PlaceId(id(place)?), true).await,
            (Spot::Place(place), Action::LiftLockdown) => {
                kisi.set_place_down(PlaceId(id(place)?), false).await
            }
            (_, Action::Pulse(_) | Action::HoldOpen(_) | Action::Lock) => {
                return Err(cannot(Self::DISPLAY_NAME));
            }
        };
        result.map(|()| Operated::default()).map_err(refusal)
    }

    /// Lockdowns are seen at the door or place. An unlock is found in Kisi's log, by the key's owner, the door and the
    /// time; of several nobody knows whose is which.
    async fn find_operation(
        &self,
        account: &Account,
        operation: &Operation,
        sent_at: Timestamp,
    ) -> Result<Fate, ProviderError> {
        let kisi = self.open_promptly(account, Line::Doors)?;
        let now = self.now();
        let is_down = match &operation.spot {
            Spot::Door(lock) if !operation.action.is_emergency() => {
                let window = Window::new(sent_at - LOGGED_BEFORE, sent_at + LOGGED_AFTER)
                    .expect("it ends after it begins");
                let owner = self.owner(account).await?;
                let found = kisi.find_unlocks(LockId(id(lock)?), owner, window).await.map_err(failure)?;
                return Ok(fate_of_unlock(found.as_deref(), now - sent_at));
            }
            Spot::Door(lock) => {
                let lock = kisi.find_lock(LockId(id(lock)?)).await.map_err(failure)?;
                lock.ok_or_else(no_door)?.locked_down
            }
            Spot::Place(place) => {
                let place = kisi.find_place(PlaceId(id(place)?)).await.map_err(failure)?;
                place.ok_or_else(no_door)?.locked_down
            }
        };
        let is_as_asked = is_down == (operation.action == Action::LockDown);
        Ok(match is_as_asked {
            true => Fate::Done,
            // The call may still be on its way.
            false if now - sent_at < LOGGED_AFTER => Fate::Unknown,
            false => Fate::NotDone,
        })
    }
}

/// What the attempts that Kisi's log has around the time say of one of them, so long after it was sent. `None`: the log
/// does not say.
fn fate_of_unlock(attempts: Option<&[bool]>, age: Duration) -> Fate {
    match attempts {
        Some([true]) => Fate::Done,
        Some([false]) => Fate::NotDone,
        Some([]) if age >= LOG_SETTLES => Fate::NotDone,
        _ => Fate::Unknown,
    }
}

fn door(lock: &Lock, place: Option<&Place>) -> Door {
    Door {
        provider_ref: lock.id.to_string(),
        display_name: lock.name.clone(),
        place_ref: lock.place_id.map(|id| id.to_string()),
        abilities: Abilities {
            pulse: lock.configured.then_some(PulseLength::Fixed),
            hold_max: None,
            can_lock: false,
            can_lock_down: true,
        },
        state: DoorState {
            is_locked: lock.unlocked.map(|is_unlocked| !is_unlocked),
            is_open: lock.open,
            is_online: lock.online,
            // A place that is locked down may not show at its locks.
            is_locked_down: Some(lock.locked_down || place.is_some_and(|place| place.locked_down)),
            held_until: None,
        },
    }
}

fn id(provider_ref: &str) -> Result<u64, ProviderError> {
    provider_ref.parse().map_err(|_| {
        let reason = format!("{provider_ref:?} is no id of Kisi's: choose the door again");
        ProviderError::new(ErrorKind::NotFound, reason)
    })
}

fn no_door() -> ProviderError {
    ProviderError::new(ErrorKind::NotFound, "Kisi has no such door any more")
}

/// What Kisi's refusal to operate a door means: 403 says many things.
fn refusal(error: Error) -> ProviderError {
    let Some(reason) = error.vendor().map(Reason::of) else { return failure(error) };
    let (kind, code, words) = match reason {
        Reason::LockedDown => {
            (ErrorKind::Rejected, AccessReason::DoorLockedDown, "the door is in lockdown at Kisi")
        }
        Reason::OutsideSchedule => {
            (ErrorKind::Rejected, AccessReason::DoorRestricted, "Kisi's own schedule keeps the door shut now")
        }
        Reason::Restricted => (
            ErrorKind::Rejected,
            AccessReason::DoorRestricted,
            "a restriction at Kisi keeps the door from being opened from afar",
        ),
        Reason::DoorUnknown => {
            (ErrorKind::NotFound, AccessReason::ProviderLacksDoor, "Kisi has no such door any more")
        }
        Reason::DoorBusy => {
            (ErrorKind::Conflict, AccessReason::DoorBusy, "the door is being unlocked, or is by a schedule")
        }
        Reason::DoorNotSetUp => {
            (ErrorKind::Rejected, AccessReason::DoorNotSetUp, "the door has no hardware at Kisi that works")
        }
        Reason::DoorUnreachable => {
            (ErrorKind::Unreachable, AccessReason::DoorOffline, "the door's controller does not answer Kisi")
        }
        // The key's owner, that is: not the person who asked.
        Reason::NoRight | Reason::Suspended | Reason::NotYetValid | Reason::NoLongerValid => (
            ErrorKind::Unauthorized,
            AccessReason::ProviderRefusesCredentials,
            "the owner of the Kisi API key may not open the door",
        ),
        Reason::Other => return failure(error),
    };
    failure(error).meaning(kind, words).with_code(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_of_an_unlock_only_what_it_can() {
        let (soon, late) = (Duration::minutes(1), LOG_SETTLES);
        for (attempts, age, fate) in [
            (Some(&[true][..]), soon, Fate::Done),
            (Some(&[false][..]), soon, Fate::NotDone),
            (Some(&[true, true][..]), late, Fate::Unknown),
            (Some(&[true, false][..]), late, Fate::Unknown),
            (Some(&[][..]), soon, Fate::Unknown),
            (Some(&[][..]), late, Fate::NotDone),
            (None, late, Fate::Unknown),
        ] {
            assert_eq!(fate_of_unlock(attempts, age), fate, "{attempts:?} after {age}");
        }
    }
}
