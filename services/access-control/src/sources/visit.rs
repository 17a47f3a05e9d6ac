//! Visits: while one is expected, its visitor may enter by the location, and by the resource that it is for, if there is
//! one. Visitors are guests: they are there for their visit alone.

use std::collections::HashSet;

use domain::names::{LocationName, PersonName, ResourceName, VisitName};
use events::consumer::decode_json;
use proto::Fact as _;
use proto::workspace::v1 as pb;

use super::Source;
use crate::convert;
use crate::model::{Entitlement, Person, SourceFacts, SourceKey, Subject};

pub(super) const SOURCE: Source = Source { kind: KIND, is_checked_ahead: false, collection: "visits", read };

pub(crate) const KIND: &str = "visit";

fn read(type_name: &str, payload: &[u8]) -> Result<Option<SourceFacts>, String> {
    let snapshot = match type_name {
        pb::VisitAnnounced::TYPE => decode_json::<pb::VisitAnnounced>(payload)?.snapshot,
        pb::VisitChanged::TYPE => decode_json::<pb::VisitChanged>(payload)?.snapshot,
        pb::VisitCancelled::TYPE => decode_json::<pb::VisitCancelled>(payload)?.snapshot,
        _ => return Ok(None),
    };
    let facts = snapshot.as_ref().and_then(facts).ok_or("the snapshot is not complete")?;
    Ok(Some(facts))
}

/// `None` if something that every snapshot has is missing, or is of another workspace than the visit.
fn facts(snapshot: &pb::VisitSnapshot) -> Option<SourceFacts> {
    let visit = snapshot.visit.as_ref()?;
    let VisitName { workspace, id } = visit.name.parse().ok()?;
    let location: LocationName = visit.location.parse().ok()?;
    let resource: Option<ResourceName> =
        if visit.resource.is_empty() { None } else { Some(visit.resource.parse().ok()?) };
    let visitor: PersonName = visit.visitor.parse().ok()?;
    let person = Person { is_guest: true, ..convert::person(snapshot.visitor.as_ref()?)? };
    if location.workspace != workspace
        || resource.is_some_and(|resource| resource.workspace != workspace)
        || (visitor.workspace, visitor.id) != (person.workspace, person.id)
        || person.workspace != workspace
    {
        return None;
    }
    let window = convert::read_window(visit.start_time.as_ref()?, visit.end_time.as_ref()?)?;
    let subjects = [Some(Subject::Location(location.id)), resource.map(|it| Subject::Resource(it.id))];
    let entitlements = match visit.state() {
        pb::VisitState::Expected => subjects
            .into_iter()
            .flatten()
            .map(|subject| Entitlement { person: person.id, subject, window, hours: None })
            .collect(),
        pb::VisitState::Unspecified | pb::VisitState::Pending | pb::VisitState::Cancelled => HashSet::new(),
    };
    let source = SourceKey { workspace, kind: KIND.to_owned(), id: id.uuid() };
    Some(SourceFacts { source, version: visit.version, people: vec![person], entitlements })
}

#[cfg(test)]
mod tests {
    use chassis::input::timestamp;
    use chrono::DateTime;
    use domain::{LocationId, PersonId, ResourceId, VisitId, WorkspaceId};

    use super::*;

    fn snapshot(state: pb::VisitState, has_resource: bool) -> pb::VisitSnapshot {
        let at = |hour: i64| timestamp(DateTime::from_timestamp(1_800_000_000 + hour * 3_600, 0).unwrap());
        let (workspace, id) = (WorkspaceId::new(), VisitId::new());
        let visitor = PersonName { workspace, id: PersonId::from_uuid(id.uuid()) }.to_string();
        let resource = ResourceName { workspace, id: ResourceId::new() }.to_string();
        let visit = pb::Visit {
            name: VisitName { workspace, id }.to_string(),
            location: LocationName { workspace, id: LocationId::new() }.to_string(),
            resource: if has_resource { resource } else { String::new() },
            start_time: Some(at(0)),
            end_time: Some(at(1)),
            state: state.into(),
            version: 4,
            visitor: visitor.clone(),
            ..Default::default()
        };
        let visitor = pb::Person {
            name: visitor,
            status: pb::PersonStatus::Active.into(),
            version: 4,
            ..Default::default()
        };
        pb::VisitSnapshot { visit: Some(visit), visitor: Some(visitor), ..Default::default() }
    }

    #[test]
    fn who_is_expected_may_enter_and_nobody_else() {
        use pb::VisitState::{Cancelled, Expected, Pending, Unspecified};
        for (state, has_resource, count) in [
            (Expected, true, 2),
            (Expected, false, 1),
            (Pending, true, 0),
            (Cancelled, true, 0),
            (Unspecified, true, 0),
        ] {
            let facts = facts(&snapshot(state, has_resource)).unwrap();
            assert_eq!(facts.entitlements.len(), count, "{state:?}");
            let [visitor] = &facts.people[..] else { panic!("the visitor, and not the host") };
            assert!(visitor.is_guest && visitor.is_active);
            assert!(facts.entitlements.iter().all(|it| it.person == visitor.id));
            assert_eq!(facts.version, 4);
        }
    }

    #[test]
    fn what_is_not_whole_or_of_someone_else_is_not_taken() {
        let whole = snapshot(pb::VisitState::Expected, true);
        let other = snapshot(pb::VisitState::Expected, true);
        let visit = |change: fn(&mut pb::Visit, &pb::Visit)| {
            let mut broken = whole.clone();
            change(broken.visit.as_mut().unwrap(), other.visit.as_ref().unwrap());
            broken
        };
        for broken in [
            visit(|visit, other| visit.location.clone_from(&other.location)),
            visit(|visit, other| visit.resource.clone_from(&other.resource)),
            visit(|visit, other| visit.name.clone_from(&other.name)),
            visit(|visit, _| visit.end_time = None),
            visit(|visit, _| std::mem::swap(&mut visit.start_time, &mut visit.end_time)),
            pb::VisitSnapshot { visitor: other.visitor.clone(), ..whole.clone() },
            pb::VisitSnapshot { visitor: None, ..whole.clone() },
        ] {
            assert!(facts(&broken).is_none(), "{broken:?}");
        }
        assert!(facts(&whole).is_some());
    }
}
