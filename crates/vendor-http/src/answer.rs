//! A vendor's answer with a success status.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::certificate::Certificate;
use crate::error::Site;
use crate::{Effect, ErrorKind, VendorError, scrub};

/// An answer with a success status, wholly read.
pub struct Answer {
    /// Its status, 2xx.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, within the bound.
    pub body: Bytes,
    /// The certificate that the host showed, to a client that is told whom to [trust](crate::Trust).
    pub certificate: Option<Certificate>,
    pub(crate) site: Site,
}

impl Answer {
    /// The body as JSON. What is not as documented is `Malformed`, with the place but without the value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The error's own text would quote the value.
            let what = match error.classify() {
                serde_json::error::Category::Io | serde_json::error::Category::Syntax => "not JSON",
                serde_json::error::Category::Data => "JSON of another shape",
                serde_json::error::Category::Eof => "cut off",
            };
            self.malformed(&format!("{what} at line {} column {}", error.line(), error.column()))
        })
    }

    /// The error to return when the vendor says no in an answer whose status is a success.
    pub fn refused(&self, kind: ErrorKind, effect: Effect, code: &str, message: &str) -> VendorError {
        VendorError::new(&self.site, kind, effect)
            .with_status(self.status)
            .with_certificate(self.certificate.clone())
            .with_code(scrub::code(code))
            .with_message(scrub::message(message))
    }

    /// The error to return when the answer is not as documented. The vendor may well have carried the
    /// call out. `what` must not quote values.
    pub fn malformed(&self, what: &str) -> VendorError {
        VendorError::new(&self.site, ErrorKind::Malformed, Effect::Unknown)
            .with_status(self.status)
            .with_certificate(self.certificate.clone())
            .with_message(Some(what.to_owned()))
    }
}

/// Without headers and body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("site", &self.site)
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &'static str) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            certificate: None,
            site: Site { vendor: "acme", method: http::Method::POST, template: "/users", is_read: false },
        }
    }

    #[test]
    fn a_body_of_another_shape_is_malformed_and_its_values_stay_hidden() {
        let error = answer(r#"["ada@example.org"]"#).json::<Vec<u8>>().unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Malformed, Effect::Unknown));
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("ada"), "{shown}");
        assert!(shown.contains("another shape at line 1 column 18"), "{shown}");
    }

    #[test]
    fn a_refusal_can_come_with_a_success_status() {
        let error =
            answer("{}").refused(ErrorKind::Conflict, Effect::None, "TAKEN", "ada@example.org has it");
        assert_eq!(
            (error.kind, error.effect, error.code()),
            (ErrorKind::Conflict, Effect::None, Some("TAKEN"))
        );
        assert!(!error.to_string().contains("ada"), "{error}");
    }

    #[test]
    fn a_body_that_was_cut_off_is_malformed() {
        let error = answer(r#"["#).json::<Vec<u8>>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "acme gave an unexpected answer to POST /users (200); it may have taken effect: cut off at line 1 column 1"
        );
    }
}
