//! `/group_locks` (Kisi API reference, Group locks): which doors a group opens.

use axum::Json;
use axum::body::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::lists::{Listed, Params, SMALL};
use super::model::{GroupLockRecord, Id};
use super::roles::Permission;
use super::short::Short;
use super::state::State;
use super::switches::Refusal;

#[derive(Serialize)]
pub(super) struct GroupLockBody {
    #[serde(flatten)]
    record: GroupLockRecord,
    resource_type: &'static str,
    group: Option<Short>,
    lock: Option<NestedLock>,
    place: Option<Short>,
}

/// Locks nested here carry no `resource_type`.
#[derive(Serialize)]
struct NestedLock {
    id: Id,
    name: String,
    description: Option<String>,
}

impl GroupLockBody {
    fn new(state: &State, record: &GroupLockRecord) -> Self {
        Self {
            record: record.clone(),
            resource_type: "GroupLock",
            group: Short::group_of(state, record.group_id),
            lock: state.locks.get(&record.lock_id).map(|lock| NestedLock {
                id: lock.id,
                name: lock.name.clone(),
                description: lock.description.clone(),
            }),
            place: Short::place_of(state, Some(record.place_id)),
        }
    }
}

fn object(row: &GroupLockRecord) -> Object {
    Object::new("GroupLock", row.id, None, Some(row.place_id))
}

pub(super) async fn list(session: Session, params: Params) -> Result<Listed<GroupLockBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::GroupLocksRead)?;
    let page = params.page(SMALL)?;
    let group_id = params.id("group_id")?.ok_or_else(|| ApiError::bad_request("group_id is missing"))?;
    let lock_id = params.id("lock_id")?;
    let ids = params.ids()?;
    let rows: Vec<&GroupLockRecord> = state
        .index
        .group_locks_by_group
        .of(&group_id)
        .filter_map(|id| state.group_locks.get(&id))
        .filter(|row| ids.as_ref().is_none_or(|ids| ids.contains(&row.id)))
        .filter(|row| lock_id.is_none_or(|lock| row.lock_id == lock))
        .filter(|row| params.found_in(state.locks.get(&row.lock_id).map(|lock| lock.name.as_str())))
        .collect();
    Ok(page.of(rows, |row| GroupLockBody::new(&state, row)))
}

pub(super) async fn get(session: Session, PathId(id): PathId) -> Result<Json<GroupLockBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::GroupLocksRead)?;
    let row = state.group_locks.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(GroupLockBody::new(&state, row)))
}

/// A place's group holds doors of its place only.
pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<GroupLockBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::GroupLocksWrite)?;
    let mut fields = Fields::of(&body, "group_lock")?;
    let group_id = fields.required_id("group_id");
    let lock_id = fields.required_id("lock_id");
    fields.check()?;
    let group = state.groups.get(&group_id).ok_or_else(|| ApiError::field("group", "must exist"))?;
    let lock = state.locks.get(&lock_id).ok_or_else(|| ApiError::field("lock", "must exist"))?;
    if group.place_id.is_some_and(|place| place != lock.place_id) {
        return Err(ApiError::field("lock", "must belong to the group's place"));
    }
    if state.locks_of_group(group_id).any(|id| id == lock_id) {
        return Err(match state.switches.duplicate_group_lock {
            Refusal::Conflict => ApiError::conflict(),
            Refusal::Unprocessable => ApiError::field("lock", "has already been taken"),
        });
    }
    let row = GroupLockRecord {
        id: session.kisi.next_id(),
        group_id,
        lock_id,
        place_id: lock.place_id,
        created_at: session.now,
        updated_at: session.now,
    };
    let body = GroupLockBody::new(&state, &row);
    let object = object(&row);
    state.insert_group_lock(row);
    session.audit(&mut state, "group_lock.create", object);
    Ok(Json(body))
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::GroupLocksWrite)?;
    let row = state.remove_group_lock(id, session.now).ok_or_else(ApiError::not_found)?;
    session.audit(&mut state, "group_lock.destroy", object(&row));
    Ok(StatusCode::NO_CONTENT)
}
