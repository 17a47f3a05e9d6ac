//! Kisi's own log of doors (Kisi API reference, Events). Whoever opened one shows there as a user, or as an access link;
//! what Latchkey has a door do, as the owner of the API key.

use std::collections::HashMap;

use domain::names::IntegrationName;
use domain::{PersonId, WayInId, Window};
use door_adapter::{
    AccessLogSource, AccessReason, ApplyError, DoorAction, DoorEvent, EventOutcome, PassageDirection, Spot,
};

use crate::guest;
use crate::provider::failure;
use crate::store::Ledger;
use crate::vendor::wire::{Event, UserId};
use crate::vendor::{KisiAccount, Reason};

/// What is asked for.
const TYPES: &str = "lock.unlock,lock.lock_down,lock.cancel_lockdown,place.lock_down,place.cancel_lockdown";

/// Characters of an id.
const UUID_CHARS: usize = 36;

/// All that the log has of the window, oldest first.
pub(crate) async fn read(
    ledger: &Ledger,
    kisi: &KisiAccount,
    account: IntegrationName,
    window: Window,
) -> Result<Vec<DoorEvent>, ApplyError> {
    let mut events = kisi.list_events(TYPES, window).await.map_err(failure)?;
    // Filters are not to be relied on.
    events.retain(|event| window.contains(event.created_at));
    events.sort_by(|a, b| (a.created_at, &a.uuid).cmp(&(b.created_at, &b.uuid)));
    let users: Vec<UserId> = events.iter().filter_map(user).collect();
    let people = if users.is_empty() { HashMap::new() } else { ledger.people_of(account, &users).await? };
    Ok(events.into_iter().filter_map(|event| door_event(event, &people)).collect())
}

fn user(event: &Event) -> Option<UserId> {
    event.actor_id.filter(|_| event.actor_type.as_deref() == Some("User")).map(UserId)
}

/// `None`: of something else than doors.
fn door_event(event: Event, people: &HashMap<UserId, PersonId>) -> Option<DoorEvent> {
    let id = event.object_id?.to_string();
    let (spot, action) = match event.r#type.as_str() {
        "lock.unlock" => (Spot::Door(id), DoorAction::Pulse),
        "lock.lock_down" => (Spot::Door(id), DoorAction::LockDown),
        "lock.cancel_lockdown" => (Spot::Door(id), DoorAction::LiftLockdown),
        "place.lock_down" => (Spot::Place(id), DoorAction::LockDown),
        "place.cancel_lockdown" => (Spot::Place(id), DoorAction::LiftLockdown),
        _ => return None,
    };
    let person = user(&event).and_then(|user| people.get(&user).copied());
    let holder = event.actor_name.unwrap_or_default();
    let is_link = event.actor_type.as_deref() == Some("GroupLink");
    let person = person.or_else(|| is_link.then(|| guest::person_of(&holder)).flatten());
    let (outcome, reason) = match (event.success, event.error_code.as_deref()) {
        (true, _) => (EventOutcome::Done, AccessReason::DoorObeyed),
        (false, code) => refusal(code.map_or(Reason::Other, Reason::of_code)),
    };
    Some(DoorEvent {
        event_ref: event.uuid,
        time: event.created_at,
        spot,
        spot_name: event.object_name.unwrap_or_default(),
        action,
        source: match event.authenticated_by_type.as_deref() {
            Some("Card" | "ApplePassInstance") => AccessLogSource::Card,
            Some("Login") => AccessLogSource::ProviderApp,
            Some("GroupLink" | "AccessKey") => AccessLogSource::Link,
            _ => AccessLogSource::Provider,
        },
        outcome,
        reason,
        // Of what went well it says nothing new.
        detail: if event.success { None } else { event.error_message.or(event.message) }.unwrap_or_default(),
        person,
        way_in: is_link.then(|| way_in(&holder)).flatten(),
        holder,
        operation: None,
        direction: PassageDirection::Unspecified,
    })
}

/// The way in that a link of ours is for: its name ends with the id.
fn way_in(name: &str) -> Option<WayInId> {
    let start = name.len().checked_sub(UUID_CHARS)?;
    name.strip_prefix("Latchkey: ")?;
    name.get(start..)?.parse().ok()
}

