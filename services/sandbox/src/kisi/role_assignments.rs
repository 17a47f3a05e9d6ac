//! `/role_assignments` (Kisi API reference, Role assignments): who may enter where, and when.

use axum::Json;
use axum::body::Bytes;
use domain::Timestamp;
use http::StatusCode;
use serde::Serialize;

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events::{Object, place_of};
use super::fields::Fields;
use super::lists::{Listed, Params, SMALL};
use super::model::{Id, Null, RoleAssignment, Target};
use super::roles::{OWNER, Permission, Role};
use super::short::{Short, ShortUser};
use super::state::State;
use super::switches::{DuplicateAssignments, Refusal, Switches};

/// New and old spelling side by side, as Kisi answers. Group, place and organization forms differ in
/// which fields there are.
#[derive(Serialize)]
pub(super) struct RoleAssignmentBody {
    id: Id,
    resource_type: &'static str,
    role_id: String,
    notify: bool,
    assignee_type: &'static str,
    assignee_id: Id,
    assignee: Option<ShortUser>,
    applies_to_type: &'static str,
    applies_to_id: Id,
    applies_to: Option<Short>,
    #[serde(flatten)]
    window: Option<WindowBody>,
    created_by_type: Option<&'static str>,
    created_by_id: Option<Id>,
    created_at: Timestamp,
    updated_at: Timestamp,
    user_id: Id,
    user: Option<ShortUser>,
    assignee_team_id: Null,
    guest_id: Null,
    issued_by_id: Option<Id>,
    r#type: &'static str,
    scope: &'static str,
    #[serde(flatten)]
    target: OldTarget,
}

#[derive(Serialize)]
struct WindowBody {
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
}

/// The target's old spelling.
#[derive(Serialize)]
#[serde(untagged)]
enum OldTarget {
    Group { group_id: Id, group: Option<Short> },
    Place { place_id: Id, place: Option<Short> },
    Organization { organization_id: Id, organization: Short },
}

impl RoleAssignmentBody {
    pub(super) fn new(state: &State, row: &RoleAssignment) -> Self {
        let (applies_to, target, scope) = match row.target {
            Target::Group(id) => {
                let group = || Short::group_of(state, id);
                (group(), OldTarget::Group { group_id: id, group: group() }, "group")
            }
            Target::Place(id) => {
                let place = || Short::place_of(state, Some(id));
                (place(), OldTarget::Place { place_id: id, place: place() }, "place")
            }
            Target::Organization(id) => {
                let organization = || Short::organization(state);
                let old = OldTarget::Organization { organization_id: id, organization: organization() };
                (Some(organization()), old, "organization")
            }
        };
        let is_timed = matches!(row.target, Target::Group(_));
        Self {
            id: row.id,
            resource_type: "RoleAssignment",
            role_id: row.role_id.clone(),
            notify: row.notify,
            assignee_type: "User",
            assignee_id: row.user_id,
            assignee: ShortUser::of(state, row.user_id),
            applies_to_type: row.target.kind(),
            applies_to_id: row.target.id(),
            applies_to,
            window: is_timed
                .then_some(WindowBody { valid_from: row.valid_from, valid_until: row.valid_until }),
            created_by_type: row.created_by_id.map(|_| "User"),
            created_by_id: row.created_by_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
            user_id: row.user_id,
            user: ShortUser::of(state, row.user_id),
            assignee_team_id: None,
            guest_id: None,
            issued_by_id: row.created_by_id,
            r#type: scope,
            scope,
            target,
        }
    }
}

fn object(state: &State, row: &RoleAssignment) -> Object {
    Object::new("RoleAssignment", row.id, None, place_of(state, row.target))
}

