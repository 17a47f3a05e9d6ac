//! The twin's part of the control API: `/_control/kisi/…`. README.md documents it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use domain::Window;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Kisi;
use super::inspect::{InspectError, Tap};
use super::model::Id;
use super::organization::Organization;
use super::seed::{NewOrganization, SeedError};
use crate::control::refusal;

pub(super) fn router(kisi: Arc<Kisi>) -> Router {
    let one = Router::new()
        .route("/", get(show))
        .route("/switches", get(switches).patch(set_switches))
        .route("/tap", post(tap))
        .route("/cards", post(print_card))
        .route("/keys", post(create_key))
        .route("/keys/revoke", post(revoke_key))
        .route("/role", put(set_role))
        .route("/locks", get(|of: Of| async move { Json(of.0.locks()) }))
        .route("/locks/{lock_id}", put(set_lock))
        .route("/schedules/{object_id}", put(set_schedule))
        .route("/users", get(users))
        .route("/role_assignments", get(|of: Of| async move { Json(of.0.role_assignments()) }))
        .route("/access_windows", get(access_windows))
        .route("/mails", get(|of: Of| async move { Json(of.0.mails()) }))
        .route("/events", get(|of: Of| async move { Json(of.0.events()) }));
    Router::new()
        .route("/organizations", get(list).post(create))
        .nest("/organizations/{id}", one)
        .with_state(kisi)
}

/// The organization whose id is in the path.
struct Of(Arc<Organization>);

#[derive(Deserialize)]
struct InPath {
    id: Id,
}

impl FromRequestParts<Arc<Kisi>> for Of {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, kisi: &Arc<Kisi>) -> Result<Self, Response> {
        let missing = || refusal(StatusCode::NOT_FOUND, "no such organization");
        let Path(InPath { id }) = Path::from_request_parts(parts, kisi).await.map_err(|_| missing())?;
        kisi.organization(id).map(Self).ok_or_else(missing)
    }
}

impl IntoResponse for InspectError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoUser | Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::NobodyTaps | Self::NoRole | Self::TooManyKeys => StatusCode::UNPROCESSABLE_ENTITY,
        };
        refusal(status, self)
    }
}

impl IntoResponse for SeedError {
    fn into_response(self) -> Response {
        refusal(StatusCode::UNPROCESSABLE_ENTITY, self)
    }
}

async fn list(State(kisi): State<Arc<Kisi>>) -> Json<Vec<Value>> {
    Json(kisi.organizations().iter().map(|organization| summary(organization)).collect())
}

fn summary(organization: &Organization) -> Value {
    let counts = organization.counts();
    let record = &organization.state().organization;
    json!({ "id": record.id, "name": record.name, "domain": record.domain, "counts": counts })
}

async fn create(State(kisi): State<Arc<Kisi>>, Json(new): Json<NewOrganization>) -> Response {
    match kisi.create_organization(new) {
        Ok(created) => Json(created).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn show(of: Of) -> Json<Value> {
    Json(summary(&of.0))
}

async fn switches(of: Of) -> Json<Value> {
    Json(json!(of.0.switches()))
}

/// Only the switches that are named change.
async fn set_switches(of: Of, Json(changes): Json<Map<String, Value>>) -> Response {
    let mut switches = json!(of.0.switches());
    if let Value::Object(fields) = &mut switches {
        fields.extend(changes);
    }
    match serde_json::from_value(switches) {
        Ok(switches) => {
            of.0.set_switches(switches);
            self::switches(of).await.into_response()
        }
        Err(error) => refusal(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

async fn tap(of: Of, Json(tap): Json<Tap>) -> Response {
    match of.0.tap(&tap) {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrintedCard {
    token: String,
}

async fn print_card(of: Of, Json(card): Json<PrintedCard>) -> StatusCode {
    of.0.print_card(&card.token);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct NewKey {
    email: String,
    #[serde(default)]
    expire: bool,
}

async fn create_key(of: Of, Json(new): Json<NewKey>) -> Response {
    match of.0.create_api_key(&new.email, new.expire) {
        Ok(key) => Json(key).into_response(),
        Err(error) => error.into_response(),
    }
}

#[derive(Deserialize)]
struct RevokedKey {
    secret: String,
}

async fn revoke_key(of: Of, Json(key): Json<RevokedKey>) -> Response {
    done(of.0.revoke_login(&key.secret))
}

#[derive(Deserialize)]
struct NewRole {
    email: String,
    role_id: Option<String>,
}

async fn set_role(of: Of, Json(new): Json<NewRole>) -> Response {
    done(of.0.set_role(&new.email, new.role_id.as_deref()))
}

#[derive(Deserialize)]
struct LockInPath {
    lock_id: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockChange {
    #[serde(default)]
    configured: Option<bool>,
    /// `null` stands for unknown, so that leaving it out must be told apart.
    #[serde(default, deserialize_with = "present")]
    online: Option<Option<bool>>,
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<bool>>, D::Error> {
    Option::deserialize(value).map(Some)
}

async fn set_lock(of: Of, Path(path): Path<LockInPath>, Json(change): Json<LockChange>) -> Response {
    let mut result = Ok(());
    if let Some(online) = change.online {
        result = of.0.set_online(path.lock_id, online);
    }
    if let Some(configured) = change.configured {
        result = result.and(of.0.set_configured(path.lock_id, configured));
    }
    done(result)
}

#[derive(Deserialize)]
struct ObjectInPath {
    object_id: Id,
}

async fn set_schedule(of: Of, Path(path): Path<ObjectInPath>, Json(windows): Json<Vec<Window>>) -> Response {
    done(of.0.set_schedule(path.object_id, windows))
}

async fn users(of: Of) -> Json<Value> {
    let users = of.0.users();
    Json(users.iter().map(|user| json!({ "record": user.record, "managed": user.managed })).collect())
}

#[derive(Deserialize)]
struct WindowsWanted {
    email: Option<String>,
    lock_id: Option<Id>,
}

async fn access_windows(of: Of, Query(wanted): Query<WindowsWanted>) -> Response {
    let mut windows = of.0.access_windows();
    windows.retain(|window| {
        wanted.email.as_ref().is_none_or(|email| window.email.eq_ignore_ascii_case(email.trim()))
            && wanted.lock_id.is_none_or(|lock| window.lock_id == lock)
    });
    Json(windows).into_response()
}

fn done(result: Result<(), InspectError>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.into_response(),
    }
}
