//! `/logins` and `/login` (Kisi API reference, Logins): credentials of a person.

use axum::Json;
use axum::body::Bytes;
use domain::Timestamp;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::auth::{Credential, PathId, Session, permits};
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::lists::{Listed, Params, SMALL};
use super::model::{Id, Login, LoginRecord, Null};
use super::organization::new_secret;
use super::roles::Permission;
use super::short::ShortUser;
use super::state::State;

const API_LOGINS_MAX: usize = 10;
const DEVICE_LOGINS_MAX: usize = 40;

/// Logins carry no `resource_type`.
#[derive(Serialize)]
pub(super) struct LoginBody {
    #[serde(flatten)]
    record: LoginRecord,
    user: Option<ShortUser>,
}

impl LoginBody {
    fn new(state: &State, login: &Login) -> Self {
        Self { record: login.record.clone(), user: ShortUser::of(state, login.record.user_id) }
    }
}

/// What only the answer to its creation shows.
#[derive(Serialize)]
pub(super) struct NewLoginBody {
    #[serde(flatten)]
    login: LoginBody,
    secret: String,
    authentication_token: String,
    scram_credentials: Option<Value>,
    has_primary_device: bool,
    email: String,
    image: Option<String>,
    primary_login_exists: bool,
    otp_required_for_login: bool,
    otp_enabled_at: Null,
    notifications_unread_count: u32,
}

impl NewLoginBody {
    fn new(state: &State, login: &Login) -> Self {
        let user = state.users.get(&login.record.user_id).map(|user| &user.record);
        let has_primary = state.logins_of_user(login.record.user_id).any(|login| login.record.primary);
        Self {
            login: LoginBody::new(state, login),
            secret: login.secret.clone(),
            authentication_token: login.secret.clone(),
            scram_credentials: (!login.is_api())
                .then(|| json!({ "phone_key": new_secret(), "online_certificate": new_secret() })),
            has_primary_device: has_primary,
            email: user.map(|user| user.email.clone()).unwrap_or_default(),
            image: user.and_then(|user| user.image.clone()),
            primary_login_exists: has_primary,
            otp_required_for_login: false,
            otp_enabled_at: None,
            notifications_unread_count: 0,
        }
    }
}

fn object(login: &LoginRecord) -> Object {
    Object::new("Login", login.id, login.name.clone(), None)
}

/// With a key: a login on behalf of the user with that email (devices only), or without an email, one of
/// the caller's own. Signing in with a password is refused: nobody in the twin has one.
pub(super) async fn create(
    headers: HeaderMap,
    session: Result<Session, ApiError>,
    body: Bytes,
) -> Result<Json<NewLoginBody>, ApiError> {
    let session = session.map_err(|error| {
        let signs_in = Credential::of(&headers).is_none()
            && Fields::of(&body, "login").is_ok_and(|mut fields| fields.object("user").is_some());
        if signs_in {
            ApiError::coded(StatusCode::UNAUTHORIZED, "afc516", "The email or password is wrong")
        } else {
            error
        }
    })?;
    let mut fields = Fields::of(&body, "login")?;
    let caller = session.user_id()?;
    let mut state = session.state();
    let kind = fields.required_text("type");
    let email = fields.text("email");
    let user_id = match email {
        Some(email) => {
            session.require(&state, Permission::LoginsWrite)?;
            if !kind.is_empty() && kind != "device" {
                fields.refuse("type", "must be device");
            }
            state.user_by_email(&email).map(|user| user.record.id).ok_or_else(ApiError::not_found)?
        }
        None => {
            if kind == "api" {
                session.require(&state, Permission::LoginsWrite)?;
            } else if kind != "device" {
                fields.refuse("type", "is not included in the list");
            }
            caller
        }
    };
    let mut login = Login {
        record: LoginRecord {
            id: 0,
            r#type: kind,
            name: fields.text("name"),
            primary: false,
            expire: fields.boolean("expire").unwrap_or(true),
            last_used_at: None,
            device_brand: fields.text("device_brand"),
            device_model: fields.text("device_model"),
            os_name: fields.text("os_name"),
            user_id,
            created_at: session.now,
            updated_at: session.now,
        },
        secret: new_secret(),
    };
    fields.check()?;
    login.record.id = session.kisi.next_id();
    make_room(&mut state, &login)?;
    let object = object(&login.record);
    session.organization.add_login(&mut state, login.clone());
    session.audit(&mut state, "login.create", object);
    Ok(Json(NewLoginBody::new(&state, &login)))
}

