//! The console's routes, by its paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post, put};

use super::refusal::{Code, Refusal};
use super::versions::since;
use super::{Unifi, cards, credentials, devices, doors, groups, logs, policies, users, visitors, webhooks};

/// What is left out of the console's routes, and other methods on those that are there: 404.
pub(super) fn router(unifi: Arc<Unifi>) -> Router {
    let first = Router::new()
        .route("/doors", get(doors::list))
        .route("/doors/{id}", get(doors::get))
        .route("/doors/{id}/unlock", put(doors::unlock))
        .route("/door_groups", get(groups::list))
        .route("/door_groups/topology", get(groups::topology))
        .route("/door_groups/{id}", get(groups::get))
        .route("/visitors", get(visitors::list).post(visitors::create))
        .route("/visitors/{id}", get(visitors::get).put(visitors::update).delete(visitors::delete))
        .route("/visitors/{id}/pin_codes", put(credentials::set_pin).delete(credentials::remove_pin))
        .route("/users", get(users::list).post(users::create))
        .route("/users/{id}", get(users::get).put(users::update).delete(users::delete))
        .route("/users/{id}/access_policies", get(users::policies).put(users::set_policies))
        .route("/users/{id}/pin_codes", put(credentials::set_user_pin).delete(credentials::remove_user_pin))
        .route("/access_policies", get(policies::list).post(policies::create))
        .route("/access_policies/{id}", put(policies::update).delete(policies::delete))
        .route("/access_policies/schedules", get(policies::list_schedules).post(policies::create_schedule))
        .route("/users/{id}/nfc_cards", put(cards::assign_to_user))
        .route("/users/{id}/nfc_cards/delete", put(cards::unassign_from_user))
        .route("/visitors/{id}/nfc_cards", put(cards::assign_to_visitor))
        .route("/visitors/{id}/nfc_cards/delete", put(cards::unassign_from_visitor))
        .route("/credentials/nfc_cards/tokens", get(cards::list))
        .route("/credentials/nfc_cards/sessions", post(cards::begin))
        .route("/credentials/nfc_cards/sessions/{id}", get(cards::poll).delete(cards::end))
        .route("/credentials/pin_codes", post(credentials::generate))
        .route("/devices", get(devices::list))
        .route("/system/logs", post(logs::list));
    let rules = Router::new()
        .route("/doors/{id}/lock_rule", get(doors::rule).put(doors::set_rule))
        .route("/doors/settings/emergency", get(doors::emergency).put(doors::set_emergency));
    let card = Router::new().route("/credentials/nfc_cards/tokens/{token}", get(cards::get));
    let hooks = Router::new()
        .route("/webhooks/endpoints", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/endpoints/{id}", put(webhooks::update).delete(webhooks::delete));
    let api = first
        .merge(since(&unifi, "1.22.16", card))
        .merge(since(&unifi, "1.24.6", rules))
        .merge(since(&unifi, "2.2.10", hooks));
    Router::new()
        .nest("/api/v1/developer", api)
        .fallback(no_route)
        .method_not_allowed_fallback(no_route)
        .layer(from_fn_with_state(unifi.clone(), refuse))
        .with_state(unifi)
}

async fn no_route() -> Refusal {
    Refusal::new(Code::NoRoute)
}

/// Refusals are worded as the switches want.
async fn refuse(State(unifi): State<Arc<Unifi>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    match response.extensions().get::<Refusal>() {
        Some(refusal) => refusal.answer(&unifi.switches()),
        None => response,
    }
}
