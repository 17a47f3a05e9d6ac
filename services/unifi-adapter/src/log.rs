//! A console's own log of doors (UniFi Access API reference, 9.2). Whoever opened one shows there as a visitor or a user;
//! what Latchkey has a door do, as whom it names.

use std::collections::{HashMap, HashSet};

use domain::names::IntegrationName;
use domain::{PersonId, Window};
use door_adapter::{
    AccessLogSource, AccessReason, ApplyError, DoorAction, DoorEvent, ErrorKind, EventOutcome,
    PassageDirection, ProviderError, Spot,
};

use crate::store::Ledger;
use crate::vendor::Console;
use crate::vendor::wire::Opening;

/// Pages that are read at once.
const PAGES_MAX: usize = 2_000;

/// All that the log has of the window, oldest first.
pub(crate) async fn read(
    ledger: &Ledger,
    console: &Console,
    account: IntegrationName,
    window: Window,
) -> Result<Vec<DoorEvent>, ApplyError> {
    let mut openings = read_pages(console, window).await?;
    // Filters are not to be relied on.
    openings.retain(|opening| opening.time().is_some_and(|time| window.contains(time)));
    openings.sort_by(|a, b| (a.time(), &a.id).cmp(&(b.time(), &b.id)));
    let actors: HashSet<&str> = openings.iter().map(Opening::actor_id).filter(|id| !id.is_empty()).collect();
    let people = if actors.is_empty() { HashMap::new() } else { ledger.people_of(account, &actors).await? };
    Ok(openings.iter().filter_map(|opening| door_event(opening, &people)).collect())
}

/// Page by page, newest first. What is new meanwhile moves the rest to later pages: some come twice, none is left out. The
/// end is a page with nothing new: how many the console gives at most is its own business.
async fn read_pages(console: &Console, window: Window) -> Result<Vec<Opening>, ProviderError> {
    let (from, until) = (window.start().timestamp(), window.end().timestamp());
    let (mut openings, mut seen) = (Vec::new(), HashSet::new());
    for page in 1..=PAGES_MAX {
        let mut new = console.list_openings(from, until, page).await?;
        new.retain(|opening| seen.insert(opening.id.clone()));
        if new.is_empty() {
            return Ok(openings);
        }
        openings.extend(new);
    }
    Err(ProviderError::new(ErrorKind::Malformed, "the console's log does not end"))
}

/// `None`: of something else than a door.
fn door_event(opening: &Opening, people: &HashMap<String, PersonId>) -> Option<DoorEvent> {
    let door = opening.door()?;
    let (outcome, reason) = match opening.is_open() {
        true => (EventOutcome::Done, AccessReason::DoorObeyed),
        false => (EventOutcome::Refused, AccessReason::ProviderRejects),
    };
    let means = opening.means();
    Some(DoorEvent {
        event_ref: opening.id.clone(),
        time: opening.time()?,
        spot: Spot::Door(door.id.clone()),
        spot_name: door.display_name.clone(),
        action: DoorAction::Pulse,
        source: match means {
            "NFC" | "TOUCH_PASS" | "WALLET" => AccessLogSource::Card,
            "PIN_CODE" => AccessLogSource::Pin,
            "QR_CODE" => AccessLogSource::QrCode,
            "FACE" => AccessLogSource::Face,
            "LICENSEPLATE" => AccessLogSource::LicensePlate,
            "MOBILE_TAP" | "MOBILE_BUTTON" => AccessLogSource::ProviderApp,
            _ => AccessLogSource::Provider,
        },
        outcome,
        reason,
        detail: opening.refusal().to_owned(),
        person: people.get(opening.actor_id()).copied(),
        holder: opening.actor_name().to_owned(),
        way_in: None,
        operation: None,
        direction: match opening.entry_method() {
            Some("entry") => PassageDirection::Entry,
            Some("exit") => PassageDirection::Exit,
            _ => PassageDirection::Unspecified,
        },
    })
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    fn read_one(source: Value) -> Option<DoorEvent> {
        let mut hit = json!({ "_id": "log-1", "@timestamp": "2026-12-01T09:00:00Z", "_source": {
            "actor": { "id": "v-1", "type": "visitor", "display_name": "Ada" },
            "authentication": { "credential_provider": "PIN_CODE" },
            "event": { "result": "ACCESS", "reason": "", "published": 1_796_115_600_250_i64 },
            "target": [
                { "type": "UAH", "id": "hub", "display_name": "Hub" },
                { "type": "door", "id": "d-1", "display_name": "Front" },
                { "type": "device_config", "id": "door_entry_method", "display_name": "exit" },
            ],
        } });
        hit["_source"].as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
        let people = HashMap::from([("v-1".to_owned(), PersonId::from_uuid(uuid::Uuid::from_u128(7)))]);
        door_event(&serde_json::from_value(hit).unwrap(), &people)
    }

    #[test]
    fn a_visitor_with_a_pin_is_the_person() {
        let event = read_one(json!({})).unwrap();
        assert_eq!(event.event_ref, "log-1");
        assert_eq!(event.time, Timestamp::from_timestamp_millis(1_796_115_600_250).unwrap());
        assert_eq!((event.spot, event.spot_name.as_str()), (Spot::Door("d-1".to_owned()), "Front"));
        assert_eq!((event.source, event.outcome), (AccessLogSource::Pin, EventOutcome::Done));
        assert_eq!(event.person, Some(PersonId::from_uuid(uuid::Uuid::from_u128(7))));
        assert_eq!(event.direction, PassageDirection::Exit);
    }

    #[test]
    fn strangers_and_refusals_are_told_as_they_are() {
        let event = read_one(json!({
            "actor": { "id": "u-9", "display_name": "Eve" },
            "authentication": { "credential_provider": "NFC" },
            "event": { "result": "BLOCKED", "reason": "no access" },
            "target": [{ "type": "door", "id": "d-1" }],
        }))
        .unwrap();
        assert_eq!((event.person, event.holder.as_str()), (None, "Eve"));
        assert_eq!((event.source, event.outcome), (AccessLogSource::Card, EventOutcome::Refused));
        assert_eq!((event.detail.as_str(), event.direction), ("no access", PassageDirection::Unspecified));
        let at = "2026-12-01T09:00:00Z".parse::<Timestamp>().unwrap();
        assert_eq!(event.time, at, "without the exact one, the one of the line");
        assert_eq!(read_one(json!({ "actor": null, "authentication": null })).unwrap().holder, "");
    }

    #[test]
    fn what_is_at_no_door_is_left_out() {
        assert_eq!(read_one(json!({ "target": [{ "type": "floor", "id": "f" }] })), None);
    }
}
