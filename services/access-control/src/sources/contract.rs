//! Contracts: while one lasts, whom it is for may enter by the desks and offices that it names, and by what opens the
//! locations where they are.

use std::collections::HashSet;

use domain::names::{ContractName, LocationName, ResourceName};
use events::consumer::decode_json;
use proto::Fact as _;
use proto::membership::v1 as pb;

use super::{OPEN_END, Source};
use crate::convert;
use crate::model::{Entitlement, Person, SourceFacts, SourceKey, Subject};

pub(super) const SOURCE: Source =
    Source { kind: KIND, is_checked_ahead: false, collection: "contracts", read };

const KIND: &str = "contract";

fn read(type_name: &str, payload: &[u8]) -> Result<Option<SourceFacts>, String> {
    let snapshot = match type_name {
        pb::ContractStarted::TYPE => decode_json::<pb::ContractStarted>(payload)?.snapshot,
        pb::ContractShortened::TYPE => decode_json::<pb::ContractShortened>(payload)?.snapshot,
        pb::ContractEnded::TYPE => decode_json::<pb::ContractEnded>(payload)?.snapshot,
        pb::ContractPeopleChanged::TYPE => decode_json::<pb::ContractPeopleChanged>(payload)?.snapshot,
        pb::ContractRetold::TYPE => decode_json::<pb::ContractRetold>(payload)?.snapshot,
        _ => return Ok(None),
    };
    let facts = snapshot.as_ref().and_then(facts).ok_or("the snapshot is not complete")?;
    Ok(Some(facts))
}

/// `None` if something that every snapshot has is missing, or is of another workspace than the contract.
fn facts(snapshot: &pb::ContractSnapshot) -> Option<SourceFacts> {
    let contract = snapshot.contract.as_ref()?;
    let ContractName { workspace, id } = contract.name.parse().ok()?;
    let people = snapshot.people.iter().map(convert::person).collect::<Option<Vec<Person>>>()?;
    if people.iter().any(|person| person.workspace != workspace) {
        return None;
    }
    let mut subjects = Vec::new();
    for name in &contract.resources {
        let name: ResourceName = name.parse().ok()?;
        subjects.push((name.workspace, Subject::Resource(name.id)));
    }
    for location in &snapshot.locations {
        let name: LocationName = location.name.parse().ok()?;
        subjects.push((name.workspace, Subject::Location(name.id)));
    }
    if contract.resources.is_empty()
        || snapshot.locations.is_empty()
        || subjects.iter().any(|(home, _)| *home != workspace)
    {
        return None;
    }
    let end = contract.end_time.unwrap_or_else(|| chassis::input::timestamp(OPEN_END));
    let window = convert::read_window(contract.start_time.as_ref()?, &end)?;
    let mut entitlements = HashSet::new();
    if contract.ended_time.is_none() {
        for person in &people {
            let entitled = |(_, subject)| Entitlement { person: person.id, subject, window, hours: None };
            entitlements.extend(subjects.iter().cloned().map(entitled));
        }
    }
    let source = SourceKey { workspace, kind: KIND.to_owned(), id: id.uuid() };
    Some(SourceFacts { source, version: contract.version, people, entitlements })
}

#[cfg(test)]
mod tests {
    use chassis::input::timestamp;
    use chrono::DateTime;
    use domain::names::PersonName;
    use domain::{ContractId, LocationId, PersonId, ResourceId, WorkspaceId};
    use proto::workspace::v1 as workspace_pb;
    use uuid::Uuid;

    use super::*;

    fn at(hour: i64) -> Option<pbjson_types::Timestamp> {
        Some(timestamp(DateTime::from_timestamp(1_800_000_000 + hour * 3_600, 0).unwrap()))
    }

    /// A contract of two people over two desks at one location.
    fn snapshot() -> pb::ContractSnapshot {
        let workspace = WorkspaceId::from_uuid(Uuid::from_bytes([9; 16]));
        let resource = || ResourceName { workspace, id: ResourceId::new() }.to_string();
        let person = || workspace_pb::Person {
            name: PersonName { workspace, id: PersonId::new() }.to_string(),
            version: 1,
            ..Default::default()
        };
        let contract = pb::Contract {
            name: ContractName { workspace, id: ContractId::new() }.to_string(),
            resources: vec![resource(), resource()],
            start_time: at(0),
            end_time: at(9),
            version: 3,
            ..Default::default()
        };
        let location = workspace_pb::Location {
            name: LocationName { workspace, id: LocationId::new() }.to_string(),
            ..Default::default()
        };
        pb::ContractSnapshot {
            contract: Some(contract),
            locations: vec![location],
            people: vec![person(), person()],
            ..Default::default()
        }
    }

    fn with(change: impl FnOnce(&mut pb::Contract)) -> pb::ContractSnapshot {
        let mut snapshot = snapshot();
        change(snapshot.contract.as_mut().unwrap());
        snapshot
    }

    #[test]
    fn each_who_has_it_may_enter_by_each_desk_and_the_location_until_its_end() {
        let facts = facts(&snapshot()).unwrap();
        assert_eq!((facts.version, facts.people.len(), facts.entitlements.len()), (3, 2, 2 * 3));
        for entitlement in &facts.entitlements {
            let window = entitlement.window;
            assert_eq!((Some(timestamp(window.start())), Some(timestamp(window.end()))), (at(0), at(9)));
            assert_eq!(entitlement.hours, None);
        }
    }

    #[test]
    fn without_an_end_it_lasts_as_long_as_times_do_and_what_was_ended_gives_nothing() {
        let open = facts(&with(|it| it.end_time = None)).unwrap();
        assert!(open.entitlements.iter().all(|it| it.window.end() == OPEN_END));
        let ended = facts(&with(|it| it.ended_time = at(3))).unwrap();
        assert_eq!((ended.people.len(), ended.entitlements.len()), (2, 0));
    }

    #[test]
    fn what_is_not_whole_or_of_two_workspaces_is_not_taken() {
        let (home, other) = (snapshot(), WorkspaceId::new());
        let foreign = ResourceName { workspace: other, id: ResourceId::new() }.to_string();
        let mut stranger = home.clone();
        stranger.people[0].name = PersonName { workspace: other, id: PersonId::new() }.to_string();
        let mut abroad = home.clone();
        abroad.locations[0].name = LocationName { workspace: other, id: LocationId::new() }.to_string();
        let nowhere = pb::ContractSnapshot { locations: Vec::new(), ..home.clone() };
        for broken in [
            stranger,
            abroad,
            nowhere,
            with(|it| it.resources.clear()),
            with(|it| it.resources[1] = foreign),
            with(|it| it.start_time = None),
            with(|it| it.end_time = it.start_time),
        ] {
            assert!(facts(&broken).is_none(), "{broken:?}");
        }
        assert!(facts(&home).is_some());
    }
}
