//! `/locks` (Kisi API reference, Locks): the doors.

use axum::Json;
use axum::body::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::auth::{Caller, PathId, Session, permits};
use super::doors;
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::lists::{LARGE, Listed, Params};
use super::model::{Id, LockRecord, Null};
use super::roles::Permission;
use super::state::State;

#[derive(Serialize)]
pub(super) struct LockBody {
    #[serde(flatten)]
    record: LockRecord,
    resource_type: &'static str,
    open: Null,
    unlocked: bool,
    on_scheduled_unlock: bool,
    first_to_arrive_required_until: Null,
    order_id: Null,
    time_restriction_time_zone: String,
    place: Option<LockPlace>,
    floor_id: Null,
    groups_count: usize,
    unlocked_until: Null,
}

#[derive(Serialize)]
struct LockPlace {
    id: Id,
    name: String,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// What the holder of a group link sees.
#[derive(Serialize)]
pub(super) struct ShortLock {
    id: Id,
    resource_type: &'static str,
    name: String,
    description: Option<String>,
    place_id: Id,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ListedLock {
    Full(Box<LockBody>),
    Short(ShortLock),
}

impl LockBody {
    fn new(state: &State, record: &LockRecord) -> Self {
        let place = state.places.get(&record.place_id);
        Self {
            record: record.clone(),
            resource_type: "Lock",
            open: None,
            unlocked: false,
            on_scheduled_unlock: false,
            first_to_arrive_required_until: None,
            order_id: None,
            time_restriction_time_zone: place.map(|place| place.time_zone.clone()).unwrap_or_default(),
            place: place.map(|place| LockPlace {
                id: place.id,
                name: place.name.clone(),
                latitude: place.latitude,
                longitude: place.longitude,
            }),
            floor_id: None,
            groups_count: state.index.group_locks_by_lock.count(&record.id),
            unlocked_until: None,
        }
    }
}

pub(super) fn object(lock: &LockRecord) -> Object {
    Object::new("Lock", lock.id, Some(lock.name.clone()), Some(lock.place_id))
}

/// All locks for those who may read them; for everyone else, those that they may open now.
pub(super) async fn list(session: Session, params: Params) -> Result<Listed<ListedLock>, ApiError> {
    let state = session.state();
    let page = params.page(LARGE)?;
    let ids = params.ids()?;
    let place_id = params.id("place_id")?;
    let flags = [
        (params.boolean("configured")?, (|lock| lock.configured) as fn(&LockRecord) -> bool),
        (params.boolean("online")?, |lock| lock.online == Some(true)),
        (params.boolean("locked_down")?, |lock| lock.locked_down),
        (params.boolean("unlocked")?, |_| false),
    ];
    let reads_all = matches!(session.caller, Caller::User { user_id, .. } if permits(&state, user_id, Permission::LocksRead));
    let visible: Vec<&LockRecord> = if reads_all {
        state.locks.values().collect()
    } else {
        doors::open_to(&state, session.visitor(), session.now)
    };
    let mut locks: Vec<&LockRecord> = visible
        .into_iter()
        .filter(|lock| ids.as_ref().is_none_or(|ids| ids.contains(&lock.id)))
        .filter(|lock| place_id.is_none_or(|place| lock.place_id == place))
        .filter(|lock| flags.iter().all(|(wanted, is)| wanted.is_none_or(|wanted| wanted == is(lock))))
        .filter(|lock| params.found_in([lock.name.as_str()]))
        .collect();
    if let Some((_, down)) = params.sort(&["name"])? {
        locks.sort_by(|a, b| if down { b.name.cmp(&a.name) } else { a.name.cmp(&b.name) });
    }
    Ok(page.of(locks, |lock| match session.caller {
        Caller::User { .. } => ListedLock::Full(Box::new(LockBody::new(&state, lock))),
        Caller::Link { .. } => ListedLock::Short(ShortLock {
            id: lock.id,
            resource_type: "Lock",
            name: lock.name.clone(),
            description: lock.description.clone(),
            place_id: lock.place_id,
        }),
    }))
}

/// A lock that the caller may not see is a lock that is not there.
pub(super) async fn get(session: Session, PathId(id): PathId) -> Result<Json<LockBody>, ApiError> {
    let user_id = session.user_id()?;
    let state = session.state();
    let lock = state.locks.get(&id).ok_or_else(ApiError::not_found)?;
    let is_visible = permits(&state, user_id, Permission::LocksRead)
        || doors::open_to(&state, session.visitor(), session.now).iter().any(|open| open.id == id);
    if is_visible { Ok(Json(LockBody::new(&state, lock))) } else { Err(ApiError::not_found()) }
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<LockBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::LocksWrite)?;
    let mut fields = Fields::of(&body, "lock")?;
    let name = fields.required_text("name");
    let place_id = fields.required_id("place_id");
    fields.check()?;
    if !state.places.contains_key(&place_id) {
        return Err(ApiError::field("place", "must exist"));
    }
    let mut lock = new_lock(session.kisi.next_id(), name, place_id, session.now);
    // Hardware is set up by hand, afterwards.
    lock.configured = false;
    lock.online = None;
    apply(&mut fields, &mut lock);
    fields.check()?;
    let body = LockBody::new(&state, &lock);
    let object = object(&lock);
    state.locks.insert(lock.id, lock);
    session.audit(&mut state, "lock.create", object);
    Ok(Json(body))
}

/// A door that works: configured, online, without restrictions.
pub(super) fn new_lock(id: Id, name: String, place_id: Id, now: domain::Timestamp) -> LockRecord {
    LockRecord {
        id,
        name,
        description: None,
        configured: true,
        online: Some(true),
        locked_down: false,
        locked_down_since: None,
        first_to_arrive_satisfied: false,
        latitude: None,
        longitude: None,
        geofence_restriction_enabled: false,
        geofence_restriction_radius: 100.0,
        reader_restriction_enabled: false,
        time_restriction_enabled: false,
        place_id,
        created_at: now,
        updated_at: now,
    }
}

pub(super) async fn update(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::LocksWrite)?;
    let mut lock = state.locks.get(&id).ok_or_else(ApiError::not_found)?.clone();
    let mut fields = Fields::of(&body, "lock")?;
    if fields.has("name") {
        lock.name = fields.required_text("name");
    }
    apply(&mut fields, &mut lock);
    fields.check()?;
    lock.updated_at = session.now;
    let object = object(&lock);
    state.locks.insert(id, lock);
    session.audit(&mut state, "lock.update", object);
    Ok(StatusCode::NO_CONTENT)
}

