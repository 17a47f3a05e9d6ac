//! Bookings: while one is confirmed, whoever holds it and all who are invited may enter by its resource, and by what
//! opens the whole location.

use std::collections::HashSet;

use domain::names::{BookingName, LocationName, ResourceName};
use events::consumer::decode_json;
use proto::Fact as _;
use proto::workspace::v1 as pb;

use super::Source;
use crate::convert;
use crate::model::{Entitlement, Person, SourceFacts, SourceKey, Subject};

pub(super) const SOURCE: Source = Source { kind: KIND, is_checked_ahead: true, collection: "bookings", read };

const KIND: &str = "booking";

fn read(type_name: &str, payload: &[u8]) -> Result<Option<SourceFacts>, String> {
    let snapshot = match type_name {
        pb::BookingConfirmed::TYPE => decode_json::<pb::BookingConfirmed>(payload)?.snapshot,
        pb::BookingRescheduled::TYPE => decode_json::<pb::BookingRescheduled>(payload)?.snapshot,
        pb::BookingCancelled::TYPE => decode_json::<pb::BookingCancelled>(payload)?.snapshot,
        pb::BookingFailed::TYPE => decode_json::<pb::BookingFailed>(payload)?.snapshot,
        pb::BookingAttendeeAdded::TYPE => decode_json::<pb::BookingAttendeeAdded>(payload)?.snapshot,
        pb::BookingAttendeeRemoved::TYPE => decode_json::<pb::BookingAttendeeRemoved>(payload)?.snapshot,
        pb::BookingRetold::TYPE => decode_json::<pb::BookingRetold>(payload)?.snapshot,
        // One that is made gives nothing yet; one that is completed ends by itself.
        _ => return Ok(None),
    };
    let facts = snapshot.as_ref().and_then(facts).ok_or("the snapshot is not complete")?;
    Ok(Some(facts))
}

/// `None` if something that every snapshot has is missing, or is of another workspace than the booking.
fn facts(snapshot: &pb::BookingSnapshot) -> Option<SourceFacts> {
    let booking = snapshot.booking.as_ref()?;
    let BookingName { workspace, id } = booking.name.parse().ok()?;
    let resource: ResourceName = booking.resource.parse().ok()?;
    let location: LocationName = snapshot.location.as_ref()?.name.parse().ok()?;
    let mut people = vec![convert::person(snapshot.person.as_ref()?)?];
    for attendee in &snapshot.attendees {
        people.push(convert::person(attendee)?);
    }
    let is_elsewhere = |other| other != workspace;
    if is_elsewhere(resource.workspace)
        || is_elsewhere(location.workspace)
        || people.iter().any(|person| is_elsewhere(person.workspace))
    {
        return None;
    }
    let window = convert::read_window(booking.start_time.as_ref()?, booking.end_time.as_ref()?)?;
    let stands = match booking.state() {
        // A completed one gives access until its lag is over.
        pb::BookingState::Confirmed | pb::BookingState::Completed => true,
        pb::BookingState::Unspecified
        | pb::BookingState::Pending
        | pb::BookingState::Failed
        | pb::BookingState::Cancelled => false,
    };
    let subjects = [Subject::Resource(resource.id), Subject::Location(location.id)];
    let entitled = |person: &Person| {
        let person = person.id;
        subjects.clone().map(|subject| Entitlement { person, subject, window, hours: None })
    };
    let entitlements = if stands { people.iter().flat_map(entitled).collect() } else { HashSet::new() };
    let source = SourceKey { workspace, kind: KIND.to_owned(), id: id.uuid() };
    Some(SourceFacts { source, version: booking.version, people, entitlements })
}

#[cfg(test)]
mod tests {
    use chassis::input::timestamp;
    use chrono::DateTime;
    use domain::names::PersonName;
    use domain::{BookingId, LocationId, PersonId, ResourceId, WorkspaceId};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn workspace() -> WorkspaceId {
        WorkspaceId::from_uuid(Uuid::from_bytes([9; 16]))
    }

    fn id(number: u8) -> PersonId {
        PersonId::from_uuid(Uuid::from_bytes([number; 16]))
    }

