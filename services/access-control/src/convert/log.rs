//! The access log.

use std::collections::HashMap;

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{ApiKeyName, LocationName, OperationName, PersonName};
use domain::{Timestamp, WorkspaceId};
use proto::access::v1 as pb;

use super::address;
use super::door::{action, place, state};
use crate::model::{LogFilter, Operation, OperationSource, OperationState, PresenceSearch, RETENTION_DAYS};

/// What the id of an API key's principal begins with.
const API_KEY: &str = "api-key:";

/// What came of an operation, as an entry without its place in the log.
pub(crate) fn log_entry(operation: &Operation, now: Timestamp) -> pb::AccessLogEntry {
    let Operation { workspace, id, .. } = *operation;
    let latency = (now - operation.begun_at).to_std().unwrap_or_default();
    pb::AccessLogEntry {
        time: Some(timestamp(now)),
        actor: actor(operation),
        source: match operation.source {
            OperationSource::App => pb::AccessLogSource::App,
            OperationSource::Admin => pb::AccessLogSource::Admin,
            OperationSource::Emergency => pb::AccessLogSource::Emergency,
            OperationSource::Schedule => pb::AccessLogSource::Schedule,
            OperationSource::Booking => pb::AccessLogSource::Booking,
        }
        .into(),
        operation: OperationName { workspace, id }.to_string(),
        door: Some(place(operation)),
        action: action(operation.action).into(),
        outcome: state(operation.state).into(),
        reason: operation.reason.into(),
        detail: operation.detail.clone(),
        latency: Some(latency.into()),
        ..Default::default()
    }
}

/// Someone who was last seen so. `names` says what people are called.
pub(crate) fn presence(entry: pb::AccessLogEntry, names: &HashMap<String, String>) -> pb::Presence {
    pb::Presence {
        display_name: names.get(&entry.actor).cloned().unwrap_or(entry.holder),
        time: entry.event_time.or(entry.time),
        door: entry.door,
        direction: entry.direction,
        person: entry.actor,
    }
}

/// Where people may be.
pub(crate) fn presence_search(
    workspace: WorkspaceId,
    message: &pb::ListPresentRequest,
) -> Result<PresenceSearch, InvalidInput> {
    let mut input = Input::new();
    let location: Option<LocationName> = input.parse("location", &message.location);
    if location.is_some_and(|location| location.workspace != workspace) {
        input.refuse("location", "must be a location of this workspace");
    }
    let since = message.since_time.as_ref().and_then(|time| input.time("since_time", Some(time)));
    input.finish_with(location.map(|location| PresenceSearch { workspace, location: location.id, since }))
}

fn actor(operation: &Operation) -> String {
    let workspace = operation.workspace;
    if let Some(id) = operation.person {
        return PersonName { workspace, id }.to_string();
    }
    let key = operation.caller.strip_prefix(API_KEY).and_then(|id| id.parse().ok());
    key.map_or_else(|| operation.caller.clone(), |id| ApiKeyName { workspace, id }.to_string())
}

/// How many days entries are to be kept.
pub(crate) fn new_retention(message: Option<&pb::AccessLogSettings>) -> Result<i32, InvalidInput> {
    let mut input = Input::new();
    let days = input.required("access_log_settings", message).map(|settings| settings.retention_days);
    if days.is_some_and(|days| !RETENTION_DAYS.contains(&days)) {
        let (least, most) = (RETENTION_DAYS.start(), RETENTION_DAYS.end());
        input.refuse("access_log_settings.retention_days", format!("must be from {least} to {most}"));
    }
    input.finish_with(days)
}

/// An export of what is listed so.
pub(crate) fn as_listed(export: pb::ExportAccessLogRequest) -> pb::ListAccessLogRequest {
    pb::ListAccessLogRequest {
        parent: export.parent,
        person: export.person,
        location: export.location,
        door: export.door,
        start_time: export.start_time,
        end_time: export.end_time,
        outcomes: export.outcomes,
        ..Default::default()
    }
}

/// Which part of the log is asked for.
pub(crate) fn log_filter(
    workspace: WorkspaceId,
    message: &pb::ListAccessLogRequest,
) -> Result<LogFilter, InvalidInput> {
    let mut input = Input::new();
    let person: Option<PersonName> = input.parse_optional("person", &message.person);
    if person.is_some_and(|person| person.workspace != workspace) {
        input.refuse("person", "must be a person of this workspace");
    }
    let location: Option<LocationName> = input.parse_optional("location", &message.location);
    if location.is_some_and(|location| location.workspace != workspace) {
        input.refuse("location", "must be a location of this workspace");
    }
    let door = message.door.as_ref().and_then(|door| address(&mut input, "door", workspace, door));
    let from = message.start_time.as_ref().and_then(|time| input.time("start_time", Some(time)));
    let until = message.end_time.as_ref().and_then(|time| input.time("end_time", Some(time)));
    let mut outcomes = Vec::new();
    for outcome in message.outcomes() {
        match read_state(outcome) {
            Some(state) => outcomes.push(state),
            None => input.refuse("outcomes", "must be outcomes of operations"),
        }
    }
    input.finish_with(Some(LogFilter {
        locations: location.map(|location| vec![location.id]),
        person: person.map(|person| person.id),
        door: door.map(|door| (door.provider, door.provider_ref)),
        from,
        until,
        outcomes,
    }))
}

pub(super) fn read_state(state: pb::DoorOperationState) -> Option<OperationState> {
    Some(match state {
        pb::DoorOperationState::Unspecified => return None,
        pb::DoorOperationState::UnderWay => OperationState::UnderWay,
        pb::DoorOperationState::Done => OperationState::Done,
        pb::DoorOperationState::Refused => OperationState::Refused,
        pb::DoorOperationState::Failed => OperationState::Failed,
        pb::DoorOperationState::Unknown => OperationState::Unknown,
    })
}
