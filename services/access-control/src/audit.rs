//! What this service's changes leave in the audit log.

use std::collections::{BTreeMap, BTreeSet};

use chassis::audit::{Author, Entry};
use chrono::NaiveDate;
use domain::names::{CardName, DoorMappingName, LocationName, PersonName, WorkspaceName};
use domain::{Timestamp, WorkspaceId};

use crate::engine::Retirement;
use crate::model::{
    Card, CardState, DoorMapping, DoorSchedule, DoorSetting, Holiday, LocationSettings, NoAccessPolicy,
    Settings, Target,
};

/// A mapping that is there from now on, or from now on is not.
pub(crate) fn mapping(
    author: &Author,
    workspace: WorkspaceId,
    mapping: &DoorMapping,
    is_there: bool,
    now: Timestamp,
) -> Entry {
    let entry = author.changes(workspace, DoorMappingName { workspace, id: mapping.id }, now);
    fields(workspace, mapping).into_iter().fold(entry, |entry, (field, value)| match is_there {
        true => entry.field(field, None, value),
        false => entry.field(field, value, None),
    })
}

fn fields(workspace: WorkspaceId, mapping: &DoorMapping) -> [(&'static str, Option<String>); 8] {
    let target = &mapping.target;
    let display_name = Some(&target.display_name).filter(|name| !name.is_empty());
    [
        ("subject", Some(mapping.subject.name(workspace))),
        ("location", Some(LocationName { workspace, id: target.location }.to_string())),
        ("provider", Some(target.provider.clone())),
        ("target.kind", Some(target.kind.to_string())),
        ("target.ref", Some(target.provider_ref.clone())),
        ("target.display_name", display_name.cloned()),
        ("lead", mapping.lead_minutes.map(duration)),
        ("lag", mapping.lag_minutes.map(duration)),
    ]
}

/// A login for a person's phone is there from now on.
pub(crate) fn login(
    author: &Author,
    person: PersonName,
    provider: &str,
    login_ref: &str,
    now: Timestamp,
) -> Entry {
    author.changes(person.workspace, person, now).field(
        &format!("mobile_login.{provider}"),
        None::<String>,
        Some(login_ref.to_owned()),
    )
}

/// A card is given, taken away or lost. By its last digits: its number is kept nowhere.
pub(crate) fn card(
    author: &Author,
    card: &Card,
    before: Option<CardState>,
    after: Option<CardState>,
    now: Timestamp,
) -> Entry {
    let Card { workspace, id, person, .. } = *card;
    let is_new = before.is_none();
    let providers = card.places.iter().map(|place| place.account.provider.as_str()).collect::<Vec<_>>();
    let entry = author.changes(workspace, CardName { workspace, id }, now);
    let entry = entry.field("card.state", before, after);
    if !is_new {
        return entry;
    }
    entry
        .field("card.person", None, Some(PersonName { workspace, id: person }.to_string()))
        .field("card.last_digits", None, Some(card.last_digits.clone()))
        .field("card.providers", None, Some(providers.join(", ")))
}

/// The settings that were in force, and those that are.
pub(crate) fn settings(
    author: &Author,
    workspace: WorkspaceId,
    before: Settings,
    after: Settings,
    now: Timestamp,
) -> Entry {
    let lead = |settings: Settings| Some(duration(settings.lead_minutes));
    let lag = |settings: Settings| Some(duration(settings.lag_minutes));
    author
        .changes(workspace, WorkspaceName(workspace), now)
        .field("access_settings.lead", lead(before), lead(after))
        .field("access_settings.lag", lag(before), lag(after))
}

/// How many days entries of the access log were kept, and are.
pub(crate) fn log_retention(
    author: &Author,
    workspace: WorkspaceId,
    before: i32,
    after: i32,
    now: Timestamp,
) -> Entry {
    author.changes(workspace, WorkspaceName(workspace), now).field(
        "access_log_settings.retention_days",
        Some(before),
        Some(after),
    )
}

/// The policy of a provider that was in force, and the one that is.
pub(crate) fn policy(
    author: &Author,
    workspace: WorkspaceId,
    before: &NoAccessPolicy,
    after: &NoAccessPolicy,
    now: Timestamp,
) -> Entry {
    let name = |field: &str| format!("no_access_policy.{}.{field}", after.provider);
    let action = |policy: &NoAccessPolicy| match policy.policy.map(|policy| policy.retirement) {
        None => Some("keep"),
        Some(Retirement::Suspend) => Some("suspend"),
        Some(Retirement::Delete) => Some("delete"),
    };
    let grace =
        |policy: &NoAccessPolicy| policy.policy.map(|policy| format!("{}s", policy.grace.num_seconds()));
    let includes_foreign = |policy: &NoAccessPolicy| policy.policy.map(|_| policy.includes_foreign);
    author
        .changes(workspace, WorkspaceName(workspace), now)
        .field(&name("action"), action(before), action(after))
        .field(&name("grace"), grace(before), grace(after))
        .field(&name("includes_foreign_users"), includes_foreign(before), includes_foreign(after))
}

/// What a location said in place of its workspace, and what it says.
pub(crate) fn location_settings(
    author: &Author,
    location: LocationName,
    before: LocationSettings,
    after: LocationSettings,
    now: Timestamp,
) -> Entry {
    author
        .changes(location.workspace, location, now)
        .field(
            "location_access_settings.lead",
            before.lead_minutes.map(duration),
            after.lead_minutes.map(duration),
        )
        .field(
            "location_access_settings.lag",
            before.lag_minutes.map(duration),
            after.lag_minutes.map(duration),
        )
        .field("location_access_settings.sends_way_in", Some(before.sends_way_in), Some(after.sends_way_in))
}

/// As contracts write it.
fn duration(minutes: i32) -> String {
    format!("{}s", minutes * 60)
}

/// A door's schedule in place of the one before; `None`: none.
pub(crate) fn schedule(
    author: &Author,
    before: Option<&DoorSchedule>,
    after: Option<&DoorSchedule>,
    now: Timestamp,
) -> Entry {
    let either = after.or(before).expect("there is one, or there was");
    let workspace = either.workspace;
    let name = door_name(workspace, &either.provider, &either.door_ref);
    let location = |schedule: &DoorSchedule| LocationName { workspace, id: schedule.location }.to_string();
    let hours = |schedule: &DoorSchedule| schedule.hours.as_ref().map(|hours| hours.weekly.to_string());
    let zone = |schedule: &DoorSchedule| schedule.hours.as_ref().map(|hours| hours.zone.name());
    let is_held = |schedule: &DoorSchedule| schedule.is_held_for_bookings;
    author
        .changes(workspace, name, now)
        .field("door_schedule.location", before.map(location), after.map(location))
        .field("door_schedule.hours", before.and_then(hours), after.and_then(hours))
        .field("door_schedule.time_zone", before.and_then(zone), after.and_then(zone))
        .field("door_schedule.is_held_for_bookings", before.map(is_held), after.map(is_held))
}

/// The holidays of a location in place of those before.
pub(crate) fn holidays(
    author: &Author,
    location: LocationName,
    before: &[Holiday],
    after: &[Holiday],
    now: Timestamp,
) -> Entry {
    let of = |holidays: &[Holiday]| -> BTreeMap<NaiveDate, String> {
        let text =
            |holiday: &Holiday| holiday.hours.as_ref().map_or("closed".to_owned(), ToString::to_string);
        holidays.iter().map(|holiday| (holiday.date, text(holiday))).collect()
    };
    let (before, after) = (of(before), of(after));
    let dates: BTreeSet<NaiveDate> = before.keys().chain(after.keys()).copied().collect();
    let entry = author.changes(location.workspace, location, now);
    dates.into_iter().fold(entry, |entry, date| {
        entry.field(&format!("holidays.{date}"), before.get(&date).cloned(), after.get(&date).cloned())
    })
}

/// What is said of a door in place of what was.
pub(crate) fn door_setting(
    author: &Author,
    door: &Target,
    workspace: WorkspaceId,
    before: &DoorSetting,
    after: &DoorSetting,
    now: Timestamp,
) -> Entry {
    let pulse = |setting: &DoorSetting| setting.pulse_ms.map(|millis| format!("{millis}ms"));
    author
        .changes(workspace, door_name(workspace, &door.provider, &door.provider_ref), now)
        .field("door_settings.display_name", before.display_name.clone(), after.display_name.clone())
        .field("door_settings.pulse_duration", pulse(before), pulse(after))
}

/// Doors have no names of their own in the API, but addresses.
fn door_name(workspace: WorkspaceId, provider: &str, door_ref: &str) -> String {
    format!("{}/doors/{provider}/{door_ref}", WorkspaceName(workspace))
}
