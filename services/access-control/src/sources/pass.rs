//! Passes: a time pass as long as it is valid, a day pass on the days that it was used for; at its weekly hours, if it
//! has any. Either opens what its product is mapped to, and what opens the whole location.

use std::collections::HashSet;

use chassis::input::Input;
use chassis::weekly_hours;
use domain::names::{LocationName, PassName, PassProductName, PersonName};
use domain::{Window, zone};
use events::consumer::decode_json;
use proto::Fact as _;
use proto::workspace::v1 as pb;

use super::Source;
use crate::convert;
use crate::engine::Hours;
use crate::model::{Entitlement, SourceFacts, SourceKey, Subject};

pub(super) const SOURCE: Source = Source { kind: KIND, collection: "passes", is_checked_ahead: false, read };

const KIND: &str = "pass";

fn read(type_name: &str, payload: &[u8]) -> Result<Option<SourceFacts>, String> {
    let snapshot = match type_name {
        pb::PassIssued::TYPE => decode_json::<pb::PassIssued>(payload)?.snapshot,
        pb::PassUsed::TYPE => decode_json::<pb::PassUsed>(payload)?.snapshot,
        pb::PassUseCancelled::TYPE => decode_json::<pb::PassUseCancelled>(payload)?.snapshot,
        pb::PassRetold::TYPE => decode_json::<pb::PassRetold>(payload)?.snapshot,
        pb::PassCancelled::TYPE => decode_json::<pb::PassCancelled>(payload)?.snapshot,
        _ => return Ok(None),
    };
    let facts = snapshot.as_ref().and_then(facts).ok_or("the snapshot is not complete")?;
    Ok(Some(facts))
}

/// `None` if something that every snapshot has is missing, or is not the pass's.
fn facts(snapshot: &pb::PassSnapshot) -> Option<SourceFacts> {
    let pass = snapshot.pass.as_ref()?;
    let PassName { workspace, id } = pass.name.parse().ok()?;
    let product: PassProductName = pass.product.parse().ok()?;
    let holder: PersonName = pass.person.parse().ok()?;
    let location: LocationName = pass.location.parse().ok()?;
    let (person, place) = (convert::person(snapshot.person.as_ref()?)?, snapshot.location.as_ref()?);
    if (holder.workspace, holder.id) != (person.workspace, person.id)
        || place.name != pass.location
        || [product.workspace, holder.workspace, location.workspace] != [workspace; 3]
    {
        return None;
    }
    let terms = pass.terms.as_ref()?;
    let hours = match &terms.weekly_hours {
        Some(hours) => {
            let weekly = weekly_hours::read(&mut Input::new(), "weekly_hours", hours)?;
            Some(Hours { weekly, zone: zone::parse(&place.time_zone).ok()? })
        }
        None => None,
    };
    let stands = match pass.state() {
        // Time alone ends it, by its windows.
        pb::PassState::Valid | pb::PassState::UsedUp | pb::PassState::Expired => true,
        pb::PassState::Unspecified | pb::PassState::Cancelled => false,
    };
    let windows = if stands { windows(pass, terms.kind())? } else { Vec::new() };
    let subjects = [Subject::PassProduct(product.id), Subject::Location(location.id)];
    let entitled = |window: Window| {
        let of = |subject| Entitlement { person: person.id, subject, window, hours: hours.clone() };
        subjects.clone().map(of)
    };
    let entitlements: HashSet<Entitlement> = windows.into_iter().flat_map(entitled).collect();
    let source = SourceKey { workspace, kind: KIND.to_owned(), id: id.uuid() };
    Some(SourceFacts { source, version: pass.version, people: vec![person], entitlements })
}

