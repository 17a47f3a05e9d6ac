//! Visitors (UniFi Access API reference, 4).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Unifi;
use super::fields::{Answer, Query, read, success};
use super::model::{Resource, ResourceKind, Visitor, Week};
use super::refusal::{Code, Refusal};
use super::state::{State as Console, new_id};
use super::token::Scope;

const REASONS: [&str; 4] = ["Interview", "Business", "Cooperation", "Others"];

/// What comes along in lists if nothing is said of it.
const EXPANDED: [&str; 4] = ["resource", "schedule", "nfc_card", "pin_code"];

/// All of it may be left out of a change.
#[derive(Deserialize)]
struct Wanted {
    first_name: Option<String>,
    last_name: Option<String>,
    remarks: Option<String>,
    mobile_phone: Option<String>,
    email: Option<String>,
    visitor_company: Option<String>,
    visit_reason: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    resources: Option<Vec<Resource>>,
    week_schedule: Option<Week>,
}

impl Visitor {
    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    fn take(&mut self, wanted: Wanted) {
        let Wanted { resources, week_schedule, start_time, end_time, .. } = wanted;
        let texts = [
            (&mut self.first_name, wanted.first_name),
            (&mut self.last_name, wanted.last_name),
            (&mut self.remarks, wanted.remarks),
            (&mut self.mobile_phone, wanted.mobile_phone),
            (&mut self.email, wanted.email),
            (&mut self.visitor_company, wanted.visitor_company),
            (&mut self.visit_reason, wanted.visit_reason),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                *field = text;
            }
        }
        self.start_time = start_time.unwrap_or(self.start_time);
        self.end_time = end_time.unwrap_or(self.end_time);
        if let Some(resources) = resources {
            self.resources = resources;
            self.group_id = new_id();
        }
        if week_schedule.is_some() {
            self.week_schedule = week_schedule;
        }
    }

    fn is_sound(&self) -> bool {
        let is_named = !self.first_name.is_empty() && !self.last_name.is_empty();
        is_named && self.start_time < self.end_time && REASONS.contains(&self.visit_reason.as_str())
    }
}

impl Console {
    pub(super) fn visitor_mut(&mut self, id: &str) -> Result<&mut Visitor, Refusal> {
        self.visitors.get_mut(id).ok_or(Refusal::new(Code::NotExists))
    }

    /// Refuses what is not whole, or names resources that are not there.
    fn keep(&mut self, visitor: Visitor) -> Result<&Visitor, Refusal> {
        self.check_resources(&visitor.resources)?;
        if !visitor.is_sound() {
            return Err(Refusal::new(Code::ParamsInvalid));
        }
        let id = visitor.id.clone();
        self.visitors.insert(id.clone(), visitor);
        Ok(&self.visitors[&id])
    }
}

