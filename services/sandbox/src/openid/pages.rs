//! What people see: whom to sign in as, or why not.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::authorize::Dead;
use super::client::Client;
use super::parameters::Parameters;
use super::person::Person;

/// No script, nothing from elsewhere. Without `form-action`: browsers hold it against the redirect that
/// answers the form, too, which leads to the client.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Serialize)]
struct Choice<'a> {
    client: &'a str,
    request: &'a BTreeMap<String, String>,
    people: &'a [Person],
    hinted: Option<&'a str>,
}

#[derive(Serialize)]
struct Refusal {
    reason: String,
}

/// The templates, read once.
pub(super) struct Pages(Environment<'static>);

impl Pages {
    pub(super) fn new() -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in [
            ("layout.html", include_str!("pages/layout.html")),
            ("choice.html", include_str!("pages/choice.html")),
            ("refusal.html", include_str!("pages/refusal.html")),
        ] {
            templates.add_template(name, text).expect("the templates are part of the program and tested");
        }
        Self(templates)
    }

    /// A button for each person; the hinted one has the focus.
    pub(super) fn choice(
        &self,
        client: &Client,
        request: &Parameters,
        people: &[Person],
        hinted: Option<&Person>,
    ) -> Response {
        let hinted = hinted.map(|person| person.sub.as_str());
        let view = Choice { client: &client.id, request: request.all(), people, hinted };
        self.page(StatusCode::OK, "choice.html", &view)
    }

    pub(super) fn refusal(&self, reason: &Dead) -> Response {
        self.page(StatusCode::BAD_REQUEST, "refusal.html", &Refusal { reason: reason.to_string() })
    }

    fn page(&self, status: StatusCode, template: &str, view: &impl Serialize) -> Response {
        let page = self.0.get_template(template).and_then(|template| template.render(Serde(view)));
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        (status, headers, page.expect("the templates are part of the program and tested")).into_response()
    }
}
