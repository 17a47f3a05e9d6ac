//! Sources of entitlement: what makes people entitled to enter, such as a booking.
//!
//! An event of a source says the source as it is now. A pure function, one for each kind of source, makes of
//! it the whole set of entitlements that the source gives: each for one person, one subject and one window;
//! none, if it does not stand. The newest version of a source wins, so neither order nor repetition matters.
//! Nothing else in this service knows what sources there are. A new one is a module here, with its line in
//! [`SOURCES`].

mod booking;
mod contract;
mod manual;
mod membership;
mod pass;
mod visit;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use domain::Timestamp;
use domain::names::WorkspaceName;
use uuid::Uuid;

use crate::model::{Entitlement, SourceFacts, SourceKey};

/// What rows call visits.
pub(crate) use visit::KIND as VISIT;

/// A kind of source.
struct Source {
    /// What rows call it.
    kind: &'static str,
    /// Whether it is checked ahead of its begin that everybody will be let in.
    is_checked_ahead: bool,
    /// What names call its collection, such as `bookings`.
    collection: &'static str,
    /// Reads its events, by the type of their message; `None` if it is not one of those.
    read: fn(type_name: &str, payload: &[u8]) -> Result<Option<SourceFacts>, String>,
}

const SOURCES: [Source; 6] =
    [booking::SOURCE, contract::SOURCE, manual::SOURCE, membership::SOURCE, pass::SOURCE, visit::SOURCE];

/// The end of what has none: 2199, for with the longest lag it is still a time that is taken everywhere. So it is a
/// window like any other, which the provider keeps whatever becomes of us, and which costs no call until it is taken
/// back.
const OPEN_END: Timestamp = DateTime::<Utc>::from_timestamp(7_226_582_400, 0).expect("2199 is a year");

/// What an event says, if it is one of a source.
pub(crate) fn read(type_name: &str, payload: &[u8]) -> Result<Option<SourceFacts>, String> {
    for source in SOURCES {
        if let Some(facts) = (source.read)(type_name, payload)? {
            return Ok(Some(facts));
        }
    }
    Ok(None)
}

/// What a source is called: `workspaces/{workspace}/bookings/{booking}`, for example.
pub(crate) fn name(SourceKey { workspace, kind, id }: &SourceKey) -> String {
    let known = SOURCES.iter().find(|source| source.kind == kind);
    format!("{}/{}/{id}", WorkspaceName(*workspace), known.map_or(kind.as_str(), |source| source.collection))
}

/// Whether a source is checked ahead of its begin.
pub(crate) fn is_checked_ahead(source: &SourceKey) -> bool {
    SOURCES.iter().any(|known| known.is_checked_ahead && known.kind == source.kind)
}

/// The source that is called so; `None` if there are none of that name.
pub(crate) fn of_name(name: &str) -> Option<SourceKey> {
    let mut parts = name.rsplitn(3, '/');
    let (id, collection, workspace) = (parts.next()?, parts.next()?, parts.next()?);
    let WorkspaceName(workspace) = workspace.parse().ok()?;
    let source = SOURCES.iter().find(|source| source.collection == collection)?;
    Some(SourceKey { workspace, kind: source.kind.to_owned(), id: id.parse().ok()? })
}

/// An entitlement with the source that gives it.
pub(crate) type Given = (SourceKey, Entitlement);

/// What becomes of the entitlements of sources.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Not given any more, with their rows.
    pub gone: Vec<(Uuid, Given)>,
    /// Not given before.
    pub new: Vec<Given>,
}

/// From what is `known` of sources to what they give now. Who has the same as before is in neither list, so
/// nobody hears of an invitation but who is invited.
pub(crate) fn difference(
    known: impl IntoIterator<Item = (Uuid, Given)>,
    given: impl IntoIterator<Item = Given>,
) -> Difference {
    let mut new: HashSet<Given> = given.into_iter().collect();
    let gone = known.into_iter().filter(|(_, before)| !new.remove(before)).collect();
    Difference { gone, new: new.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};
    use domain::{PersonId, ResourceId, Window, WorkspaceId};
    use proptest::prelude::*;

    use super::*;
    use crate::model::Subject;

    /// One of few entitlements of one source, so that they are often the same.
    fn given(number: u8) -> Given {
        let uuid = |number: u8| Uuid::from_bytes([number; 16]);
        let start = DateTime::from_timestamp(1_800_000_000 + i64::from(number & 1) * 3_600, 0).unwrap();
        let source =
            SourceKey { workspace: WorkspaceId::from_uuid(uuid(1)), kind: "test".into(), id: uuid(2) };
        let entitlement = Entitlement {
            person: PersonId::from_uuid(uuid(number & 2)),
            subject: Subject::Resource(ResourceId::from_uuid(uuid(number & 4))),
            window: Window::new(start, start + Duration::hours(1)).unwrap(),
            hours: None,
        };
        (source, entitlement)
    }

    #[test]
    fn a_source_is_found_by_its_name() {
        let (workspace, id) = (WorkspaceId::new(), Uuid::now_v7());
        for source in SOURCES {
            let key = SourceKey { workspace, kind: source.kind.to_owned(), id };
            assert_eq!(of_name(&name(&key)), Some(key));
        }
        for other in
            ["", "bookings", &format!("workspaces/{workspace}/people/{id}"), "workspaces/1/bookings/2"]
        {
            assert_eq!(of_name(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn a_difference_leads_to_exactly_what_is_given_and_touches_nothing_else(
            before in prop::collection::hash_set(0u8..8, 0..8), after in prop::collection::vec(0u8..8, 0..12),
        ) {
            let known: Vec<(Uuid, Given)> =
                before.iter().map(|&number| (Uuid::from_bytes([number; 16]), given(number))).collect();
            let wanted: HashSet<Given> = after.iter().map(|&number| given(number)).collect();
            let Difference { gone, new } = difference(known.clone(), after.iter().map(|&number| given(number)));
            let kept = known.into_iter().filter(|row| !gone.contains(row)).map(|(_, kept)| kept);
            let result: Vec<Given> = kept.chain(new.clone()).collect();
            prop_assert_eq!(result.len(), wanted.len(), "each once");
            prop_assert_eq!(&result.into_iter().collect::<HashSet<_>>(), &wanted);
            prop_assert!(gone.iter().all(|(_, given)| !wanted.contains(given)));
        }
    }
}
