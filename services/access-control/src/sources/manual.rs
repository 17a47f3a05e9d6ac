//! Doors that an admin gives a person directly: until their end, or until they are taken back.

use std::collections::HashSet;

use domain::names::{EntitlementName, LocationName, PersonName};
use events::consumer::decode_json;
use proto::Fact as _;
use proto::workspace::v1 as pb;

use super::{OPEN_END, Source};
use crate::convert;
use crate::model::{Entitlement, SourceFacts, SourceKey, Subject, Target};

pub(super) const SOURCE: Source =
    Source { kind: KIND, is_checked_ahead: false, collection: "entitlements", read };

const KIND: &str = "manual";

fn read(type_name: &str, payload: &[u8]) -> Result<Option<SourceFacts>, String> {
    let (entitlement, person) = match type_name {
        pb::EntitlementGiven::TYPE => {
            let fact: pb::EntitlementGiven = decode_json(payload)?;
            (fact.entitlement, fact.person)
        }
        pb::EntitlementEnded::TYPE => {
            let fact: pb::EntitlementEnded = decode_json(payload)?;
            (fact.entitlement, fact.person)
        }
        pb::EntitlementRetold::TYPE => {
            let fact: pb::EntitlementRetold = decode_json(payload)?;
            (fact.entitlement, fact.person)
        }
        _ => return Ok(None),
    };
    let facts = entitlement.zip(person).and_then(|(entitlement, person)| facts(&entitlement, &person));
    Ok(Some(facts.ok_or("the entitlement is not complete")?))
}

/// `None` if something that every entitlement has is missing, or is of another workspace or person.
fn facts(told: &pb::Entitlement, person: &pb::Person) -> Option<SourceFacts> {
    let EntitlementName { workspace, id } = told.name.parse().ok()?;
    let holder: PersonName = told.person.parse().ok()?;
    let location: LocationName = told.location.parse().ok()?;
    let person = convert::person(person)?;
    if (holder.workspace, holder.id) != (person.workspace, person.id)
        || person.workspace != workspace
        || location.workspace != workspace
    {
        return None;
    }
    let end = told.end_time.unwrap_or_else(|| chassis::input::timestamp(OPEN_END));
    let window = convert::read_window(told.start_time.as_ref()?, &end)?;
    let door = told.target.as_ref()?;
    let target = Target {
        location: location.id,
        provider: told.provider.clone(),
        kind: convert::read_target_kind(door.kind())?,
        provider_ref: door.r#ref.clone(),
        display_name: door.display_name.clone(),
    };
    let mut entitlements = HashSet::new();
    if told.ended_time.is_none() {
        let subject = Subject::Target(target);
        entitlements.insert(Entitlement { person: person.id, subject, window, hours: None });
    }
    let source = SourceKey { workspace, kind: KIND.to_owned(), id: id.uuid() };
    Some(SourceFacts { source, version: told.version, people: vec![person], entitlements })
}

#[cfg(test)]
mod tests {
    use chassis::input::timestamp;
    use chrono::DateTime;
    use domain::{EntitlementId, LocationId, PersonId, WorkspaceId};
    use proto::access::v1::{DoorTarget, DoorTargetKind};

    use super::*;

    fn at(hour: i64) -> Option<pbjson_types::Timestamp> {
        Some(timestamp(DateTime::from_timestamp(1_800_000_000 + hour * 3_600, 0).unwrap()))
    }

    fn told() -> (pb::Entitlement, pb::Person) {
        let workspace = WorkspaceId::new();
        let person = PersonName { workspace, id: PersonId::new() }.to_string();
        let entitlement = pb::Entitlement {
            name: EntitlementName { workspace, id: EntitlementId::new() }.to_string(),
            person: person.clone(),
            location: LocationName { workspace, id: LocationId::new() }.to_string(),
            provider: "kisi".into(),
            target: Some(DoorTarget {
                kind: DoorTargetKind::Lock.into(),
                r#ref: "7".into(),
                display_name: "Lab".into(),
            }),
            start_time: at(0),
            end_time: at(1),
            version: 1,
            ..Default::default()
        };
        (entitlement, pb::Person { name: person, version: 1, ..Default::default() })
    }

    #[test]
    fn it_gives_one_person_one_door_until_it_ends_or_is_ended() {
        let (entitlement, person) = told();
        let given: Vec<Entitlement> =
            facts(&entitlement, &person).unwrap().entitlements.into_iter().collect();
        let [Entitlement { subject: Subject::Target(target), window, .. }] = given.as_slice() else {
            panic!("one target, not {given:?}");
        };
        assert_eq!((target.provider.as_str(), target.provider_ref.as_str()), ("kisi", "7"));
        assert_eq!((Some(timestamp(window.start())), Some(timestamp(window.end()))), (at(0), at(1)));
        let ended = pb::Entitlement { ended_time: at(0), version: 2, ..entitlement };
        let facts = facts(&ended, &person).unwrap();
        assert_eq!((facts.version, facts.entitlements.len()), (2, 0));
    }

    #[test]
    fn without_an_end_it_lasts_as_long_as_times_do() {
        let (entitlement, person) = told();
        let facts = facts(&pb::Entitlement { end_time: None, ..entitlement }, &person).unwrap();
        let end = facts.entitlements.iter().next().unwrap().window.end();
        assert_eq!(end.to_rfc3339(), "2199-01-01T00:00:00+00:00");
    }

    #[test]
    fn what_is_not_whole_or_of_someone_else_is_not_taken() {
        let (whole, person) = told();
        let (other, stranger) = told();
        assert!(facts(&whole, &stranger).is_none());
        for broken in [
            pb::Entitlement { start_time: None, ..whole.clone() },
            pb::Entitlement { end_time: at(0), ..whole.clone() },
            pb::Entitlement { target: None, ..whole.clone() },
            pb::Entitlement { target: Some(DoorTarget::default()), ..whole.clone() },
            pb::Entitlement { location: other.location, ..whole.clone() },
            pb::Entitlement { name: other.name, ..whole.clone() },
        ] {
            assert!(facts(&broken, &person).is_none(), "{broken:?}");
        }
    }
}
