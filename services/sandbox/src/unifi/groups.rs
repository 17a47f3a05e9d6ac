//! Groups of doors (UniFi Access API reference, 7.1 to 7.6).

use std::sync::Arc;

use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::{Value, json};

use super::Unifi;
use super::fields::{Answer, success};
use super::refusal::{Code, Refusal};
use super::state::State as Console;
use super::token::Scope;

fn resource(state: &Console, id: &str) -> Option<Value> {
    let door = state.doors.get(id)?;
    Some(json!({ "id": id, "name": door.name, "type": "door", "is_bind_hub": door.is_bind_hub }))
}

/// The building, and the console's own groups.
pub(super) async fn topology(State(unifi): State<Arc<Unifi>>, headers: HeaderMap) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewSpace)?;
    let floor = |resources: Vec<Value>| json!([{ "id": state.floor_id, "name": "1F", "type": "floor", "resources": resources }]);
    let all = state.doors.keys().filter_map(|id| resource(&state, id)).collect();
    let building = json!({
        "id": state.building_id, "name": state.building, "type": "building", "resource_topologies": floor(all),
    });
    let own = state.groups.iter().map(|(id, group)| {
        let doors = group.doors.iter().filter_map(|door| resource(&state, door)).collect();
        json!({ "id": id, "name": group.name, "type": "access", "resource_topologies": floor(doors) })
    });
    let groups: Vec<Value> = std::iter::once(building).chain(own).collect();
    success(groups)
}

fn shown(state: &Console, id: &str) -> Option<Value> {
    let group = state.groups.get(id)?;
    let doors: Vec<Value> = group.doors.iter().filter_map(|door| resource(state, door)).collect();
    Some(json!({ "id": id, "name": group.name, "resources": doors }))
}

/// The console's own groups: the building is none.
pub(super) async fn list(State(unifi): State<Arc<Unifi>>, headers: HeaderMap) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewSpace)?;
    let groups: Vec<Value> = state.groups.keys().filter_map(|id| shown(&state, id)).collect();
    success(groups)
}

pub(super) async fn get(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewSpace)?;
    success(shown(&state, &id).ok_or(Refusal::new(Code::NotExists))?)
}