pub(super) async fn list(session: Session, params: Params) -> Result<Listed<RoleAssignmentBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::RoleAssignmentsRead)?;
    let page = params.page(SMALL)?;
    let ids = params.ids()?;
    let assignee = assignee(&session, &params)?;
    let target = target(&state, &params)?;
    let (Some(assignee), Some(target)) = (assignee, target) else {
        // A team, a guest or another organization: nobody the twin knows holds a role there.
        return Ok(page.of(Vec::new(), |row| RoleAssignmentBody::new(&state, row)));
    };
    let by_index: Option<Vec<Id>> = match (assignee, target) {
        (Some(user), _) => Some(state.index.assignments_by_user.of(&user).collect()),
        (None, Some(target)) => Some(state.index.assignments_by_target.of(&target).collect()),
        (None, None) => None,
    };
    let candidates: Vec<&RoleAssignment> = match by_index {
        Some(ids) => ids.iter().filter_map(|id| state.assignments.get(id)).collect(),
        None => state.assignments.values().collect(),
    };
    let scope = params.text("scope");
    let role_id = params.text("role_id");
    let mut rows: Vec<&RoleAssignment> = candidates
        .into_iter()
        .filter(|row| target.is_none_or(|target| row.target == target))
        .filter(|row| ids.as_ref().is_none_or(|ids| ids.contains(&row.id)))
        .filter(|row| role_id.is_none_or(|role| row.role_id == role))
        .filter(|row| scope.is_none_or(|scope| row.target.kind().eq_ignore_ascii_case(scope)))
        .filter(|row| match state.users.get(&row.user_id) {
            Some(user) => params.found_in(
                [Some(&user.record.email), user.record.name.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(String::as_str),
            ),
            None => params.text("query").is_none(),
        })
        .collect();
    if let Some((_, down)) = params.sort(&["user.name"])? {
        let name =
            |row: &RoleAssignment| state.users.get(&row.user_id).and_then(|user| user.record.name.clone());
        rows.sort_by_key(|row| name(row));
        if down {
            rows.reverse();
        }
    }
    Ok(page.of(rows, |row| RoleAssignmentBody::new(&state, row)))
}

/// Outer none: cannot match anything. Inner none: not asked for.
type Filter<T> = Option<Option<T>>;

fn assignee(session: &Session, params: &Params) -> Result<Filter<Id>, ApiError> {
    let new = params.pair("assignee_type", "assignee_id")?;
    let old = params.text("user_id").map(|text| session.user_or_me(text)).transpose()?;
    match new {
        Some(("User", id)) => Ok(Some(Some(id))),
        Some(("Team" | "Guest", _)) => Ok(None),
        Some(_) => Err(ApiError::bad_request("assignee_type is invalid")),
        None => Ok(Some(old)),
    }
}

fn target(state: &State, params: &Params) -> Result<Filter<Target>, ApiError> {
    let target = match params.pair("applies_to_type", "applies_to_id")? {
        Some(("Group", id)) => Some(Target::Group(id)),
        Some(("Place", id)) => Some(Target::Place(id)),
        Some(("Organization", id)) => Some(Target::Organization(id)),
        Some(_) => return Err(ApiError::bad_request("applies_to_type is invalid")),
        None => params.id("group_id")?.map(Target::Group).or(params.id("place_id")?.map(Target::Place)),
    };
    let is_ours = |target: Target| match target {
        Target::Group(id) => state.groups.contains_key(&id),
        Target::Place(id) => state.places.contains_key(&id),
        Target::Organization(id) => state.organization.id == id,
    };
    Ok(match target {
        Some(target) if !is_ours(target) => None,
        target => Some(target),
    })
}