/// The eleventh key is refused; the 41st device takes the place of the one that was not used for longest.
pub(super) fn make_room(state: &mut State, new: &Login) -> Result<(), ApiError> {
    let same = state.logins_of_user(new.record.user_id).filter(|login| login.is_api() == new.is_api());
    let same: Vec<(Timestamp, Id)> = same.map(|login| (login.used_at(), login.record.id)).collect();
    if new.is_api() && same.len() >= API_LOGINS_MAX {
        return Err(ApiError::field("base", format!("there are {API_LOGINS_MAX} API logins already")));
    }
    if !new.is_api()
        && same.len() >= DEVICE_LOGINS_MAX
        && let Some((_, oldest)) = same.iter().min()
    {
        state.remove_login(*oldest);
    }
    Ok(())
}

/// Own ones, or another user's for those who may read logins.
pub(super) async fn list(session: Session, params: Params) -> Result<Listed<LoginBody>, ApiError> {
    let caller = session.user_id()?;
    let state = session.state();
    let page = params.page(SMALL)?;
    let user_id = session.user_or_me(params.text("user_id").unwrap_or("me"))?;
    if user_id != caller {
        session.require(&state, Permission::LoginsRead)?;
    }
    let ids = params.ids()?;
    let logins: Vec<&Login> = state
        .logins_of_user(user_id)
        .filter(|login| ids.as_ref().is_none_or(|ids| ids.contains(&login.record.id)))
        .collect();
    Ok(page.of(logins, |login| LoginBody::new(&state, login)))
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    remove(&session, id)
}

pub(super) async fn current(session: Session) -> Result<Json<LoginBody>, ApiError> {
    let state = session.state();
    let (_, login) = session.user(&state)?;
    Ok(Json(LoginBody::new(&state, login)))
}

pub(super) async fn delete_current(session: Session) -> Result<StatusCode, ApiError> {
    let id = session.user(&session.state())?.1.record.id;
    remove(&session, id)
}

fn remove(session: &Session, id: Id) -> Result<StatusCode, ApiError> {
    let caller = session.user_id()?;
    let mut state = session.state();
    let login = visible(&state, caller, id, Permission::LoginsWrite)?;
    let (object, secret) = (object(&login.record), login.secret.clone());
    session.audit(&mut state, "login.destroy", object);
    state.remove_login(id);
    session.organization.shared.forget(&secret);
    Ok(StatusCode::NO_CONTENT)
}

/// Makes it the user's only primary device.
pub(super) async fn promote(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let caller = session.user_id()?;
    let mut state = session.state();
    let login = visible(&state, caller, id, Permission::LoginsWrite)?;
    let (user_id, object) = (login.record.user_id, object(&login.record));
    if login.is_api() {
        return Err(ApiError::field("base", "only a device can be primary"));
    }
    let of_user: Vec<Id> = state.logins_of_user(user_id).map(|login| login.record.id).collect();
    for other in of_user {
        if let Some(login) = state.logins.get_mut(&other) {
            login.record.primary = other == id;
        }
    }
    session.audit(&mut state, "login.promote", object);
    Ok(StatusCode::NO_CONTENT)
}

/// An own login, or anyone's with the permission.
fn visible(state: &State, caller: Id, id: Id, permission: Permission) -> Result<&Login, ApiError> {
    let login = state.logins.get(&id).ok_or_else(ApiError::not_found)?;
    if login.record.user_id == caller || permits(state, caller, permission) {
        Ok(login)
    } else {
        Err(ApiError::not_found())
    }
}
