//! Stripe's paths, and what comes with every answer.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use http::{HeaderName, HeaderValue, Method, Uri};

use super::call::Handler;
use super::refusal::Refusal;
use super::serve::{Access, Operation, serve};
use super::{
    Stripe, VERSION_DEFAULT, account, authenticate, charge, customer, dispute, event, mandate,
    payment_intent, payment_method, refund, setup_intent, webhook,
};

const VERSION: HeaderName = HeaderName::from_static("stripe-version");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

type Route = MethodRouter<Arc<Stripe>>;

/// Reads; with the permission of that name.
fn read(permission: &'static str, handler: Handler) -> Route {
    get(to(Operation { permission, access: Access::Read, is_public: false, handler }))
}

/// Changes something.
fn write(permission: &'static str, handler: Handler) -> Route {
    post(to(Operation { permission, access: Access::Write, is_public: false, handler }))
}

/// A page may do it, too, with a publishable key.
fn public(permission: &'static str, handler: Handler) -> Route {
    post(to(Operation { permission, access: Access::Write, is_public: true, handler }))
}

fn public_read(permission: &'static str, handler: Handler) -> Route {
    get(to(Operation { permission, access: Access::Read, is_public: true, handler }))
}

fn remove(permission: &'static str, handler: Handler) -> Route {
    delete(to(Operation { permission, access: Access::Write, is_public: false, handler }))
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

fn to(
    operation: Operation,
) -> impl Fn(State<Arc<Stripe>>, RawPathParams, Request) -> Answering + Clone + Send + Sync + 'static {
    move |State(stripe), path, request| {
        let id = path.iter().next().map(|(_, id)| id.to_owned()).unwrap_or_default();
        Box::pin(async move { serve(&stripe, operation, &id, request).await })
    }
}

pub(super) fn router(stripe: Arc<Stripe>) -> Router {
    Router::new()
        .route("/v1/account", get(account::show))
        .route("/v1/balance", get(account::show_balance))
        .merge(customers())
        .merge(payment_methods())
        .merge(setup_intents())
        .merge(payment_intents())
        .merge(money())
        .merge(events())
        .route("/authenticate/{id}", get(authenticate::show).post(authenticate::answer))
        .fallback(unknown)
        .layer(from_fn(name_request))
        .with_state(stripe)
}

fn customers() -> Router<Arc<Stripe>> {
    const NAME: &str = "customer";
    Router::new()
        .route("/v1/customers", read(NAME, customer::list).merge(write(NAME, customer::create)))
        .route(
            "/v1/customers/{id}",
            read(NAME, customer::show)
                .merge(write(NAME, customer::update))
                .merge(remove(NAME, customer::delete)),
        )
        .route("/v1/customers/{id}/payment_methods", read("payment_method", customer::list_payment_methods))
}

fn payment_methods() -> Router<Arc<Stripe>> {
    const NAME: &str = "payment_method";
    Router::new()
        .route(
            "/v1/payment_methods",
            read(NAME, payment_method::list).merge(public(NAME, payment_method::create)),
        )
        .route(
            "/v1/payment_methods/{id}",
            read(NAME, payment_method::show).merge(write(NAME, payment_method::update)),
        )
        .route("/v1/payment_methods/{id}/attach", write(NAME, payment_method::attach))
        .route("/v1/payment_methods/{id}/detach", write(NAME, payment_method::detach))
        .route("/v1/mandates/{id}", read("mandate", mandate::show))
}

fn setup_intents() -> Router<Arc<Stripe>> {
    const NAME: &str = "setup_intent";
    Router::new()
        .route("/v1/setup_intents", read(NAME, setup_intent::list).merge(write(NAME, setup_intent::create)))
        .route(
            "/v1/setup_intents/{id}",
            public_read(NAME, setup_intent::show).merge(write(NAME, setup_intent::update)),
        )
        .route("/v1/setup_intents/{id}/confirm", public(NAME, setup_intent::confirm))
        .route("/v1/setup_intents/{id}/cancel", write(NAME, setup_intent::cancel))
        .route(
            "/v1/setup_intents/{id}/verify_microdeposits",
            public(NAME, setup_intent::verify_microdeposits),
        )
}

fn payment_intents() -> Router<Arc<Stripe>> {
    const NAME: &str = "payment_intent";
    Router::new()
        .route(
            "/v1/payment_intents",
            read(NAME, payment_intent::list).merge(write(NAME, payment_intent::create)),
        )
        .route(
            "/v1/payment_intents/{id}",
            public_read(NAME, payment_intent::show).merge(write(NAME, payment_intent::update)),
        )
        .route("/v1/payment_intents/{id}/confirm", public(NAME, payment_intent::confirm))
        .route("/v1/payment_intents/{id}/cancel", write(NAME, payment_intent::cancel))
        .route(
            "/v1/payment_intents/{id}/verify_microdeposits",
            public(NAME, payment_intent::verify_microdeposits),
        )
}

fn money() -> Router<Arc<Stripe>> {
    Router::new()
        .route("/v1/charges", read("charge", charge::list))
        .route("/v1/charges/{id}", read("charge", charge::show))
        .route("/v1/refunds", read("charge", refund::list).merge(write("charge", refund::create)))
        .route("/v1/refunds/{id}", read("charge", refund::show))
        .route("/v1/disputes", read("dispute", dispute::list))
        .route("/v1/disputes/{id}", read("dispute", dispute::show).merge(write("dispute", dispute::update)))
        .route("/v1/disputes/{id}/close", write("dispute", dispute::give_in))
}

fn events() -> Router<Arc<Stripe>> {
    const ENDPOINTS: &str = "webhook";
    Router::new()
        .route("/v1/events", read("event", event::list))
        .route("/v1/events/{id}", read("event", event::show))
        .route(
            "/v1/webhook_endpoints",
            read(ENDPOINTS, webhook::list).merge(write(ENDPOINTS, webhook::create)),
        )
        .route(
            "/v1/webhook_endpoints/{id}",
            read(ENDPOINTS, webhook::show)
                .merge(write(ENDPOINTS, webhook::update))
                .merge(remove(ENDPOINTS, webhook::delete)),
        )
}

/// Each answer has an id, and says by which version it was made.
async fn name_request(mut request: Request, next: Next) -> Response {
    let version =
        request.headers().get(VERSION).cloned().unwrap_or(HeaderValue::from_static(VERSION_DEFAULT));
    let id = format!("req_{:016x}", rand::random::<u64>());
    let id = HeaderValue::from_str(&id).expect("hexadecimal digits are a header value");
    // Events name the request that brought them about.
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut response = if is_version(&version) {
        next.run(request).await
    } else {
        let shown = String::from_utf8_lossy(version.as_bytes()).into_owned();
        Refusal::VersionInvalid(shown).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(VERSION, version);
    response
}

/// A date, and since 2024 a name behind it: `2026-10-28.endive`.
fn is_version(version: &HeaderValue) -> bool {
    let text = version.to_str().unwrap_or_default();
    let (date, name) = text.split_once('.').unwrap_or((text, "a"));
    let is_date = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok();
    is_date && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
}

async fn unknown(method: Method, uri: Uri) -> Refusal {
    Refusal::PathUnknown(format!("{method}: {}", uri.path()))
}
