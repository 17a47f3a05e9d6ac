//! The access and audit log: each attempt at a door and each change by an administrator is an event.

use axum::Json;
use domain::Timestamp;
use serde_json::{Value, json};

use super::auth::{Caller, Session};
use super::doors::{Authority, Denial};
use super::error::ApiError;
use super::model::{Event, Id, Target};
use super::organization::Organization;
use super::roles::Permission;
use super::state::State;
use super::webhooks;

/// Types of events that the twin records.
const TYPES: &[&str] = &[
    "card.create",
    "card.destroy",
    "card_assignment.create",
    "card_assignment.destroy",
    "card_assignment.update",
    "group.create",
    "group.destroy",
    "group.update",
    "group_link.create",
    "group_link.destroy",
    "group_lock.create",
    "group_lock.destroy",
    "integration.create",
    "integration.destroy",
    "integration.disable_due_to_error",
    "integration.update",
    "integration.warn_due_to_error",
    "lock.cancel_lockdown",
    "lock.create",
    "lock.destroy",
    "lock.first_to_arrive",
    "lock.last_to_leave",
    "lock.lock_down",
    "lock.unlock",
    "lock.update",
    "login.create",
    "login.destroy",
    "login.promote",
    "place.cancel_lockdown",
    "place.create",
    "place.destroy",
    "place.lock_down",
    "place.update",
    "role_assignment.create",
    "role_assignment.destroy",
    "role_assignment.update",
    "user.create",
    "user.destroy",
    "user.update",
];

/// What an event is about.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) id: Id,
    pub(super) name: Option<String>,
    pub(super) place_id: Option<Id>,
}

impl Object {
    pub(super) fn new(kind: &'static str, id: Id, name: Option<String>, place_id: Option<Id>) -> Self {
        Self { kind, id, name, place_id }
    }
}

/// Who did it, and how they proved who they are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Actor {
    User {
        id: Id,
        login_id: Option<Id>,
    },
    Link(Id),
    /// Kisi itself.
    Nobody,
}

impl From<Caller> for Actor {
    fn from(caller: Caller) -> Self {
        match caller {
            Caller::User { user_id, login_id } => Self::User { id: user_id, login_id: Some(login_id) },
            Caller::Link { link_id } => Self::Link(link_id),
        }
    }
}

impl Session {
    /// Records what the caller did.
    pub(super) fn audit(&self, state: &mut State, r#type: &str, object: Object) {
        self.organization.record(state, r#type, self.caller.into(), object, Ok(None), self.now);
    }
}

impl Organization {
    /// Records an attempt at a door. A successful one is the visitor's latest use.
    pub(super) fn attempted(
        self: &std::sync::Arc<Self>,
        state: &mut State,
        r#type: &str,
        actor: Actor,
        object: Object,
        outcome: Result<Authority, Denial>,
        now: Timestamp,
    ) {
        if outcome.is_ok() {
            match actor {
                Actor::User { id, .. } => {
                    if let Some(user) = state.users.get_mut(&id) {
                        user.record.last_accessed_at = Some(now);
                    }
                }
                Actor::Link(id) => {
                    if let Some(link) = state.links.get_mut(&id) {
                        link.record.last_used_at = Some(now);
                    }
                }
                Actor::Nobody => {}
            }
        }
        self.record(state, r#type, actor, object, outcome.map(Some), now);
    }

    /// Appends an event and sends it to the webhooks that want it.
    pub(super) fn record(
        self: &std::sync::Arc<Self>,
        state: &mut State,
        r#type: &str,
        actor: Actor,
        object: Object,
        outcome: Result<Option<Authority>, Denial>,
        now: Timestamp,
    ) {
        debug_assert!(TYPES.contains(&r#type), "an event type that the twin does not list");
        state.last_sequence += 1;
        let action = r#type.split_once('.').map_or(r#type, |(_, action)| action);
        let (authority, denial) = match outcome {
            Ok(authority) => (authority, None),
            Err(denial) => (None, Some(denial)),
        };
        let mut event = Event {
            uuid: random_uuid(),
            r#type: r#type.to_owned(),
            actor_type: None,
            actor_id: None,
            actor_name: None,
            actor_email: None,
            authenticated_by_type: None,
            authenticated_by_id: None,
            authorized_by_type: authority.as_ref().map(|authority| authority.kind.to_owned()),
            authorized_by_id: authority.as_ref().map(|authority| authority.id),
            authorized_by_role_id: authority.and_then(|authority| authority.role_id),
            object_type: object.kind.to_owned(),
            object_id: object.id,
            object_name: object.name,
            action: action.to_owned(),
            created_at: now,
            message: denial.map_or_else(|| format!("{action} succeeded"), |denial| denial.text.to_owned()),
            success: denial.is_none(),
            code: denial.map(|denial| denial.code.to_owned()),
            sequence: state.last_sequence,
            organization_id: self.id,
            place_id: object.place_id,
            error_code: denial.map(|denial| denial.code.to_owned()),
            error_message: denial.map(|denial| denial.text.to_owned()),
        };
        set_actor(&mut event, state, actor);
        webhooks::dispatch(self, state, &event);
        state.push_event(event);
    }
}

fn set_actor(event: &mut Event, state: &State, actor: Actor) {
    match actor {
        Actor::User { id, login_id } => {
            let user = state.users.get(&id).map(|user| &user.record);
            event.actor_type = Some("User".to_owned());
            event.actor_id = Some(id);
            event.actor_name = user.and_then(|user| user.name.clone());
            event.actor_email = user.map(|user| user.email.clone());
            event.authenticated_by_type = Some(if login_id.is_some() { "Login" } else { "Card" }.to_owned());
            event.authenticated_by_id = login_id;
        }
        Actor::Link(id) => {
            event.actor_type = Some("GroupLink".to_owned());
            event.actor_id = Some(id);
            event.actor_name = state.links.get(&id).map(|link| link.record.name.clone());
            event.authenticated_by_type = Some("GroupLink".to_owned());
            event.authenticated_by_id = Some(id);
        }
        Actor::Nobody => {}
    }
}

/// An event as the API and webhooks show it.
pub(super) fn body(event: &Event) -> Value {
    // A struct of plain fields always becomes an object.
    let mut body = serde_json::to_value(event).unwrap_or_default();
    if let Value::Object(fields) = &mut body {
        let object = json!({
            "id": event.object_id, "resource_type": event.object_type, "name": event.object_name,
        });
        fields.insert("object".to_owned(), object);
        fields.insert("details".to_owned(), Value::Null);
        fields.insert("via".to_owned(), Value::Null);
    }
    body
}

/// The place of what a role assignment or link is about.
pub(super) fn place_of(state: &State, target: Target) -> Option<Id> {
    match target {
        Target::Organization(_) => None,
        Target::Place(id) => Some(id),
        Target::Group(id) => state.groups.get(&id).and_then(|group| group.place_id),
    }
}

pub(super) async fn types(session: Session) -> Result<Json<&'static [&'static str]>, ApiError> {
    session.require(&session.state(), Permission::EventsRead)?;
    Ok(Json(TYPES))
}

fn random_uuid() -> String {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}
