//! `/users` and `/user` (Kisi API reference, Users).

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use chrono::Duration;
use domain::contact::EmailAddress;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::lists::{Listed, Params, USERS};
use super::model::{Id, Target, User, UserRecord};
use super::roles::Permission;
use super::short::Short;
use super::state::State;
use super::switches::{EmailChange, Refusal};

#[derive(Serialize)]
pub(super) struct UserBody {
    #[serde(flatten)]
    record: UserRecord,
    resource_type: &'static str,
    scim_access_enabled: bool,
    otp_required_for_login: bool,
    confirmed: bool,
    groups_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<NestedOrganization>,
}

/// In `GET /user` only.
#[derive(Serialize)]
struct NestedOrganization {
    #[serde(flatten)]
    short: Short,
    domain: String,
}

impl UserBody {
    fn new(state: &State, user: &User) -> Self {
        let groups = state.assignments_of_user(user.record.id).filter_map(|row| match row.target {
            Target::Group(id) => Some(id),
            Target::Organization(_) | Target::Place(_) => None,
        });
        Self {
            record: user.record.clone(),
            resource_type: "User",
            scim_access_enabled: true,
            otp_required_for_login: false,
            confirmed: user.confirmed,
            groups_count: groups.collect::<BTreeSet<Id>>().len(),
            organization: None,
        }
    }
}

fn object(user: &User) -> Object {
    Object::new("User", user.record.id, user.record.name.clone(), None)
}

pub(super) async fn current(session: Session) -> Result<Json<UserBody>, ApiError> {
    let state = session.state();
    let (user, _) = session.user(&state)?;
    let mut body = UserBody::new(&state, user);
    let domain = state.organization.domain.clone();
    body.organization = Some(NestedOrganization { short: Short::organization(&state), domain });
    Ok(Json(body))
}

pub(super) async fn list(session: Session, params: Params) -> Result<Listed<UserBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::UsersRead)?;
    let page = params.page(USERS)?;
    let ids = params.ids()?;
    let user_id = params.text("user_id").map(|text| session.user_or_me(text)).transpose()?;
    let members = members(&state, params.id("group_id")?, params.id("place_id")?);
    let candidates: Vec<&User> = match params.text("email") {
        Some(email) => state.user_by_email(email).into_iter().collect(),
        None => state.users.values().collect(),
    };
    let is_search = params.text("email").is_some() || params.text("query").is_some();
    let lag_ms = i64::try_from(state.switches.search_lag_ms).unwrap_or(i64::MAX);
    let mut users: Vec<&User> = candidates
        .into_iter()
        .filter(|user| ids.as_ref().is_none_or(|ids| ids.contains(&user.record.id)))
        .filter(|user| user_id.is_none_or(|id| user.record.id == id))
        .filter(|user| members.as_ref().is_none_or(|members| members.contains(&user.record.id)))
        .filter(|user| !is_search || session.now - user.record.created_at >= Duration::milliseconds(lag_ms))
        .filter(|user| {
            let record = &user.record;
            let texts = [Some(&record.email), record.name.as_ref(), record.notes.as_ref()];
            params.found_in(texts.into_iter().flatten().map(String::as_str))
        })
        .collect();
    if let Some((field, down)) = params.sort(&["name", "unlock", "access_enabled"])? {
        users.sort_by(|a, b| {
            let (a, b) = if down { (&b.record, &a.record) } else { (&a.record, &b.record) };
            match field {
                "name" => a.name.cmp(&b.name),
                "unlock" => a.last_accessed_at.cmp(&b.last_accessed_at),
                _ => a.access_enabled.cmp(&b.access_enabled),
            }
        });
    }
    Ok(page.of(users, |user| UserBody::new(&state, user)))
}

/// The users with a role in the group, and with one in the place or in a group that opens a door of it.
fn members(state: &State, group_id: Option<Id>, place_id: Option<Id>) -> Option<BTreeSet<Id>> {
    let in_target = |target| {
        let rows = state.index.assignments_by_target.of(&target);
        rows.filter_map(|id| state.assignments.get(&id)).map(|row| row.user_id).collect::<BTreeSet<Id>>()
    };
    let in_group = group_id.map(|id| in_target(Target::Group(id)));
    let in_place = place_id.map(|id| {
        let locks = state.locks.values().filter(|lock| lock.place_id == id);
        let groups: BTreeSet<Id> = locks.flat_map(|lock| state.groups_of_lock(lock.id)).collect();
        let mut users = in_target(Target::Place(id));
        users.extend(groups.into_iter().flat_map(|group| in_target(Target::Group(group))));
        users
    });
    match (in_group, in_place) {
        (Some(group), Some(place)) => Some(group.intersection(&place).copied().collect()),
        (group, place) => group.or(place),
    }
}

