//! A console's doors, operated on demand: they open for a moment, are held open and locked; all doors of the console are
//! locked down at once (UniFi Access API reference, 7.7 to 7.13).

use chrono::{Duration, Timelike as _};
use domain::Timestamp;
use door_adapter::{
    Abilities, AccessReason, Account, Action, Actor, Door, DoorControl, DoorProvider as _, DoorState,
    ErrorKind, Fate, Operated, Operation, ProviderError, PulseLength, Spot, cannot,
};

use crate::provider::UnifiProvider;
use crate::store::Hold;
use crate::vendor::wire::{self, Emergency, Rule};
use crate::vendor::{Console, Line};

/// What is locked down: all that the console has, whatever buildings that is.
const SITE: &str = "site";

/// The longest hold. The reference names no bound; no door should be open for longer by one call.
const HOLD_MAX: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// An unlock stands in the console's log around the time at which it was sent: clocks differ a little, and a call that
/// was sent is over by then.
const LOGGED_BEFORE: Duration = Duration::seconds(5);
const LOGGED_AFTER: Duration = Duration::seconds(15);
/// After this long the log has what it will have.
const LOG_SETTLES: Duration = Duration::minutes(2);

impl DoorControl for UnifiProvider {
    /// Until when each is held would take a call for each: read one door for that.
    async fn list_doors(&self, account: &Account) -> Result<Vec<Door>, ProviderError> {
        let console = self.open(account, Line::Doors)?;
        let doors = console.list_doors().await?;
        let emergency = console.emergency().await?;
        let mut doors: Vec<Door> = doors.into_iter().map(|it| door(it, emergency, None)).collect();
        doors.sort_by(|a, b| (&a.display_name, &a.provider_ref).cmp(&(&b.display_name, &b.provider_ref)));
        Ok(doors)
    }

    async fn doors_of_group(&self, account: &Account, group_ref: &str) -> Result<Vec<String>, ProviderError> {
        let (groups, _) = self.open(account, Line::Doors)?.list_groups().await?;
        let group = groups.into_iter().find(|group| group.id == group_ref);
        let group = group.ok_or_else(|| {
            ProviderError::new(ErrorKind::NotFound, "the console has no such group of doors any more")
        })?;
        Ok(group.resource_topologies.into_iter().flat_map(|floor| floor.resources).map(|it| it.id).collect())
    }

    async fn read_door(&self, account: &Account, door_ref: &str) -> Result<Door, ProviderError> {
        let console = self.open(account, Line::Doors)?;
        let found = console.read_door(door_ref).await.map_err(refusal)?;
        let emergency = console.emergency().await?;
        let rule = console.rule(door_ref).await?;
        Ok(door(found, emergency, rule))
    }

    async fn operate(&self, account: &Account, operation: &Operation) -> Result<Operated, ProviderError> {
        let line = if operation.action.is_emergency() { Line::Emergency } else { Line::Doors };
        let console = self.open(account, line)?;
        let done = Operated::default();
        match (&operation.spot, operation.action) {
            // How long is the hub's business.
            (Spot::Door(door), Action::Pulse(None)) => {
                self.pulse(&console, door, operation).await.map(|()| done)
            }
            (Spot::Door(door), Action::HoldOpen(until)) => {
                refuse_lockdown(&console).await?;
                let (minutes, held_until) = hold(self.now(), until);
                let noted = Hold {
                    account: account.integration,
                    door: door.clone(),
                    operation: operation.id,
                    held_until,
                };
                self.note_hold(&noted, until).await;
                console.set_rule(door, &Rule::custom(minutes)).await.map_err(refusal)?;
                Ok(Operated { held_until: Some(held_until) })
            }
            (Spot::Door(door), Action::Lock) => {
                console.set_rule(door, &Rule::reset()).await.map_err(refusal).map(|()| done)
            }
            (Spot::Place(place), Action::LockDown | Action::LiftLockdown) if place == SITE => {
                let is_down = operation.action == Action::LockDown;
                // Doors that are open for people to get out stay so, if that can be read at once.
                let evacuation = console.emergency().await.ok().flatten().map(|now| now.evacuation);
                console.set_emergency(is_down, evacuation).await.map(|()| done)
            }
            (Spot::Door(_) | Spot::Place(_), _) => Err(cannot(Self::DISPLAY_NAME)),
        }
    }

