//! `/places` (Kisi API reference, Places).

use axum::Json;
use axum::body::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::lists::{LARGE, Listed, Params};
use super::model::{Id, Null, PlaceRecord};
use super::roles::Permission;
use super::short::Short;
use super::state::State;

#[derive(Serialize)]
pub(super) struct PlaceBody {
    #[serde(flatten)]
    record: PlaceRecord,
    resource_type: &'static str,
    image: Null,
    tz_time_zone: String,
    locks_count: usize,
    integrations_count: usize,
    occupancy_rate: Null,
    organization: Short,
    color: Null,
    logo: Null,
    user_id: Id,
    members_count: Null,
}

impl PlaceBody {
    fn new(state: &State, record: &PlaceRecord) -> Self {
        let id = record.id;
        Self {
            record: record.clone(),
            resource_type: "Place",
            image: None,
            tz_time_zone: record.time_zone.clone(),
            locks_count: state.locks.values().filter(|lock| lock.place_id == id).count(),
            integrations_count: state.integrations.values().filter(|i| i.record.place_id == Some(id)).count(),
            occupancy_rate: None,
            organization: Short::organization(state),
            color: None,
            logo: None,
            user_id: state.organization.user_id,
            members_count: None,
        }
    }
}

fn object(place: &PlaceRecord) -> Object {
    Object::new("Place", place.id, Some(place.name.clone()), Some(place.id))
}

pub(super) async fn list(session: Session, params: Params) -> Result<Listed<PlaceBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::PlacesRead)?;
    let page = params.page(LARGE)?;
    let ids = params.ids()?;
    let mut places: Vec<&PlaceRecord> = state
        .places
        .values()
        .filter(|place| ids.as_ref().is_none_or(|ids| ids.contains(&place.id)))
        .filter(|place| params.found_in([place.name.as_str()]))
        .collect();
    if let Some((_, down)) = params.sort(&["name"])? {
        places.sort_by(|a, b| if down { b.name.cmp(&a.name) } else { a.name.cmp(&b.name) });
    }
    Ok(page.of(places, |place| PlaceBody::new(&state, place)))
}

pub(super) async fn get(session: Session, PathId(id): PathId) -> Result<Json<PlaceBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::PlacesRead)?;
    let place = state.places.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(PlaceBody::new(&state, place)))
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<PlaceBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::PlacesWrite)?;
    let mut fields = Fields::of(&body, "place")?;
    let mut place = PlaceRecord {
        id: 0,
        name: fields.required_text("name"),
        description: None,
        address: fields.required_text("address"),
        latitude: None,
        longitude: None,
        time_zone: state.organization.time_zone.clone(),
        locked_down: false,
        locked_down_since: None,
        organization_id: state.organization.id,
        created_at: session.now,
        updated_at: session.now,
    };
    apply(&mut fields, &mut place);
    fields.check()?;
    place.id = session.kisi.next_id();
    let body = PlaceBody::new(&state, &place);
    let object = object(&place);
    state.places.insert(place.id, place);
    session.audit(&mut state, "place.create", object);
    Ok(Json(body))
}

pub(super) async fn update(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::PlacesWrite)?;
    let mut place = state.places.get(&id).ok_or_else(ApiError::not_found)?.clone();
    let mut fields = Fields::of(&body, "place")?;
    if fields.has("name") {
        place.name = fields.required_text("name");
    }
    if fields.has("address") {
        place.address = fields.required_text("address");
    }
    apply(&mut fields, &mut place);
    fields.check()?;
    place.updated_at = session.now;
    let object = object(&place);
    state.places.insert(id, place);
    session.audit(&mut state, "place.update", object);
    Ok(StatusCode::NO_CONTENT)
}

fn apply(fields: &mut Fields, place: &mut PlaceRecord) {
    if fields.has("description") {
        place.description = fields.text("description");
    }
    if fields.has("latitude") {
        place.latitude = fields.number("latitude");
    }
    if fields.has("longitude") {
        place.longitude = fields.number("longitude");
    }
    if let Some(time_zone) = fields.text("time_zone") {
        place.time_zone = time_zone;
    }
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::PlacesWrite)?;
    let object = object(state.places.get(&id).ok_or_else(ApiError::not_found)?);
    state.remove_place(id, session.now);
    session.audit(&mut state, "place.destroy", object);
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
    let place = state.places.get_mut(&id).ok_or_else(ApiError::not_found)?;
    place.locked_down = locked_down;
    place.locked_down_since = locked_down.then_some(session.now);
    place.updated_at = session.now;
    let object = object(place);
    let kind = if locked_down { "place.lock_down" } else { "place.cancel_lockdown" };
    session.audit(&mut state, kind, object);
    Ok(StatusCode::NO_CONTENT)
}
