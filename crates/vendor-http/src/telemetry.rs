//! The span of an attempt, and the metrics. Instruments are made once.

use std::time::Duration;

use http::{Method, StatusCode};
use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};
use tracing::Span;

use crate::{Call, VendorError};

/// Attempts and calls, by vendor, URL template and outcome.
#[derive(Debug, Clone)]
pub(crate) struct Instruments {
    attempt_seconds: Histogram<f64>,
    calls: Counter<u64>,
    circuits_opened: Counter<u64>,
}

impl Instruments {
    pub(crate) fn new() -> Self {
        let meter = global::meter("vendor-http");
        Self {
            attempt_seconds: meter
                .f64_histogram("http.client.request.duration")
                .with_unit("s")
                .with_description("Time of one attempt of a call to a vendor")
                .build(),
            calls: meter
                .u64_counter("vendor.calls")
                .with_description("Calls to vendors by outcome, those refused without being sent included")
                .build(),
            circuits_opened: meter
                .u64_counter("vendor.circuits_opened")
                .with_description("Times that an account's circuit opened")
                .build(),
        }
    }

    pub(crate) fn attempt(
        &self,
        vendor: &'static str,
        call: &Call,
        status: Option<StatusCode>,
        took: Duration,
    ) {
        let attributes = [
            KeyValue::new("provider.name", vendor),
            KeyValue::new("url.template", call.template),
            KeyValue::new("http.request.method", method_name(&call.method)),
            KeyValue::new("status_class", status.map_or("none", status_class)),
        ];
        self.attempt_seconds.record(took.as_secs_f64(), &attributes);
    }

    pub(crate) fn call(&self, vendor: &'static str, call: &Call, outcome: &'static str) {
        let attributes = [
            KeyValue::new("provider.name", vendor),
            KeyValue::new("url.template", call.template),
            KeyValue::new("outcome", outcome),
        ];
        self.calls.add(1, &attributes);
    }

    pub(crate) fn circuit_opened(&self, vendor: &'static str) {
        self.circuits_opened.add(1, &[KeyValue::new("provider.name", vendor)]);
    }
}

/// Span of one attempt. Carries the URL template, never the URL.
pub(crate) fn attempt_span(vendor: &'static str, call: &Call, resends: u32) -> Span {
    tracing::info_span!(
        "vendor_attempt",
        otel.name = %format_args!("{} {}", call.method, call.template),
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        provider.name = vendor,
        http.request.method = call.method.as_str(),
        http.request.resend_count = resends,
        http.response.status_code = tracing::field::Empty,
        server.address = call.url.host_str(),
        url.template = call.template,
        error.type = tracing::field::Empty,
    )
}

/// Writes the outcome of an attempt into its span.
pub(crate) fn record(span: &Span, status: Option<StatusCode>, error: Option<&VendorError>) {
    if let Some(status) = status {
        span.record("http.response.status_code", status.as_u16());
    }
    if let Some(error) = error {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", error.kind.name());
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}

/// Attributes want static text; vendors use no other methods.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "_OTHER",
    }
}