pub(super) async fn get(session: Session, PathId(id): PathId) -> Result<Json<UserBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::UsersRead)?;
    let user = state.users.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(UserBody::new(&state, user)))
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<UserBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::UsersWrite)?;
    let mut fields = Fields::of(&body, "user")?;
    let email = fields.required_text("email").trim().to_owned();
    if !email.is_empty() && email.parse::<EmailAddress>().is_err() {
        fields.refuse("email", "is invalid");
    }
    let sends_emails = fields.boolean("send_emails").unwrap_or(true);
    let confirmed = fields.boolean("confirm").unwrap_or(false);
    let mut user = new_user(0, email, fields.text("name"), state.organization.id, session.now);
    user.managed = !sends_emails && confirmed;
    user.confirmed = confirmed;
    apply(&mut fields, &mut user);
    fields.check()?;
    if state.user_by_email(&user.record.email).is_some() {
        return Err(match state.switches.duplicate_user {
            Refusal::Conflict => ApiError::conflict(),
            Refusal::Unprocessable => ApiError::field("email", "has already been taken"),
        });
    }
    user.record.id = session.kisi.next_id();
    if !user.record.access_enabled {
        user.suspended_at = Some(session.now);
    }
    let body = UserBody::new(&state, &user);
    let object = object(&user);
    if sends_emails {
        state.mail(&user.record.email, "user", session.now);
    }
    state.insert_user(user);
    session.audit(&mut state, "user.create", object);
    Ok(Json(body))
}

/// A regular user who has not confirmed their address.
pub(super) fn new_user(
    id: Id,
    email: String,
    name: Option<String>,
    organization_id: Id,
    now: domain::Timestamp,
) -> User {
    User {
        record: UserRecord {
            id,
            name,
            email,
            image: None,
            access_enabled: true,
            last_accessed_at: None,
            password_flow_enabled: true,
            notes: None,
            metadata: Map::new(),
            organization_id,
            created_at: now,
            updated_at: now,
        },
        managed: false,
        confirmed: false,
        suspended_at: None,
    }
}

pub(super) async fn update(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::UsersWrite)?;
    let mut user = state.users.get(&id).ok_or_else(ApiError::not_found)?.clone();
    let mut fields = Fields::of(&body, "user")?;
    if fields.has("email") && state.switches.email_change == EmailChange::Refused {
        fields.refuse("email", "cannot be changed");
    }
    if fields.has("name") {
        user.record.name = fields.text("name");
    }
    apply(&mut fields, &mut user);
    fields.check()?;
    user.record.updated_at = session.now;
    user.suspended_at = match (user.record.access_enabled, user.suspended_at) {
        (true, _) => None,
        (false, since) => since.or(Some(session.now)),
    };
    let object = object(&user);
    state.users.insert(id, user);
    session.audit(&mut state, "user.update", object);
    Ok(StatusCode::NO_CONTENT)
}

fn apply(fields: &mut Fields, user: &mut User) {
    let record = &mut user.record;
    if fields.has("image") {
        record.image = fields.text("image");
    }
    if fields.has("notes") {
        record.notes = fields.text("notes");
    }
    if let Some(enabled) = fields.boolean("access_enabled") {
        record.access_enabled = enabled;
    }
    if let Some(enabled) = fields.boolean("password_flow_enabled") {
        record.password_flow_enabled = enabled;
    }
    if fields.has("metadata") {
        let metadata = fields.object("metadata").unwrap_or_default();
        if !metadata_fits(&metadata) {
            fields.refuse("metadata", "is invalid");
        }
        record.metadata = metadata;
    }
}

/// Flat; at most 50 keys of at most 50 characters, values of at most 500.
fn metadata_fits(metadata: &Map<String, Value>) -> bool {
    metadata.len() <= 50
        && metadata.iter().all(|(key, value)| {
            let value_fits = match value {
                Value::Null | Value::Bool(_) => true,
                Value::Number(number) => number.to_string().len() <= 500,
                Value::String(text) => text.chars().count() <= 500,
                Value::Array(_) | Value::Object(_) => false,
            };
            key.chars().count() <= 50 && value_fits
        })
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::UsersWrite)?;
    let object = object(state.users.get(&id).ok_or_else(ApiError::not_found)?);
    if id == state.organization.user_id {
        return Err(ApiError::field("base", "The owner of the organization cannot be deleted"));
    }
    state.remove_user(id, session.now);
    session.audit(&mut state, "user.destroy", object);
    Ok(StatusCode::NO_CONTENT)
}
