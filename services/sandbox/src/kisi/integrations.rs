//! `/integrations` (Kisi API reference, Integrations): event webhooks, the only type that the twin has.

use axum::Json;
use axum::body::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::auth::{PathId, Session};
use super::error::ApiError;
use super::events::Object;
use super::fields::Fields;
use super::lists::{Listed, Params, SMALL};
use super::model::{Integration, IntegrationRecord};
use super::roles::Permission;
use super::short::Short;
use super::state::State;

#[derive(Serialize)]
pub(super) struct IntegrationBody {
    #[serde(flatten)]
    record: IntegrationRecord,
    resource_type: &'static str,
    organization: Short,
}

impl IntegrationBody {
    fn new(state: &State, record: &IntegrationRecord) -> Self {
        Self {
            record: record.clone(),
            resource_type: "Integration",
            organization: Short::organization(state),
        }
    }
}

fn object(record: &IntegrationRecord) -> Object {
    Object::new("Integration", record.id, Some(record.name.clone()), record.place_id)
}

pub(super) async fn list(session: Session, params: Params) -> Result<Listed<IntegrationBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::IntegrationsRead)?;
    let page = params.page(SMALL)?;
    let ids = params.ids()?;
    let place_id = params.id("place_id")?;
    let enabled = params.boolean("enabled")?;
    let records: Vec<&IntegrationRecord> = state
        .integrations
        .values()
        .map(|integration| &integration.record)
        .filter(|record| ids.as_ref().is_none_or(|ids| ids.contains(&record.id)))
        .filter(|record| place_id.is_none() || record.place_id == place_id)
        .filter(|record| enabled.is_none_or(|enabled| record.enabled == enabled))
        .filter(|record| params.found_in([record.name.as_str()]))
        .collect();
    Ok(page.of(records, |record| IntegrationBody::new(&state, record)))
}

pub(super) async fn get(session: Session, PathId(id): PathId) -> Result<Json<IntegrationBody>, ApiError> {
    let state = session.state();
    session.require(&state, Permission::IntegrationsRead)?;
    let integration = state.integrations.get(&id).ok_or_else(ApiError::not_found)?;
    Ok(Json(IntegrationBody::new(&state, &integration.record)))
}

pub(super) async fn create(session: Session, body: Bytes) -> Result<Json<IntegrationBody>, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::IntegrationsWrite)?;
    let mut fields = Fields::of(&body, "integration")?;
    let kind = fields.required_text("type");
    if !kind.is_empty() && kind != "event_webhook" {
        fields.refuse("type", "is not included in the list");
    }
    let place_id = fields.id("place_id");
    if place_id.is_some_and(|id| !state.places.contains_key(&id)) {
        fields.refuse("place", "must exist");
    }
    let mut integration = Integration {
        record: IntegrationRecord {
            id: 0,
            name: fields.required_text("name"),
            r#type: kind,
            enabled: true,
            disabled_due_to_error: false,
            disabled_due_to_error_at: None,
            url: fields.required_text("url"),
            enabled_events: Vec::new(),
            organization_id: state.organization.id,
            place_id,
            created_at: session.now,
            updated_at: session.now,
        },
        signature_key: None,
        failures: 0,
        deliveries: 0,
    };
    apply(&mut fields, &mut integration);
    fields.check()?;
    integration.record.id = session.kisi.next_id();
    let body = IntegrationBody::new(&state, &integration.record);
    let object = object(&integration.record);
    state.integrations.insert(integration.record.id, integration);
    session.audit(&mut state, "integration.create", object);
    Ok(Json(body))
}

pub(super) async fn update(
    session: Session,
    PathId(id): PathId,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::IntegrationsWrite)?;
    let mut integration = state.integrations.get(&id).ok_or_else(ApiError::not_found)?.clone();
    let mut fields = Fields::of(&body, "integration")?;
    if fields.has("name") {
        integration.record.name = fields.required_text("name");
    }
    if fields.has("url") {
        integration.record.url = fields.required_text("url");
    }
    apply(&mut fields, &mut integration);
    fields.check()?;
    if integration.record.enabled && integration.record.disabled_due_to_error {
        // Somebody switched it on again.
        integration.record.disabled_due_to_error = false;
        integration.record.disabled_due_to_error_at = None;
        integration.failures = 0;
    }
    integration.record.updated_at = session.now;
    let object = object(&integration.record);
    state.integrations.insert(id, integration);
    session.audit(&mut state, "integration.update", object);
    Ok(StatusCode::NO_CONTENT)
}

fn apply(fields: &mut Fields, integration: &mut Integration) {
    if let Some(enabled) = fields.boolean("enabled") {
        integration.record.enabled = enabled;
    }
    if fields.has("enabled_events") {
        integration.record.enabled_events = fields.texts("enabled_events").unwrap_or_default();
    }
    if fields.has("signature_key") {
        integration.signature_key = fields.text("signature_key").filter(|key| !key.is_empty());
    }
    let is_web = ["http://", "https://"].iter().any(|scheme| integration.record.url.starts_with(scheme));
    if !is_web && !integration.record.url.is_empty() {
        fields.refuse("url", "is invalid");
    }
}

pub(super) async fn delete(session: Session, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    let mut state = session.state();
    session.require(&state, Permission::IntegrationsWrite)?;
    let integration = state.integrations.remove(&id).ok_or_else(ApiError::not_found)?;
    session.audit(&mut state, "integration.destroy", object(&integration.record));
    Ok(StatusCode::NO_CONTENT)
}