fn apply(fields: &mut Fields, lock: &mut LockRecord) {
    if fields.has("description") {
        lock.description = fields.text("description");
    }
    if fields.has("latitude") {
        lock.latitude = fields.number("latitude");
    }
    if fields.has("longitude") {
        lock.longitude = fields.number("longitude");
    }
    if let Some(radius) = fields.number("geofence_restriction_radius") {
        lock.geofence_restriction_radius = radius;
    }
    for (name, flag) in [
        ("geofence_restriction_enabled", &mut lock.geofence_restriction_enabled),
        ("reader_restriction_enabled", &mut lock.reader_restriction_enabled),
        ("time_restriction_enabled", &mut lock.time_restriction_enabled),
    ] {
        if let Some(value) = fields.boolean(name) {
            *flag = value;
        }
    }
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::LocksWrite)?;
    let object = object(state.locks.get(&id).ok_or_else(ApiError::not_found)?);
    state.remove_lock(id, session.now);
    session.audit(&mut state, "lock.destroy", object);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn lock_down(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    set_locked_down(&session, id, true)
}

pub(super) async fn cancel_lockdown(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    set_locked_down(&session, id, false)
}

fn set_locked_down(session: &Session, id: Id, locked_down: bool) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::LocksLockDown)?;
    let lock = state.locks.get_mut(&id).ok_or_else(ApiError::not_found)?;
    lock.locked_down = locked_down;
    lock.locked_down_since = locked_down.then_some(session.now);
    lock.updated_at = session.now;
    let object = object(lock);
    let kind = if locked_down { "lock.lock_down" } else { "lock.cancel_lockdown" };
    session.audit(&mut state, kind, object);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unlock(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    attempt(&session, id, &body, "lock.unlock")?;
    Ok(Json(serde_json::json!({ "message": "Unlocked!" })))
}

pub(super) async fn first_to_arrive(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    attempt(&session, id, &body, "lock.first_to_arrive")?;
    if let Some(lock) = session.state().locks.get_mut(&id) {
        lock.first_to_arrive_satisfied = true;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn last_to_leave(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    attempt(&session, id, &body, "lock.last_to_leave")?;
    if let Some(lock) = session.state().locks.get_mut(&id) {
        lock.first_to_arrive_satisfied = false;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Decides, and records the attempt either way. An unknown lock is no attempt at a door.
fn attempt(session: &Session, lock_id: Id, body: &Bytes, kind: &str) -> Result<(), ApiError> {
    let mut state = session.state();
    let is_primary = match session.caller {
        Caller::User { .. } => session.user(&state)?.1.record.primary,
        Caller::Link { .. } => false,
    };
    let approach = approach(body, is_primary)?;
    let outcome = doors::judge(&state, session.visitor(), lock_id, approach, session.now);
    if let Some(object) = state.locks.get(&lock_id).map(object) {
        session.organization.attempted(
            &mut state,
            kind,
            session.caller.into(),
            object,
            outcome.clone(),
            session.now,
        );
    }
    outcome.map(|_| ()).map_err(ApiError::from)
}

/// What the body tells about where the caller is. An empty one tells nothing.
fn approach(body: &Bytes, is_primary: bool) -> Result<doors::Approach, ApiError> {
    let value: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body).map_err(|_| ApiError::bad_request("The request is not valid JSON"))?
    };
    let location = &value["context"]["location"];
    Ok(doors::Approach::App {
        location: location["latitude"].as_f64().zip(location["longitude"].as_f64()),
        is_at_reader: value["lock"]["proximity_proof"].is_string(),
        is_primary,
    })
}
