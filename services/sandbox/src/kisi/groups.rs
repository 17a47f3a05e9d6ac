//! `/groups` (Kisi API reference, Groups): people who may open the same doors.

use axum::Json;
use axum::body::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::lists::{Listed, Params, SMALL};
use super::model::{GroupRecord, Id, Null, Target};
use super::roles::Permission;
use super::short::Short;
use super::state::State;

#[derive(Serialize)]
pub(super) struct GroupBody {
    #[serde(flatten)]
    record: GroupRecord,
    resource_type: &'static str,
    users_count: usize,
    locks_count: usize,
    elevator_stops_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Short>,
    members_count: usize,
    time_restriction_time_zone: Null,
}

impl GroupBody {
    fn new(state: &State, record: &GroupRecord) -> Self {
        let users_count = state.index.assignments_by_target.count(&Target::Group(record.id));
        Self {
            record: record.clone(),
            resource_type: "Group",
            users_count,
            locks_count: state.index.group_locks_by_group.count(&record.id),
            elevator_stops_count: 0,
            place: Short::place_of(state, record.place_id),
            members_count: users_count,
            time_restriction_time_zone: None,
        }
    }
}

fn object(group: &GroupRecord) -> Object {
    Object::new("Group", group.id, Some(group.name.clone()), group.place_id)
}

pub(super) async fn list(session: Session, params: Params) -> Result<Listed<GroupBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::GroupsRead)?;
    let page = params.page(SMALL)?;
    let ids = params.ids()?;
    let place_id = params.id("place_id")?;
    let lock_id = params.id("lock_id")?;
    let is_for_organization = match params.text("scope") {
        None => None,
        Some("organization") => Some(true),
        Some("place") => Some(false),
        Some(_) => return Err(ApiError::bad_request("scope is invalid")),
    };
    let mut groups: Vec<&GroupRecord> = state
        .groups
        .values()
        .filter(|group| ids.as_ref().is_none_or(|ids| ids.contains(&group.id)))
        .filter(|group| place_id.is_none() || group.place_id == place_id)
        .filter(|group| lock_id.is_none_or(|lock| state.groups_of_lock(lock).any(|id| id == group.id)))
        .filter(|group| is_for_organization.is_none_or(|wanted| group.place_id.is_none() == wanted))
        .filter(|group| params.found_in([group.name.as_str()]))
        .collect();
    if let Some((_, down)) = params.sort(&["name"])? {
        groups.sort_by(|a, b| if down { b.name.cmp(&a.name) } else { a.name.cmp(&b.name) });
    }
    Ok(page.of(groups, |group| GroupBody::new(&state, group)))
}

pub(super) async fn get(session: Session, PathId(id): PathId) -> Result<Json<GroupBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::GroupsRead)?;
    let group = state.groups.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(GroupBody::new(&state, group)))
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<GroupBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::GroupsWrite)?;
    let mut fields = Fields::of(&body, "group")?;
    let name = fields.required_text("name");
    let place_id = fields.id("place_id");
    if place_id.is_some_and(|id| !state.places.contains_key(&id)) {
        fields.refuse("place", "must exist");
    }
    let mut group = new_group(0, name, place_id, session.now);
    apply(&mut fields, &mut group);
    fields.check()?;
    group.id = session.kisi.next_id();
    let body = GroupBody::new(&state, &group);
    let object = object(&group);
    state.groups.insert(group.id, group);
    session.audit(&mut state, "group.create", object);
    Ok(Json(body))
}

/// A group without restrictions whose people may use the app.
pub(super) fn new_group(id: Id, name: String, place_id: Option<Id>, now: domain::Timestamp) -> GroupRecord {
    GroupRecord {
        id,
        name,
        description: None,
        login_enabled: true,
        geofence_restriction_enabled: false,
        geofence_restriction_radius: 100.0,
        primary_device_restriction_enabled: false,
        managed_device_restriction_enabled: false,
        reader_restriction_enabled: false,
        time_restriction_enabled: false,
        tap_to_access_restriction_enabled: false,
        place_id,
        created_at: now,
        updated_at: now,
    }
}

/// Cannot move a group to another place.
pub(super) async fn update(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::GroupsWrite)?;
    let mut group = state.groups.get(&id).ok_or_else(ApiError::not_found)?.clone();
    let mut fields = Fields::of(&body, "group")?;
    if fields.has("name") {
        group.name = fields.required_text("name");
    }
    apply(&mut fields, &mut group);
    fields.check()?;
    group.updated_at = session.now;
    let object = object(&group);
    state.groups.insert(id, group);
    session.audit(&mut state, "group.update", object);
    Ok(StatusCode::NO_CONTENT)
}

fn apply(fields: &mut Fields, group: &mut GroupRecord) {
    if fields.has("description") {
        group.description = fields.text("description");
    }
    for (name, flag) in [
        ("login_enabled", &mut group.login_enabled),
        ("geofence_restriction_enabled", &mut group.geofence_restriction_enabled),
        ("primary_device_restriction_enabled", &mut group.primary_device_restriction_enabled),
        ("managed_device_restriction_enabled", &mut group.managed_device_restriction_enabled),
        ("reader_restriction_enabled", &mut group.reader_restriction_enabled),
        ("time_restriction_enabled", &mut group.time_restriction_enabled),
        ("tap_to_access_restriction_enabled", &mut group.tap_to_access_restriction_enabled),
    ] {
        if let Some(value) = fields.boolean(name) {
            *flag = value;
        }
    }
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::GroupsWrite)?;
    let object = object(state.groups.get(&id).ok_or_else(ApiError::not_found)?);
    state.remove_group(id, session.now);
    session.audit(&mut state, "group.destroy", object);
    Ok(StatusCode::NO_CONTENT)
}
