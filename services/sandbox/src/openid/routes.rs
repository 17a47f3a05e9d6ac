//! The provider's paths.

use std::sync::Arc;

use axum::extract::rejection::RawFormRejection;
use axum::extract::{RawForm, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::jwk::JwkSet;
use serde_json::Value;

use super::authorize::Dead;
use super::issuer::Issuer;
use super::parameters::Parameters;
use super::person::PersonClaims;
use super::{OpenId, discovery, token, userinfo};

type Form = Result<RawForm, RawFormRejection>;

pub(super) fn router(openid: Arc<OpenId>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discover))
        .route("/jwks", get(keys))
        .route("/authorize", get(authorize).post(authorize))
        .route("/sign-in", post(sign_in))
        .route("/token", post(exchange))
        .route("/userinfo", get(user_info).post(user_info))
        .with_state(openid)
}

async fn discover(Issuer(issuer): Issuer) -> Json<Value> {
    Json(discovery::document(&issuer))
}

async fn keys(State(openid): State<Arc<OpenId>>) -> Json<JwkSet> {
    let now = openid.now();
    Json(openid.lock().keyring.published(now))
}

async fn authorize(State(openid): State<Arc<OpenId>>, Issuer(issuer): Issuer, form: Form) -> Response {
    let answer = parameters(form).and_then(|parameters| openid.begin(&issuer, &parameters));
    answer.unwrap_or_else(|dead| openid.pages.refusal(&dead))
}

async fn sign_in(State(openid): State<Arc<OpenId>>, Issuer(issuer): Issuer, form: Form) -> Response {
    let answer = parameters(form).and_then(|parameters| openid.finish(&issuer, &parameters));
    answer.unwrap_or_else(|dead| openid.pages.refusal(&dead))
}

fn parameters(form: Form) -> Result<Parameters, Dead> {
    let RawForm(form) = form.map_err(|_| Dead::Unreadable)?;
    Ok(Parameters::read(&form)?)
}

async fn exchange(
    State(openid): State<Arc<OpenId>>,
    Issuer(issuer): Issuer,
    headers: HeaderMap,
    form: Form,
) -> Response {
    let answer = form
        .map_err(|_| token::Refusal::InvalidRequest("the request is not a form"))
        .and_then(|RawForm(form)| Ok(Parameters::read(&form)?))
        .and_then(|parameters| openid.exchange(issuer, &headers, &parameters));
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], answer.map(Json)).into_response()
}

async fn user_info(
    State(openid): State<Arc<OpenId>>,
    headers: HeaderMap,
) -> Result<Json<PersonClaims>, userinfo::Refusal> {
    openid.user_info(&headers)
}
