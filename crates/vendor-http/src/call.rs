//! One call to a vendor, before it is sent.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use serde::Serialize;
use url::Url;

use crate::{AccountKey, Retry};

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// Twice is the same as once. May be repeated after a lost answer.
    Idempotent,
    /// Twice is not the same. Repeated only when the vendor certainly did nothing.
    Once,
}

/// One call to a vendor.
#[derive(Clone)]
pub struct Call {
    pub(crate) account: AccountKey,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) template: &'static str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) safety: Safety,
    pub(crate) is_read: bool,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) retry: Option<Retry>,
}

#[derive(Clone)]
pub(crate) enum Body {
    None,
    Bytes(Bytes),
    /// The value given could not be written as JSON.
    Unwritable,
}

impl Call {
    /// A call for `account`. `template` is the URL's path with names in place of values, such as
    /// `/users/{id}`: it stands in spans, metrics and errors, where the URL never does. `GET`, `HEAD`,
    /// `PUT`, `DELETE` and `OPTIONS` are idempotent, others are not unless said so.
    pub fn new(account: AccountKey, method: Method, url: Url, template: &'static str) -> Self {
        let safety = if method.is_idempotent() { Safety::Idempotent } else { Safety::Once };
        Self {
            account,
            is_read: method.is_safe(),
            method,
            url,
            template,
            headers: HeaderMap::new(),
            body: Body::None,
            safety,
            attempt_timeout: None,
            call_timeout: None,
            retry: None,
        }
    }

    /// URL template.
    pub fn template(&self) -> &'static str {
        self.template
    }

    /// Adds headers. Mark secret values as sensitive.
    #[must_use]
    pub fn headers(mut self, headers: &HeaderMap) -> Self {
        self.headers.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// Sets one header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = serde_json::to_vec(value).map_or(Body::Unwritable, |json| Body::Bytes(json.into()));
        self
    }

    /// A form body: percent-encoded, a `+` as `%2B`.
    #[must_use]
    pub fn form<'a>(mut self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body = Body::Bytes(form.into());
        self
    }

    /// Says that making the call twice is the same as once.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.safety = Safety::Idempotent;
        self
    }

    /// Says that the call changes something although its method says that it does not, and that twice is not the
    /// same as once.
    #[must_use]
    pub fn changing(mut self) -> Self {
        (self.safety, self.is_read) = (Safety::Once, false);
        self
    }

    /// Says that making the call twice is not the same as once.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.safety = Safety::Once;
        self
    }

    /// Other retries than the process's.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Other timeouts than the process's: for one attempt, and for the call in all.
    #[must_use]
    pub fn timeouts(mut self, attempt: Duration, call: Duration) -> Self {
        self.attempt_timeout = Some(attempt);
        self.call_timeout = Some(call);
        self
    }
}

/// Neither URL, headers nor body: they hold secrets and personal data.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("account", &self.account)
            .field("method", &self.method)
            .field("template", &self.template)
            .field("safety", &self.safety)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: Method) -> Call {
        let url = "https://vendor.example/users?email=ada%40example.org".parse().unwrap();
        Call::new(AccountKey::new("a"), method, url, "/users")
    }

    #[test]
    fn the_method_says_whether_twice_is_the_same_as_once() {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_eq!(call(method.clone()).safety, Safety::Idempotent);
            assert_eq!(call(method).once().safety, Safety::Once);
        }
        for method in [Method::POST, Method::PATCH] {
            assert_eq!(call(method.clone()).safety, Safety::Once);
            assert_eq!(call(method).idempotent().safety, Safety::Idempotent);
        }
    }

    #[test]
    fn forms_keep_the_plus_of_phone_numbers() {
        let Body::Bytes(form) = call(Method::POST).form([("To", "+43 1"), ("Body", "a&b=ü")]).body else {
            panic!("a form has a body");
        };
        assert_eq!(form, "To=%2B43+1&Body=a%26b%3D%C3%BC");
    }

    #[test]
    fn debug_output_shows_no_values() {
        let call = call(Method::POST)
            .header(http::header::AUTHORIZATION, HeaderValue::from_static("Bearer secret"))
            .json(&"ada");
        let shown = format!("{call:?}");
        assert!(!shown.contains("ada") && !shown.contains("secret"), "{shown}");
    }
}
