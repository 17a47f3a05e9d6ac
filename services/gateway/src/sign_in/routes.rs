//! The endpoints.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use proto::workspace::v1 as pb;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tonic::{Code, Status};
use tower_http::limit::RequestBodyLimitLayer;
use url::Url;

use super::SignIn;
use super::issuer::{Issuer, IssuerError};
use super::page::Choice;
use super::request::{AuthorizeError, AuthorizeRequest, Refusal};
use super::ticket::{Away, Known, LIFETIME};
use super::tries::too_many;
use crate::wrong_tokens::{Try, network};

/// Where a browser keeps the ticket of a person who is away.
const COOKIE: &str = "latchkey_sign_in";
/// Forms are small.
const BODY_BYTES_MAX: usize = 32 * 1024;

type Said = HashMap<String, String>;

/// All of them.
pub(crate) fn routes(sign_in: Arc<SignIn>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/.well-known/jwks.json", get(keys))
        .route("/oauth/authorize", get(authorize))
        .route("/oauth/callback", get(callback))
        .route("/oauth/workspace", post(choose))
        .route("/oauth/token", post(token))
        .route("/oauth/revoke", post(revoke))
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .with_state(sign_in)
}

/// OpenID Connect Discovery 1.0, section 3.
async fn discovery(State(sign_in): State<Arc<SignIn>>) -> Json<serde_json::Value> {
    let url = &sign_in.public_url;
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/oauth/authorize"),
        "token_endpoint": format!("{url}/oauth/token"),
        "revocation_endpoint": format!("{url}/oauth/revoke"),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "scopes_supported": ["openid"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_supported": ["sub", "email", "email_verified", "name", "workspace", "nonce"],
    }))
}

async fn keys(State(sign_in): State<Arc<SignIn>>) -> Response {
    let age = [(header::CACHE_CONTROL, "public, max-age=60")];
    (age, Json(sign_in.signer.published())).into_response()
}

async fn authorize(State(sign_in): State<Arc<SignIn>>, Query(said): Query<Said>) -> Response {
    let request = match AuthorizeRequest::read(said.clone(), &sign_in.clients) {
        Ok(request) => request,
        Err(AuthorizeError::Untellable(text)) => return sign_in.pages.problem(text),
        Err(AuthorizeError::Told(refusal)) => return sign_in.told(&refusal),
    };
    let (name, issuer) = match sign_in.issuer_of(&request) {
        Ok(found) => found,
        Err(None) => {
            let refusal = request.refusal("invalid_request", "there is no such identity provider here");
            return sign_in.told(&refusal);
        }
        // Which one is for the person to say.
        Err(Some(choices)) => {
            let link = |name: &str| {
                let pairs = said.iter().map(|(k, v)| (k.as_str(), v.as_str())).chain([("issuer", name)]);
                format!(
                    "/oauth/authorize?{}",
                    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
                )
            };
            let choices: Vec<Choice> = choices
                .into_iter()
                .map(|(name, title)| Choice { title: title.to_owned(), value: link(name) })
                .collect();
            return sign_in.pages.issuers(&choices);
        }
    };
    match issuer.depart(&request).await {
        Ok(departure) => {
            let away = Away {
                issuer: name.to_owned(),
                state: departure.state,
                nonce: departure.nonce,
                verifier: departure.verifier,
                request,
            };
            let ticket = sign_in.tickets.write(&away);
            let cookie = sign_in.cookie(&ticket, LIFETIME.num_seconds());
            ([(header::SET_COOKIE, cookie)], found(departure.url.as_str())).into_response()
        }
        Err(error) => {
            tracing::warn!(issuer = name, error = &error as &dyn Error, "can't send a person to sign in");
            let description = "the identity provider can't be reached; try again";
            sign_in.told(&request.refusal("temporarily_unavailable", description))
        }
    }
}

async fn callback(
    State(sign_in): State<Arc<SignIn>>,
    headers: HeaderMap,
    extensions: Extensions,
    Query(mut said): Query<Said>,
) -> Response {
    let ticket = match sign_in.ticket::<Away>(cookie_of(&headers), network(&extensions)) {
        Ok(ticket) => ticket,
        Err(refusal) => return sign_in.put_off(refusal),
    };
    let Some(away) = ticket else {
        let text =
            "It took longer than ten minutes, or your browser keeps no cookies. Go back and try again.";
        return sign_in.pages.problem(text);
    };
    let state = said.remove("state").unwrap_or_default();
    if !bool::from(state.as_bytes().ct_eq(away.state.as_bytes())) {
        // Not the answer to what this browser asked: someone may have sent the person here.
        return sign_in.pages.problem("This is not the answer to your last sign-in. Go back and try again.");
    }
    let mut response = match (said.remove("code"), sign_in.issuers.get(&away.issuer)) {
        (Some(code), Some(issuer)) => sign_in.arrive(issuer, away, code).await,
        _ => {
            // What it says is its own affair; the ways on are the same.
            let description = "the identity provider did not sign the person in";
            sign_in.told(&away.request.refusal(refused_as(said.get("error")), description))
        }
    };
    response.headers_mut().append(header::SET_COOKIE, sign_in.cookie("", 0));
    response
}

