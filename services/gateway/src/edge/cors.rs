//! Which pages may call, and what they may see (Fetch standard, CORS protocol; the headers of gRPC-web:
//! grpc/grpc, PROTOCOL-WEB.md, and ConnectRPC's documentation, CORS).

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::SettingError;

/// What a page may send. Listed, for a wildcard does not stand for `authorization`.
const SENT: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
];

/// What a page may see: an answer without a body has its status in the headers.
const SEEN: [HeaderName; 3] = [
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// A browser asks again after this long; Chrome takes no more.
const PREFLIGHT_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// The layer for origins separated by commas; `*`: any. Tokens travel in a header, so that cookies and
/// their risks stay out of it.
pub(super) fn layer(allowed_origins: &str) -> Result<CorsLayer, SettingError> {
    let origins = if allowed_origins.trim() == "*" {
        AllowOrigin::any()
    } else {
        let origins: Result<Vec<HeaderValue>, _> =
            allowed_origins.split(',').map(str::trim).filter(|text| !text.is_empty()).map(origin).collect();
        AllowOrigin::list(origins?)
    };
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers(SENT)
        .expose_headers(SEEN)
        .max_age(PREFLIGHT_AGE))
}

/// Scheme, host and port alone, as browsers send it.
fn origin(text: &str) -> Result<HeaderValue, SettingError> {
    let wrong = || SettingError::Origin(text.to_owned());
    let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
    let is_plain = |part: &str| !part.is_empty() && !part.contains(['/', '*', '?', '#', ' ', '@']);
    if !is_plain(scheme) || !is_plain(host) || text.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(wrong());
    }
    HeaderValue::from_str(text).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for text in ["*", "", "https://console.example.org", "http://localhost:5173, https://a.example"] {
            assert!(layer(text).is_ok(), "{text:?}");
        }
        for text in [
            "console.example.org",
            "https://console.example.org/",
            "https://*.example.org",
            "https://Console.example.org",
            "https://a.example, *",
            "://a.example",
        ] {
            assert!(layer(text).is_err(), "{text:?}");
        }
    }
}