pub(super) async fn get(session: Session, PathId(id): PathId) -> Result<Json<RoleAssignmentBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::RoleAssignmentsRead)?;
    let row = state.assignments.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(RoleAssignmentBody::new(&state, row)))
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<RoleAssignmentBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::RoleAssignmentsWrite)?;
    let mut fields = Fields::of(&body, "role_assignment")?;
    let assignee = match (fields.has("assignee_type") || fields.has("assignee_id"), fields.id("user_id")) {
        (false, Some(id)) => ("User".to_owned(), id),
        _ => (fields.required_text("assignee_type"), fields.required_id("assignee_id")),
    };
    let target = read_target(&mut fields);
    let role_id = fields.required_text("role_id");
    // Kisi does not say what leaving it out means; here it mails, so that a client notices.
    let notify = fields.boolean("notify").unwrap_or(true);
    let (valid_from, valid_until) = (fields.time("valid_from"), fields.time("valid_until"));
    fields.check()?;

    let user_id = match (assignee.0.as_str(), assignee.1) {
        ("User", id) if state.users.contains_key(&id) => id,
        ("User" | "Team" | "Guest", _) => return Err(ApiError::not_found()),
        _ => return Err(ApiError::field("assignee_type", "is not included in the list")),
    };
    let target = match (target.0.as_str(), target.1) {
        ("Group", id) if state.groups.contains_key(&id) => Target::Group(id),
        ("Place", id) if state.places.contains_key(&id) => Target::Place(id),
        ("Organization", id) if state.organization.id == id => Target::Organization(id),
        ("Group" | "Place" | "Organization", _) => return Err(ApiError::not_found()),
        _ => return Err(ApiError::field("applies_to_type", "is not included in the list")),
    };
    let right = NewRight { user_id, target, role_id, notify, valid_from, valid_until };
    let row = add(&session, &mut state, right)?;
    Ok(Json(RoleAssignmentBody::new(&state, &row)))
}

/// New spelling, else old.
fn read_target(fields: &mut Fields) -> (String, Id) {
    let is_new = fields.has("applies_to_type") || fields.has("applies_to_id");
    for (name, kind) in [("group_id", "Group"), ("place_id", "Place"), ("organization_id", "Organization")] {
        if !is_new && let Some(id) = fields.id(name) {
            return (kind.to_owned(), id);
        }
    }
    (fields.required_text("applies_to_type"), fields.required_id("applies_to_id"))
}

/// A right to be given to a user that exists, on a target that exists.
pub(super) struct NewRight {
    pub(super) user_id: Id,
    pub(super) target: Target,
    pub(super) role_id: String,
    pub(super) notify: bool,
    pub(super) valid_from: Option<Timestamp>,
    pub(super) valid_until: Option<Timestamp>,
}

/// Checks role, window and duplicates; stores, mails, records.
pub(super) fn add(session: &Session, state: &mut State, right: NewRight) -> Result<RoleAssignment, ApiError> {
    let NewRight { user_id, target, role_id, notify, valid_from, valid_until } = right;
    check_role(session, state, &role_id, target)?;
    // Only groups know windows; elsewhere they are ignored.
    let is_timed = matches!(target, Target::Group(_));
    let (valid_from, valid_until) = if is_timed { (valid_from, valid_until) } else { (None, None) };
    check_window(&state.switches, valid_from, valid_until, session.now)?;
    let row = RoleAssignment {
        id: session.kisi.next_id(),
        user_id,
        target,
        role_id,
        notify,
        valid_from,
        valid_until,
        created_by_id: session.user_id().ok(),
        created_at: session.now,
        updated_at: session.now,
    };
    check_duplicate(state, &row)?;
    if notify {
        state.mail_user(user_id, "role_assignment", session.now);
    }
    let object = object(state, &row);
    state.insert_assignment(row.clone());
    session.audit(state, "role_assignment.create", object);
    Ok(row)
}

/// The role must exist, apply to such a target, and not be above the caller's own.
fn check_role(session: &Session, state: &State, role_id: &str, target: Target) -> Result<(), ApiError> {
    let role = Role::find(role_id).ok_or_else(|| ApiError::field("role_id", "is invalid"))?;
    if role.applies_to != target.kind() {
        return Err(ApiError::field("role_id", format!("does not apply to a {}", target.kind())));
    }
    if role.id == OWNER {
        return Err(ApiError::forbidden());
    }
    session.require_level(state, role)
}

