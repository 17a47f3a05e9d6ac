//! `/organizations`, `/organization` (Kisi API reference, Organizations).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::Kisi;
use super::auth::{Caller, Session};
use super::error::ApiError;
use super::fields::Fields;
use super::model::{Id, Null, OrganizationRecord};
use super::state::State;

#[derive(Serialize)]
struct OrganizationBody {
    #[serde(flatten)]
    record: OrganizationRecord,
    resource_type: &'static str,
    logo: Null,
    address: Null,
    description: Null,
    places_count: usize,
    scim_enabled: bool,
    sso_flow_enabled: bool,
    sso_expiration_override_enabled: bool,
    sso_expiration_override: Null,
    metadata: Value,
    web_authentication_api_enabled: bool,
    apple_pass_enabled: bool,
    transfer_to_id: Option<Id>,
    image: Null,
    color: Null,
}

impl OrganizationBody {
    fn new(state: &State) -> Self {
        Self {
            record: state.organization.clone(),
            resource_type: "Organization",
            logo: None,
            address: None,
            description: None,
            places_count: state.places.len(),
            scim_enabled: false,
            sso_flow_enabled: false,
            sso_expiration_override_enabled: false,
            sso_expiration_override: None,
            metadata: json!({}),
            web_authentication_api_enabled: false,
            apple_pass_enabled: false,
            transfer_to_id: None,
            image: None,
            color: None,
        }
    }
}

/// A key sees its own organization only.
pub(super) async fn list(session: Session) -> Result<Response, ApiError> {
    session.user_id()?;
    let body = OrganizationBody::new(&session.state());
    Ok(Json([body]).into_response())
}

pub(super) async fn current(session: Session) -> Response {
    let state = session.state();
    match session.caller {
        Caller::User { .. } => Json(OrganizationBody::new(&state)).into_response(),
        Caller::Link { .. } => public_body(&state).into_response(),
    }
}

pub(super) async fn public(
    Extract(kisi): Extract<Arc<Kisi>>,
    Path(domain): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let organization = kisi.by_domain(&domain).ok_or_else(ApiError::not_found)?;
    let body = public_body(&organization.state());
    Ok(body)
}

fn public_body(state: &State) -> Json<Value> {
    let record = &state.organization;
    Json(json!({
        "id": record.id, "resource_type": "Organization", "name": record.name, "domain": record.domain,
        "logo": null,
    }))
}

/// Mails the person the list of their organizations; says nothing about whether there are any.
pub(super) async fn find(Extract(kisi): Extract<Arc<Kisi>>, body: Bytes) -> Result<StatusCode, ApiError> {
    let mut fields = Fields::of(&body, "user")?;
    let email = fields.required_text("email");
    fields.check()?;
    let now = kisi.now();
    for organization in kisi.organizations() {
        let mut state = organization.state();
        if let Some(id) = state.user_by_email(&email).map(|user| user.record.id) {
            state.mail_user(id, "organizations", now);
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
