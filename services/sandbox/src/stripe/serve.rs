//! From a request to its answer: who calls, whether it was answered before, what comes of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::call::{Call, Handler};
use super::event::Asked;
use super::params::Params;
use super::refusal::Refusal;
use super::routes::REQUEST_ID;
use super::{Caller, Stripe, expand, idempotency, webhook};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");
const BODY_BYTES_MAX: usize = 1 << 20;

/// One of Stripe's calls.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    /// Of a restricted key: `rak_<this>_read` or `_write`.
    pub permission: &'static str,
    pub access: Access,
    /// Whether a publishable key may make it.
    pub is_public: bool,
    pub handler: Handler,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    /// Whoever may write may read.
    Write,
}

/// What is answered.
struct Answer {
    status: u16,
    body: Value,
    is_replayed: bool,
}

pub(super) async fn serve(
    stripe: &Arc<Stripe>,
    operation: Operation,
    id: &str,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let key = (parts.method == Method::POST).then(|| parts.headers.get(IDEMPOTENCY_KEY).cloned()).flatten();
    let should_retry = stripe.lock().switches.should_retry;
    let answered = match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => {
            let encoded = match parts.method {
                Method::POST => body.as_ref(),
                _ => parts.uri.query().unwrap_or_default().as_bytes(),
            };
            let key = key.as_ref().and_then(|key| key.to_str().ok());
            answer(
                stripe,
                operation,
                id,
                Asking { headers: &parts.headers, path: parts.uri.path(), encoded, key },
            )
            .await
        }
        Err(_) => Err(Refusal::invalid("body".to_owned(), "Too large")),
    };
    let has_failed = !matches!(&answered, Ok(answer) if answer.status < 400);
    let mut response = match answered {
        Ok(Answer { status, body, is_replayed }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, Json(body)).into_response();
            if is_replayed {
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            }
            response
        }
        Err(refusal) => refusal.into_response(),
    };
    if let Some(key) = key {
        response.headers_mut().insert(IDEMPOTENCY_KEY, key);
    }
    if let Some(should_retry) = should_retry.filter(|_| has_failed) {
        let value = HeaderValue::from_static(if should_retry { "true" } else { "false" });
        response.headers_mut().insert(SHOULD_RETRY, value);
    }
    response
}

struct Asking<'a> {
    headers: &'a HeaderMap,
    path: &'a str,
    /// The parameters.
    encoded: &'a [u8],
    /// The idempotency key of a POST.
    key: Option<&'a str>,
}

async fn answer(
    stripe: &Arc<Stripe>,
    operation: Operation,
    id: &str,
    asking: Asking<'_>,
) -> Result<Answer, Refusal> {
    let caller = stripe.admit(asking.headers, operation.permission, operation.access, operation.is_public)?;
    let Some(key) = asking.key else {
        return Ok(Answer {
            status: 200,
            body: stripe.carry_out(operation, id, &caller, &asking)?,
            is_replayed: false,
        });
    };
    let fingerprint = idempotency::fingerprint(asking.path, asking.encoded);
    let takes_ms = {
        let mut state = stripe.lock();
        let takes_ms = state.switches.takes_ms;
        let book = state.book(&caller.book);
        if let Some((status, body)) = idempotency::begin(book, key, &fingerprint, stripe.now())? {
            return Ok(Answer { status, body, is_replayed: true });
        }
        takes_ms
    };
    if takes_ms > 0 {
        tokio::time::sleep(Duration::from_millis(takes_ms)).await;
    }
    let done = stripe.carry_out(operation, id, &caller, &asking);
    let kept = match &done {
        Ok(body) => Some((200, body.clone())),
        Err(refusal) => refusal.is_kept().then(|| (refusal.status().as_u16(), refusal.body())),
    };
    idempotency::end(stripe.lock().book(&caller.book), key, kept);
    Ok(Answer { status: 200, body: done?, is_replayed: false })
}

impl Stripe {
    fn carry_out(
        &self,
        operation: Operation,
        id: &str,
        caller: &Caller,
        asking: &Asking<'_>,
    ) -> Result<Value, Refusal> {
        let now = self.now();
        let mut params = Params::parse(asking.encoded);
        let paths = params.list("expand")?;
        let host =
            asking.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let base = format!("http://{host}/stripe");
        let mut state = self.lock();
        state.book(&caller.book).advance(now, &self.config.pace);
        let book = state.book(&caller.book);
        book.asked = Some(Asked {
            id: text(asking.headers, &REQUEST_ID),
            idempotency_key: asking.key.map(str::to_owned),
        });
        let done = (operation.handler)(&mut Call {
            book: &mut *book,
            id,
            params,
            by: caller.by,
            now,
            pace: &self.config.pace,
            base: &base,
        });
        book.asked = None;
        let done = done.and_then(|mut shown| {
            expand::expand(book, &mut shown, &paths)?;
            Ok(shown)
        });
        webhook::deliver(&self.state, &mut state, &caller.book, &self.parts.deliveries, now);
        let is_write = operation.access == Access::Write;
        if is_write && done.is_ok() && state.switches.internal_errors > 0 {
            state.switches.internal_errors -= 1;
            return Err(Refusal::Internal);
        }
        done
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
