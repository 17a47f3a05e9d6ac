//! Headers on their way through.

use chassis::ClientAddress;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// A request's headers are at most so large: as much as hyper takes over HTTP/2 by itself.
pub(super) const BYTES_MAX: usize = 16 * 1024;

/// Headers that are about the caller's connection, not about the call (RFC 9110, section 7.6.1), and those
/// that the next connection sets by itself.
const OF_THE_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The size that HTTP/2 gives to a header list (RFC 9113, section 6.5.2).
pub(super) fn bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// What the caller says of the body's size; 0 if nothing.
pub(super) fn content_length(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Makes a caller's headers fit for the next connection, within the trace of this hop; says from where the
/// call came.
pub(super) fn prepare(headers: &mut HeaderMap, from: Option<ClientAddress>) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_THE_CONNECTION) {
        headers.remove(name);
    }
    // HTTP/2 has no other use for it (RFC 9113, section 8.2.2), and gRPC wants this one.
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    ClientAddress::tell(from, headers);
    if let Some(traceparent) = events::trace::current().and_then(|text| text.parse().ok()) {
        headers.insert("traceparent", traceparent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_connection_stays_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer t"),
            ("grpc-timeout", "5S"),
            ("x-own", "1"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("host", "gateway"),
            ("content-length", "12"),
            ("transfer-encoding", "chunked"),
            ("te", "gzip"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        assert_eq!(content_length(&headers), 12);
        prepare(&mut headers, None);
        let mut left: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        left.sort_unstable();
        let expected =
            [("authorization", "Bearer t"), ("grpc-timeout", "5S"), ("te", "trailers"), ("x-own", "1")];
        assert_eq!(left, expected);
    }
}
