//! What a controller's own log says of doors. Pure.

use domain::{ListedBoard, OperationId, PersonId, RelayName};
use door_adapter::{
    AccessLogSource, AccessReason, DoorAction, DoorEvent, EventOutcome, PassageDirection, Spot,
};

use crate::driver::Relay;
use crate::driver::controller::Entry;
use crate::provider::relays_of;

/// What an entry says; `None`: nothing of a door, or only what Latchkey itself has written down.
pub(crate) fn door_event(listed: &ListedBoard, controller: &str, entry: &Entry) -> Option<DoorEvent> {
    let by_pin = entry.source == "pin";
    let action = match entry.action.as_str() {
        "pin" | "pulse" => DoorAction::Pulse,
        "hold" => DoorAction::HoldOpen,
        _ => return None,
    };
    let relay = Relay::new(entry.channel?)?;
    let door = RelayName { board: listed.name.clone(), relay };
    let spot_name = relays_of(listed).find(|(name, _)| *name == door).map(|(_, called)| called);
    let operation = entry.id.as_deref().and_then(|id| id.parse::<OperationId>().ok());
    if !by_pin && operation.is_none() {
        return None;
    }
    let reason = entry.reason.as_deref().unwrap_or_default();
    let (outcome, why) = match entry.outcome.as_str() {
        "done" => (EventOutcome::Done, AccessReason::DoorObeyed),
        _ => refusal(reason),
    };
    let mut detail = reason.to_owned();
    if !entry.sure {
        detail.push_str(" (the controller was not sure of the time)");
    }
    Some(DoorEvent {
        event_ref: format!("{controller}/{}", entry.seq),
        time: entry.at,
        spot: Spot::Door(door.to_string()),
        spot_name: spot_name.unwrap_or_default(),
        action,
        source: if by_pin { AccessLogSource::Pin } else { AccessLogSource::Provider },
        outcome,
        reason: why,
        detail: detail.trim_start().to_owned(),
        person: entry.credential.as_deref().and_then(|id| id.parse::<PersonId>().ok()),
        holder: String::new(),
        way_in: None,
        operation,
        direction: PassageDirection::Unspecified,
    })
}

/// What the controller's reasons mean.
fn refusal(reason: &str) -> (EventOutcome, AccessReason) {
    let refused = |why| (EventOutcome::Refused, why);
    match reason {
        "PIN_NOT_NOW" => refused(AccessReason::ProviderHoldsOtherTime),
        "PIN_WRONG" | "PIN_NOT_HERE" | "LIST_MISSING" | "LIST_EXPIRED" => {
            refused(AccessReason::ProviderHoldsNothing)
        }
        "LOCKED_DOWN" => refused(AccessReason::DoorLockedDown),
        "RELAY_FAILED" => (EventOutcome::Failed, AccessReason::DoorNotSetUp),
        _ => refused(AccessReason::ProviderRejects),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(change: serde_json::Value) -> Entry {
        let mut entry = serde_json::json!({
            "seq": 119, "at": "2026-12-01T09:03:00.120Z", "sure": true, "uptime_ms": 120, "boot": 7,
            "action": "pin", "channel": 2, "outcome": "done", "reason": null, "ms": 3000, "lease_ms": null,
            "count": null, "id": null, "actor": null, "source": "pin",
            "credential": "00000000-0000-0000-0000-000000000007",
        });
        entry.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value(entry).unwrap()
    }

    fn read(change: serde_json::Value) -> Option<DoorEvent> {
        let boards: domain::BoardList =
            format!("hall controller 192.0.2.1 relays=2 certificate={}", "0a".repeat(32)).parse().unwrap();
        door_event(boards.iter().next().unwrap(), "rc_1", &entry(change))
    }

    #[test]
    fn a_pin_is_its_persons() {
        let event = read(serde_json::json!({})).unwrap();
        assert_eq!((event.event_ref.as_str(), event.spot_name.as_str()), ("rc_1/119", "hall 2"));
        assert_eq!(event.spot, Spot::Door("hall/2".to_owned()));
        assert_eq!(event.person, Some(PersonId::from_uuid(uuid::Uuid::from_u128(7))));
        assert_eq!((event.source, event.outcome), (AccessLogSource::Pin, EventOutcome::Done));
        assert_eq!(event.detail, "");
    }

    #[test]
    fn a_refusal_says_why() {
        for (reason, outcome, why) in [
            ("PIN_WRONG", EventOutcome::Refused, AccessReason::ProviderHoldsNothing),
            ("PIN_NOT_NOW", EventOutcome::Refused, AccessReason::ProviderHoldsOtherTime),
            ("LOCKED_DOWN", EventOutcome::Refused, AccessReason::DoorLockedDown),
            ("CLOCK_UNSURE", EventOutcome::Refused, AccessReason::ProviderRejects),
            ("RELAY_FAILED", EventOutcome::Failed, AccessReason::DoorNotSetUp),
        ] {
            let change = serde_json::json!({ "outcome": "refused", "reason": reason, "credential": null });
            let event = read(change).unwrap();
            assert_eq!((event.outcome, event.reason, event.detail.as_str()), (outcome, why, reason));
            assert_eq!(event.person, None);
        }
        let unsure = read(serde_json::json!({ "sure": false })).unwrap();
        assert!(unsure.detail.contains("not sure of the time"), "{unsure:?}");
    }

    #[test]
    fn what_latchkey_had_done_is_the_trace_of_its_operation_and_the_rest_is_no_doors() {
        let id = OperationId::new();
        let event = read(serde_json::json!({
            "action": "pulse", "source": "api", "credential": null, "id": id.to_string(),
        }));
        assert_eq!(event.unwrap().operation, Some(id));
        for change in [
            serde_json::json!({ "action": "pulse", "source": "api", "id": "by hand" }),
            serde_json::json!({ "action": "started", "source": "device", "channel": null }),
            serde_json::json!({ "action": "list", "source": "api", "channel": null }),
        ] {
            assert_eq!(read(change), None);
        }
    }
}