/// The groups that were asked for, the single doors, and the group that the console made of these.
fn resources(state: &Console, visitor: &Visitor) -> Vec<Value> {
    let hides_doors = state.switches.hides_single_doors;
    let shown = visitor.resources.iter().filter_map(|resource| {
        let id = &resource.id;
        let name = match resource.r#type {
            ResourceKind::Door if hides_doors => return None,
            ResourceKind::Door => &state.doors.get(id)?.name,
            ResourceKind::DoorGroup if *id == state.building_id => &state.building,
            ResourceKind::DoorGroup => &state.groups.get(id)?.name,
        };
        Some(json!({ "id": id, "type": resource.r#type, "name": name }))
    });
    let has_doors = visitor.resources.iter().any(|resource| resource.r#type == ResourceKind::Door);
    let own = has_doors.then(|| {
        let name = format!("visitor-{}", visitor.created_at * 1_000);
        json!({ "id": visitor.group_id, "type": "door_group", "name": name })
    });
    shown.chain(own).collect()
}

/// With what was asked to come along.
fn shown(unifi: &Unifi, state: &Console, visitor: &Visitor, expanded: &[&str]) -> Value {
    let mut shown = json!({
        "id": visitor.id,
        "first_name": visitor.first_name,
        "last_name": visitor.last_name,
        "full_name": visitor.full_name(),
        "status": visitor.status(unifi.now()),
        "inviter_id": "",
        "inviter_name": "",
        "mobile_phone": visitor.mobile_phone,
        "remarks": visitor.remarks,
        "email": visitor.email,
        "create_time": visitor.created_at,
        "start_time": visitor.start_time,
        "end_time": visitor.end_time,
        "visit_reason": visitor.visit_reason,
        "visitor_company": visitor.visitor_company,
        "schedule_id": visitor.schedule_id,
        "license_plates": [],
    });
    if expanded.contains(&"nfc_card") {
        shown["nfc_cards"] = state.cards_of(&visitor.id);
    }
    if expanded.contains(&"resource") {
        shown["resources"] = json!(resources(state, visitor));
    }
    if expanded.contains(&"schedule") {
        let kind = if visitor.week_schedule.is_some() { "schedule" } else { "visitor" };
        let name = format!("{kind}-{}", visitor.created_at * 1_000);
        let weekly = &visitor.week_schedule;
        shown["schedule"] =
            json!({ "id": visitor.schedule_id, "name": name, "type": "access", "weekly": weekly });
    }
    if expanded.contains(&"pin_code") {
        shown["pin_code"] = json!(visitor.pin.as_ref().map(|pin| json!({ "token": pin.token })));
    }
    shown
}

pub(super) async fn create(State(unifi): State<Arc<Unifi>>, headers: HeaderMap, body: Bytes) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditVisitor)?;
    let wanted: Wanted = read(&body)?;
    let mut visitor = Visitor {
        id: new_id(),
        first_name: String::new(),
        last_name: String::new(),
        remarks: String::new(),
        mobile_phone: String::new(),
        email: String::new(),
        visitor_company: String::new(),
        visit_reason: String::new(),
        created_at: unifi.now().timestamp(),
        start_time: 0,
        end_time: 0,
        resources: Vec::new(),
        group_id: new_id(),
        schedule_id: new_id(),
        week_schedule: None,
        is_cancelled: false,
        has_come: false,
        pin: None,
        status_told: None,
    };
    visitor.take(wanted);
    let visitor = state.keep(visitor)?.clone();
    success(shown(&unifi, &state, &visitor, &EXPANDED))
}

pub(super) async fn get(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewVisitor)?;
    let visitor = state.visitors.get(&id).ok_or(Refusal::new(Code::NotExists))?;
    success(shown(&unifi, &state, visitor, &EXPANDED))
}

/// Newest first. A keyword switches the filter by status off.
pub(super) async fn list(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let state = unifi.admit(&headers, Scope::ViewVisitor)?;
    let query = Query::of(query.as_deref());
    let (page, status) = (query.page()?, query.number("status")?);
    let keyword = query.get("keyword").map(str::to_lowercase);
    let mut expanded: Vec<&str> = query.all("expand[]").collect();
    if expanded.is_empty() {
        expanded = EXPANDED.into();
    }
    let now = unifi.now();
    let is_wanted = |visitor: &&Visitor| match &keyword {
        Some(keyword) => visitor.full_name().to_lowercase().starts_with(keyword),
        None => status.is_none_or(|status| status == visitor.status(now).number()),
    };
    let mut visitors: Vec<&Visitor> = state.visitors.values().filter(is_wanted).collect();
    visitors.sort_by_key(|visitor| std::cmp::Reverse(visitor.created_at));
    let total = visitors.len();
    let visitors: Vec<Value> =
        page.of(visitors).into_iter().map(|visitor| shown(&unifi, &state, visitor, &expanded)).collect();
    let Json(mut answer) = success(visitors)?;
    if state.switches.has_pagination {
        answer["pagination"] = json!({ "page_num": page.number, "page_size": page.size, "total": total });
    }
    Ok(Json(answer))
}

pub(super) async fn update(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditVisitor)?;
    let wanted: Wanted = read(&body)?;
    let mut visitor = state.visitor_mut(&id)?.clone();
    visitor.take(wanted);
    let visitor = state.keep(visitor)?.clone();
    success(shown(&unifi, &state, &visitor, &EXPANDED))
}

/// Cancelled, with the PIN still taken; gone if forced.
pub(super) async fn delete(
    State(unifi): State<Arc<Unifi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let mut state = unifi.admit(&headers, Scope::EditVisitor)?;
    let visitor = state.visitor_mut(&id)?;
    if Query::of(query.as_deref()).get("is_force") == Some("true") {
        state.visitors.remove(&id);
        state.take_cards_of(&id);
    } else {
        visitor.is_cancelled = true;
    }
    success(Value::Null)
}
