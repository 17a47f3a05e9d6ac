//! Doors that are operated on demand.
//!
//! What boards can't keep by themselves stands in the ledger: that a door is locked down, and that it is held open.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{BoardKind, BoardList, RelayTimer, Timestamp};
use door_adapter::{
    Abilities, Account, Action, Cards, Door, DoorControl, DoorProvider, DoorState, ErrorKind, Fate, Operated,
    Operation, ProviderError, PulseLength, Spot as Where, cannot,
};

use uuid::Uuid;

use crate::boards::{Board, Boards};
use crate::driver::{LEASE, Lease, Moment, PULSE_MAX, PULSE_MIN, PULSE_USUAL, Relay, RelayState};
use crate::holds::{Hold, locked_down, no_ledger};
use crate::ledger::{DoorNote, Spot};
use crate::provider::{RelayProvider, find, relays_of};

/// How long a door can be held open at the most.
const HOLD_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A call that was lost has reached the board by then, or never does.
const ON_ITS_WAY: TimeDelta = TimeDelta::seconds(30);

/// A relay, ready to be called.
struct Called {
    board: Board,
    relay: Relay,
    spot: Spot,
    abilities: Abilities,
}

impl RelayProvider {
    fn call(&self, account: &Account, door_ref: &str) -> Result<Called, ProviderError> {
        let boards: BoardList = Boards::list(account)?;
        let (listed, door) = find(&boards, door_ref)?;
        Ok(Called {
            board: self.boards.open(account, listed)?,
            relay: door.relay,
            abilities: abilities(&listed.kind),
            spot: Spot { account: account.integration, door },
        })
    }

    async fn pulse(&self, called: &Called, id: Uuid, length: Option<Duration>) -> Result<(), ProviderError> {
        let note = self.ledger.note(&called.spot).await.map_err(no_ledger)?;
        if note.is_locked_down {
            return Err(locked_down());
        }
        // A moment would cut the lease of a hold short.
        let is_held = note.held_until.is_some_and(|until| self.clock.now() < until);
        if is_held && !called.board.keeps_leases() {
            called.board.hold(called.relay, Lease { hold: id, length: LEASE, lasts: None }).await?;
        } else {
            called.board.pulse(called.relay, Moment { id, length }).await?;
        }
        // If it was locked down meanwhile, this opened the door again.
        if self.ledger.note(&called.spot).await.is_ok_and(|note| note.is_locked_down) {
            called.board.release(called.relay).await?;
            return Err(locked_down().with_unknown_outcome());
        }
        Ok(())
    }

    /// The board first: whatever becomes of the ledger, the door is locked.
    async fn lock(&self, called: &Called) -> Result<(), ProviderError> {
        let released = called.board.release(called.relay).await;
        let ended = self.ledger.end_hold(&called.spot, None).await.map_err(no_ledger);
        if ended? {
            // It may have been renewed in between.
            return called.board.release(called.relay).await;
        }
        released
    }

    /// From the moment that it is noted nothing opens the door, wherever that runs. What can open it by itself, as a
    /// controller by its PINs, is told, too.
    async fn lock_down(&self, called: &Called) -> Result<(), ProviderError> {
        let noting = self.ledger.set_locked_down(&called.spot, true);
        let (noted, told) = tokio::join!(noting, called.board.set_locked_down(called.relay, true));
        // It may have been opened before that was noted; and whatever became of that, it is shut.
        let released = called.board.release(called.relay).await;
        noted.map_err(|error| no_ledger(error).with_unknown_outcome())?;
        told.and(released).map_err(ProviderError::with_unknown_outcome)
    }

    /// The board first: as long as it does not know, the door is still locked down for everybody.
    async fn lift(&self, called: &Called) -> Result<(), ProviderError> {
        called
            .board
            .set_locked_down(called.relay, false)
            .await
            .map_err(ProviderError::with_unknown_outcome)?;
        self.ledger.set_locked_down(&called.spot, false).await.map_err(no_ledger)
    }
}

/// What a relay of such a board can be told.
fn abilities(kind: &BoardKind) -> Abilities {
    let told = PulseLength::Between { min: PULSE_MIN, max: PULSE_MAX };
    let (pulse, hold_max) = match kind {
        BoardKind::Tasmota => (Some(PulseLength::Fixed), Some(HOLD_MAX)),
        BoardKind::Controller { .. } | BoardKind::EspHome { .. } | BoardKind::Shelly => {
            (Some(told), Some(HOLD_MAX))
        }
        BoardKind::Modbus(board) => match board.timer {
            RelayTimer::Flash => (Some(told), Some(HOLD_MAX)),
            RelayTimer::MissingAccepted => (Some(told), None),
            RelayTimer::Missing => (None, None),
        },
    };
    Abilities { pulse, hold_max, can_lock: true, can_lock_down: true }
}

fn door(
    spot: &Spot,
    display_name: String,
    abilities: Abilities,
    state: Option<&RelayState>,
    note: DoorNote,
) -> Door {
    let is_closed = state.map(|state| state.is_closed);
    let abilities = match state {
        Some(RelayState { timing: Err(_), .. }) => Abilities { pulse: None, hold_max: None, ..abilities },
        _ => abilities,
    };
    Door {
        provider_ref: spot.door.to_string(),
        display_name,
        place_ref: None,
        abilities,
        state: DoorState {
            is_locked: is_closed.map(|is_closed| !is_closed),
            is_open: None,
            is_online: Some(state.is_some()),
            is_locked_down: Some(note.is_locked_down),
            held_until: note.held_until.filter(|_| is_closed == Some(true)),
        },
    }
}