fn windows(pass: &pb::Pass, kind: pb::PassKind) -> Option<Vec<Window>> {
    let window = |start: Option<_>, end: Option<_>| convert::read_window(start?, end?);
    match kind {
        pb::PassKind::Time => Some(vec![window(pass.start_time.as_ref(), pass.end_time.as_ref())?]),
        pb::PassKind::Day => {
            pass.days.iter().map(|day| window(day.start_time.as_ref(), day.end_time.as_ref())).collect()
        }
        pb::PassKind::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use chassis::input::timestamp;
    use chrono::DateTime;
    use domain::{LocationId, PassId, PassProductId, PersonId, WorkspaceId};

    use super::*;

    fn at(hour: i64) -> Option<pbjson_types::Timestamp> {
        Some(timestamp(DateTime::from_timestamp(1_800_000_000 + hour * 3_600, 0).unwrap()))
    }

    fn day(hour: i64) -> pb::PassDay {
        pb::PassDay { date: "2027-01-15".into(), start_time: at(hour), end_time: at(hour + 24) }
    }

    fn snapshot(kind: pb::PassKind, days: &[i64]) -> pb::PassSnapshot {
        let workspace = WorkspaceId::new();
        let person = PersonName { workspace, id: PersonId::new() }.to_string();
        let location = LocationName { workspace, id: LocationId::new() }.to_string();
        let pass = pb::Pass {
            name: PassName { workspace, id: PassId::new() }.to_string(),
            product: PassProductName { workspace, id: PassProductId::new() }.to_string(),
            person: person.clone(),
            location: location.clone(),
            terms: Some(pb::PassTerms { kind: kind.into(), ..Default::default() }),
            start_time: at(0),
            end_time: at(100),
            days: days.iter().map(|&hour| day(hour)).collect(),
            state: pb::PassState::Valid.into(),
            version: 4,
            ..Default::default()
        };
        pb::PassSnapshot {
            pass: Some(pass),
            person: Some(pb::Person { name: person, version: 1, ..Default::default() }),
            location: Some(pb::Location {
                name: location,
                time_zone: "Europe/Vienna".into(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn with(snapshot: &pb::PassSnapshot, change: impl FnOnce(&mut pb::Pass)) -> pb::PassSnapshot {
        let mut changed = snapshot.clone();
        change(changed.pass.as_mut().unwrap());
        changed
    }

    /// The windows by its product, in hours; by its location there are the same.
    fn windows_of(snapshot: &pb::PassSnapshot) -> Vec<(i64, i64)> {
        let facts = facts(snapshot).unwrap();
        let by = |is_subject: fn(&Subject) -> bool| {
            let hour = |time: domain::Timestamp| (time.timestamp() - 1_800_000_000) / 3_600;
            let given = facts.entitlements.iter().filter(|it| is_subject(&it.subject));
            let mut hours: Vec<(i64, i64)> =
                given.map(|it| (hour(it.window.start()), hour(it.window.end()))).collect();
            hours.sort_unstable();
            hours
        };
        let windows = by(|subject| matches!(subject, Subject::PassProduct(_)));
        assert_eq!(windows, by(|subject| matches!(subject, Subject::Location(_))));
        windows
    }

    #[test]
    fn a_time_pass_opens_as_long_as_it_is_valid_and_a_day_pass_on_its_days() {
        assert_eq!(windows_of(&snapshot(pb::PassKind::Time, &[])), [(0, 100)]);
        assert_eq!(windows_of(&snapshot(pb::PassKind::Day, &[])), []);
        assert_eq!(windows_of(&snapshot(pb::PassKind::Day, &[0, 48])), [(0, 24), (48, 72)]);
    }

    #[test]
    fn it_gives_what_it_gave_until_it_is_taken_back() {
        use pb::PassState::{Cancelled, Expired, Unspecified, UsedUp, Valid};
        let pass = snapshot(pb::PassKind::Day, &[0]);
        for (state, stands) in
            [(Valid, true), (UsedUp, true), (Expired, true), (Cancelled, false), (Unspecified, false)]
        {
            let told = with(&pass, |pass| pass.state = state.into());
            assert_eq!(windows_of(&told).len(), usize::from(stands), "{state:?}");
            assert_eq!(facts(&told).unwrap().version, 4);
        }
    }

    #[test]
    fn its_hours_are_those_of_the_clocks_of_its_location() {
        let interval =
            pb::WeeklyInterval { day: pb::DayOfWeek::Monday.into(), start_minute: 480, end_minute: 720 };
        let hours = pb::WeeklyHours { intervals: vec![interval] };
        let terms = |kind: pb::PassKind| pb::PassTerms {
            kind: kind.into(),
            weekly_hours: Some(hours.clone()),
            ..Default::default()
        };
        for kind in [pb::PassKind::Time, pb::PassKind::Day] {
            let told = with(&snapshot(kind, &[0]), |pass| pass.terms = Some(terms(kind)));
            let given = facts(&told).unwrap().entitlements;
            assert_eq!(given.len(), 2);
            for Entitlement { hours, .. } in given {
                let Hours { weekly, zone } = hours.unwrap();
                let text = (weekly.to_string(), zone.name());
                assert_eq!(text, ("Mon 08:00-12:00".to_owned(), "Europe/Vienna"));
            }
        }
    }

    #[test]
    fn what_is_not_whole_or_not_the_passs_is_not_taken() {
        let whole = snapshot(pb::PassKind::Day, &[0]);
        let elsewhere =
            PassProductName { workspace: WorkspaceId::new(), id: PassProductId::new() }.to_string();
        let another = snapshot(pb::PassKind::Day, &[0]);
        for (what, broken) in [
            ("product of another workspace", with(&whole, |pass| pass.product = elsewhere)),
            ("another person", pb::PassSnapshot { person: another.person, ..whole.clone() }),
            ("another location", pb::PassSnapshot { location: another.location, ..whole.clone() }),
            ("no terms", with(&whole, |pass| pass.terms = None)),
            ("a day without an end", with(&whole, |pass| pass.days[0].end_time = None)),
            ("a day that ends before it starts", with(&whole, |pass| pass.days[0].end_time = at(-1))),
            (
                "hours that no week has",
                with(&whole, |pass| {
                    pass.terms.as_mut().unwrap().weekly_hours = Some(pb::WeeklyHours::default());
                }),
            ),
        ] {
            assert!(facts(&broken).is_none(), "{what}");
        }
        assert!(facts(&whole).is_some());
    }
}
