//! Memberships of plans: from their start until the end of what is paid for, and for the plan's days of grace, whom
//! they are for may enter by the plan, and by what opens its locations.

use std::collections::{HashMap, HashSet};

use chassis::input::Input;
use chassis::weekly_hours;
use chrono::Duration;
use domain::names::{LocationName, MembershipName, PlanName};
use domain::{LocationId, Timestamp, Window};
use events::consumer::decode_json;
use proto::Fact as _;
use proto::membership::v1 as pb;

use super::Source;
use crate::convert;
use crate::engine::Hours;
use crate::model::{Entitlement, Person, SourceFacts, SourceKey, Subject};

pub(super) const SOURCE: Source =
    Source { kind: KIND, is_checked_ahead: false, collection: "memberships", read };

const KIND: &str = "membership";

fn read(type_name: &str, payload: &[u8]) -> Result<Option<SourceFacts>, String> {
    let snapshot = match type_name {
        pb::MembershipStarted::TYPE => decode_json::<pb::MembershipStarted>(payload)?.snapshot,
        pb::MembershipRenewed::TYPE => decode_json::<pb::MembershipRenewed>(payload)?.snapshot,
        pb::MembershipRenewalFailed::TYPE => decode_json::<pb::MembershipRenewalFailed>(payload)?.snapshot,
        pb::MembershipPaused::TYPE => decode_json::<pb::MembershipPaused>(payload)?.snapshot,
        pb::MembershipResumed::TYPE => decode_json::<pb::MembershipResumed>(payload)?.snapshot,
        pb::MembershipCancelled::TYPE => decode_json::<pb::MembershipCancelled>(payload)?.snapshot,
        pb::MembershipEnded::TYPE => decode_json::<pb::MembershipEnded>(payload)?.snapshot,
        pb::MembershipPeopleChanged::TYPE => decode_json::<pb::MembershipPeopleChanged>(payload)?.snapshot,
        pb::MembershipRetold::TYPE => decode_json::<pb::MembershipRetold>(payload)?.snapshot,
        _ => return Ok(None),
    };
    let facts = snapshot.as_ref().and_then(facts).ok_or("the snapshot is not complete")?;
    Ok(Some(facts))
}

/// `None` if something that every snapshot has is missing, or is of another workspace than the membership.
fn facts(snapshot: &pb::MembershipSnapshot) -> Option<SourceFacts> {
    let membership = snapshot.membership.as_ref()?;
    let MembershipName { workspace, id } = membership.name.parse().ok()?;
    let plan: PlanName = membership.plan.parse().ok()?;
    let people = snapshot.people.iter().map(convert::person).collect::<Option<Vec<Person>>>()?;
    if plan.workspace != workspace || people.iter().any(|person| person.workspace != workspace) {
        return None;
    }
    let mut zones = HashMap::new();
    for told in &snapshot.locations {
        let LocationName { id, .. } =
            told.name.parse().ok().filter(|name: &LocationName| name.workspace == workspace)?;
        zones.insert(id, domain::zone::parse(&told.time_zone).ok()?);
    }
    let terms = membership.terms.as_ref()?;
    let weekly = match &terms.weekly_hours {
        Some(told) => Some(weekly_hours::read(&mut Input::new(), "weekly_hours", told)?),
        None => None,
    };
    let hours = |at: LocationId| -> Option<Option<Hours>> {
        let zone = *zones.get(&at)?;
        Some(weekly.clone().map(|weekly| Hours { weekly, zone }))
    };
    let own: LocationName = terms.location.parse().ok()?;
    let mut subjects = vec![(Subject::Plan(plan.id), hours(own.id)?)];
    for name in [&terms.location].into_iter().chain(&terms.shared_locations) {
        let LocationName { id, .. } = name.parse().ok()?;
        subjects.push((Subject::Location(id), hours(id)?));
    }
    let (start, end) = (membership.start_time.as_ref()?, membership.period_end_time.as_ref()?);
    let mut entitlements = HashSet::new();
    if let Some(window) = standing(membership, terms.grace_days, convert::read_window(start, end)?) {
        for person in &people {
            let entitled = |(subject, hours)| Entitlement { person: person.id, subject, window, hours };
            entitlements.extend(subjects.iter().cloned().map(entitled));
        }
    }
    let source = SourceKey { workspace, kind: KIND.to_owned(), id: id.uuid() };
    Some(SourceFacts { source, version: membership.version, people, entitlements })
}