    /// An unlock is found in the console's log, by the door, the time and who wanted it; anything else by what is so now.
    async fn find_operation(
        &self,
        account: &Account,
        operation: &Operation,
        sent_at: Timestamp,
    ) -> Result<Fate, ProviderError> {
        let console = self.open(account, Line::Doors)?;
        let age = self.now() - sent_at;
        let is_so = match (&operation.spot, operation.action) {
            (Spot::Door(door), Action::Pulse(_)) => {
                let from = (sent_at - LOGGED_BEFORE).timestamp();
                let openings = console.list_openings(from, (sent_at + LOGGED_AFTER).timestamp(), 1).await?;
                let actor = operation.actor.as_ref().map(|actor| actor.person.to_string());
                return Ok(fate_of_unlock(&openings, door, actor.as_deref(), age));
            }
            (Spot::Door(door), Action::HoldOpen(until)) => {
                let rule = console.rule(door).await?;
                let (_, held_until) = hold(sent_at, until);
                rule.is_some_and(|rule| is_held_until(&rule, held_until))
            }
            (Spot::Door(door), Action::Lock) => {
                console.rule(door).await?.and_then(|rule| held(&rule)).is_none()
            }
            (Spot::Place(_), action) => {
                let is_down = console.emergency().await?.is_some_and(|emergency| emergency.lockdown);
                is_down == (action == Action::LockDown)
            }
            (Spot::Door(_), Action::LockDown | Action::LiftLockdown) => false,
        };
        Ok(match is_so {
            true => Fate::Done,
            // The call may still be on its way.
            false if age < LOGGED_AFTER => Fate::Unknown,
            false => Fate::NotDone,
        })
    }
}

impl UnifiProvider {
    /// Consoles take an unlock while doors are locked down, and nothing opens.
    async fn pulse(&self, console: &Console, door: &str, operation: &Operation) -> Result<(), ProviderError> {
        refuse_lockdown(console).await?;
        let actor = operation.actor.as_ref();
        let unlock = wire::Unlock {
            actor_id: actor.map(|actor| actor.person.to_string()),
            actor_name: actor.map(name_of),
            extra: wire::Extra { operation: operation.id.to_string() },
        };
        console.unlock(door, &unlock).await.map_err(refusal)
    }
}

/// An actor without a name is none there.
fn name_of(actor: &Actor) -> String {
    let name = actor.display_name.trim();
    if name.is_empty() { "Latchkey".to_owned() } else { name.to_owned() }
}

async fn refuse_lockdown(console: &Console) -> Result<(), ProviderError> {
    if console.emergency().await?.is_some_and(|emergency| emergency.lockdown) {
        let reason = "the console has all doors locked down";
        return Err(ProviderError::new(ErrorKind::Rejected, reason).with_code(AccessReason::DoorLockedDown));
    }
    Ok(())
}

/// In how many minutes a hold that is told now ends by itself, and when that is: not before it should.
pub(crate) fn hold(now: Timestamp, until: Timestamp) -> (i64, Timestamp) {
    // Consoles count in whole seconds.
    let from = now.with_nanosecond(0).unwrap_or(now);
    let wanted = (until - from).max(Duration::zero());
    let has_part = wanted > Duration::minutes(wanted.num_minutes());
    let minutes = (wanted.num_minutes() + i64::from(has_part)).max(1);
    (minutes, from + Duration::minutes(minutes))
}

