//! What stands in front of each twin: applies fault rules, writes the request log.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use domain::Clock as _;
use http::{HeaderValue, StatusCode, header};

use crate::faults::{Action, Phase};
use crate::{LoggedRequest, Sandbox, Twin};

/// Marks a response that the server must not send: it closes the connection instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionDropped;

#[derive(Clone)]
struct Guard {
    sandbox: Sandbox,
    twin: Arc<dyn Twin>,
}

/// The twin's API behind faults and the log.
pub(crate) fn guarded(sandbox: Sandbox, twin: Arc<dyn Twin>) -> Router {
    let router = twin.clone().router();
    router.layer(from_fn_with_state(Guard { sandbox, twin }, guard))
}

async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let at = guard.sandbox.clock().now();
    let (parts, body) = request.into_parts();
    let account = guard.twin.account(&parts);
    let vendor = guard.twin.vendor();
    let method = parts.method.as_str().to_owned();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().map(str::to_owned);

    let verdict = guard.sandbox.faults().judge(vendor, account.as_deref(), &parts.method, &path);
    let request = Request::from_parts(parts, body);
    if verdict.delay_ms > 0 && verdict.action != Some(Action::Outage) {
        tokio::time::sleep(Duration::from_millis(verdict.delay_ms)).await;
    }
    let response = match verdict.action {
        None | Some(Action::Delay { .. }) => next.run(request).await,
        Some(Action::Outage | Action::DropBeforeEffect) => dropped(),
        Some(Action::DropAfterEffect) => {
            next.run(request).await;
            dropped()
        }
        Some(Action::Status { code, body, content_type, retry_after, phase }) => {
            if phase == Phase::AfterEffect {
                next.run(request).await;
            }
            answer(guard.twin.as_ref(), code, body, content_type, retry_after)
        }
    };

    let is_dropped = response.extensions().get::<ConnectionDropped>().is_some();
    let status = (!is_dropped).then(|| response.status().as_u16());
    guard.sandbox.requests().push(LoggedRequest { vendor, method, path, query, account, status, at });
    response
}

fn dropped() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.extensions_mut().insert(ConnectionDropped);
    response
}

fn answer(
    twin: &dyn Twin,
    code: u16,
    body: Option<String>,
    content_type: Option<String>,
    retry_after: Option<u32>,
) -> Response {
    // Checked when the rule was added.
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match body {
        Some(body) => {
            let content_type = content_type.and_then(|text| HeaderValue::from_str(&text).ok());
            let content_type = content_type.unwrap_or(HeaderValue::from_static("text/html"));
            (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
        }
        None => (status, Json(twin.error_body(status))).into_response(),
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
