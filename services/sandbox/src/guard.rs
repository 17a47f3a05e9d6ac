//! What stands in front of each twin: applies fault rules, writes the request log.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use domain::Clock as _;
use http::{HeaderValue, Method, StatusCode, header};

use crate::faults::{Action, Phase};
use crate::{Faults, LoggedRequest, Requests, SandboxClock, Twin, Vendor};

/// Marks a response that the server must not send: it closes the connection instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionDropped;

/// What stands in front of each twin. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guard {
    clock: Arc<SandboxClock>,
    faults: Arc<Faults>,
    requests: Arc<Requests>,
}

/// A request, as faults and the log know it.
pub(crate) struct Request {
    pub(crate) vendor: Vendor,
    pub(crate) account: Option<String>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

/// What becomes of a request.
pub(crate) struct Judged {
    /// What happens to it in place of what its twin does. Delays are over.
    pub(crate) action: Option<Action>,
    /// To be [logged](Guard::log) when it is answered.
    pub(crate) logged: LoggedRequest,
}

impl Guard {
    pub(crate) fn new(clock: Arc<SandboxClock>, faults: Arc<Faults>, requests: Arc<Requests>) -> Self {
        Self { clock, faults, requests }
    }

    /// A twin's API behind faults and the log.
    pub(crate) fn before(&self, twin: Arc<dyn Twin>, router: Router) -> Router {
        router.layer(from_fn_with_state((self.clone(), twin), guard))
    }

    /// Says what becomes of a request, after the delays that rules want.
    pub(crate) async fn judge(&self, request: Request) -> Judged {
        let at = self.clock.now();
        let Request { vendor, account, method, path, query } = request;
        let verdict = self.faults.judge(vendor, account.as_deref(), &method, &path);
        if verdict.delay_ms > 0 && verdict.action != Some(Action::Outage) {
            tokio::time::sleep(Duration::from_millis(verdict.delay_ms)).await;
        }
        let method = method.as_str().to_owned();
        let logged = LoggedRequest { vendor, method, path, query, account, status: None, at };
        Judged { action: verdict.action, logged }
    }

    /// Writes a request to the log, with the status of its answer; none if the connection was dropped.
    pub(crate) fn log(&self, request: LoggedRequest, status: Option<u16>) {
        self.requests.push(LoggedRequest { status, ..request });
    }
}

async fn guard(
    State((guard, twin)): State<(Guard, Arc<dyn Twin>)>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let judged = guard.judge(Request {
        vendor: twin.vendor(),
        account: twin.account(&parts),
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
    });
    let Judged { action, logged } = judged.await;
    let request = axum::extract::Request::from_parts(parts, body);
    let response = match action {
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
            answer(twin.as_ref(), code, body, content_type, retry_after)
        }
    };
    let is_dropped = response.extensions().get::<ConnectionDropped>().is_some();
    guard.log(logged, (!is_dropped).then(|| response.status().as_u16()));
    response
}

/// No answer: the connection closes.
pub(crate) fn dropped() -> Response {
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
