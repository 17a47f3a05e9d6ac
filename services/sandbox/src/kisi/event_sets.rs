//! `/event_sets`: the log is asked for, then read page by page (Kisi API reference, Event sets).

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events;
use super::fields::{Fields, parse_time};
use super::lists::Params;
use super::model::{Event, Id};
use super::roles::Permission;
use super::state::State;

/// Longest interval, and the one used when none is given.
const INTERVAL_DAYS_MAX: i64 = 90;
/// How long a set can be read.
const SET_HOURS: i64 = 24;
const PAGE: usize = 50;

/// Filters that compare as text or as an id.
const FILTERS: [&str; 13] = [
    "event_type",
    "event_uuid",
    "event_sequence",
    "event_actor_id",
    "event_actor_type",
    "event_authenticated_by_id",
    "event_authenticated_by_type",
    "event_object_id",
    "event_object_type",
    "event_success",
    "event_place_id",
    "place_id",
    "event_organization_id",
];

/// A question to the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EventSet {
    pub(super) id: Id,
    start: Timestamp,
    end: Timestamp,
    /// As they were given; each value may be a comma list.
    filters: Map<String, Value>,
    interval: Option<String>,
    created_at: Timestamp,
    ready_at: Timestamp,
}

impl EventSet {
    fn matches(&self, event: &Event) -> bool {
        self.start <= event.created_at
            && event.created_at < self.end
            && self.filters.iter().all(|(name, wanted)| {
                let wanted = text(wanted);
                field(event, name).is_some_and(|is| wanted.split(',').any(|one| one.trim() == is))
            })
    }