/// When a membership gives what it gives, from the start until the end of its paid period or longer; `None` if
/// it gives nothing.
fn standing(membership: &pb::Membership, grace_days: i32, paid: Window) -> Option<Window> {
    let until = |end: Timestamp| Window::new(paid.start(), end).ok();
    match membership.state() {
        // Whether it is renewed is not known yet: nobody is locked out for that.
        pb::MembershipState::Active => until(paid.end() + Duration::days(i64::from(grace_days.max(0)))),
        pb::MembershipState::Ending => Some(paid),
        // One that came to its end gives access until its lag is over; one that was ended gives none.
        pb::MembershipState::Ended => {
            let ran_out = membership.is_ending && membership.ended_time == membership.period_end_time;
            (ran_out && !membership.is_paused).then_some(paid)
        }
        pb::MembershipState::Paused | pb::MembershipState::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chassis::input::timestamp;
    use chrono::DateTime;
    use chrono_tz::Tz;
    use domain::names::PersonName;
    use domain::{MembershipId, PersonId, PlanId, WorkspaceId};
    use pb::MembershipState::{Active, Ended, Ending, Paused, Unspecified};
    use proptest::prelude::*;
    use proto::workspace::v1 as workspace_pb;
    use uuid::Uuid;

    use super::*;

    fn workspace() -> WorkspaceId {
        WorkspaceId::from_uuid(Uuid::from_bytes([9; 16]))
    }

    fn location(number: u8) -> String {
        let id = LocationId::from_uuid(Uuid::from_bytes([number; 16]));
        LocationName { workspace: workspace(), id }.to_string()
    }

    fn person(number: u8) -> workspace_pb::Person {
        let id = PersonId::from_uuid(Uuid::from_bytes([number; 16]));
        let name = PersonName { workspace: workspace(), id }.to_string();
        workspace_pb::Person { name, version: 1, ..Default::default() }
    }

    fn day(number: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + Duration::days(number)
    }

    /// From day 0, paid until day 30, with 5 days of grace, at location 1 and shared with location 2, which is in
    /// another zone.
    fn snapshot(state: pb::MembershipState, people: &[u8]) -> pb::MembershipSnapshot {
        let at = |number, time_zone: &str| workspace_pb::Location {
            name: location(number),
            time_zone: time_zone.into(),
            ..Default::default()
        };
        let terms = pb::PlanTerms {
            location: location(1),
            shared_locations: vec![location(2)],
            grace_days: 5,
            ..Default::default()
        };
        let membership = pb::Membership {
            name: MembershipName { workspace: workspace(), id: MembershipId::new() }.to_string(),
            plan: PlanName { workspace: workspace(), id: PlanId::new() }.to_string(),
            terms: Some(terms),
            start_time: Some(timestamp(day(0))),
            period_end_time: Some(timestamp(day(30))),
            state: state.into(),
            version: 4,
            ..Default::default()
        };
        pb::MembershipSnapshot {
            membership: Some(membership),
            locations: vec![at(1, "Europe/Vienna"), at(2, "Asia/Kathmandu")],
            people: people.iter().map(|&number| person(number)).collect(),
            ..Default::default()
        }
    }

    fn with(
        mut snapshot: pb::MembershipSnapshot,
        change: impl FnOnce(&mut pb::Membership),
    ) -> pb::MembershipSnapshot {
        change(snapshot.membership.as_mut().unwrap());
        snapshot
    }

    /// Until which day it gives something.
    fn until(snapshot: &pb::MembershipSnapshot) -> Option<i64> {
        let facts = facts(snapshot).unwrap();
        let windows: BTreeSet<_> =
            facts.entitlements.iter().map(|it| (it.window.start(), it.window.end())).collect();
        assert!(windows.len() <= 1, "{windows:?}");
        windows.first().map(|(start, end)| {
            assert_eq!(*start, day(0));
            (*end - day(0)).num_days()
        })
    }

    #[test]
    fn each_who_has_it_may_enter_by_the_plan_and_by_each_location_at_its_own_hours() {
        let night = workspace_pb::WeeklyInterval {
            day: workspace_pb::DayOfWeek::Friday.into(),
            start_minute: 1_320,
            end_minute: 120,
        };
        let told = with(snapshot(Active, &[1, 2, 1]), |membership| {
            let hours = workspace_pb::WeeklyHours { intervals: vec![night] };
            membership.terms.as_mut().unwrap().weekly_hours = Some(hours);
        });
        let facts = facts(&told).unwrap();
        assert_eq!((facts.version, facts.entitlements.len()), (4, 2 * 3));
        for entitlement in &facts.entitlements {
            let zone = match &entitlement.subject {
                Subject::Location(id) if id.uuid() == Uuid::from_bytes([2; 16]) => Tz::Asia__Kathmandu,
                Subject::Location(_) | Subject::Plan(_) => Tz::Europe__Vienna,
                other => panic!("{other:?}"),
            };
            let hours = entitlement.hours.as_ref().unwrap();
            assert_eq!((hours.zone, hours.weekly.intervals()[0].start), (zone, 1_320));
        }
        let always = super::facts(&snapshot(Active, &[1])).unwrap();
        assert!(always.entitlements.iter().all(|it| it.hours.is_none()));
    }

    #[test]
    fn it_lasts_as_long_as_is_paid_for_and_in_doubt_for_the_days_of_grace() {
        for (state, expected) in
            [(Active, Some(35)), (Ending, Some(30)), (Paused, None), (Unspecified, None), (Ended, None)]
        {
            assert_eq!(until(&snapshot(state, &[1])), expected, "{state:?}");
        }
        let ended = |on, is_ending, is_paused| {
            with(snapshot(Ended, &[1]), |it| {
                (it.ended_time, it.is_ending, it.is_paused) =
                    (Some(timestamp(day(on))), is_ending, is_paused);
            })
        };
        assert_eq!(until(&ended(30, true, false)), Some(30), "it came to its end: its lag is not over yet");
        assert_eq!(until(&ended(30, true, true)), None, "it was paused");
        assert_eq!(until(&ended(10, true, false)), None, "it was ended at once");
        assert_eq!(until(&ended(32, false, false)), None, "the renewal failed for good, in its grace");
    }

    #[test]
    fn nobody_in_a_team_is_nobody_and_who_they_are_is_told_although_it_gives_nothing() {
        assert!(facts(&snapshot(Active, &[])).unwrap().entitlements.is_empty());
        let paused = facts(&snapshot(Paused, &[1, 2])).unwrap();
        assert_eq!((paused.people.len(), paused.entitlements.len()), (2, 0));
    }

    #[test]
    fn what_is_not_whole_or_of_two_workspaces_is_not_taken() {
        let whole = || snapshot(Active, &[1]);
        let foreign = LocationName { workspace: WorkspaceId::new(), id: LocationId::new() }.to_string();
        let mut stranger = whole();
        stranger.people[0].name =
            PersonName { workspace: WorkspaceId::new(), id: PersonId::new() }.to_string();
        let mut abroad = whole();
        abroad.locations[1].name = foreign;
        let mut nowhere = whole();
        nowhere.locations.pop();
        let mut timeless = whole();
        timeless.locations[0].time_zone = "Mars".into();
        let backwards = with(whole(), |it| it.period_end_time = it.start_time);
        let never = with(whole(), |it| {
            it.terms.as_mut().unwrap().weekly_hours = Some(workspace_pb::WeeklyHours::default());
        });
        let planless = with(whole(), |it| it.plan.clear());
        let without_terms = with(whole(), |it| it.terms = None);
        for broken in [stranger, abroad, nowhere, timeless, backwards, never, planless, without_terms] {
            assert!(facts(&broken).is_none(), "{broken:?}");
        }
        assert!(facts(&whole()).is_some());
    }

    /// What an operator would say of a membership on a day.
    fn is_let_in(told: &pb::Membership, on: i64) -> bool {
        let day_of = |time: &Option<pbjson_types::Timestamp>| {
            time.as_ref().map(|time| (time.seconds - timestamp(day(0)).seconds) / 86_400)
        };
        let (start, end) = (day_of(&told.start_time).unwrap(), day_of(&told.period_end_time).unwrap());
        let is_over = day_of(&told.ended_time).is_some_and(|ended| !told.is_ending || ended != end);
        if on < start || told.is_paused || is_over {
            return false;
        }
        let grace = if told.is_ending { 0 } else { i64::from(told.terms.as_ref().unwrap().grace_days) };
        on < end + grace
    }

    proptest! {
        #[test]
        fn on_each_day_whoever_should_be_is_let_in(
            (start, length, grace) in (0i64..20, 1i64..20, 0i32..6),
            (is_paused, is_ending) in (any::<bool>(), any::<bool>()),
            ended in prop::option::of(0i64..40), on in 0i64..60,
        ) {
            let state = match (ended, is_paused, is_ending) {
                (Some(_), ..) => Ended,
                (_, true, _) => Paused,
                (_, _, true) => Ending,
                _ => Active,
            };
            let told = with(snapshot(state, &[1]), |it| {
                it.start_time = Some(timestamp(day(start)));
                it.period_end_time = Some(timestamp(day(start + length)));
                it.terms.as_mut().unwrap().grace_days = grace;
                (it.is_paused, it.is_ending) = (is_paused, is_ending);
                it.ended_time = ended.map(|ended| timestamp(day(ended)));
            });
            let facts = facts(&told).unwrap();
            let expected = is_let_in(told.membership.as_ref().unwrap(), on);
            let is_entitled = facts.entitlements.iter().any(|it| it.window.contains(day(on)));
            prop_assert_eq!(is_entitled, expected, "{:?}", told.membership);
        }
    }
}