/// Relays know no cards.
impl Cards for RelayProvider {}

impl DoorControl for RelayProvider {
    async fn list_doors(&self, account: &Account) -> Result<Vec<Door>, ProviderError> {
        let notes = self.ledger.notes(account.integration).await.map_err(no_ledger)?;
        let mut doors = Vec::new();
        for (listed, described) in self.look(account).await? {
            for (name, display_name) in relays_of(&listed) {
                let relays = described.as_ref().ok().map(|described| &described.relays);
                let state = relays.and_then(|relays| relays.get(usize::from(name.relay.get() - 1)));
                let note = notes.get(&name).copied().unwrap_or_default();
                let spot = Spot { account: account.integration, door: name };
                doors.push(door(&spot, display_name, abilities(&listed.kind), state, note));
            }
        }
        doors.sort_by(|a, b| (&a.display_name, &a.provider_ref).cmp(&(&b.display_name, &b.provider_ref)));
        Ok(doors)
    }

    async fn doors_of_group(
        &self,
        _account: &Account,
        _group_ref: &str,
    ) -> Result<Vec<String>, ProviderError> {
        Ok(Vec::new())
    }

    async fn read_door(&self, account: &Account, door_ref: &str) -> Result<Door, ProviderError> {
        let called = self.call(account, door_ref)?;
        let boards = Boards::list(account)?;
        let (listed, name) = find(&boards, door_ref)?;
        let display_name = relays_of(listed).find(|(relay, _)| *relay == name).map(|(_, name)| name);
        let note = self.ledger.note(&called.spot).await.map_err(no_ledger)?;
        let state = match called.board.read(called.relay).await {
            Ok(state) => Some(state),
            Err(error) if error.kind == ErrorKind::Unreachable => None,
            Err(error) => return Err(error),
        };
        Ok(door(&called.spot, display_name.unwrap_or_default(), called.abilities, state.as_ref(), note))
    }

    async fn operate(&self, account: &Account, operation: &Operation) -> Result<Operated, ProviderError> {
        let Where::Door(door_ref) = &operation.spot else { return Err(cannot(Self::DISPLAY_NAME)) };
        let called = self.call(account, door_ref)?;
        let Abilities { pulse, hold_max, .. } = called.abilities;
        let done = match operation.action {
            Action::Pulse(length) => match pulse {
                None => Err(cannot(Self::DISPLAY_NAME)),
                Some(PulseLength::Fixed) if length.is_some() => Err(cannot(Self::DISPLAY_NAME)),
                Some(_) => self.pulse(&called, operation.id.uuid(), length).await,
            },
            Action::HoldOpen(until) => {
                let longest =
                    hold_max.and_then(|max| Some(self.clock.now() + TimeDelta::from_std(max).ok()?));
                if longest.is_none_or(|longest| longest < until) {
                    return Err(cannot(Self::DISPLAY_NAME));
                }
                let Called { board, relay, spot, .. } = called;
                let held = self.holds.begin(Hold { id: operation.id, board, relay, spot, until }).await;
                return held.map(|()| Operated { held_until: Some(until) });
            }
            Action::Lock => self.lock(&called).await,
            Action::LockDown => self.lock_down(&called).await,
            Action::LiftLockdown => self.lift(&called).await,
        };
        done.map(|()| Operated::default())
    }

    /// As far as it shows at the contact, and in the ledger. A moment that is over shows nowhere.
    async fn find_operation(
        &self,
        account: &Account,
        operation: &Operation,
        sent_at: Timestamp,
    ) -> Result<Fate, ProviderError> {
        let Where::Door(door_ref) = &operation.spot else { return Ok(Fate::NotDone) };
        let called = self.call(account, door_ref)?;
        let hold = self.ledger.hold_of(&called.spot).await.map_err(no_ledger)?;
        let note = self.ledger.note(&called.spot).await.map_err(no_ledger)?;
        let age = self.clock.now() - sent_at;
        let not_yet = if age < ON_ITS_WAY { Fate::Unknown } else { Fate::NotDone };
        if operation.action == Action::LiftLockdown {
            return Ok(if note.is_locked_down { not_yet } else { Fate::Done });
        }
        if !operation.action.is_emergency() {
            match called.board.was_done(operation.id.uuid()).await {
                Ok(Some(true)) => return Ok(Fate::Done),
                Ok(Some(false)) => return Ok(not_yet),
                Ok(None) => {}
                Err(error) if error.kind == ErrorKind::Unreachable => return Ok(Fate::Unknown),
                Err(error) => return Err(error),
            }
        }
        let is_closed = match called.board.read(called.relay).await {
            Ok(state) => state.is_closed,
            // Nothing shows at a board that can't be reached.
            Err(error) if error.kind == ErrorKind::Unreachable => return Ok(Fate::Unknown),
            Err(error) => return Err(error),
        };
        Ok(match operation.action {
            Action::Pulse(length) => {
                let length = TimeDelta::from_std(length.unwrap_or(PULSE_USUAL)).unwrap_or_default();
                if is_closed && age <= length { Fate::Done } else { Fate::Unknown }
            }
            Action::HoldOpen(_) => match hold == Some(operation.id.uuid()) {
                true if is_closed => Fate::Done,
                true => Fate::Unknown,
                false => not_yet,
            },
            Action::Lock if !is_closed && hold.is_none() => Fate::Done,
            Action::LockDown if !is_closed && note.is_locked_down => Fate::Done,
            Action::Lock | Action::LockDown | Action::LiftLockdown => not_yet,
        })
    }
}