fn refusal(reason: Reason) -> (EventOutcome, AccessReason) {
    let refused = |why| (EventOutcome::Refused, why);
    match reason {
        Reason::NoRight => refused(AccessReason::ProviderHoldsNothing),
        Reason::Suspended => refused(AccessReason::PersonNotActive),
        Reason::NotYetValid | Reason::NoLongerValid => refused(AccessReason::ProviderHoldsOtherTime),
        Reason::OutsideSchedule | Reason::Restricted => refused(AccessReason::DoorRestricted),
        Reason::LockedDown => refused(AccessReason::DoorLockedDown),
        Reason::DoorUnknown => refused(AccessReason::ProviderLacksDoor),
        Reason::Other => refused(AccessReason::ProviderRejects),
        Reason::DoorBusy => (EventOutcome::Failed, AccessReason::DoorBusy),
        Reason::DoorNotSetUp => (EventOutcome::Failed, AccessReason::DoorNotSetUp),
        Reason::DoorUnreachable => (EventOutcome::Failed, AccessReason::DoorOffline),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_one(change: Value) -> Option<DoorEvent> {
        let mut event = json!({
            "uuid": "e-1", "type": "lock.unlock", "actor_type": "User", "actor_id": 7, "actor_name": "Ada",
            "authenticated_by_type": "Card", "object_type": "Lock", "object_id": 44, "object_name": "Front",
            "created_at": "2026-12-01T09:00:00.123Z", "message": "unlock succeeded", "success": true,
            "sequence": 1, "error_code": null, "error_message": null,
        });
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let people = HashMap::from([(UserId(7), PersonId::from_uuid(uuid::Uuid::from_u128(7)))]);
        door_event(serde_json::from_value(event).unwrap(), &people)
    }

    #[test]
    fn who_and_by_what() {
        let ada = Some(PersonId::from_uuid(uuid::Uuid::from_u128(7)));
        let id = WayInId::from_uuid(uuid::Uuid::from_u128(9));
        for (change, source, person, way_in) in [
            (json!({}), AccessLogSource::Card, ada, None),
            (json!({ "authenticated_by_type": "Login" }), AccessLogSource::ProviderApp, ada, None),
            (json!({ "actor_id": 8 }), AccessLogSource::Card, None, None),
            (
                json!({ "actor_type": "GroupLink", "authenticated_by_type": "GroupLink",
                        "actor_name": format!("Latchkey: Ada {id}") }),
                AccessLogSource::Link,
                None,
                Some(id),
            ),
            (
                json!({ "actor_type": "GroupLink", "authenticated_by_type": "GroupLink", "actor_name": "Eve" }),
                AccessLogSource::Link,
                None,
                None,
            ),
            (
                json!({ "actor_type": null, "actor_id": null, "authenticated_by_type": null }),
                AccessLogSource::Provider,
                None,
                None,
            ),
        ] {
            let event = read_one(change.clone()).unwrap();
            assert_eq!((event.source, event.person, event.way_in), (source, person, way_in), "{change}");
        }
    }

    #[test]
    fn what_came_of_it() {
        let done = read_one(json!({})).unwrap();
        assert_eq!((done.outcome, done.reason), (EventOutcome::Done, AccessReason::DoorObeyed));
        assert_eq!((done.spot, done.detail.as_str()), (Spot::Door("44".to_owned()), ""));
        for (code, outcome, reason) in [
            (json!("f358de"), EventOutcome::Refused, AccessReason::ProviderHoldsOtherTime),
            (json!("fcd8ef"), EventOutcome::Refused, AccessReason::ProviderHoldsNothing),
            (json!("fac001"), EventOutcome::Failed, AccessReason::DoorOffline),
            (Value::Null, EventOutcome::Refused, AccessReason::ProviderRejects),
        ] {
            let change = json!({ "success": false, "error_code": code, "error_message": "no" });
            let event = read_one(change).unwrap();
            assert_eq!((event.outcome, event.reason, event.detail.as_str()), (outcome, reason, "no"));
        }
    }

    #[test]
    fn what_is_not_of_doors_is_left_out() {
        assert_eq!(read_one(json!({ "type": "user.create" })), None);
        assert_eq!(read_one(json!({ "object_id": null })), None);
    }
}
