//! The few pages that people see here.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;

/// Something to choose.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    pub title: String,
    /// A link, or the value of a button.
    pub value: String,
}

/// The pages' templates.
pub(super) struct Pages(Environment<'static>);

impl Pages {
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        for (name, source) in [
            ("base", include_str!("templates/base.html")),
            ("problem", include_str!("templates/problem.html")),
            ("issuers", include_str!("templates/issuers.html")),
            ("workspaces", include_str!("templates/workspaces.html")),
        ] {
            environment.add_template(name, source).expect("the templates are part of the program");
        }
        Self(environment)
    }

    /// Says to a person what went wrong and what to do.
    pub(super) fn problem(&self, text: &str) -> Response {
        (StatusCode::BAD_REQUEST, self.show("problem", context! { text })).into_response()
    }

    /// Asks by which identity provider to sign in; the choices are links.
    pub(super) fn issuers(&self, choices: &[Choice]) -> Response {
        self.show("issuers", context! { choices => Serde(choices) })
    }

    /// Asks for a workspace; the choice is sent with the ticket.
    pub(super) fn workspaces(&self, ticket: &str, choices: &[Choice]) -> Response {
        self.show("workspaces", context! { ticket, choices => Serde(choices) })
    }

    fn show(&self, name: &str, context: Value) -> Response {
        let template = self.0.get_template(name).expect("a template of this file");
        let html = template.render(context).expect("the templates use what they are given");
        let mut response = Html(html).into_response();
        let headers = response.headers_mut();
        // No script, no frame, nothing from elsewhere; the form's answer leads on to the client.
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