fn check_window(
    switches: &Switches,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), ApiError> {
    let Some(until) = until else { return Ok(()) };
    if from.is_some_and(|from| until <= from) {
        return Err(ApiError::field("valid_until", "must be after valid_from"));
    }
    if switches.past_windows_refused && until <= now {
        return Err(ApiError::field("valid_until", "must be in the future"));
    }
    Ok(())
}

fn check_duplicate(state: &State, new: &RoleAssignment) -> Result<(), ApiError> {
    let mut same = state.assignments_of_user(new.user_id).filter(|row| row.target == new.target);
    match state.switches.duplicate_assignments {
        DuplicateAssignments::Allow => Ok(()),
        DuplicateAssignments::Strict => match (same.next(), state.switches.strict_refusal) {
            (None, _) => Ok(()),
            (Some(_), Refusal::Conflict) => Err(ApiError::conflict()),
            (Some(_), Refusal::Unprocessable) => Err(ApiError::field("assignee", "already has a role here")),
        },
        DuplicateAssignments::Exact => {
            for row in same {
                if row.role_id != new.role_id {
                    return Err(ApiError::field("assignee", "already has another role here"));
                }
                if (row.valid_from, row.valid_until) == (new.valid_from, new.valid_until) {
                    return Err(ApiError::conflict());
                }
            }
            Ok(())
        }
    }
}

/// Takes role, notify and window; whether the real one takes the window is not known, hence the switch.
pub(super) async fn update(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::RoleAssignmentsWrite)?;
    let old = state.assignments.get(&id).ok_or_else(ApiError::not_found)?.clone();
    check_may_touch(&session, &state, &old)?;
    let mut row = old.clone();
    let mut fields = Fields::of(&body, "role_assignment")?;
    if fields.has("role_id") {
        row.role_id = fields.required_text("role_id");
    }
    if let Some(notify) = fields.boolean("notify") {
        row.notify = notify;
    }
    let takes_window = matches!(row.target, Target::Group(_)) && !state.switches.patch_ignores_window;
    if takes_window && fields.has("valid_from") {
        row.valid_from = fields.time("valid_from");
    }
    if takes_window && fields.has("valid_until") {
        row.valid_until = fields.time("valid_until");
    }
    fields.check()?;
    if row.role_id != old.role_id {
        check_role(&session, &state, &row.role_id, row.target)?;
    }
    if (row.valid_from, row.valid_until) != (old.valid_from, old.valid_until) {
        check_window(&state.switches, row.valid_from, row.valid_until, session.now)?;
    }
    row.updated_at = session.now;
    state.remember_departed(old, session.now);
    if row.notify {
        state.mail_user(row.user_id, "role_assignment", session.now);
    }
    let object = object(&state, &row);
    // Neither user nor target can change, so the indexes stand.
    state.assignments.insert(id, row);
    session.audit(&mut state, "role_assignment.update", object);
    Ok(StatusCode::NO_CONTENT)
}

/// Nobody changes or takes a right above their own level.
fn check_may_touch(session: &Session, state: &State, row: &RoleAssignment) -> Result<(), ApiError> {
    match Role::find(&row.role_id) {
        // There is exactly one owner, always.
        Some(role) if role.id == OWNER => Err(ApiError::forbidden()),
        Some(role) => session.require_level(state, role),
        None => Ok(()),
    }
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::RoleAssignmentsWrite)?;
    let row = state.assignments.get(&id).ok_or_else(ApiError::not_found)?.clone();
    check_may_touch(&session, &state, &row)?;
    let object = object(&state, &row);
    state.remove_assignment(id, session.now);
    session.audit(&mut state, "role_assignment.destroy", object);
    Ok(StatusCode::NO_CONTENT)
}