/// The person has said which workspace.
async fn choose(
    State(sign_in): State<Arc<SignIn>>,
    extensions: Extensions,
    Form(said): Form<Said>,
) -> Response {
    let ticket = match sign_in.ticket::<Known>(said.get("ticket").map(String::as_str), network(&extensions)) {
        Ok(ticket) => ticket,
        Err(refusal) => return sign_in.put_off(refusal),
    };
    let (Some(known), Some(workspace)) = (ticket, said.get("workspace")) else {
        return sign_in.pages.problem("It took longer than ten minutes. Go back and try again.");
    };
    sign_in.open(known, workspace.clone()).await
}

async fn token(
    State(sign_in): State<Arc<SignIn>>,
    extensions: Extensions,
    Form(mut said): Form<Said>,
) -> Response {
    let mut take = |name: &str| said.remove(name).unwrap_or_default();
    let (kind, client_id) = (take("grant_type"), take("client_id"));
    if !sign_in.clients.contains_key(&client_id) {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "the client is not known here");
    }
    let is_code = match kind.as_str() {
        "authorization_code" => true,
        "refresh_token" => false,
        _ => {
            let description = "grant_type must be authorization_code or refresh_token";
            return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", description);
        }
    };
    let shown = take(if is_code { "code" } else { "refresh_token" });
    let tried = match sign_in.begin(&shown, network(&extensions)) {
        Ok(tried) => tried,
        Err(refusal) => return too_many(refusal),
    };
    let mut sessions = sign_in.sessions.clone();
    let granted = if is_code {
        let request = pb::RedeemCodeRequest {
            code: shown,
            client_id: client_id.clone(),
            redirect_uri: take("redirect_uri"),
            code_verifier: take("code_verifier"),
        };
        sessions.redeem_code(request).await.map(|answer| {
            let pb::RedeemCodeResponse { session, nonce } = answer.into_inner();
            session.and_then(|session| sign_in.grant(&session, Some((&client_id, &nonce))))
        })
    } else {
        let request =
            pb::RenewSessionRequest { refresh_token: shown, client_id, workspace: take("workspace") };
        sessions
            .renew_session(request)
            .await
            .map(|answer| answer.into_inner().session.and_then(|session| sign_in.grant(&session, None)))
    };
    if let Some(tried) = tried
        && !matches!(&granted, Err(status) if is_wrong(status))
    {
        tried.forgive();
    }
    match granted {
        Ok(Some(grant)) => ([(header::CACHE_CONTROL, "no-store")], Json(grant)).into_response(),
        Ok(None) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "try again"),
        Err(status) => refuse_by(&status),
    }
}

/// RFC 7009. Whatever comes, there is no such token afterwards.
async fn revoke(
    State(sign_in): State<Arc<SignIn>>,
    extensions: Extensions,
    Form(mut said): Form<Said>,
) -> Response {
    let mut take = |name: &str| said.remove(name).unwrap_or_default();
    let request = pb::EndSessionRequest { refresh_token: take("token"), client_id: take("client_id") };
    match sign_in.begin(&request.refresh_token, network(&extensions)) {
        // What comes of it is not said, so it is no guess.
        Ok(tried) => tried.map(Try::forgive).unwrap_or_default(),
        Err(refusal) => return too_many(refusal),
    }
    match sign_in.sessions.clone().end_session(request).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(status) => refuse_by(&status),
    }
}

impl SignIn {
    /// Which identity provider; the ones to choose from if that is for the person to say.
    #[expect(clippy::type_complexity, reason = "a choice is a name and a title")]
    fn issuer_of(&self, request: &AuthorizeRequest) -> Result<(&str, &Issuer), Option<Vec<(&str, &str)>>> {
        let mut all = self.issuers.iter().map(|(name, issuer)| (name.as_str(), issuer));
        match &request.issuer {
            Some(wanted) => all.find(|(name, _)| name == wanted).ok_or(None),
            None if self.issuers.len() == 1 => all.next().ok_or(None),
            None if self.issuers.is_empty() => Err(None),
            None => Err(Some(all.map(|(name, issuer)| (name, issuer.display_name.as_str())).collect())),
        }
    }

