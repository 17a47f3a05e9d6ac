//! The bank's page, where a holder shows that it is them, or fails to (Stripe documentation, 3D Secure).

use std::sync::Arc;

use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;

use super::{Stripe, payment_intent, setup_intent, webhook};

/// What the address of the page says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Asked {
    client_secret: String,
    return_url: Option<String>,
}

/// Which button was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pressed {
    Complete,
    Fail,
}

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    answer: Pressed,
}

pub(super) async fn show(
    State(stripe): State<Arc<Stripe>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    if stripe.book_of_intent(&id, &asked.client_secret).is_none() {
        return (StatusCode::NOT_FOUND, "There is no such intent.").into_response();
    }
    let button = |answer: &str, text: &str| {
        format!("<form method=\"post\"><button name=\"answer\" value=\"{answer}\">{text}</button></form>")
    };
    let (complete, fail) =
        (button("complete", "Complete authentication"), button("fail", "Fail authentication"));
    Html(format!("<!doctype html><title>3D Secure</title><h1>3D Secure test page</h1>{complete}{fail}"))
        .into_response()
}

pub(super) async fn answer(
    State(stripe): State<Arc<Stripe>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    Form(pressed): Form<Answer>,
) -> Response {
    let Some(name) = stripe.book_of_intent(&id, &asked.client_secret) else {
        return (StatusCode::NOT_FOUND, "There is no such intent.").into_response();
    };
    if !stripe.authenticate_in(&name, &id, pressed.answer == Pressed::Complete) {
        return (StatusCode::CONFLICT, "This intent waits for no authentication.").into_response();
    }
    let Some(return_url) = asked.return_url else {
        return Html("Done: go back to the shop.").into_response();
    };
    let Ok(mut back) = url::Url::parse(&return_url) else {
        return (StatusCode::BAD_REQUEST, "The return URL is not a URL.").into_response();
    };
    let kind = if id.starts_with("seti_") { "setup_intent" } else { "payment_intent" };
    back.query_pairs_mut()
        .append_pair(kind, &id)
        .append_pair(&format!("{kind}_client_secret"), &asked.client_secret)
        .append_pair(
            "redirect_status",
            if pressed.answer == Pressed::Complete { "succeeded" } else { "failed" },
        );
    Redirect::to(back.as_str()).into_response()
}

impl Stripe {
    /// Where the intent with that secret is.
    fn book_of_intent(&self, id: &str, client_secret: &str) -> Option<String> {
        let state = self.lock();
        let mut books = state.books.iter();
        let has = |secret: Option<&str>| secret == Some(client_secret);
        let (name, _) = books.find(|(_, book)| {
            has(book.payment_intents.get(id).map(|intent| intent.client_secret.as_str()))
                || has(book.setup_intents.get(id).map(|intent| intent.client_secret.as_str()))
        })?;
        Some(name.clone())
    }

    /// The holder has shown that it is them, or has failed to; whether the intent waited for that.
    pub fn authenticate(&self, intent: &str, has_succeeded: bool) -> bool {
        let name = {
            let state = self.lock();
            let mut books = state.books.iter();
            let found = books.find(|(_, book)| book.any(intent).is_some());
            found.map(|(name, _)| name.clone())
        };
        name.is_some_and(|name| self.authenticate_in(&name, intent, has_succeeded))
    }

    fn authenticate_in(&self, name: &str, intent: &str, has_succeeded: bool) -> bool {
        let now = self.now();
        let mut state = self.lock();
        let Some(book) = state.books.get_mut(name) else { return false };
        let pace = &self.config.pace;
        let done = payment_intent::authenticate(book, intent, has_succeeded, now, pace)
            .or_else(|| setup_intent::authenticate(book, intent, has_succeeded, now));
        webhook::deliver(&self.state, &mut state, name, &self.parts.deliveries, now);
        done.is_some()
    }
}
