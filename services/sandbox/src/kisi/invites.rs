//! `POST /invites` (Kisi API reference, Invites): finds or makes the user, then gives the right.

use axum::Json;
use axum::body::Bytes;
use domain::contact::EmailAddress;
use serde_json::{Value, json};

use super::auth::Session;
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::model::{Id, Target};
use super::role_assignments::{self, NewRight};
use super::roles::Permission;
use super::short::ShortUser;
use super::state::State;
use super::users;

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::UsersWrite)?;
    session.require(&state, Permission::RoleAssignmentsWrite)?;
    let mut fields = Fields::of(&body, "invite")?;
    let notify = fields.boolean("notify").unwrap_or(true);
    let kind = fields.required_text("invites_to_type");
    let target_id = fields.required_id("invites_to_id");
    let mut invitee = Fields::from_map(fields.object("invitee").unwrap_or_default());
    let mut role = Fields::from_map(fields.object("role_assignment").unwrap_or_default());
    fields.check()?;
    let (email, name) = read_invitee(&mut invitee)?;
    let role_id = role.required_text("role_id");
    let (valid_from, valid_until) = (role.time("valid_from"), role.time("valid_until"));
    role.check()?;
    let target = match kind.as_str() {
        "Group" if state.groups.contains_key(&target_id) => Target::Group(target_id),
        "Place" if state.places.contains_key(&target_id) => Target::Place(target_id),
        "Group" | "Place" | "Team" => return Err(ApiError::field("invites_to", "must exist")),
        _ => return Err(ApiError::field("invites_to_type", "is not included in the list")),
    };

    let (user_id, is_new) = find_or_create(&session, &mut state, &email, name);
    // Mailed once, about the invite, not about the right as well.
    let right = NewRight { user_id, target, role_id, notify: false, valid_from, valid_until };
    let row = match role_assignments::add(&session, &mut state, right) {
        Ok(row) => row,
        Err(error) => {
            if is_new {
                state.remove_user(user_id, session.now);
            }
            return Err(error);
        }
    };
    if is_new && let Some(user) = state.users.get(&user_id) {
        let object = Object::new("User", user_id, user.record.name.clone(), None);
        session.audit(&mut state, "user.create", object);
    }
    if notify {
        state.mail_user(user_id, "invite", session.now);
    }
    Ok(Json(json!({
        "id": session.kisi.next_id(), "resource_type": "Invite", "notify": notify,
        "invites_to_type": kind, "invites_to_id": target_id,
        "invitee_type": "User", "invitee_id": user_id, "invitee": ShortUser::of(&state, user_id),
        "role_assignment_id": row.id,
        "role_assignment": {
            "id": row.id, "role_id": row.role_id, "valid_from": row.valid_from, "valid_until": row.valid_until,
        },
        "created_at": session.now, "updated_at": session.now,
    })))
}

/// Guests the twin has none.
fn read_invitee(fields: &mut Fields) -> Result<(String, Option<String>), ApiError> {
    let email = fields.required_text("email").trim().to_owned();
    if !email.is_empty() && email.parse::<EmailAddress>().is_err() {
        fields.refuse("email", "is invalid");
    }
    if fields.text("resource_type").is_some_and(|kind| kind != "User") {
        fields.refuse("invitee", "is not included in the list");
    }
    let name = fields.text("name");
    fields.check()?;
    Ok((email, name))
}

/// An invited user is a regular one.
fn find_or_create(session: &Session, state: &mut State, email: &str, name: Option<String>) -> (Id, bool) {
    if let Some(user) = state.user_by_email(email) {
        return (user.record.id, false);
    }
    let id = session.kisi.next_id();
    state.insert_user(users::new_user(id, email.to_owned(), name, state.organization.id, session.now));
    (id, true)
}