    fn person(number: u8) -> pb::Person {
        let name = PersonName { workspace: workspace(), id: id(number) }.to_string();
        pb::Person { name, status: pb::PersonStatus::Active.into(), version: 1, ..Default::default() }
    }

    fn snapshot(state: pb::BookingState, attendees: &[u8]) -> pb::BookingSnapshot {
        let at = |hour: i64| timestamp(DateTime::from_timestamp(1_800_000_000 + hour * 3_600, 0).unwrap());
        let booking = pb::Booking {
            name: BookingName { workspace: workspace(), id: BookingId::new() }.to_string(),
            resource: ResourceName { workspace: workspace(), id: ResourceId::new() }.to_string(),
            start_time: Some(at(0)),
            end_time: Some(at(1)),
            state: state.into(),
            version: 4,
            ..Default::default()
        };
        pb::BookingSnapshot {
            booking: Some(booking),
            person: Some(person(0)),
            location: Some(pb::Location {
                name: LocationName { workspace: workspace(), id: LocationId::new() }.to_string(),
                ..Default::default()
            }),
            attendees: attendees.iter().map(|&number| person(number)).collect(),
            ..Default::default()
        }
    }

    /// Who may enter by the resource, each as often as it is said; and by the location the same.
    fn entitled(facts: &SourceFacts) -> Vec<PersonId> {
        let by = |is_subject: fn(&Subject) -> bool| {
            let entitled = facts.entitlements.iter().filter(|it| is_subject(&it.subject));
            let mut people: Vec<PersonId> = entitled.map(|it| it.person).collect();
            people.sort_unstable();
            people
        };
        let people = by(|subject| matches!(subject, Subject::Resource(_)));
        assert_eq!(people, by(|subject| matches!(subject, Subject::Location(_))));
        people
    }

    #[test]
    fn only_a_booking_that_is_confirmed_or_was_until_its_end_gives_anything() {
        use pb::BookingState::{Cancelled, Completed, Confirmed, Failed, Pending, Unspecified};
        for (state, stands) in [
            (Confirmed, true),
            (Completed, true),
            (Pending, false),
            (Failed, false),
            (Cancelled, false),
            (Unspecified, false),
        ] {
            let facts = facts(&snapshot(state, &[1])).unwrap();
            assert_eq!(facts.entitlements.len(), if stands { 4 } else { 0 }, "{state:?}");
            assert_eq!((facts.version, facts.people.len()), (4, 2), "who they are is told all the same");
        }
    }

    #[test]
    fn what_is_not_whole_or_of_two_workspaces_is_not_taken() {
        let whole = snapshot(pb::BookingState::Confirmed, &[1]);
        let mut foreign = whole.clone();
        foreign.attendees[0].name = PersonName { workspace: WorkspaceId::new(), id: id(1) }.to_string();
        let mut nameless = whole.clone();
        nameless.attendees[0].name.clear();
        let mut endless = whole.clone();
        endless.booking.as_mut().unwrap().end_time = None;
        let mut backwards = whole.clone();
        let booking = backwards.booking.as_mut().unwrap();
        std::mem::swap(&mut booking.start_time, &mut booking.end_time);
        let mut elsewhere = whole.clone();
        elsewhere.location.as_mut().unwrap().name =
            LocationName { workspace: WorkspaceId::new(), id: LocationId::new() }.to_string();
        let nobodys = pb::BookingSnapshot { person: None, ..whole.clone() };
        for broken in [foreign, nameless, endless, backwards, elsewhere, nobodys] {
            assert!(facts(&broken).is_none(), "{broken:?}");
        }
        assert!(facts(&whole).is_some());
    }

    proptest! {
        #[test]
        fn each_who_holds_it_or_is_invited_is_entitled_once_however_often_they_are_named(
            attendees in prop::collection::vec(0u8..6, 0..12),
        ) {
            let facts = facts(&snapshot(pb::BookingState::Confirmed, &attendees)).unwrap();
            let mut expected: Vec<PersonId> = attendees.iter().chain([&0]).map(|&number| id(number)).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(entitled(&facts), expected);
        }
    }
}