    async fn arrive(&self, issuer: &Issuer, away: Away, code: String) -> Response {
        let arrival = match issuer.arrive(code, away.verifier, away.nonce).await {
            Ok(arrival) => arrival,
            Err(error) => {
                tracing::warn!(issuer = away.issuer, error = &error as &dyn Error, "nobody was signed in");
                let (code, description) = match error {
                    IssuerError::EmailUnverified => {
                        ("access_denied", "the identity provider has not verified the person's email address")
                    }
                    IssuerError::Unreachable(_) => {
                        ("temporarily_unavailable", "the identity provider can't be reached; try again")
                    }
                    IssuerError::CodeRefused(_) | IssuerError::Token(_) => {
                        ("access_denied", "what the identity provider said is not valid")
                    }
                };
                return self.told(&away.request.refusal(code, description));
            }
        };
        let request = pb::ListMembershipsRequest { email: arrival.email.clone() };
        let known = Known {
            request: away.request,
            issuer: away.issuer,
            subject: arrival.subject,
            email: arrival.email,
        };
        let mut members = match self.sessions.clone().list_memberships(request).await {
            Ok(answer) => answer.into_inner().memberships,
            Err(status) => return self.unavailable(&known.request, &status),
        };
        if let Some(wanted) = &known.request.workspace {
            members.retain(|member| member.workspace == *wanted);
        }
        match members.as_slice() {
            [] => self.told(&known.request.refusal("access_denied", "no workspace here knows the person")),
            [one] => self.open(known, one.workspace.clone()).await,
            several => {
                let choices: Vec<Choice> = several
                    .iter()
                    .map(|it| Choice {
                        title: it.workspace_display_name.clone(),
                        value: it.workspace.clone(),
                    })
                    .collect();
                self.pages.workspaces(&self.tickets.write(&known), &choices)
            }
        }
    }

    /// Opens a session and sends its code to the client.
    async fn open(&self, known: Known, workspace: String) -> Response {
        let request = known.request;
        let opening = pb::OpenSessionRequest {
            email: known.email,
            workspace,
            issuer: known.issuer,
            subject: known.subject,
            client_id: request.client_id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            nonce: request.nonce.clone().unwrap_or_default(),
        };
        match self.sessions.clone().open_session(opening).await {
            Ok(answer) => {
                let code = answer.into_inner().code;
                self.note_issued(&code);
                self.answer(&request.redirect_uri, request.state.as_deref(), &[("code", code.as_str())])
            }
            Err(status) if status.code() == Code::FailedPrecondition => {
                self.told(&request.refusal("access_denied", "the workspace does not know the person"))
            }
            Err(status) => self.unavailable(&request, &status),
        }
    }

    fn unavailable(&self, request: &AuthorizeRequest, status: &Status) -> Response {
        tracing::warn!(error = status as &dyn Error, "nobody can be signed in");
        self.told(&request.refusal("temporarily_unavailable", "try again in a moment"))
    }

    /// Tells a client that there is no code.
    fn told(&self, refusal: &Refusal) -> Response {
        let pairs = [("error", refusal.error), ("error_description", refusal.description)];
        self.answer(&refusal.redirect_uri, refusal.state.as_deref(), &pairs)
    }

    /// Sends the browser to a client's registered address with an answer. It says by whom (RFC 9207).
    fn answer(&self, redirect_uri: &str, state: Option<&str>, pairs: &[(&str, &str)]) -> Response {
        let Ok(mut url) = Url::parse(redirect_uri) else {
            return self.pages.problem("The application wants the answer at an address that is none.");
        };
        url.query_pairs_mut()
            .extend_pairs(pairs)
            .extend_pairs(state.map(|state| ("state", state)))
            .append_pair("iss", &self.public_url);
        found(url.as_str()).into_response()
    }

    fn cookie(&self, value: &str, seconds: i64) -> HeaderValue {
        let secure = if self.public_url.starts_with("https:") { "; Secure" } else { "" };
        format!("{COOKIE}={value}; Path=/oauth; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
            .parse()
            .expect("a ticket is printable ASCII")
    }
}

/// 303: whatever brought the browser here, it goes on by GET.
fn found(url: &str) -> Redirect {
    Redirect::to(url)
}

/// What a client is told for what an identity provider said.
fn refused_as(error: Option<&String>) -> &'static str {
    // OpenID Connect Core, 3.1.2.6: what `prompt=none` needs to know.
    ["login_required", "interaction_required", "consent_required", "account_selection_required"]
        .into_iter()
        .find(|known| error.is_some_and(|error| error == known))
        .unwrap_or("access_denied")
}

fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// RFC 6749, 5.2.
pub(super) fn refuse(status: StatusCode, error: &str, description: &str) -> Response {
    let body = Json(json!({"error": error, "error_description": description}));
    (status, [(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// Whether there is no such code or token.
fn is_wrong(status: &Status) -> bool {
    matches!(status.code(), Code::FailedPrecondition | Code::NotFound)
}

fn refuse_by(status: &Status) -> Response {
    match status.code() {
        _ if is_wrong(status) => {
            let description =
                "the code or token is not valid, was used before, or its time is over; sign in again";
            refuse(StatusCode::BAD_REQUEST, "invalid_grant", description)
        }
        Code::InvalidArgument => refuse(StatusCode::BAD_REQUEST, "invalid_request", status.message()),
        _ => {
            tracing::warn!(error = status as &dyn Error, "sessions can't be asked");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again in a moment")
        }
    }
}
