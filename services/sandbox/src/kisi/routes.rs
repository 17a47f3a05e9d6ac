//! The twin's routes, by the vendor's paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::HeaderValue;

use super::auth::Credential;
use super::error::ApiError;
use super::switches::RouteState;
use super::{
    Kisi, cards, event_sets, events, group_links, group_locks, groups, integrations, invites, locks, logins,
    organizations, places, role_assignments, roles, users,
};

/// What is left out of the vendor's routes, and other methods on those that are there: 404.
pub(super) fn router(kisi: Arc<Kisi>) -> Router {
    Router::new()
        .route("/organization", get(organizations::current))
        .route("/organizations", get(organizations::list))
        .route("/organizations/find", post(organizations::find))
        .route("/organizations/{domain}/public", get(organizations::public))
        .route("/places", get(places::list).post(places::create))
        .route("/places/{id}", get(places::get).patch(places::update).delete(places::delete))
        .route("/places/{id}/lock_down", post(places::lock_down))
        .route("/places/{id}/cancel_lockdown", post(places::cancel_lockdown))
        .route("/locks", get(locks::list).post(locks::create))
        .route("/locks/{id}", get(locks::get).patch(locks::update).delete(locks::delete))
        .route("/locks/{id}/unlock", post(locks::unlock))
        .route("/locks/{id}/first_to_arrive", post(locks::first_to_arrive))
        .route("/locks/{id}/last_to_leave", post(locks::last_to_leave))
        .route("/locks/{id}/lock_down", post(locks::lock_down))
        .route("/locks/{id}/cancel_lockdown", post(locks::cancel_lockdown))
        .route("/groups", get(groups::list).post(groups::create))
        .route("/groups/{id}", get(groups::get).patch(groups::update).delete(groups::delete))
        .route("/group_locks", get(group_locks::list).post(group_locks::create))
        .route("/group_locks/{id}", get(group_locks::get).delete(group_locks::delete))
        .route("/group_links", get(group_links::list).post(group_links::create))
        .route("/group_links/{id}", delete(group_links::delete))
        .route("/user", get(users::current))
        .route("/users", get(users::list).post(users::create))
        .route("/users/{id}", get(users::get).patch(users::update).delete(users::delete))
        .route("/role_assignments", get(role_assignments::list).post(role_assignments::create))
        .route(
            "/role_assignments/{id}",
            get(role_assignments::get).patch(role_assignments::update).delete(role_assignments::delete),
        )
        .route("/roles", get(roles::list))
        .route("/roles/{id}", get(roles::get))
        .route("/invites", post(invites::create))
        .route("/login", get(logins::current).delete(logins::delete_current))
        .route("/logins", get(logins::list).post(logins::create))
        .route("/logins/{id}", delete(logins::delete))
        .route("/logins/{id}/promote", post(logins::promote))
        .route("/cards", get(cards::list).post(cards::create))
        .route("/cards/{id}", get(cards::get).delete(cards::delete))
        .route("/card_assignments", get(cards::list_assignments).post(cards::assign))
        .route("/card_assignments/{id}", get(cards::get_assignment).delete(cards::unassign))
        .route("/card_assignments/{id}/activate", post(cards::activate))
        .route("/card_assignments/{id}/deactivate", post(cards::deactivate))
        .route("/integrations", get(integrations::list).post(integrations::create))
        .route(
            "/integrations/{id}",
            get(integrations::get).patch(integrations::update).delete(integrations::delete),
        )
        .route("/event_sets", post(event_sets::create))
        .route("/event_sets/{id}", get(event_sets::get))
        .route("/events/types", get(events::types))
        .fallback(async || ApiError::no_route())
        .method_not_allowed_fallback(async || ApiError::no_route())
        .layer(from_fn_with_state(kisi.clone(), end_of_life))
        .with_state(kisi)
}

/// Applies the organization's route switches.
async fn end_of_life(State(kisi): State<Arc<Kisi>>, request: Request, next: Next) -> Response {
    let organization = Credential::of(request.headers())
        .and_then(|credential| kisi.by_secret(credential.secret()))
        .filter(|organization| organization.has_route_switches());
    let route = organization.and_then(|organization| {
        let state = organization.state();
        let (method, path) = (request.method().as_str(), request.uri().path());
        state
            .switches
            .routes
            .iter()
            .find(|route| route.matches(method, path))
            .map(|route| route.state.clone())
    });
    match route {
        None => next.run(request).await,
        Some(RouteState::Retired) => ApiError::no_route().into_response(),
        Some(RouteState::Deprecated { deprecation, sunset }) => {
            let mut response = next.run(request).await;
            for (name, value) in [("deprecation", deprecation), ("sunset", sunset)] {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
    }
}