    fn body(&self, status: &str, cursor: Option<String>, events: Option<Vec<Value>>) -> Value {
        let mut body = json!({
            "id": self.id, "created_at": self.created_at, "status": status, "cursor": cursor,
            "interval": self.interval,
        });
        if let Value::Object(fields) = &mut body {
            for name in FILTERS {
                fields.insert(name.to_owned(), self.filters.get(name).cloned().unwrap_or_default());
            }
            if let Some(events) = events {
                fields.insert("events".to_owned(), events.into());
            }
        }
        body
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn field(event: &Event, name: &str) -> Option<String> {
    match name {
        "event_type" => Some(event.r#type.clone()),
        "event_uuid" => Some(event.uuid.clone()),
        "event_sequence" => Some(event.sequence.to_string()),
        "event_actor_id" => event.actor_id.map(|id| id.to_string()),
        "event_actor_type" => event.actor_type.clone(),
        "event_authenticated_by_id" => event.authenticated_by_id.map(|id| id.to_string()),
        "event_authenticated_by_type" => event.authenticated_by_type.clone(),
        "event_object_id" => Some(event.object_id.to_string()),
        "event_object_type" => Some(event.object_type.clone()),
        "event_success" => Some(event.success.to_string()),
        "event_place_id" | "place_id" => event.place_id.map(|id| id.to_string()),
        "event_organization_id" => Some(event.organization_id.to_string()),
        _ => None,
    }
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<Value>, ApiError> {
    let caller = session.user_id()?;
    let mut state = session.state();
    if state.switches.rate_limit && !state.limits.admits_event_set(caller) {
        return Err(ApiError::RateLimited { retry_after: state.switches.retry_after_header });
    }
    session.require(&state, Permission::EventsRead)?;
    if state.switches.events_down {
        return Err(ApiError::unavailable());
    }
    let mut fields = Fields::of(&body, "event_set")?;
    let interval = fields.text("interval");
    fields.check()?;
    let (start, end) = match &interval {
        Some(text) => parse_interval(text).ok_or_else(|| ApiError::field("interval", "is invalid"))?,
        None => (session.now - Duration::days(INTERVAL_DAYS_MAX), session.now),
    };
    if end <= start || end - start > Duration::days(INTERVAL_DAYS_MAX) {
        return Err(ApiError::field("interval", format!("must not be longer than {INTERVAL_DAYS_MAX} days")));
    }
    // What is happening right now belongs to an open-ended question.
    let end = if interval.is_none() { end + Duration::microseconds(1) } else { end };
    let filters: Map<String, Value> =
        FILTERS.iter().filter_map(|name| Some(((*name).to_owned(), fields.plain(name)?))).collect();
    if filters.contains_key("place_id") && filters.contains_key("event_place_id") {
        return Err(ApiError::field("place_id", "cannot be combined with event_place_id"));
    }
    let delay_ms = i64::try_from(state.switches.event_set_delay_ms).unwrap_or(i64::MAX);
    let ready_at = session.now.checked_add_signed(Duration::milliseconds(delay_ms)).unwrap_or(session.now);
    let set = EventSet {
        id: session.kisi.next_id(),
        start,
        end,
        filters,
        interval,
        created_at: session.now,
        ready_at,
    };
    let body = set.body("in_progress", None, None);
    state.push_event_set(set);
    Ok(Json(body))
}

pub(super) async fn get(
    session: Session,
    PathId(id): PathId,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::EventsRead)?;
    if state.switches.events_down {
        return Err(ApiError::unavailable());
    }
    let set = state.event_sets.get(&id).ok_or_else(ApiError::not_found)?;
    if set.created_at + Duration::hours(SET_HOURS) <= session.now {
        return Err(ApiError::not_found());
    }
    if session.now < set.ready_at {
        return Ok(Json(set.body("in_progress", None, None)));
    }
    let before = match params.text("cursor") {
        Some(cursor) => {
            Some(read_cursor(cursor, id).ok_or_else(|| ApiError::bad_request("cursor is invalid"))?)
        }
        None => None,
    };
    let limit = params.page(super::lists::LARGE)?.limit().min(PAGE);
    let (events, cursor) = page(&state, set, before, limit, session.now);
    Ok(Json(set.body("finished", cursor, Some(events))))
}

/// Newest first, those with a lower sequence than `before`. The cursor is none at the end.
fn page(
    state: &State,
    set: &EventSet,
    before: Option<i64>,
    limit: usize,
    now: Timestamp,
) -> (Vec<Value>, Option<String>) {
    let visible_until = now - Duration::seconds(state.switches.events_lag_seconds.into());
    let mut matching = state
        .events
        .iter()
        .rev()
        .filter(|event| before.is_none_or(|before| event.sequence < before))
        .filter(|event| event.created_at <= visible_until && set.matches(event));
    let found: Vec<&Event> = matching.by_ref().take(limit).collect();
    let last = found.last().map(|event| event.sequence);
    let cursor = matching.next().and(last).map(|sequence| write_cursor(set.id, sequence));
    (found.into_iter().map(events::body).collect(), cursor)
}

fn write_cursor(set: Id, sequence: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{set}:{sequence}"))
}

fn read_cursor(cursor: &str, set: Id) -> Option<i64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (of, sequence) = text.split_once(':')?;
    (of.parse() == Ok(set)).then(|| sequence.parse().ok()).flatten()
}

/// ISO 8601: start/end, start/duration or duration/end.
fn parse_interval(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (first, second) = text.split_once('/')?;
    match (parse_time(first), parse_time(second)) {
        (Some(start), Some(end)) => Some((start, end)),
        (Some(start), None) => Some((start, start.checked_add_signed(parse_duration(second)?)?)),
        (None, Some(end)) => Some((end.checked_sub_signed(parse_duration(first)?)?, end)),
        (None, None) => None,
    }
}

/// ISO 8601 in weeks, days, hours, minutes and seconds: months and years have no fixed length.
fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('P')?;
    let (days, time) = text.split_once('T').unwrap_or((text, ""));
    let mut seconds: i64 = 0;
    let mut seen = BTreeSet::new();
    for (part, units) in
        [(days, [('W', 604_800), ('D', 86_400)].as_slice()), (time, &[('H', 3_600), ('M', 60), ('S', 1)])]
    {
        let mut digits = String::new();
        for c in part.chars() {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            let (unit, length) = units.iter().find(|(unit, _)| *unit == c)?;
            if !seen.insert((*length, *unit)) {
                return None;
            }
            let count: i64 = digits.parse().ok()?;
            digits.clear();
            seconds = seconds.checked_add(count.checked_mul(*length)?)?;
        }
        if !digits.is_empty() {
            return None;
        }
    }
    if seen.is_empty() { None } else { Duration::try_seconds(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_in_their_three_forms() {
        let day = parse_interval("2026-12-01T00:00:00Z/2026-12-02T00:00:00Z");
        assert!(day.is_some());
        assert_eq!(parse_interval("2026-12-01T00:00:00Z/P1D"), day);
        assert_eq!(parse_interval("PT23H59M60S/2026-12-02T00:00:00Z"), day);
        for text in ["", "P1D", "P1D/P1D", "2026-12-01T00:00:00Z/1D", "2026-12-01T00:00:00Z/P1M", "x/P"] {
            assert_eq!(parse_interval(text), None, "{text}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_set() {
        let cursor = write_cursor(7, 42);
        assert_eq!(read_cursor(&cursor, 7), Some(42));
        assert_eq!(read_cursor(&cursor, 8), None);
        assert_eq!(read_cursor("%%%", 7), None);
    }
}
