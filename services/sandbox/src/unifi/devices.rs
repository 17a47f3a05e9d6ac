//! Hubs and readers (UniFi Access API reference, 8.1).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use http::HeaderMap;
use serde_json::{Value, json};

use super::Unifi;
use super::fields::{Answer, Query, success};
use super::model::Door;
use super::token::Scope;

/// Of each door that has them, the hub and the reader.
fn of(door: &Door, is_refreshed: bool) -> Vec<Value> {
    let [hub, reader] = &door.devices;
    let reads: &[&str] =
        if door.takes_pins { &["is_reader", "nfc", "pin_code"] } else { &["is_reader", "nfc"] };
    let device = |id: &str, kind: &str, what: &str, capabilities: &[&str]| {
        let mut device = json!({
            "id": id, "name": format!("{} {what}", door.name), "alias": "", "type": kind,
            "capabilities": capabilities, "connected_uah_id": hub, "location_id": door.id,
            "is_adopted": true, "is_managed": true,
        });
        if is_refreshed {
            device["is_online"] = door.is_online.into();
            device["is_connected"] = door.is_online.into();
        }
        device
    };
    let devices = [device(hub, "UAH-DOOR", "hub", &["is_hub"]), device(reader, "UA-G2-PRO", "reader", reads)];
    if door.is_bind_hub { devices.into() } else { Vec::new() }
}

pub(super) async fn list(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewDevice)?;
    let is_refreshed = Query::of(query.as_deref()).get("refresh") == Some("true");
    let by_door: Vec<Vec<Value>> = state.doors.values().map(|door| of(door, is_refreshed)).collect();
    if state.switches.has_nested_devices {
        success(json!(by_door))
    } else {
        success(by_door.into_iter().flatten().collect::<Vec<_>>())
    }
}