/// Until when a rule holds the door open, if it does.
fn held(rule: &Rule) -> Option<Timestamp> {
    let is_hold = matches!(rule.r#type.as_str(), "custom" | "keep_unlock");
    Timestamp::from_timestamp(rule.ended_time?, 0).filter(|_| is_hold)
}

/// Whether a rule is the hold that ends then, by a clock that may be another.
pub(crate) fn is_held_until(rule: &Rule, until: Timestamp) -> bool {
    held(rule).is_some_and(|end| (end - until).abs() <= Duration::minutes(1))
}

/// What the log's openings around the time say of one unlock, so long after it was sent. Older consoles take no actor:
/// there anyone's may be ours.
fn fate_of_unlock(openings: &[wire::Opening], door: &str, actor: Option<&str>, age: Duration) -> Fate {
    let at_door: Vec<&wire::Opening> =
        openings.iter().filter(|it| it.is_remote() && it.is_at(door)).collect();
    let ours: Vec<bool> = at_door
        .iter()
        .filter(|it| actor.is_none_or(|actor| it.actor_id() == actor))
        .map(|it| it.is_open())
        .collect();
    match (ours.as_slice(), at_door.is_empty()) {
        ([true], _) => Fate::Done,
        ([false], _) => Fate::NotDone,
        ([], true) if age >= LOG_SETTLES => Fate::NotDone,
        _ => Fate::Unknown,
    }
}

fn door(door: wire::Door, emergency: Option<Emergency>, rule: Option<Rule>) -> Door {
    let is_open = match door.door_position_status.as_deref() {
        Some("open") => Some(true),
        Some("close") => Some(false),
        // Without a sensor.
        _ => None,
    };
    let is_locked = match door.door_lock_relay_status.as_str() {
        "lock" => Some(true),
        "unlock" => Some(false),
        _ => None,
    };
    let abilities = if door.is_bind_hub {
        Abilities {
            pulse: Some(PulseLength::Fixed),
            hold_max: Some(HOLD_MAX),
            can_lock: true,
            can_lock_down: false,
        }
    } else {
        Abilities::default()
    };
    Door {
        provider_ref: door.id,
        display_name: door.name,
        place_ref: Some(SITE.to_owned()),
        abilities,
        state: DoorState {
            is_locked,
            is_open,
            is_online: None,
            is_locked_down: emergency.map(|emergency| emergency.lockdown),
            held_until: rule.as_ref().and_then(held),
        },
    }
}

/// What a console's refusal to operate a door means.
fn refusal(error: ProviderError) -> ProviderError {
    let (kind, code, words) = match error.vendor_code() {
        Some("CODE_DEVICE_DEVICE_OFFLINE") => {
            (ErrorKind::Unreachable, AccessReason::DoorOffline, "the door's hub does not answer the console")
        }
        Some("CODE_DEVICE_DEVICE_BUSY") => {
            (ErrorKind::Conflict, AccessReason::DoorBusy, "the door's hub is busy")
        }
        Some("CODE_OPERATION_FORBIDDEN") => (
            ErrorKind::Rejected,
            AccessReason::DoorNotSetUp,
            "the console does not let the door be operated: is a hub bound to it?",
        ),
        _ if error.kind == ErrorKind::NotFound => {
            (ErrorKind::NotFound, AccessReason::ProviderLacksDoor, "the console has no such door any more")
        }
        _ => return error,
    };
    error.meaning(kind, words).with_code(code)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn a_hold_ends_within_the_minute_after_it_should() {
        for (now, until, minutes, held_until) in [
            (0, 600_000, 10, 600_000),
            (500, 600_000, 10, 600_000),
            (500, 600_500, 11, 660_000),
            (0, 600_001, 11, 660_000),
            (0, 1, 1, 60_000),
            (5_000, 1_000, 1, 65_000),
        ] {
            assert_eq!(hold(at(now), at(until)), (minutes, at(held_until)), "{now} to {until}");
        }
    }

    fn opening(door: &str, actor: &str, provider: &str, result: &str) -> wire::Opening {
        let hit = json!({ "_id": "log-1", "_source": {
            "actor": { "id": actor }, "authentication": { "credential_provider": provider },
            "event": { "result": result }, "target": [{ "type": "UAH", "id": "x" }, { "type": "door", "id": door }],
        } });
        serde_json::from_value(hit).unwrap()
    }

    #[test]
    fn the_log_tells_of_an_unlock_only_what_it_can() {
        const REMOTE: &str = "REMOTE_THROUGH_UAH";
        let ours = || opening("d1", "ada", REMOTE, "ACCESS");
        let (soon, late) = (Duration::seconds(20), LOG_SETTLES);
        for (openings, age, fate) in [
            (vec![ours()], soon, Fate::Done),
            (vec![opening("d1", "ada", REMOTE, "BLOCKED")], soon, Fate::NotDone),
            (vec![ours(), ours()], late, Fate::Unknown),
            (vec![], soon, Fate::Unknown),
            (vec![], late, Fate::NotDone),
            (vec![opening("d2", "ada", REMOTE, "ACCESS")], late, Fate::NotDone),
            (vec![opening("d1", "ada", "NFC", "ACCESS")], late, Fate::NotDone),
            // By an older console that knows no actors, or by somebody else.
            (vec![opening("d1", "", REMOTE, "ACCESS")], late, Fate::Unknown),
            (vec![ours(), opening("d1", "eve", REMOTE, "ACCESS")], soon, Fate::Done),
        ] {
            assert_eq!(fate_of_unlock(&openings, "d1", Some("ada"), age), fate, "{openings:?} after {age}");
        }
        assert_eq!(fate_of_unlock(&[ours()], "d1", None, soon), Fate::Done);
    }

    #[test]
    fn rules_that_hold_the_door_open_have_an_end() {
        let rule = |kind: &str| Rule { r#type: kind.to_owned(), interval: None, ended_time: Some(60) };
        for (kind, is_hold) in [("custom", true), ("keep_unlock", true), ("keep_lock", false), ("", false)] {
            assert_eq!(held(&rule(kind)), is_hold.then(|| at(60_000)), "{kind}");
        }
    }
}
