//! What an attempt leaves in a trace.

use std::cell::RefCell;
use std::fmt::{Debug, Write};

use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use vendor_http::http::{HeaderValue, Method, header};

use crate::server::{PROFILE, Server, Step, config, http};

thread_local! {
    /// Every span and event of this thread's test, with all fields.
    static SEEN: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Records for all tests: a subscriber that just one of them sets misses call sites that another
/// thread meets first.
pub(crate) fn record() {
    // A second test finds it installed.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Recorder));
}

struct Recorder;

struct Visitor;

impl tracing::field::Visit for Visitor {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        SEEN.with_borrow_mut(|seen| write!(seen, "{}={value:?} ", field.name())).unwrap();
    }
}

impl<S: tracing::Subscriber> Layer<S> for Recorder {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        attributes.record(&mut Visitor);
    }

    fn on_record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>, _: Context<'_, S>) {
        values.record(&mut Visitor);
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut Visitor);
    }
}

#[tokio::test]
async fn each_attempt_is_a_client_span_without_values_or_secrets() {
    let server = Server::start([Step::body(503, "x|ada@example.org"), Step::status(204)]).await;
    let call = server
        .call(Method::PUT)
        .json(&"bodyword")
        .header(header::AUTHORIZATION, HeaderValue::from_static("Bearer s3cret"));
    http(config()).vendor(PROFILE).send(call).await.unwrap();

    let seen = SEEN.take();
    for field in [
        "otel.name=PUT /users/{id}",
        "otel.kind=\"client\"",
        "provider.name=\"acme\"",
        "http.request.method=\"PUT\"",
        "url.template=\"/users/{id}\"",
        "server.address=\"127.0.0.1\"",
        "http.request.resend_count=0",
        "http.request.resend_count=1",
        "http.response.status_code=503",
        "http.response.status_code=204",
        "error.type=\"unreachable\"",
    ] {
        assert!(seen.contains(field), "{field} is missing in {seen}");
    }
    for secret in ["s3cret", "bodyword", "ada", "email", "/users/17"] {
        assert!(!seen.contains(secret), "{secret} shows in {seen}");
    }
}
